"""Downloads that are complete or absent: an incomplete file never has the final name."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchlab.errors import invalid

__all__ = ["atomic_download"]


@contextmanager
def atomic_download(to: Any, name: str, owner: str) -> Iterator[tuple[Path, Path]]:
    """Give a file a temporary name until it is complete.

    Parameters
    ----------
    to : path
        The final file, or a directory to put it in.
    name : str
        Its name within a directory.
    owner : str
        The verb that the user called, for messages.

    Yields
    ------
    (Path, Path)
        Where to write it, and its final path.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: it cannot be written there.
    """
    try:
        target = Path(to).expanduser()
    except TypeError:
        raise invalid("to", to, "must be a path on this machine", owner=owner) from None
    target = target / name if target.is_dir() else target
    if not target.parent.is_dir():
        raise invalid("to", str(to), "its directory does not exist", owner=owner)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part, target
        part.replace(target)
    except OSError as error:
        raise invalid("to", str(to), error.strerror or str(error), owner=owner) from None
    finally:
        part.unlink(missing_ok=True)
