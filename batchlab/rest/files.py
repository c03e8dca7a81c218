"""Operations on the files of nodes and tasks.

A file is sent in pieces; each is read when the previous one has been sent, up to the file's size
at the time of the request. Nodes make sure that paths stay inside the requested directory.

What is shown of a file is what a Linux node of Azure shows: its type is guessed from its name, and
it has no time of creation. A path on a node may begin with a slash: it is relative to the node's
root either way.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from batchlab.core.messages.questions import LocateNode, LocateTask, Location
from batchlab.drivers.ports import FileEntry
from batchlab.errors import BatchError
from batchlab.rest.answers import check_conditions, page
from batchlab.rest.messages import Response, RestCall, Wire
from batchlab.rest.routes import operation
from batchlab.rest.wire import write_datetime

__all__: list[str] = []

PIECE = 2**20
_TASK = "/jobs/{job_id}/tasks/{task_id}/files"
_NODE = "/pools/{pool_id}/nodes/{node_id}/files"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES = mimetypes.MimeTypes()  # the same on all machines: without their own tables
_FILTERED_ROOT = re.compile("'/+")


class InvalidRange(BatchError):
    """The file does not have these bytes (HTTP 416)."""

    status = 416


class NodeFile(msgspec.Struct, frozen=True):
    """A file in a list: the properties for ``$select`` and ``$filter``."""

    name: str
    is_directory: bool
    properties: dict[str, Any]


class _Dated(msgspec.Struct, frozen=True):
    """When a file was changed, for conditional requests."""

    last_modified: datetime
    etag: str = ""


@operation("GET", _TASK)
def list_task_files(call: RestCall, job_id: str, task_id: str) -> Response:
    """GET .../tasks/{id}/files."""
    return _list(call, _task(call, job_id, task_id))


@operation("GET", _NODE)
def list_node_files(call: RestCall, pool_id: str, node_id: str) -> Response:
    """GET .../nodes/{id}/files."""
    wanted = call.query.get("$filter")
    if wanted is not None:
        call.query = {**call.query, "$filter": _FILTERED_ROOT.sub("'", wanted)}
    return _list(call, _node(call, pool_id, node_id))


@operation("GET", _TASK + "/{path}", "download_task_file")
def get_task_file(call: RestCall, job_id: str, task_id: str, path: str) -> Response:
    """GET .../tasks/{id}/files/{path}."""
    return _download(call, _task(call, job_id, task_id), path)


@operation("GET", _NODE + "/{path}", "download_node_file")
def get_node_file(call: RestCall, pool_id: str, node_id: str, path: str) -> Response:
    """GET .../nodes/{id}/files/{path}."""
    return _download(call, _node(call, pool_id, node_id), path.lstrip("/"))


@operation("HEAD", _TASK + "/{path}")
def get_task_file_properties(call: RestCall, job_id: str, task_id: str, path: str) -> Response:
    """HEAD .../tasks/{id}/files/{path}."""
    return _properties(call, _task(call, job_id, task_id), path)


@operation("HEAD", _NODE + "/{path}")
def get_node_file_properties(call: RestCall, pool_id: str, node_id: str, path: str) -> Response:
    """HEAD .../nodes/{id}/files/{path}."""
    return _properties(call, _node(call, pool_id, node_id), path.lstrip("/"))


@operation("DELETE", _TASK + "/{path}")
def delete_task_file(call: RestCall, job_id: str, task_id: str, path: str) -> Response:
    """DELETE .../tasks/{id}/files/{path}."""
    return _delete(call, _task(call, job_id, task_id), path)


@operation("DELETE", _NODE + "/{path}")
def delete_node_file(call: RestCall, pool_id: str, node_id: str, path: str) -> Response:
    """DELETE .../nodes/{id}/files/{path}."""
    return _delete(call, _node(call, pool_id, node_id), path.lstrip("/"))


def _task(call: RestCall, job_id: str, task_id: str) -> Location:
    found: Location = call.ask(LocateTask(job_id=job_id, task_id=task_id))
    return found


def _node(call: RestCall, pool_id: str, node_id: str) -> Location:
    found: Location = call.ask(LocateNode(pool_id=pool_id, node_id=node_id))
    return found


def _list(call: RestCall, location: Location) -> Response:
    entries = call.connection.files.list(location, recursive=call.flag("recursive"))
    return page(call, "files", NodeFile, entries, _resource)


def _resource(call: RestCall, entry: FileEntry) -> Wire:
    found: Wire = {
        "name": entry.name,
        "url": call.url(call.own_path, entry.name),
        "isDirectory": entry.is_directory,
    }
    if not entry.is_directory:
        found["properties"] = {
            "lastModified": write_datetime(entry.last_modified or _BEGINNING),
            "contentLength": str(entry.content_length or 0),
            "contentType": _content_type(entry),
        }
        if entry.file_mode:
            found["properties"]["fileMode"] = entry.file_mode
    return found


def _content_type(entry: FileEntry) -> str:
    kind, compression = _TYPES.guess_type(entry.name)
    return kind if kind and not compression else "application/octet-stream"


def _properties(call: RestCall, location: Location, path: str) -> Response:
    entry = _stat(call, location, path)
    headers = _headers(call, entry)
    return Response(200, headers, length=entry.content_length or 0)


def _download(call: RestCall, location: Location, path: str) -> Response:
    entry = _stat(call, location, path)
    if entry.is_directory:
        raise InvalidRange("InvalidRange", f"{path!r} is a directory, which has no contents")
    size = entry.content_length or 0
    start, end = _range(call.headers.get("ocp-range") or call.headers.get("range"), size)
    pieces = _pieces(call, location, path, start, end)
    headers = _headers(call, entry)
    first = next(pieces, b"")  # an unreadable file is refused before anything is sent
    return Response(200, headers, _after(first, pieces), end - start)


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _pieces(
    call: RestCall, location: Location, path: str, start: int, end: int
) -> Iterator[bytes]:
    while start < end:
        piece = call.connection.files.read(location, path, start, min(PIECE, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _stat(call: RestCall, location: Location, path: str) -> FileEntry:
    entry = call.connection.files.stat(location, path)
    if entry.last_modified is not None:
        check_conditions(call, _Dated(entry.last_modified), reading=True)
    return entry


def _range(header: str | None, size: int) -> tuple[int, int]:
    """The requested bytes, as start and end."""
    if header is None:
        return 0, size
    match = _RANGE.fullmatch(header.strip())
    first, last = (match[1][:18], match[2][:18]) if match else ("", "")
    if not (first or last):
        raise InvalidRange("InvalidRange", f"{header!r} is not a range like 'bytes=0-99'")
    if first:
        start, end = int(first), int(last) + 1 if last else size
    else:
        start, end = max(0, size - int(last)), size
    if start >= size or end <= start:
        raise InvalidRange(
            "InvalidRange", f"{header!r} is not in the file, which has {size} bytes"
        )
    return start, min(end, size)


def _headers(call: RestCall, entry: FileEntry) -> dict[str, str]:
    headers = {
        "Content-Type": _content_type(entry),
        "Last-Modified": format_datetime(entry.last_modified or _BEGINNING, usegmt=True),
        "ocp-batch-file-isdirectory": str(entry.is_directory),
        "ocp-batch-file-url": quote(call.own_url, safe=""),
    }
    if entry.file_mode:
        headers["ocp-batch-file-mode"] = entry.file_mode
    return headers


def _delete(call: RestCall, location: Location, path: str) -> Response:
    call.connection.files.delete(location, path, recursive=call.flag("recursive"))
    return Response(200)
