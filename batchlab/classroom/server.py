"""The server of a class: learners report to it, and the teacher's page shows its table.

The page and the export need the teacher's key, which is in the address that is printed. Learners
need the code to join; who tries many codes is refused for a minute, so a code cannot be guessed.
"""

from __future__ import annotations

import asyncio
import csv
import hmac
import io
import secrets
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application

from batchlab.classroom.handler import Handler
from batchlab.classroom.learners import Learner
from batchlab.classroom.site import LESSONS, LiteSite, SiteFile
from batchlab.classroom.table import ClassTable
from batchlab.rest.accepting import Acceptor
from batchlab.rest.connections import Connections
from batchlab.rest.guesses import Guesses
from batchlab.rest.taken_port import cannot_listen

__all__ = ["ClassServer", "as_csv"]

STATIC = Path(__file__).parent / "static"
FILES = {"page.js": "text/javascript", "page.css": "text/css", "join.js": "text/javascript"}
MOST_BYTES = 16 * 1024
IDLE_S = 60.0
COLUMNS = ("seat", "name", "lesson", "exercise", "title", "tries", "stuck_s", "solved", "seen_s")


class ClassServer:
    """Serves the table of a class, from when it is created until `stop`.

    Parameters
    ----------
    table : ClassTable
    host : str, default "0.0.0.0"
        The address to listen on; by default all of this machine.
    port : int, default 0
        0 means any free port.
    site : LiteSite, optional
        The lessons for browsers: with them, learners join and learn with nothing else.
    tls : ssl.SSLContext, optional
        If given, the server uses HTTPS.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: nothing can listen on this address.
    """

    def __init__(
        self, table: ClassTable, host: str = "0.0.0.0", port: int = 0, *,
        site: LiteSite | None = None, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.table, self.site, self._tls = table, site, tls
        self.key = secrets.token_urlsafe(16)
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family)
        except (OSError, UnicodeError, OverflowError) as error:
            raise cannot_listen(error, host, port, "batchlab class") from None
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        everywhere = host in {"0.0.0.0", "::"}
        self.url = self._url(_own_address() if everywhere else host)
        """The address for learners."""
        self.page = f"{self._url('127.0.0.1' if everywhere else host)}/?key={self.key}"
        """The address for the teacher."""
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="batchlab-class", daemon=True)
        self._thread.start()

    @property
    def join_page(self) -> str:
        """Where learners join with nothing but a browser; empty without lessons for it."""
        return f"{self.url}/#{self.table.code}" if self.site is not None else ""

    def _url(self, host: str) -> str:
        named = f"[{host}]" if ":" in host else host
        return f"{'http' if self._tls is None else 'https'}://{named}:{self.port}"

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
        connections, shared = Connections(), {"server": self}
        learner = {
            "table": self.table, "guesses": Guesses("code"), "site": self.site,
            "cookie": f"batchlab-seat-{self.port}",
        }  # fmt: skip
        routes: list[Any] = [
            ("/(class|)", _Page, shared),
            (f"/({'|'.join(FILES)})", _Static),
            ("/table", _Table, shared),
            ("/class.csv", _Export, shared),
            ("/(join|seat|report|leave)", Learner, learner),
        ]
        if self.site is not None:
            routes.append((f"/{LESSONS}/(.*)", SiteFile, {"site": self.site}))
        application = Application(
            routes, log_function=lambda handler: None, connections=connections
        )  # fmt: skip
        server = _HttpServer(
            application, max_body_size=MOST_BYTES, max_header_size=MOST_BYTES,
            idle_connection_timeout=IDLE_S, body_timeout=IDLE_S,
        )  # fmt: skip
        acceptor = Acceptor(self._listener, connections, self._tls)
        acceptor.begin(server)
        await self._ended.wait()
        acceptor.end()
        await server.close_all_connections()


class _HttpServer(HTTPServer):
    """Tornado's server, which knows its connections: one that waits makes room for a new one."""

    def initialize(self, application: Application, **settings: Any) -> None:  # type: ignore[override]
        self._known: Connections = application.settings["connections"]
        super().initialize(application, **settings)

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        self._known.waits(server_conn.stream)
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: Any) -> None:
        self._known.closed(server_conn.stream)
        super().on_close(server_conn)


class _Teachers(Handler):
    """What the teacher asks for."""

    def initialize(self, server: ClassServer) -> None:
        self.server = server

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


class _Page(_Teachers):
    def get(self, name: str) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        given = "key" in self.request.query_arguments
        joins = self.server.site is not None and not name and not given
        self.finish((STATIC / ("join.html" if joins else "page.html")).read_bytes())


class _Static(Handler):
    def get(self, name: str) -> None:
        self.set_header("Content-Type", f"{FILES[name]}; charset=utf-8")
        self.finish((STATIC / name).read_bytes())


class _Table(_Teachers):
    def get(self) -> None:
        if self.refuse_others():
            return
        server = self.server
        self.finish({
            "code": server.table.code, "url": server.url,
            "join_page": server.join_page, "problem": server.table.problem,
            "rows": server.table.rows(),
        })  # fmt: skip


class _Export(_Teachers):
    def get(self) -> None:
        if self.refuse_others():
            return
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="class.csv"')
        self.finish(as_csv(self.server.table))


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
