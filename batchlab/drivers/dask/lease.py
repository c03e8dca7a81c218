"""A node's lease: what keeps its runs from overlapping with their repetitions elsewhere.

A host cannot know whether a node that it does not hear is dead, frozen, or only cut off, and goes
on with its runs. So a node has its runs on a lease. It sends a beat every few seconds, and the
host's answer renews the lease, counted from the moment at which the *beat* was sent. A node whose
lease is over ends all its runs. The host counts from the moment at which it *received* the last
beat, which is later, and for half as long again; only then it takes the node for lost (see
`batchlab.drivers.dask.silence`), and its tasks are repeated. So whatever is lost or late on the
way, the runs are over first. Both sides measure durations only, on clocks that neither jump nor
run while the machine sleeps: a notebook that wakes up has lost nothing.

The node's process may itself be frozen while its runs go on. So its watchdog, another process,
knows the end of the lease too, and ends the runs shortly after it. When the process continues, it
finds that out before it reports anything.

Nodes in the scheduler's process have no beats. Those in processes of our own have no lease either:
the host ends such a process when it does not hear it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from batchlab.drivers.dask import guards, messages

__all__ = ["BEATS", "LEASE_S", "Lease"]

LEASE_S = 20.0
"""How long a node that hears nothing from its host continues its runs."""
BEATS = 4
"""How many beats a node sends during a lease."""


class Lease:
    """The lease of one boot of one node, from its arrival until it leaves.

    Parameters
    ----------
    worker : distributed.Worker
    config : NodeConfig
    folder : str
        The node's root, for the watchdog.
    expired : callable
        Called once, on the node's loop, when the lease is over.
    """

    def __init__(
        self, worker: Any, config: messages.NodeConfig, folder: str, expired: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._config = config
        self._folder = folder
        self._expired = expired
        self._until = float("inf")
        self._deadline: guards.Deadline | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self._round_trips: deque[float] = deque(maxlen=4)
        self._first_beat: float | None = None
        worker.stream_handlers[messages.lease_op(config.lab_id)] = self._renew
        if config.beat_s is None:
            return
        if config.lease_s is not None:
            self._until = time.monotonic() + config.lease_s
        self._beat()

    def round_trip_s(self) -> float:
        """How long a beat and its answer take; 0 if there are no beats, in the same process.

        Until the first answer comes, it is at least as long as that has taken so far.
        """
        if self._round_trips:
            return min(self._round_trips)
        return 0.0 if self._first_beat is None else time.monotonic() - self._first_beat

    def end_s(self) -> float:
        """When the lease ends if nothing more is heard, on the monotonic clock."""
        return self._until

    def begin(self) -> None:
        """Let the watchdog know the end of the lease: from now on, there may be runs."""
        if self._config.lease_s is not None:
            self._deadline = guards.Deadline(self._folder, self._until)

    def is_over(self) -> bool:
        """Whether the runs of the node must be over; notices it, too."""
        struck = self._deadline is not None and self._deadline.struck
        if not self._over and (struck or time.monotonic() >= self._until):
            self._end_runs()
        return self._over

    def end(self) -> None:
        """Send no more beats: the node has left, and has no runs."""
        if self._timer is not None:
            self._timer.cancel()
        if self._deadline is not None:
            self._deadline.give_back()
            self._deadline = None
        self._worker.stream_handlers[messages.lease_op(self._config.lab_id)] = _ignore

    def _beat(self) -> None:
        config = self._config
        assert config.beat_s is not None
        over = self.is_over()
        sent = time.monotonic()
        self._first_beat = self._first_beat or sent
        with contextlib.suppress(OSError):  # the scheduler has stopped
            self._worker.batched_stream.send(
                {
                    "op": messages.beats_op(config.account_name),
                    "node_id": config.node_id,
                    "arrival": config.arrival,
                    "sent": sent,
                    "over": over,
                }
            )
        pause = config.beat_s
        if not over:  # the last moment of a lease deserves a look
            pause = min(pause, max(0.0, self._until - time.monotonic()))
        self._timer = asyncio.get_running_loop().call_later(pause, self._beat)

    def _renew(self, arrival: str = "", sent: float = 0.0, valid: bool = False, **_: Any) -> None:
        """Take the host's answer to a beat."""
        config = self._config
        if arrival != config.arrival or self.is_over():
            return
        self._round_trips.append(time.monotonic() - sent)
        if not valid:
            self._end_runs()
        elif config.lease_s is not None:
            self._until = sent + config.lease_s
            if self._deadline is not None:
                self._deadline.extend(self._until)

    def _end_runs(self) -> None:
        self._over = True
        self._expired()


def _ignore(**_: Any) -> None:
    """Ignore an answer to a node that has left."""
