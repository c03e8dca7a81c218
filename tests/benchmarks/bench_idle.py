"""What a lab costs while it waits: processor time of one core, files, memory and threads.

Each size is measured beside a `LocalCluster` of as many workers in this process, in turns.
Goals: 100 light nodes at most 3 % of a core, 200 at most 5 %, 1,000 at most 10 %; none well under
1 %; no file per node. Sizes can be given: ``bench_idle.py 0 100``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time

import psutil
from compare import fast_folder

import batchlab as bl

SECONDS = 8
SETTLE_S = 2
ROUNDS = 3
GOALS = {0: "1 %", 20: "3 %", 100: "3 %", 200: "5 %", 1000: "10 %"}


class Waiting:
    """What this process uses, from a moment on."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.files, self.memory = self.process.num_fds(), self.process.memory_info().rss
        self.cpu, self.time = time.process_time(), time.perf_counter()

    def started(self, count: int) -> str:
        """What has been spent since then to start so many nodes."""
        cpu, took = time.process_time() - self.cpu, time.perf_counter() - self.time
        memory = (self.process.memory_info().rss - self.memory) / 1e6
        files = self.process.num_fds() - self.files
        each = f"{memory / count * 1000:4.0f} kB a node" if count else ""
        return f"started in {took:5.1f} s ({cpu:4.1f} s CPU), {files} files, {each}"

    @staticmethod
    def share() -> float:
        """Per cent of a core while nothing is done."""
        time.sleep(SETTLE_S)
        cpu, begin = time.process_time(), time.perf_counter()
        time.sleep(SECONDS)
        return 100 * (time.process_time() - cpu) / (time.perf_counter() - begin)


def light(count: int) -> tuple[float, str]:
    with bl.Lab() as lab:
        before = Waiting()
        if count:
            lab.create_pool("p", target_dedicated_nodes=count).nodes.wait("idle")
        said = before.started(count)
        share = Waiting.share()
        cpu, begin = time.process_time(), time.perf_counter()
    ended = time.perf_counter() - begin
    return share, f"{said}, ended in {ended:.1f} s ({time.process_time() - cpu:.1f} s CPU)"


def local_cluster(count: int) -> tuple[float, str]:
    from distributed import LocalCluster

    before = Waiting()
    with LocalCluster(
        n_workers=count, threads_per_worker=1, processes=False, dashboard_address=None
    ):
        said = before.started(count)
        return Waiting.share(), said


def main() -> None:
    tempfile.tempdir = fast_folder()
    os.environ["DASK_TEMPORARY_DIRECTORY"] = fast_folder()
    light(1), local_cluster(1)  # everything is imported now
    for count in [int(text) for text in sys.argv[1:]] or [0, 20, 100, 200, 1000]:
        rounds = [
            (light(count), local_cluster(count)) for _ in range(ROUNDS if count < 500 else 1)
        ]
        ours, dask = zip(*rounds, strict=True)
        mine, other = (statistics.median(share for share, _ in kind) for kind in (ours, dask))
        print(f"\n{count} light nodes that wait   (goal: {GOALS.get(count, '-')})")
        print(f"  batchlab                       {mine:6.2f} % of a core   {ours[-1][1]}")
        print(f"  LocalCluster(processes=False)  {other:6.2f} % of a core   {dask[-1][1]}")
    print(f"\nthreads at the end: {threading.active_count()}")


if __name__ == "__main__":
    main()
