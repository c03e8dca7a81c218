"""The lessons for browsers (see `batchlab.lite`), served by the class itself.

So a learner needs nothing but a browser and one address. The pages may talk to this server only.
Those of a site that was published somewhere else know of no class: what makes the difference is a
variable for Python in the page, which is added here to the site's settings.
"""

from __future__ import annotations

import functools
import gzip
import json
import mimetypes
from pathlib import Path, PurePosixPath
from typing import ClassVar

from batchlab.classroom.handler import Handler
from batchlab.lessons.joining_in_browser import VARIABLE

__all__ = ["LESSONS", "LiteSite", "SiteFile"]

LESSONS = "lessons"
"""The folder of the site, below the address of the class."""
SETTINGS = "jupyter-lite.json"
PIECE = 2**18
KINDS = {
    ".ipynb": "application/json", ".js": "text/javascript", ".mjs": "text/javascript",
    ".wasm": "application/wasm", ".whl": "application/zip",
}  # fmt: skip
PACKED = {".css", ".html", ".ipynb", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm"}


class LiteSite:
    """The files of a site, as they are when it is opened.

    Parameters
    ----------
    folder : Path
    first : str, optional
        The lesson that is opened first, ``"00-start-here.ipynb"``.
    """

    def __init__(self, folder: Path, first: str = "") -> None:
        self.files = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file()
        }
        self.start = f"{LESSONS}/lab/index.html" + (f"?path={first}" if first else "")
        """Where a learner begins, below the address of the class."""

    @functools.cache  # noqa: B019 - a class has one site
    def packed(self, name: str) -> bytes:
        """A file, compressed."""
        return gzip.compress(self.read(name), 6, mtime=0)

    def read(self, name: str) -> bytes:
        """A file."""
        data = self.files[name].read_bytes()
        return _with_class(data) if name == SETTINGS else data

    def mark(self, name: str) -> str:
        """Differs between versions of a file."""
        about = self.files[name].stat()
        return f'"{about.st_size:x}-{about.st_mtime_ns:x}"'


class SiteFile(Handler):
    """Sends the files of a site."""

    HEADERS: ClassVar[dict[str, str]] = Handler.HEADERS | {
        # JupyterLab makes scripts and styles itself; nothing may come from or go to other hosts.
        "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
        "Cache-Control": "no-cache",
    }
    _mark: str | None = None

    def initialize(self, site: LiteSite) -> None:
        """Take the site."""
        self.site = site

    def compute_etag(self) -> str | None:
        """Return the mark of the file, which is known without its contents."""
        return self._mark

    async def get(self, name: str) -> None:
        """Send a file, in pieces, so that slow networks take no memory."""
        name = name if name and not name.endswith("/") else f"{name}index.html"
        if name not in self.site.files:
            self.send_error(404)
            return
        suffix = PurePosixPath(name).suffix
        self.set_header("Content-Type", KINDS.get(suffix) or mimetypes.guess_type(name)[0]
                        or "application/octet-stream")  # fmt: skip
        self._mark = self.site.mark(name)
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(304)
            return
        packs = suffix in PACKED and "gzip" in self.request.headers.get("Accept-Encoding", "")
        if suffix in PACKED:
            self.set_header("Vary", "Accept-Encoding")
        if packs:
            self.set_header("Content-Encoding", "gzip")
        data = memoryview(self.site.packed(name) if packs else self.site.read(name))
        self.set_header("Content-Length", len(data))
        for begin in range(0, len(data), PIECE):
            self.write(bytes(data[begin : begin + PIECE]))
            await self.flush()


def _with_class(settings: bytes) -> bytes:
    """The settings of a site, in which Python learns that the page belongs to a class."""
    whole = json.loads(settings)
    inner = whole.setdefault("jupyter-config-data", {}).setdefault("litePluginSettings", {})
    kernel = inner.setdefault("@jupyterlite/pyodide-kernel-extension:kernel", {})
    options = kernel.setdefault("loadPyodideOptions", {})
    options["env"] = {**options.get("env", {}), VARIABLE: LESSONS}
    return json.dumps(whole).encode()
