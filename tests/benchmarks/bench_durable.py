"""What a journal costs, and how fast a lab is opened again.

The same simulated lives run in turns, without a journal and with one that is flushed or synced;
their ratio is the cost. Then a lab of 100,000 tasks is opened from its folder.
Goals: at most 5 % of the throughput for a flush; a lab of 100,000 tasks opens within 2 s.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from compare import alternate, report

import batchlab as bl
from batchlab.drivers.snapshots import compact, segments

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


def opening(folder: Path) -> float:
    begin = time.perf_counter()
    lab = bl.SimulatedLab(journal=folder)
    seconds = time.perf_counter() - begin
    assert len(lab.jobs["j"].tasks) == MANY
    lab.close()
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lives = {"no journal": lambda: real(None), "journal": lambda: real(folder)}
        report("real commands on light nodes", alternate(lives, 9), "tasks/s", "no journal",
               "0.95 of no journal")  # fmt: skip
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
        size = sum(path.stat().st_size for path in many.glob("s*-*"))
        compact(many, segments(many)[-1])
        after = sum(path.stat().st_size for path in many.glob("s*-*"))
        print(f"\n{MANY:,} tasks: {size / 2**20:.0f} MiB, {after / 2**20:.0f} MiB when compacted")
        opened = {"open": lambda: opening(many)}
        report("opening a lab of 100,000 tasks", alternate(opened, 3), "s", "open", "2 s")
        shutil.rmtree(many)


if __name__ == "__main__":
    main()
