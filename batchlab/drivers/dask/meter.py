"""What the runs of a node use, measured when somebody asks and not before.

A run is known by its session: a scan of all processes finds who belongs to which, in a fraction
of a millisecond. Their times and bytes hold those of children that have ended; a run that ends is
read once more before it is reaped. Processes that began a session of their own are not seen.

CPU, memory, disk bytes and operations are the node's own, even of light nodes that share a
machine: they are those of its runs. The space used on disk is that of the disk its folders are on,
and the network that of the whole machine, as processes have no counters for them: nodes of one
machine show the same. What a system does not tell (macOS: bytes of processes) stays None.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Mapping

import psutil

from batchlab.core.model.values import NodeUsage

__all__ = ["Meter"]

GLANCE_S = 0.2
"""How long the first measurement looks, as there is none before it to compare with."""
_COUNTERS = ("read_bytes", "write_bytes", "read_count", "write_count")


class _Tally:
    """What processes have used so far."""

    __slots__ = ("bytes_known", "counts", "cpu_s", "memory")

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.memory = 0
        self.counts = [0, 0, 0, 0]
        self.bytes_known = True

    def add(self, process: psutil.Process) -> None:
        """Add what one process has used; one that ends meanwhile is left out."""
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            self.cpu_s += times.user + times.system
            self.cpu_s += times.children_user + times.children_system
        with contextlib.suppress(psutil.Error):
            self.memory += process.memory_info().rss
        if not hasattr(process, "io_counters"):
            self.bytes_known = False
            return
        with contextlib.suppress(psutil.Error):
            told = process.io_counters()
            for index, name in enumerate(_COUNTERS):
                self.counts[index] += getattr(told, name)


class Meter:
    """The book of what the runs of one node use.

    Parameters
    ----------
    cores : int
        What is 100 % of its CPU: the cores of its size, or of the machine if that has fewer.
    root : str
        The folder of the node.
    speed : float
        Seconds of lab time in a second of wall clock.
    """

    def __init__(self, cores: int, root: str, speed: float) -> None:
        self._cores = min(cores, os.cpu_count() or cores)
        self._root = root
        self._speed = speed
        self._lock = threading.Lock()
        self._since: float | None = None
        self._seen: dict[int, _Tally] = {}
        self._ended: list[tuple[int, float, float, _Tally]] = []
        self._network: tuple[int, int] | None = None

    def ended(self, pid: int, began: float) -> None:
        """A run has ended and is not reaped yet: read what it used. From the run's own thread."""
        if self._since is None:
            return
        tally = _Tally()
        with contextlib.suppress(psutil.Error):
            tally.add(psutil.Process(pid))
        with self._lock:
            self._ended.append((pid, began, time.monotonic(), tally))

    def measure(self, runs: Mapping[int, float]) -> NodeUsage:
        """What was used since the last time, given each run's session and when it began; blocks.

        The first time it looks at a fifth of a second.
        """
        if self._since is None:
            self._look(runs)
            time.sleep(GLANCE_S)
        return self._look(runs)

    def _look(self, runs: Mapping[int, float]) -> NodeUsage:
        now = time.monotonic()
        since = now if self._since is None else self._since
        self._since = now
        with self._lock:
            ended, self._ended = self._ended, []
        tallies = _tallies(runs)
        seconds = sum(max(0.0, now - max(began, since)) for began in runs.values())
        cpu_s, memory, counts, known = 0.0, 0, [0, 0, 0, 0], True
        for pid, tally in tallies.items():
            memory += tally.memory
            cpu_s += self._enter(pid, tally, counts)
            known = known and tally.bytes_known
        for pid, began, end, tally in ended:
            if pid not in tallies:
                seconds += max(0.0, end - max(began, since))
                cpu_s += self._enter(pid, tally, counts)
        self._seen = tallies
        network = self._networked()
        told = [float(count) if known else None for count in counts]
        return NodeUsage(
            cpu_percent=min(100.0, 100 * cpu_s / ((now - since) * self._cores or 1)),
            wall_clock_seconds=seconds * self._speed,
            memory_megabytes=memory / 1e6,
            disk_gigabytes=_disk_used(self._root),
            disk_read_bytes=told[0], disk_write_bytes=told[1],
            disk_read_ops=told[2], disk_write_ops=told[3],
            network_in_bytes=network[0], network_out_bytes=network[1],
        )  # fmt: skip

    def _enter(self, pid: int, tally: _Tally, counts: list[int]) -> float:
        """Add to the counts what a run used since it was last seen; its CPU seconds since then."""
        before = self._seen.get(pid) or _Tally()
        for index, count in enumerate(tally.counts):
            counts[index] += max(0, count - before.counts[index])
        return max(0.0, tally.cpu_s - before.cpu_s)

    def _networked(self) -> tuple[float | None, float | None]:
        """Bytes of the machine, in and out, since the last time."""
        try:
            told = psutil.net_io_counters()
        except (OSError, psutil.Error):
            told = None
        if told is None:
            return None, None
        before, self._network = self._network, (told.bytes_recv, told.bytes_sent)
        if before is None:
            return 0.0, 0.0
        return (
            float(max(0, told.bytes_recv - before[0])),
            float(max(0, told.bytes_sent - before[1])),
        )


def _tallies(runs: Mapping[int, float]) -> dict[int, _Tally]:
    """What the processes of each session have used."""
    tallies = {pid: _Tally() for pid in runs}
    for pid in psutil.pids() if runs else ():
        with contextlib.suppress(OSError, psutil.Error):
            session = os.getsid(pid)
            if session in tallies:
                tallies[session].add(psutil.Process(pid))
    return tallies


def _disk_used(path: str) -> float | None:
    try:
        return shutil.disk_usage(path).used / 1e9
    except OSError:
        return None
