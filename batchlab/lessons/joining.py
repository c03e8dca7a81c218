"""Joining a class: the teacher's table then shows at which exercise this learner is.

Sent are the exercise, the number of tries, how long it has been tried and what is solved; never an
answer. A thread sends it, and nobody waits for that: if the teacher's machine is gone, only the
newest state is kept, and tried again from time to time. All notebooks of a folder share the seat,
by a file beside them, until `leave` deletes it. In a browser alone, the page of the class has
joined (see `joining_in_browser`).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from batchlab.background import start, threads
from batchlab.errors import BatchError, Conflict, invalid
from batchlab.lessons.joining_in_browser import Sender, class_url
from batchlab.lessons.progress import LESSON
from batchlab.private_files import write_private

__all__ = ["FILE", "Joined", "join", "leave", "tell"]

FILE = ".batchlab-class.json"
ASKED_S = 5.0
"""How long joining may take: the learner waits for it."""
SENDING_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
MOST_ANSWER = 64 * 1024
_NO_ANSWER = (OSError, ValueError, TypeError, RecursionError, http.client.HTTPException)


class Membership(msgspec.Struct):
    """What the notebooks of a learner know about the class."""

    url: str
    code: str
    secret: str
    name: str = ""
    seat: int = 0


@dataclass(frozen=True)
class Joined:
    """The seat of a learner in a class.

    Attributes
    ----------
    seat : int
        Its number.
    name : str
        The name that the teacher sees; may be empty.
    """

    seat: int
    name: str

    def __repr__(self) -> str:
        called = f" as {self.name}" if self.name else ""
        return (
            f"You have seat {self.seat}{called}. Your teacher sees at which exercise you are, "
            "never your answers. lessons.leave() ends that."
        )


_here: Membership | None = None
"""The class of this process where there is no folder of lessons."""
_stuck: dict[str, float] = {}
"""Since when exercises have been tried without being right, on the monotonic clock."""
_gone: set[tuple[str, str]] = set()
"""Addresses and codes of classes that are over: another one is at the address by now."""


def join(code: str, url: str, name: str = "", *, folder: Path | None = None) -> Joined:
    """Join a class, so that the teacher sees where you are; what you answer is never sent.

    Parameters
    ----------
    code : str
        The code that the teacher shows.
    url : str
        The address that the teacher shows: ``"http://192.168.1.5:8800"``.
    name : str, optional
        What to call you; without it you are a seat with a number.
    folder : Path, optional
        The folder of the lessons; by default that of this notebook.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a wrong code, or no address.
    Conflict
        ``OperationInvalidForCurrentState``: the teacher's machine cannot be reached.
    """
    global _here  # noqa: PLW0603 - the class of this process
    if not threads():
        raise Conflict(
            "OperationInvalidForCurrentState",
            "in a browser, open the address that the teacher shows and join there",
        )
    given: Any
    for given, what in ((code, "code"), (name, "name")):
        if not isinstance(given, str):
            raise invalid(what, given, "must be text", owner="lessons.join")
    member = Membership(_checked(url), code, _secret_for(url, folder), name)
    answer = _asked(member, "join", code=code, name=name, lesson=_lesson())
    member.seat, member.name = int(answer["seat"]), str(answer["name"])
    _here = member
    _gone.discard((member.url, member.code))
    path = _file(folder)
    if path is not None:
        with contextlib.suppress(OSError):  # then only this notebook has joined
            write_private(path, msgspec.json.encode(member))
    return Joined(member.seat, member.name)


def leave() -> None:
    """Leave the class: the teacher's table forgets your seat, and nothing more is sent."""
    global _here
    if not threads():
        if (page := class_url()) is not None:
            _page_sender.leave(page)
        return
    member, _here = _member(), None
    path = _file()
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    _sender.drop()
    if member is not None:
        with contextlib.suppress(BatchError):  # the machine is gone, and its table with it
            _asked(member, "leave", SENDING_S)


def tell(exercise: str, *, right: bool, tries: int, solved: Callable[[], list[str]]) -> None:
    """Note a check for the teacher, if a class was joined. Never waits, never fails."""
    if not right:
        _stuck.setdefault(exercise, time.monotonic())
    member = _member() if threads() else None
    page = None if threads() else class_url()
    if page is None and (member is None or (member.url, member.code) in _gone):
        return
    done = solved()
    since = None if exercise in done else _stuck.get(exercise)
    state = {"exercise": exercise, "tries": tries, "solved": done}
    if page is not None:
        _page_sender.send(page, state, since)
    elif member is not None:
        _sender.send(member, state, since)


def _member() -> Membership | None:
    """The class that was joined, here or in another notebook of the folder."""
    path = _file()
    if path is None:
        return _here
    try:
        return msgspec.json.decode(path.read_bytes(), type=Membership)
    except FileNotFoundError:
        return None  # not joined, or left in another notebook
    except (OSError, msgspec.DecodeError):
        return _here


def _file(folder: Path | None = None) -> Path | None:
    if folder is not None:
        return folder / FILE
    try:
        here = Path.cwd()
        return here / FILE if next(here.glob(LESSON), None) else None
    except OSError:
        return None


def _secret_for(url: str, folder: Path | None) -> str:
    """The secret of the seat that is taken already, or a new one: no teacher sees another's."""
    path, known = _file(folder), _here
    if path is not None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            known = msgspec.json.decode(path.read_bytes(), type=Membership)
    return known.secret if known is not None and known.url == url else secrets.token_urlsafe(24)


def _lesson() -> str:
    """The lesson whose notebook this is, if Jupyter says so."""
    found = re.match(r"([0-9]{2})-", Path(os.environ.get("JPY_SESSION_NAME", "")).name)
    return found[1] if found else ""


def _checked(url: Any) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) > 0
    except (ValueError, TypeError, AttributeError):
        good = False
    if not good:
        reason = "must be the address that the teacher shows, such as http://192.168.1.5:8800"
        raise invalid("url", url, reason, owner="lessons.join")
    return str(url)


def _asked(member: Membership, what: str, seconds: float = ASKED_S, **more: Any) -> dict[str, Any]:
    """Ask the teacher's machine; directly, for it is in the same network."""
    body = json.dumps({"secret": member.secret, **more}).encode()
    request = urllib.request.Request(
        f"{member.url.rstrip('/')}/{what}", body, {"Content-Type": "application/json"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=seconds) as answer:
            return dict(json.loads(answer.read(MOST_ANSWER)))
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(member, error) from None
    except _NO_ANSWER as error:
        reason = getattr(error, "reason", error)
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"no class answers at {member.url} ({reason}): compare the address with the "
            "teacher's, and ask whether both machines are in one network",
        ) from None


def _refused(member: Membership, error: urllib.error.HTTPError) -> BatchError:
    try:
        said = json.loads(error.read(MOST_ANSWER))
        code, message = str(said["code"]), str(said["message"])
    except (*_NO_ANSWER, LookupError):
        code, message = "", f"no class answers at {member.url}: it said {error.code}"
    if code == "WrongCode":
        return invalid("code", member.code, message, owner="lessons.join")
    return Conflict(code or "OperationInvalidForCurrentState", message)


class _Sender:
    """Sends the newest state in a thread, which ends when there is nothing to send."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: tuple[Membership, dict[str, Any], float | None] | None = None
        self._runs = False

    def send(self, member: Membership, state: dict[str, Any], since: float | None) -> None:
        with self._changed:
            self._newest = (member, state, since)
            self._changed.notify()
            if not self._runs:
                self._runs = True
                start(self._run, "batchlab-class")

    def drop(self) -> None:
        with self._changed:
            self._newest = None
            self._changed.notify()

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            with self._changed:
                newest = self._newest
                if newest is None:
                    self._runs = False
                    return
            done = _sent(*newest)
            with self._changed:
                if self._newest is not newest:
                    continue
                if done:
                    self._newest, pause = None, FIRST_PAUSE_S
                else:
                    self._changed.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_S)


def _sent(member: Membership, state: dict[str, Any], since: float | None) -> bool:
    """Send a state; False to try again later. A class that forgot the seat is joined again."""
    stuck = None if since is None else time.monotonic() - since
    try:
        try:
            _asked(member, "report", SENDING_S, **state, stuck_s=stuck)
        except Conflict as error:
            if error.code != "SeatNotFound":
                raise
            _asked(member, "join", SENDING_S, code=member.code, name=member.name)
            _asked(member, "report", SENDING_S, **state, stuck_s=stuck)
    except Conflict as error:
        return error.code not in {"OperationInvalidForCurrentState", "TooManyRequests"}
    except BatchError:
        _gone.add((member.url, member.code))
    return True


_sender = _Sender()
_page_sender = Sender()
