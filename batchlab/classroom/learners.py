"""What learners send: they join, say how far they are, and leave.

A notebook on a computer sends the secret of its seat. For a browser that joined by the page, it is
in a cookie, which scripts cannot read and other sites cannot use, with the code and the name: so a
class that was started again without its table still knows who comes back.
"""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import quote, unquote

from batchlab.classroom.handler import Handler
from batchlab.classroom.site import LiteSite
from batchlab.classroom.table import ClassTable, Seat
from batchlab.errors import BatchError, Forbidden, NotFound, invalid
from batchlab.rest.guesses import Guesses, TooManyGuesses

__all__ = ["Learner"]

DAYS = 30
"""How long a browser keeps its seat."""


class Learner(Handler):
    """Answers learners.

    Parameters
    ----------
    table : ClassTable
    guesses : Guesses
    site : LiteSite or None
        The lessons for browsers.
    cookie : str
        The name of the cookie; the servers of a machine share their cookies.
    """

    def initialize(
        self, table: ClassTable, guesses: Guesses, site: LiteSite | None, cookie: str
    ) -> None:  # fmt: skip
        """Take what all of them share."""
        self.table, self.guesses, self.site, self.cookie = table, guesses, site, cookie

    def post(self, what: str) -> None:
        """Answer a learner."""
        try:
            body = self._body()
            self.finish(getattr(self, f"_{what}")(body))
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

    def _join(self, body: dict[str, Any]) -> dict[str, Any]:
        in_browser = self.site is not None and "secret" not in body
        secret = secrets.token_urlsafe(24) if in_browser else body.get("secret")
        seat = self._seated(body.get("code"), secret, body.get("name", ""), body.get("lesson", ""))
        if in_browser:
            kept = f"{secret}.{self.table.code}.{quote(seat.name, safe='')}"
            self.set_cookie(
                self.cookie, kept, path="/", expires_days=DAYS, httponly=True, samesite="Strict",
                secure=self.request.protocol == "https",
            )  # fmt: skip
        return self._about(seat)

    def _seat(self, body: dict[str, Any]) -> dict[str, Any]:
        """The seat of a browser; one that this class does not know is given to it again."""
        secret, code, name = self._kept()
        if not secret:
            raise NotFound("SeatNotFound", "this browser has no seat in this class")
        seat = self.table.seat(secret) or self._seated(code, secret, name)
        return self._about(seat)

    def _report(self, body: dict[str, Any]) -> dict[str, Any]:
        if "secret" in body:
            return {"seat": self.table.report(body["secret"], body).number}
        # Each lesson in a browser has a Python of its own, which does not know the others'.
        return {"seat": self.table.report(self._kept()[0], body, adds=True).number}

    def _leave(self, body: dict[str, Any]) -> dict[str, Any]:
        if "secret" in body:
            self.table.leave(body["secret"])
        elif self._kept()[0]:
            self.table.leave(self._kept()[0])
            self.clear_cookie(self.cookie, path="/")
        return {}

    def _seated(self, code: object, secret: object, name: object, lesson: object = "") -> Seat:
        address = self.request.remote_ip or ""
        self.guesses.check(address)
        if not self.table.is_code(code):
            self.guesses.add(address, code)
            raise Forbidden("WrongCode", "this is not the code of the class; ask for it again")
        return self.table.join(secret, name, lesson)

    def _about(self, seat: Seat) -> dict[str, Any]:
        start = {} if self.site is None else {"start": self.site.start}
        return {"seat": seat.number, "name": seat.name, **start}

    def _kept(self) -> tuple[str, str, str]:
        """The secret, the code and the name in the cookie."""
        secret, _, rest = self.get_cookie(self.cookie, "").partition(".")
        code, _, name = rest.partition(".")
        return secret, code, unquote(name)
