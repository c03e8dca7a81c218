"""A class in the browser: its page has joined it, and the browser knows the seat.

Python learns from a variable that the page belongs to a class, and from its own address where that
is. The browser adds the seat, a cookie, to what is sent, so Python never sees it. Nobody waits: it
is sent on the event loop, and if the teacher's machine does not answer, only the newest state is
kept, and tried again from time to time.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["VARIABLE", "Sender", "class_url"]

VARIABLE = "BATCHLAB_CLASS"
"""In a page of a class: the folder of its lessons, below the address of the class."""
SENDING_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0

State = tuple[str, dict[str, Any], float | None]


def class_url() -> str | None:
    """The address of the class to which this page belongs; None if it belongs to none."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    before, found, _ = _location().partition(f"/{folder}/")
    return before if found else None


class Sender:
    """Sends the newest state to the class, while the notebook has nothing else to do."""

    def __init__(self) -> None:
        self._newest: State | None = None
        self._changed: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def send(self, url: str, state: dict[str, Any], since: float | None) -> None:
        """Send how far a learner is who joined; `since` is when an exercise was begun."""
        self._put((url, state, since))

    def leave(self, url: str) -> None:
        """Give the seat back, without what was not sent yet."""
        self._put((url, {}, None))

    def _put(self, newest: State) -> None:
        import asyncio  # noqa: PLC0415 - takes 40 ms, only needed here

        self._newest = newest
        if self._changed is not None:
            self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        import asyncio  # noqa: PLC0415 - takes 40 ms, only needed here

        pause, self._changed = FIRST_PAUSE_S, asyncio.Event()
        while (newest := self._newest) is not None:
            self._changed.clear()
            done = await _sent(*newest)
            if self._newest is not newest:
                continue
            if done:
                self._newest = None
                return
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                pause = min(2 * pause, LONGEST_PAUSE_S)


async def _sent(url: str, state: dict[str, Any], since: float | None) -> bool:
    """Send a state, or leave without one; False to try again later."""
    try:
        if not state:
            return _is_final(await _post(f"{url}/leave", {}))
        seated = await _post(f"{url}/seat", {})
        if seated != 200:
            return _is_final(seated)  # whoever has not joined sends nothing
        stuck = None if since is None else time.monotonic() - since
        return _is_final(await _post(f"{url}/report", {**state, "stuck_s": stuck}))
    except Exception:  # the browser has its own names for a network that is gone
        return False


def _is_final(status: int) -> bool:
    return status < 500 and status != 429


async def _post(url: str, body: dict[str, Any]) -> int:
    """Send a request, and return the status of the answer."""
    from js import AbortSignal  # type: ignore[import-not-found]  # noqa: PLC0415
    from pyodide.http import pyfetch  # type: ignore[import-not-found]  # noqa: PLC0415

    answer = await pyfetch(
        url, method="POST", body=json.dumps(body), headers={"Content-Type": "application/json"},
        signal=AbortSignal.timeout(int(SENDING_S * 1000)),
    )  # fmt: skip
    return int(answer.status)


def _location() -> str:
    from js import location  # noqa: PLC0415 - only in a browser

    return str(location.href)
