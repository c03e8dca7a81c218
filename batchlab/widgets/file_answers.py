"""Answers about the files of tasks and nodes: a folder, the end of a file, a whole file."""

from __future__ import annotations

from typing import Any

from batchlab.core.messages.questions import LocateNode, LocateTask, Location
from batchlab.drivers.ports import Connection
from batchlab.errors import InvalidRequest
from batchlab.handles.tail import whole_lines
from batchlab.html import printable

__all__ = ["download", "list_files", "tail"]

ROWS = 200
"""The most entries of a folder."""
TAIL = 64 * 1024
"""Bytes of a file that are followed."""

Question = dict[str, Any]


def _question(asked: Question) -> LocateTask | LocateNode:
    if "task" in asked:
        return LocateTask(job_id=asked["job"], task_id=asked["task"])
    return LocateNode(pool_id=asked["pool"], node_id=asked["node"])


def _place(connection: Connection, asked: Question) -> Location:
    place: Location = connection.ask(_question(asked))
    return place


def list_files(connection: Connection, asked: Question) -> dict[str, Any]:
    """What is in a folder."""
    entries = connection.files.list(_place(connection, asked), asked["path"])
    return {
        "title": f"task {asked['task']}" if "task" in asked else asked["node"],
        "entries": [
            {
                "name": e.name.rpartition("/")[2],
                "directory": e.is_directory,
                "size": e.content_length or 0,
            }
            for e in entries[:ROWS]
        ],
    }


def tail(connection: Connection, asked: Question) -> dict[str, Any]:
    """The end of a file, in whole lines."""
    size, data = connection.read_end(_question(asked), asked["path"], TAIL)
    shown = whole_lines(data) if size > len(data) else data
    text = printable(shown.decode(errors="replace"))
    return {"text": text, "size": size, "begin": size - len(shown)}


def download(connection: Connection, asked: Question) -> dict[str, Any]:
    """A whole file; raises `BatchError` if it is too large."""
    place, path = _place(connection, asked), asked["path"]
    parts: list[bytes] = []
    size, limit = 0, 64 * 2**20
    while part := connection.files.read(place, path, size):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise InvalidRequest(
                "InvalidRange", f"{path} is larger than 64 MiB: call files.download()"
            )
    return {"data": b"".join(parts)}
