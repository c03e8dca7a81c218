"""Cards of files on nodes, and of containers and blobs in the lab's storage."""

from __future__ import annotations

from markupsafe import Markup

from batchlab.colours import GREY
from batchlab.handles.files import FileList, Files
from batchlab.handles.storage import BlobList, Container, Storage
from batchlab.html import ROWS, card, code, none, table, time_text

__all__ = ["blobs_card", "container_card", "file_list_card", "files_card", "storage_card"]


def files_card(files: Files) -> Markup:
    """Draw what is in the directory of a task or node."""
    return card(repr(files), "", [], _file_table(files.list()), colour=GREY)


def file_list_card(entries: FileList) -> Markup:
    """Draw entries of a directory."""
    return card("Files", "", [], _file_table(entries), colour=GREY)


def storage_card(storage: Storage) -> Markup:
    """Draw the containers of a lab."""
    names = list(storage)
    rows = [(name, code(f"{storage.url}/{name}")) for name in names[:ROWS]]
    grid = table("", ("container", "URL"), rows, left_out=len(names) - len(rows))
    more = grid if names else none("containers")
    return card("Storage", "", [("Location", code(storage.url))], more, colour=GREY)


def container_card(container: Container) -> Markup:
    """Draw a container and its blobs."""
    pairs = [("URL", code(container.url))]
    return card("Container", container.name, pairs, _blob_table(container.list()), colour=GREY)


def blobs_card(blobs: BlobList) -> Markup:
    """Draw blobs of a container."""
    return card("Blobs", "", [], _blob_table(blobs), colour=GREY)


def _file_table(entries: FileList) -> Markup:
    rows = [
        (
            entry.name + "/" * entry.is_directory,
            "" if entry.content_length is None else f"{entry.content_length:,}",
            time_text(entry.last_modified),
        )
        for entry in entries[:ROWS]
    ]
    columns = ("name", "bytes", "changed")
    return table("", columns, rows, left_out=len(entries) - len(rows), numbers=("bytes",))


def _blob_table(blobs: BlobList) -> Markup:
    if not blobs:
        return none("blobs")
    rows = [
        (blob.name, f"{blob.content_length:,}", time_text(blob.last_modified))
        for blob in blobs[:ROWS]
    ]
    columns = ("name", "bytes", "changed")
    return table("", columns, rows, left_out=len(blobs) - len(rows), numbers=("bytes",))
