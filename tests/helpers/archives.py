"""Zip archives: whole, damaged, encrypted, far too large."""

from __future__ import annotations

import io
import zipfile
from typing import Any


def zipped(files: dict[str, Any], link: str | None = None) -> bytes:
    """A zip archive of texts by name; `link` is the name of a symbolic link in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100755 << 16
            archive.writestr(info, text)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc")
    return buffer.getvalue()


def encrypted() -> bytes:
    """A zip archive that says that its one file is encrypted."""
    data = bytearray(zipped({"a": "secret"}))
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(start) + offset] |= 1
    return bytes(data)


def damaged() -> bytes:
    """A zip archive of which a byte in the middle of its one file is another."""
    text = bytes(range(256)) * 40
    data = bytearray(zipped({"a": text}))
    data[len(data) // 2 - 60] ^= 0xFF
    return bytes(data)


def bomb() -> bytes:
    """A small zip archive that unpacks to 300 MB."""
    return zipped({"a": bytes(300 * 2**20)})
