"""What all answers of a class's server have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from tornado.web import RequestHandler

__all__ = ["Handler"]


class Handler(RequestHandler):
    """Sends headers that keep pages safe, and errors without insides."""

    HEADERS: ClassVar[dict[str, str]] = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }

    def set_default_headers(self) -> None:
        """Set the headers of all answers."""
        for name, value in self.HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def prepare(self) -> None:
        """Keep the connection, while it is answered, from making room for others."""
        connection: Any = self.request.connection
        self.settings["connections"].begins(connection.stream)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say only what is wrong."""
        self.finish({"message": self._reason})

    def log_exception(self, *args: Any) -> None:
        """Say nothing: what learners send is no fault of the server."""
