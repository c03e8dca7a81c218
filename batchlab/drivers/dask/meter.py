"""The resources that a node's runs use, measured only on request.

A run is identified by its session: a scan of all processes finds their sessions in a fraction of a
millisecond. CPU times and byte counts include those of children that have ended; a run that ends
is read once more before it is reaped. Processes that started their own session are not counted.
A container is a session of its own, which its engine reaps: what it used after the last look
before its end is not counted.

CPU, memory, disk bytes and disk operations are those of the node's runs, even for light nodes that
share a machine. Disk space is that of the disk with the node's folders, and network traffic is
that of the whole machine, because there are no counters for single processes: all nodes on a
machine show the same values. A value that the system does not provide (on macOS, the bytes of
processes) is None.
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
"""How long the first measurement takes, as there is no earlier one to compare with."""
_COUNTERS = ("read_bytes", "write_bytes", "read_count", "write_count")
_IO_LINES = (b"read_bytes", b"write_bytes", b"syscr", b"syscw")
_TIMES = slice(11, 15)
"""User, system and children's times in ``/proc/<pid>/stat``, behind the name."""


class _Tally:
    """The resources that processes have used so far."""

    __slots__ = ("bytes_known", "counts", "cpu_s", "memory")

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.memory = 0
        self.counts = [0, 0, 0, 0]
        self.bytes_known = True

    def add(self, process: psutil.Process) -> None:
        """Add the usage of one process; skip it if it has ended."""
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
            counters = process.io_counters()
            for index, name in enumerate(_COUNTERS):
                self.counts[index] += getattr(counters, name)

    def add_files(self, stat: bytes, io: bytes) -> None:
        """Add the usage of a process that has ended, from its files in ``/proc``."""
        with contextlib.suppress(ValueError, LookupError):
            times = stat.rpartition(b")")[2].split()[_TIMES]
            self.cpu_s += sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        with contextlib.suppress(ValueError, LookupError):
            values = dict(line.split(b": ") for line in io.splitlines())
            for index, name in enumerate(_IO_LINES):
                self.counts[index] += int(values[name])


class Meter:
    """Records the resource usage of one node's runs.

    Parameters
    ----------
    cores : int
        The cores that make up 100 % CPU: those of its VM size, or of the machine if it has fewer.
    root : str
        The folder of the node.
    speed : float
        Seconds of lab time per real second.
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

    def ended(self, pid: int, began: float, files: tuple[bytes, bytes] | None = None) -> None:
        """Record a run that has ended; called on any thread.

        Parameters
        ----------
        pid : int
            The ID of its process, which is not yet reaped unless there are `files`.
        began : float
            When it was spawned, on the monotonic clock.
        files : tuple of bytes, optional
            What ``/proc/<pid>/stat`` and ``/proc/<pid>/io`` said before it was reaped.
        """
        if self._since is None:
            return
        tally = _Tally()
        if files is not None:
            tally.add_files(*files)
        else:
            with contextlib.suppress(psutil.Error):
                tally.add(psutil.Process(pid))
        with self._lock:
            self._ended.append((pid, began, time.monotonic(), tally))

    def measure(
        self, runs: Mapping[int, float], inside: Mapping[int, int] | None = None
    ) -> NodeUsage:
        """Return the usage since the last call; blocks, the first time for a fifth of a second.

        Parameters
        ----------
        runs : mapping
            The start time of each run, by its session.
        inside : mapping, optional
            The session in the container of a run, by its own session.
        """
        inside = inside or {}
        if self._since is None:
            self._look(runs, inside)
            time.sleep(GLANCE_S)
        return self._look(runs, inside)

    def _look(self, runs: Mapping[int, float], inside: Mapping[int, int]) -> NodeUsage:
        now = time.monotonic()
        since = now if self._since is None else self._since
        self._since = now
        with self._lock:
            ended, self._ended = self._ended, []
        tallies = _tallies(runs, inside)
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
        disk = [float(count) if known else None for count in counts]
        return NodeUsage(
            cpu_percent=min(100.0, 100 * cpu_s / ((now - since) * self._cores or 1)),
            wall_clock_seconds=seconds * self._speed,
            memory_megabytes=memory / 1e6,
            disk_gigabytes=_disk_used(self._root),
            disk_read_bytes=disk[0], disk_write_bytes=disk[1],
            disk_read_ops=disk[2], disk_write_ops=disk[3],
            network_in_bytes=network[0], network_out_bytes=network[1],
        )  # fmt: skip

    def _enter(self, pid: int, tally: _Tally, counts: list[int]) -> float:
        """Add a run's usage since the last measurement to the counts; return its CPU seconds."""
        before = self._seen.get(pid) or _Tally()
        for index, count in enumerate(tally.counts):
            counts[index] += max(0, count - before.counts[index])
        return max(0.0, tally.cpu_s - before.cpu_s)

    def _networked(self) -> tuple[float | None, float | None]:
        """Return the bytes received and sent by the machine since the last measurement."""
        try:
            counters = psutil.net_io_counters()
        except (OSError, psutil.Error):
            counters = None
        if counters is None:
            return None, None
        before, self._network = self._network, (counters.bytes_recv, counters.bytes_sent)
        if before is None:
            return 0.0, 0.0
        return (
            float(max(0, counters.bytes_recv - before[0])),
            float(max(0, counters.bytes_sent - before[1])),
        )


def _tallies(runs: Mapping[int, float], inside: Mapping[int, int]) -> dict[int, _Tally]:
    """Return the usage of the processes of each run."""
    tallies = {pid: _Tally() for pid in runs}
    run_of = {inside.get(pid, pid): pid for pid in runs}
    for pid in psutil.pids() if runs else ():
        with contextlib.suppress(OSError, psutil.Error):
            run = run_of.get(os.getsid(pid))
            if run is not None:
                tallies[run].add(psutil.Process(pid))
    return tallies


def _disk_used(path: str) -> float | None:
    try:
        return shutil.disk_usage(path).used / 1e9
    except OSError:
        return None
