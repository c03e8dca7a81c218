"""Live displays in the cells of a notebook, and the pictures that are stored in their place.

A page stores what the kernel published, not what it shows. So each display is published as a
picture, which the live display covers, and the picture is published again: after each cell, when
things have settled, now and then while they have not, and for the last time when the lab closes.
Whatever the page saves, and whenever, is a picture of not long ago.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from batchlab.drivers.ports import Connection
from batchlab.history.watch import watch
from batchlab.widgets.front_end import cell_id, front_end
from batchlab.widgets.ui import ui

__all__ = ["Output", "Outputs", "outputs"]

logger = logging.getLogger("batchlab")

SETTLED_S = 2.0
"""How long nothing has happened before the picture is drawn again."""
RUNNING_S = 10.0
"""How often it is drawn again while things happen."""
SOON_S = 0.1
"""How long reading the history may take before a display appears without its picture."""
SHARE = 20.0
"""Drawing takes at most one part in this many of the time."""
KEPT = 100
"""The most displays whose pictures are kept up to date."""


class Stored(Protocol):
    """What is stored of a display."""

    @property
    def version(self) -> int:
        """Increases with what happens to a thing that belongs to no lab."""
        ...

    def take(self, closing: Connection | None = None) -> None:
        """Query the labs, and remember what they say; if one says nothing, keep what was known.

        A lab that is closing is queried for the last time.
        """
        ...

    def bundle(self) -> dict[str, Any]:
        """Draw what is remembered."""
        ...

    def sketch(self) -> dict[str, Any]:
        """Its place and its text, without a picture."""
        ...


class Output:
    """One display in one cell.

    Parameters
    ----------
    stored : Stored
    connections : iterable of (Connection or None)
        The labs that it shows; None stands for what belongs to no lab, and does not close.
    publish : callable
        Publishes a bundle: with a display id, and whether it replaces an earlier one.
    cell : str
        The id of its cell.
    """

    def __init__(
        self, stored: Stored, connections: Iterable[Connection | None],
        publish: Callable[[dict[str, Any], str, bool], None], cell: str = "",
    ) -> None:  # fmt: skip
        self._stored, self._publish, self.cell = stored, publish, cell
        self.open = set(connections)
        self._watches = [watch(one) for one in self.open if one is not None]
        self._id = f"batchlab-{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._last: dict[str, Any] | None = None
        self._drawn = -1  # the version in the picture
        self._seen, self._seen_at = -1, 0.0
        self._drawn_at = self._cost = 0.0
        self.over = False

    @property
    def version(self) -> int:
        """Increases with what happens in the labs."""
        return self._stored.version + sum(watch.version for watch in self._watches)

    def due(self, now: float) -> bool:
        """Whether its picture should be drawn again."""
        version = self.version
        if version != self._seen:
            self._seen, self._seen_at = version, now
        if version == self._drawn or self.over:
            return False
        pause = now - self._drawn_at
        settled = now - self._seen_at >= SETTLED_S
        return pause >= self._cost * SHARE and (settled or pause >= RUNNING_S)

    def hurry(self) -> None:
        """Draw it again soon, if anything has happened."""
        self._seen, self._seen_at, self._cost = self.version, 0.0, 0.0

    def close(self, connection: Connection) -> None:
        """One of its labs is about to close, and cannot be queried later."""
        self._stored.take(connection)
        self.open.discard(connection)
        self._drawn = -1
        self.hurry()

    def refresh(self, *, soon: bool = False) -> None:
        """Draw it, and publish the picture if it has changed.

        Parameters
        ----------
        soon : bool, default False
            Whether to publish it without a picture if there is a long history to draw: the live
            display then appears at once, and the picture follows.
        """
        with self._lock:
            if self.over:
                return
            begin = time.monotonic()
            known = [one.catch_up(SOON_S if soon else 1.0) for one in self._watches]
            if soon and not all(known):
                self._last = self._stored.sketch()
                self._publish(self._last, self._id, False)
                self._drawn = -1
                self.hurry()
                return
            version = self.version
            self._stored.take()
            bundle = self._stored.bundle()
            if bundle != self._last:
                self._publish(bundle, self._id, self._last is not None)
                self._last = bundle
            self._drawn, self._drawn_at = version, time.monotonic()
            self._cost = self._drawn_at - begin
            self.over = not self.open


class Outputs:
    """All displays of this kernel that are in cells."""

    def __init__(self) -> None:
        self._all: list[Output] = []
        self._closing: set[int] = set()
        self._lock = threading.Lock()
        self._busy = self._hooked = False

    def show(self, stored: Stored, connections: Iterable[Connection | None]) -> None:
        """Display something below the running cell, and keep its picture up to date."""
        self._hook()
        output = Output(stored, connections, _publish, cell_id())
        output.refresh(soon=front_end() == "page")
        with self._lock:
            self._all = [*self._all[1 - KEPT :], output]
        for connection in output.open:
            if connection is not None and id(connection) not in self._closing:
                self._closing.add(id(connection))
                connection.before_close(partial(self._close, connection))
        ui.add(self)

    def beat(self) -> None:
        """Draw again what is due, on the thread that may wait for labs."""
        if self._busy:
            return
        now = time.monotonic()
        due = [output for output in self._all if output.due(now)]
        if due:
            self._busy = True
            ui.ask(lambda: self._refresh(due))

    def _refresh(self, due: list[Output]) -> None:
        try:
            for output in due:
                _guarded(output.refresh)
            with self._lock:
                self._all = [output for output in self._all if not output.over]
        finally:
            self._busy = False

    def _close(self, connection: Connection) -> None:
        self._closing.discard(id(connection))
        for output in self._of(connection):
            _guarded(partial(output.close, connection))
            if front_end() == "none":
                _guarded(output.refresh)

    def _of(self, connection: Connection) -> list[Output]:
        return [output for output in self._all if connection in output.open]

    # -- cells ------------------------------------------------------------------------------------

    def _hook(self) -> None:
        if not self._hooked:
            self._hooked = True
            events = sys.modules["IPython"].get_ipython().events
            events.register("pre_run_cell", self._before_cell)
            events.register("post_run_cell", self._after_cell)

    def _before_cell(self, info: Any) -> None:
        """The outputs of a cell that runs again are gone."""
        cell = cell_id()
        with self._lock:
            self._all = [output for output in self._all if not cell or output.cell != cell]

    def _after_cell(self, result: Any) -> None:
        for output in list(self._all):
            output.hurry()
            # Nobody else listens later.
            if front_end() == "none" and output.due(time.monotonic()):
                _guarded(output.refresh)


def _publish(bundle: dict[str, Any], name: str, again: bool) -> None:
    shell = sys.modules["IPython"].get_ipython()
    shell.display_pub.publish(bundle, transient={"display_id": name}, update=again)


def _guarded(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception:
        logger.exception("the picture of a display could not be stored")


outputs = Outputs()
"""Those of this process."""
