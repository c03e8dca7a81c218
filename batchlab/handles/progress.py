"""Progress of a wait: how much is done, how fast it goes, how long it will take.

Nothing is shown for waits of less than half a second, in scripts whose output goes to a file or a
pipe, or in notebooks that are run to be stored (``BATCHLAB_STATIC=1``). The bars are created by
`batchlab.widgets.progress`, only when they are needed.
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
"""How long a wait shows nothing."""
PAUSE_S = 0.25
"""Seconds between two updates."""
WINDOW_S = 20.0
"""How far back the rate is measured: it should be current without jumping."""


class Progress(NamedTuple):
    """How much is done: `parts` are counts by state, which add up to `total`."""

    title: str
    unit: str
    parts: tuple[tuple[str, int], ...]
    done: int
    total: int


Look = Callable[[], Progress]


class Bar(Protocol):
    """Something that shows progress on the screen."""

    def show(self, progress: Progress, pace: Pace) -> None:
        """Show the progress."""
        ...

    def close(self) -> None:
        """Leave the screen clean."""
        ...


class Pace:
    """How many are done per second of wall-clock time, over the last 20 s, and the time left.

    Parameters
    ----------
    begin : float
        When it began, in seconds on any clock.

    Attributes
    ----------
    elapsed : float
        Seconds from the start to the last `take`.
    rate : float
        Done per second; 0 while unknown.
    """

    def __init__(self, begin: float) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._begin = begin
        self.elapsed = 0.0
        self.rate = 0.0

    def take(self, now: float, done: int) -> None:
        """Record how many are done by now."""
        self.elapsed = now - self._begin
        while self._seen and self._seen[-1][1] > done:
            self._seen.pop()  # some have to be done again
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        (first, before), span = self._seen[0], now - self._seen[0][0]
        self.rate = (done - before) / (now - first) if span > 0 else 0.0

    def left(self, count: int) -> float | None:
        """Seconds until `count` more are done; None while unknown."""
        return count / self.rate if self.rate > 0 else None


@contextmanager
def show_progress(
    look: Look, watch: Watch | None, progress: bool | None
) -> Iterator[Watch | None]:
    """The `watch` to pass to `Connection.wait` so that progress is shown.

    Parameters
    ----------
    look : callable
        Queries the progress.
    watch : callable, optional
        What the user wants called as well.
    progress : bool, optional
        Whether to show progress. By default only without a `watch`, which may show its own.
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
    """Calls the user's `watch` and updates the bar four times a second."""

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
        """Show the final state, if anything was shown."""
        if self._bar is not None:
            self._show(time.monotonic())

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, now: float) -> None:
        try:
            progress = self._look()
        except BatchError:
            return  # it is gone: the wait will report that
        self._pace.take(now, progress.done)
        if self._bar is None:
            self._bar = self._make()
        self._bar.show(progress, self._pace)
        self._next = time.monotonic() + PAUSE_S


def bar_for() -> Callable[[], Bar] | None:
    """How to create a bar; None where it could not be seen."""
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
    """Progress of the tasks of a job."""

    def look() -> Progress:
        return _tasks(f"job {job_id}", connection.ask(CountTasks(job_id=job_id)))

    return look


def job_of(connection: Connection, job_id: str) -> Look:
    """Progress of the tasks of a job, and its state once it is no longer ``active``."""

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
    """How many nodes of a pool are in the states waited for."""

    def look() -> Progress:
        view: PoolView = connection.ask(GetPool(pool_id=pool_id))
        counts = view.node_counts
        done = sum(count for state, count in counts.items() if state in ready)
        return Progress(f"pool {pool_id}", "nodes", tuple(counts.items()), done,
                        sum(counts.values()))  # fmt: skip

    return look
