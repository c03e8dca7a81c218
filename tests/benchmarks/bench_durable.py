"""What a journal costs, and how fast a lab is opened again.

The same simulated lives run in turns, without a journal and with one that is flushed or synced;
their ratio is the cost; as a busy machine blurs it, what the journal's writing takes of the
processor time is measured as well. Then a lab of 100,000 tasks is opened from its folder; its
state has to be the one that lived, bit for bit.
Goals: at most 5 % of the throughput for a flush; a lab of 100,000 tasks opens within 2 s.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from compare import alternate, report

import batchlab as bl
from batchlab.drivers.durable import JournalFolder
from batchlab.drivers.freezing import freeze
from batchlab.drivers.snapshots import compact, recover, segments

TASKS = 2_000
MANY = 100_000
_numbers = count()


def live(folder: Path | None, **options: Any) -> float:
    """Tasks per second of a service whose nodes cost nothing."""
    journal = {} if folder is None else {"journal": folder / f"lab{next(_numbers)}", **options}
    with bl.SimulatedLab(workload=bl.Workload("10s"), **journal) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=50, task_slots_per_node=4)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        begin = time.perf_counter()
        job.create_tasks(["render"] * TASKS)
        job.tasks.wait()
        return TASKS / (time.perf_counter() - begin)


def real(folder: Path | None) -> float:
    """Real commands on light nodes, per second of this process's time."""
    journal = {} if folder is None else {"journal": folder / f"lab{next(_numbers)}"}
    with bl.Lab(**journal) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=4)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        begin = time.process_time()
        job.create_tasks(["/bin/true"] * 200)
        job.tasks.wait()
        return 200 / (time.process_time() - begin)


def share(folder: Path) -> float:
    """Per cent of the processor time of real commands that the journal takes."""
    write, spent = JournalFolder.write, [0.0]

    def timed(self: JournalFolder, entries: Any) -> None:
        begin = time.thread_time()
        write(self, entries)
        spent[0] += time.thread_time() - begin

    JournalFolder.write = timed  # type: ignore[method-assign]
    try:
        total = 200 / real(folder)
        return 100 * spent[0] / total
    finally:
        JournalFolder.write = write  # type: ignore[method-assign]


def opening(folder: Path, clock: Callable[[], float]) -> float:
    begin = clock()
    lab = bl.SimulatedLab(journal=folder)
    seconds = clock() - begin
    assert len(lab.jobs["j"].tasks) == MANY
    lab.close()
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lives = {"no journal": lambda: real(None), "journal": lambda: real(folder)}
        report("real commands on light nodes", alternate(lives, 9), "tasks/s", "no journal",
               "0.95 of no journal")  # fmt: skip
        taken = {"journal": lambda: share(folder)}
        report("of their processor time", alternate(taken), "%", "journal", "5 %")
        lives = {
            "no journal": lambda: live(None),
            "journal": lambda: live(folder),
            "journal, fsync": lambda: live(folder, durability="fsync"),
        }
        report("the core alone, on a virtual clock", alternate(lives), "tasks/s", "no journal")
        many = folder / "many"
        with bl.SimulatedLab(workload=bl.Workload("10s"), journal=many) as lab:
            pool = lab.create_pool("p", target_dedicated_nodes=1000, task_slots_per_node=4)
            job = lab.create_job("j", pool)
            for _ in range(MANY // 1000):
                job.create_tasks(["render"] * 1000)
            lab.advance("200s")
        lived = freeze(lab._connection.engine.core, shared=False)
        size = sum(path.stat().st_size for path in many.glob("s*-*"))
        compact(many, segments(many)[-1])
        after = sum(path.stat().st_size for path in many.glob("s*-*"))
        print(f"\n{MANY:,} tasks: {size / 2**20:.0f} MiB, {after / 2**20:.0f} MiB when compacted")
        found = recover(many)
        assert found is not None
        assert freeze(found.core, shared=False) == lived, "another state"
        opened = {
            "open": lambda: opening(many, time.perf_counter),
            "open, processor time": lambda: opening(many, time.process_time),
        }
        report("opening a lab of 100,000 tasks", alternate(opened, 3), "s", "open", "2 s")
        shutil.rmtree(many)


if __name__ == "__main__":
    main()
