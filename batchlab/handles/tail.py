"""The end of a file and what is appended to it, read in blocks whatever its size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from batchlab.core.messages.questions import GetTask, LocateTask, Location, TaskIs
from batchlab.drivers.ports import Connection, NodeFiles
from batchlab.errors import Conflict, NotFound, WaitTimeout

__all__ = ["follow", "tail", "whole_lines"]

BLOCK = 2**16
LONGEST_TAIL = 2**20
"""Bytes to search for lines, from the end."""
PAUSE_S = 0.25
"""Lab time between two reads of a file that is followed."""
_CONTINUATION = bytes(range(0x80, 0xC0))


def tail(files: NodeFiles, where: Location, path: str, lines: int) -> str:
    """The last lines of a file, fewer if they are longer than 1 MiB."""
    size = files.stat(where, path).content_length or 0
    start = _last_lines(files, where, path, size, lines)
    blocks = []
    while start < size and (block := files.read(where, path, start, size - start)):
        blocks.append(block)
        start += len(block)
    return b"".join(blocks).decode(errors="replace")


def whole_lines(end: bytes) -> bytes:
    """The end of a file from the start of a line on; from a letter on, if it has only one."""
    rest = end.partition(b"\n")[2]
    return rest or end.lstrip(_CONTINUATION)


def _last_lines(files: NodeFiles, where: Location, path: str, size: int, lines: int) -> int:
    """Where the last lines of a file begin."""
    if lines <= 0:
        return size
    start, missing = size, lines
    while start > max(0, size - LONGEST_TAIL):
        first = max(0, start - BLOCK)
        block = files.read(where, path, first, start - first)
        end = len(block)
        if start == size and block.endswith(b"\n"):
            end -= 1  # ends the last line and does not start another
        while (at := block.rfind(b"\n", 0, end)) >= 0:
            missing -= 1
            if missing == 0:
                return first + at + 1
            end = at
        start = first
    return start + len(block) - len(whole_lines(block)) if start else start


def follow(connection: Connection, place: LocateTask, path: str, lines: int) -> Iterator[str]:
    """The last lines of a task's file, then what is appended, until the task is completed."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    files, known, position = connection.files, None, 0
    task = GetTask(job_id=place.job_id, task_id=place.task_id)
    while True:
        # Queried before reading, so that nothing written before the end is missed.
        over = connection.ask(task).state == "completed"
        try:
            where = connection.ask(place)
            size = files.stat(where, path).content_length or 0
            if known is None:
                position = _last_lines(files, where, path, size, lines)
            elif where != known or size < position:
                position = 0  # a new run of the task restarted the file
            known = where
            while position < size and (block := files.read(where, path, position)):
                position += len(block)
                if text := decoder.decode(block):
                    yield text
        except (Conflict, NotFound):
            if over and known is None:
                raise  # there is no such file and never will be
        if over:
            if rest := decoder.decode(b"", final=True):
                yield rest
            return
        _pause(connection, place)


def _pause(connection: Connection, place: LocateTask) -> None:
    end = TaskIs(job_id=place.job_id, task_id=place.task_id, state="completed")
    try:
        connection.wait(end, PAUSE_S)
    except WaitTimeout:
        return
