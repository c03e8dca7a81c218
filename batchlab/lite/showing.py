"""Shows a site on this computer."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from batchlab.errors import invalid

__all__ = ["SiteServer"]


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".ipynb": "application/json",
    }

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Say nothing: a lesson consists of a hundred files."""


class SiteServer(ThreadingHTTPServer):
    """A server of a site's files, for this computer only; `serve_forever` runs it.

    Parameters
    ----------
    folder : Path
    port : int
        0 takes a free one.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: the port is taken, or not allowed.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        files = functools.partial(_Files, directory=str(folder))
        try:
            super().__init__(("127.0.0.1", port), files)
        except OSError as error:
            reason = f"{(error.strerror or str(error)).lower()}; 0 takes a free port"
            raise invalid("port", port, reason, owner="batchlab lite") from None

    @property
    def address(self) -> str:
        """The address of the first lesson."""
        return f"http://127.0.0.1:{self.server_port}/lab/index.html?path=00-start-here.ipynb"
