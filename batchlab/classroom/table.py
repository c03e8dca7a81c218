"""The table of a class: its code, its seats, and how far each of them is.

Everything that learners send is checked here. A seat is known by the digest of a secret that only
the learner's notebooks have, so a file with the table lets nobody take a seat.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from batchlab.errors import Forbidden, NotFound, invalid
from batchlab.lessons import exercises
from batchlab.private_files import write_private

__all__ = ["ClassTable", "Seat", "new_code"]

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Those of a code: none that looks like another one on a projector."""
CODE_LENGTH = 6
MOST_SEATS = 200
MOST_NAME = 40
LONGEST_STUCK_S = 7 * 86400.0
VERSION = 1

_CODE = re.compile(r"[A-Z0-9]{4,20}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,100}")
_LESSON = re.compile(r"[0-9]{2}")


class Seat(msgspec.Struct):
    """Where one learner is."""

    number: int
    digest: str
    name: str = ""
    lesson: str = ""
    exercise: str = ""
    tries: int = 0
    solved: list[str] = []
    stuck_since: float | None = None
    """Seconds since 1970."""
    seen: float = 0.0


class _Stored(msgspec.Struct):
    version: int
    code: str
    last_number: int
    seats: list[Seat]


def new_code() -> str:
    """A code that can be read aloud."""
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


class ClassTable:
    """The seats of a class.

    Parameters
    ----------
    code : str, optional
        What learners need to join, 4 to 20 letters and digits; by default that of the file, or a
        random one.
    file : Path, optional
        Where the table is kept, so that a class goes on after its server was started again.
    clock : callable, optional
        Seconds since 1970; for tests.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: no code, or the file has something else.
    """

    def __init__(
        self, code: str | None = None, file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._file, self._clock = file, clock
        self._seats: dict[str, Seat] = {}
        self._last_number = 0
        self.problem = ""
        if code is not None and not _CODE.fullmatch(code.upper()):
            reason = "must be 4 to 20 letters and digits"
            raise invalid("code", code, reason, owner="batchlab class")
        known = self._read() if file is not None else None
        self.code = code.upper() if code else known or new_code()

    def __len__(self) -> int:
        return len(self._seats)

    def is_code(self, code: object) -> bool:
        """Whether this is the code; it may be typed in lower case and with blanks."""
        typed = re.sub(r"[\s-]", "", code).upper() if isinstance(code, str) else ""
        return hmac.compare_digest(typed.encode(errors="replace"), self.code.encode())

    def join(self, secret: object, name: object = "", lesson: object = "") -> Seat:
        """Take a seat, or come back to the one that was taken with this secret.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: the secret or the name is none.
        Forbidden
            ``OperationInvalidForCurrentState``: no seat is left.
        """
        digest = _digest(secret)
        if not isinstance(name, str):
            raise invalid("name", name, "must be text", owner="lessons.join")
        seat = self._seats.get(digest)
        if seat is None:
            if len(self._seats) >= MOST_SEATS:
                reason = f"all {MOST_SEATS} seats of this class are taken"
                raise Forbidden("OperationInvalidForCurrentState", reason)
            self._last_number += 1
            seat = self._seats[digest] = Seat(self._last_number, digest)
        seat.name = _tidy(name) or seat.name
        if isinstance(lesson, str) and _LESSON.fullmatch(lesson):
            seat.lesson = lesson
        seat.seen = self._clock()
        self._write()
        return seat

    def seat(self, secret: object) -> Seat | None:
        """The seat that was taken with a secret.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: the secret is none.
        """
        return self._seats.get(_digest(secret))

    def report(self, secret: object, state: dict[str, Any], *, adds: bool = False) -> Seat:
        """Note how far a learner is.

        Parameters
        ----------
        secret : str
        state : dict
            With ``exercise``, ``tries``, ``solved`` and ``stuck_s``.
        adds : bool, default False
            Whether exercises that were solved before stay so.

        Raises
        ------
        NotFound
            ``SeatNotFound``: nobody with this secret has joined.
        InvalidRequest
            ``InvalidPropertyValue``: that is no state.
        """
        seat = self.seat(secret)
        if seat is None:
            raise NotFound("SeatNotFound", "no seat of this class was taken with this secret")
        known = set(exercises)
        exercise, tries = state.get("exercise"), state.get("tries")
        solved, stuck = state.get("solved"), state.get("stuck_s")
        if not isinstance(exercise, str) or exercise not in known:
            raise invalid("exercise", exercise, "unknown exercise", owner="report")
        if type(tries) is not int or not 0 <= tries < 1_000_000:
            raise invalid("tries", tries, "must be a count", owner="report")
        if not isinstance(solved, list) or len(solved) > len(known):
            raise invalid("solved", None, "must be a list of exercises", owner="report")
        if stuck is not None and (
            type(stuck) not in (int, float) or not math.isfinite(stuck) or stuck < 0
        ):
            raise invalid("stuck_s", stuck, "must be seconds", owner="report")
        now = self._clock()
        seat.exercise, seat.lesson, seat.tries = exercise, exercise[:2], tries
        done = {*(one for one in solved if isinstance(one, str)), *(seat.solved if adds else ())}
        seat.solved = [one for one in exercises if one in done]
        seat.stuck_since = None if stuck is None else now - min(stuck, LONGEST_STUCK_S)
        seat.seen = now
        self._write()
        return seat

    def leave(self, secret: object) -> None:
        """Give a seat back; nothing about it is kept."""
        if self._seats.pop(_digest(secret), None) is not None:
            self._write()

    def rows(self) -> list[dict[str, Any]]:
        """What is shown of each seat; first who is stuck longest, then by number."""
        now = self._clock()
        titles = exercises.titles()
        rows = [
            {
                "seat": seat.number,
                "name": seat.name,
                "lesson": seat.lesson,
                "exercise": seat.exercise,
                "title": titles.get(seat.exercise, ""),
                "tries": seat.tries,
                "stuck_s": None if seat.stuck_since is None else max(0, now - seat.stuck_since),
                "solved": len(seat.solved),
                "seen_s": max(0, now - seat.seen),
            }
            for seat in self._seats.values()
        ]
        return sorted(rows, key=lambda row: (-(row["stuck_s"] or 0), row["seat"]))

    def _read(self) -> str | None:
        assert self._file is not None
        try:
            stored = msgspec.json.decode(self._file.read_bytes(), type=_Stored)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            self._refuse(getattr(error, "strerror", None) or "it is not the table of a class")
        if stored.version != VERSION:
            self._refuse("it was written by a later version of batchlab")
        self._seats = {seat.digest: seat for seat in stored.seats}
        self._last_number = stored.last_number
        return stored.code

    def _refuse(self, why: str) -> NoReturn:
        reason = f"cannot be read: {why}; name another file, or delete this one"
        raise invalid("table", str(self._file), reason, owner="batchlab class")

    def _write(self) -> None:
        """Keep the table; if the disk is full the class goes on, and the page says so."""
        if self._file is None:
            return
        seats = list(self._seats.values())
        beside = self._file.with_name(f"{self._file.name}.new")
        try:
            data = msgspec.json.encode(_Stored(VERSION, self.code, self._last_number, seats))
            write_private(beside, data)
            beside.replace(self._file)
            self.problem = ""
        except OSError as error:
            self.problem = f"The table is not kept in {self._file}: {error.strerror or error}."


def _digest(secret: object) -> str:
    if not isinstance(secret, str) or not _SECRET.fullmatch(secret):
        raise invalid("secret", None, "must be 20 to 100 letters and digits", owner="join")
    return hashlib.sha256(secret.encode()).hexdigest()


def _tidy(name: str) -> str:
    """A name on one line, without what turns or hides other text."""
    seen = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in name[:1000])
    return " ".join(seen.split())[:MOST_NAME]
