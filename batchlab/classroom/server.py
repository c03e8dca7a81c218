"""The server of a class: learners report to it, and the teacher's page shows its table.

The page and the export need the teacher's key, which is in the address that is printed. Learners
need the code to join; who tries many codes is refused for a minute, so a code cannot be guessed.
"""

from __future__ import annotations

import asyncio
import csv
import hmac
import io
import json
import secrets
import socket
import threading
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from batchlab.classroom.table import ClassTable
from batchlab.errors import BatchError, Forbidden, invalid
from batchlab.rest.guesses import Guesses, TooManyGuesses
from batchlab.rest.taken_port import cannot_listen

__all__ = ["ClassServer", "as_csv"]

STATIC = Path(__file__).parent / "static"
FILES = {"page.js": "text/javascript", "page.css": "text/css"}
MOST_BYTES = 16 * 1024
IDLE_S = 60.0
COLUMNS = ("seat", "name", "lesson", "exercise", "title", "tries", "stuck_s", "solved", "seen_s")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class ClassServer:
    """Serves the table of a class, from when it is created until `stop`.

    Parameters
    ----------
    table : ClassTable
    host : str, default "0.0.0.0"
        The address to listen on; by default all of this machine.
    port : int, default 0
        0 means any free port.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: nothing can listen on this address.
    """

    def __init__(self, table: ClassTable, host: str = "0.0.0.0", port: int = 0) -> None:
        self.table = table
        self.key = secrets.token_urlsafe(16)
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family)
        except (OSError, UnicodeError, OverflowError) as error:
            raise cannot_listen(error, host, port, "batchlab class") from None
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        everywhere = host in {"0.0.0.0", "::"}
        self.url = _url(_own_address() if everywhere else host, self.port)
        """The address for learners."""
        self.page = f"{_url('127.0.0.1' if everywhere else host, self.port)}/?key={self.key}"
        """The address for the teacher."""
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="batchlab-class", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; calling it twice is harmless."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _serve(self) -> None:
        shared: dict[str, Any] = {"server": self, "guesses": Guesses("code")}
        application = Application(
            [
                ("/", _Page, shared),
                ("/(page.js|page.css)", _Static),
                ("/table", _Table, shared),
                ("/class.csv", _Export, shared),
                ("/(join|report|leave)", _Learner, shared),
            ],
            log_function=lambda handler: None,
        )
        server = HTTPServer(
            application, max_body_size=MOST_BYTES, max_header_size=MOST_BYTES,
            idle_connection_timeout=IDLE_S, body_timeout=IDLE_S,
        )  # fmt: skip
        server.add_socket(self._listener)
        await self._ended.wait()
        server.stop()
        await server.close_all_connections()


class _Handler(RequestHandler):
    """What all answers have in common."""

    def initialize(self, server: ClassServer, guesses: Guesses) -> None:
        self.server, self.guesses = server, guesses

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish({"message": self._reason})

    def log_exception(self, *args: Any) -> None:
        """Say nothing: what learners send is no fault of the server."""

    @property
    def is_teacher(self) -> bool:
        key = self.get_query_argument("key", "")
        return hmac.compare_digest(key.encode(), self.server.key.encode())

    def refuse_others(self) -> bool:
        """Refuse those who are not the teacher."""
        if not self.is_teacher:
            self.set_status(403)
            self.finish({"message": "this page is the teacher's"})
        return not self.is_teacher


class _Page(_Handler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish((STATIC / "page.html").read_bytes())


class _Static(RequestHandler):
    def get(self, name: str) -> None:
        for header, value in HEADERS.items():
            self.set_header(header, value)
        self.set_header("Content-Type", f"{FILES[name]}; charset=utf-8")
        self.finish((STATIC / name).read_bytes())


class _Table(_Handler):
    def get(self) -> None:
        if self.refuse_others():
            return
        server = self.server
        self.finish({
            "code": server.table.code, "url": server.url, "problem": server.table.problem,
            "rows": server.table.rows(),
        })  # fmt: skip


class _Export(_Handler):
    def get(self) -> None:
        if self.refuse_others():
            return
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="class.csv"')
        self.finish(as_csv(self.server.table))


class _Learner(_Handler):
    def post(self, what: str) -> None:
        try:
            self.finish(getattr(self, what)(self._body()))
        except BatchError as error:
            self.set_status(error.status)
            if isinstance(error, TooManyGuesses):
                self.set_header("Retry-After", str(error.wait_s))
            self.finish({"code": error.code, "message": error.message})

    def _body(self) -> dict[str, Any]:
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise invalid("body", None, "must be a JSON object", owner="request")
        return body

    def join(self, body: dict[str, Any]) -> dict[str, Any]:
        address = self.request.remote_ip or ""
        self.guesses.check(address)
        if not self.server.table.is_code(body.get("code")):
            self.guesses.add(address, body.get("code"))
            raise Forbidden("WrongCode", "this is not the code of the class; ask for it again")
        seat = self.server.table.join(
            body.get("secret"), body.get("name", ""), body.get("lesson", "")
        )
        return {"seat": seat.number, "name": seat.name}

    def report(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"seat": self.server.table.report(body.get("secret"), body).number}

    def leave(self, body: dict[str, Any]) -> dict[str, Any]:
        self.server.table.leave(body.get("secret"))
        return {}


def as_csv(table: ClassTable) -> str:
    """The table as text for spreadsheets, in which names are no formulas."""
    text = io.StringIO()
    write = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    write.writeheader()
    for row in sorted(table.rows(), key=lambda row: row["seat"]):
        name = f"'{row['name']}" if row["name"].startswith(("=", "+", "-", "@")) else row["name"]
        spans = {key: "" if row[key] is None else round(row[key]) for key in ("stuck_s", "seen_s")}
        write.writerow({**row, "name": name, **spans})
    return text.getvalue()


def _own_address() -> str:
    """The address of this machine in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looking:
        try:
            looking.connect(("192.0.2.1", 9))  # an address that is nobody's
            return str(looking.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
