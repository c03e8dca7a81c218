"""Waiting with something to look at: how far it is, how fast it goes, how long it will take.

Whoever waits for less than half a second sees nothing, nor does a script whose output goes into a
file or a pipe, nor a notebook that is run to be stored (``BATCHLAB_STATIC=1``). What there is to
look at is made by `batchlab.widgets.progress`, when it is needed and not before.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, Protocol

from batchlab.core.messages.questions import CountTasks, GetJob, GetPool
from batchlab.core.messages.views import JobView, PoolView
from batchlab.core.model.values import TaskCounts
from batchlab.display import is_kernel, is_static, progress_bar
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.handles.verbs import Watch

__all__ = ["Bar", "Pace", "Progress", "bar_for", "job_of", "nodes_of", "show_progress", "tasks_of"]

PATIENCE_S = 0.5
"""How long somebody who waits is left in peace."""
PAUSE_S = 0.25
"""Between two looks."""
WINDOW_S = 20.0
"""How far back the pace is measured: it should follow what happens now, and not jump."""


class Progress(NamedTuple):
    """How far something is: `parts` are counts by state, which add up to `total`."""

    title: str
    unit: str
    parts: tuple[tuple[str, int], ...]
    done: int
    total: int


Look = Callable[[], Progress]


class Bar(Protocol):
    """Something on the screen that shows progress."""

    def show(self, progress: Progress, pace: Pace) -> None:
        """Show how far it is."""
        ...

    def close(self) -> None:
        """Leave the screen clean."""
        ...


class Pace:
    """How many are done in a second of wall clock, over the last twenty, and what that promises.

    Parameters
    ----------
    begin : float
        When it began, in seconds of any clock.

    Attributes
    ----------
    elapsed : float
        Seconds from the beginning to the last `take`.
    rate : float
        Done in a second; 0 while that is not known.
    """

    def __init__(self, begin: float) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._begin = begin
        self.elapsed = 0.0
        self.rate = 0.0

    def take(self, now: float, done: int) -> None:
        """Remember how many are done by now."""
        self.elapsed = now - self._begin
        while self._seen and self._seen[-1][1] > done:
            self._seen.pop()  # some are to be done again
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        (first, before), span = self._seen[0], now - self._seen[0][0]
        self.rate = (done - before) / (now - first) if span > 0 else 0.0

    def left(self, count: int) -> float | None:
        """Seconds until so many more are done; None while nobody can say."""
        return count / self.rate if self.rate > 0 else None


@contextmanager
def show_progress(
    look: Look, watch: Watch | None, progress: bool | None
) -> Iterator[Watch | None]:
    """What to hand to `Connection.wait` as its `watch`, so that how far it is can be seen.

    Parameters
    ----------
    look : callable
        Asks how far it is.
    watch : callable, optional
        What the user wants called too.
    progress : bool, optional
        Whether to show anything; only if there is no `watch`, which may show something of its
        own, if omitted.
    """
    make = bar_for() if (watch is None if progress is None else progress) else None
    if make is None:
        yield watch
        return
    watching = _Watching(look, watch, make)
    try:
        yield watching
        watching.last()
    finally:
        watching.close()


class _Watching:
    """Calls the user's own `watch`, and looks four times a second."""

    def __init__(self, look: Look, watch: Watch | None, make: Callable[[], Bar]) -> None:
        self._look, self._watch, self._make = look, watch, make
        begin = time.monotonic()
        self._pace = Pace(begin)
        self._bar: Bar | None = None
        self._next = begin + PATIENCE_S

    def __call__(self) -> None:
        if self._watch is not None:
            self._watch()
        now = time.monotonic()
        if now >= self._next:
            self._show(now)

    def last(self) -> None:
        """Show the end, if anything was shown."""
        if self._bar is not None:
            self._show(time.monotonic())

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, now: float) -> None:
        try:
            progress = self._look()
        except BatchError:
            return  # it is gone: the wait will say so
        self._pace.take(now, progress.done)
        if self._bar is None:
            self._bar = self._make()
        self._bar.show(progress, self._pace)
        self._next = time.monotonic() + PAUSE_S


def bar_for() -> Callable[[], Bar] | None:
    """What makes a bar where one can be seen; None where nobody looks."""
    if is_static():
        return None
    if is_kernel():
        return partial(progress_bar, "notebook")
    seen = _is_terminal(sys.stdout) and _is_terminal(sys.stderr)
    return partial(progress_bar, "terminal") if seen else None


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def tasks_of(connection: Connection, job_id: str) -> Look:
    """How far the tasks of a job are."""

    def look() -> Progress:
        return _tasks(f"job {job_id}", connection.ask(CountTasks(job_id=job_id)))

    return look


def job_of(connection: Connection, job_id: str) -> Look:
    """How far the tasks of a job are, and its state once that is not ``active`` any more."""

    def look() -> Progress:
        view: JobView = connection.ask(GetJob(job_id=job_id))
        state = "" if view.state == "active" else f" {view.state}"
        return _tasks(f"job {job_id}{state}", view.task_counts)

    return look


def _tasks(title: str, counts: TaskCounts) -> Progress:
    parts = (
        ("succeeded", counts.succeeded), ("failed", counts.failed),
        ("running", counts.running), ("waiting", counts.active),
    )  # fmt: skip
    return Progress(title, "tasks", parts, counts.completed, sum(count for _, count in parts))


def nodes_of(connection: Connection, pool_id: str, ready: Container[str]) -> Look:
    """How many nodes of a pool are as they shall be."""

    def look() -> Progress:
        view: PoolView = connection.ask(GetPool(pool_id=pool_id))
        counts = view.node_counts
        done = sum(count for state, count in counts.items() if state in ready)
        return Progress(f"pool {pool_id}", "nodes", tuple(counts.items()), done,
                        sum(counts.values()))  # fmt: skip

    return look
