"""The tenth job on a pool beside the first: clean-up of earlier jobs must not slow later ones.

Run it on the disk that nodes really use. Goal: at most 1.2 times.
"""

from __future__ import annotations

import statistics
import sys
import time

import batchlab as bl

TASKS, JOBS = 500, 10


def main() -> None:
    times: list[list[float]] = [[] for _ in range(JOBS)]
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        with bl.Lab() as lab:
            pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=2)
            pool.nodes.wait("idle")
            for number in range(JOBS):
                job = lab.create_job(f"j{number}", pool)
                begin = time.perf_counter()
                job.create_tasks(["/bin/true"] * TASKS)
                job.tasks.wait()
                times[number].append(time.perf_counter() - begin)
                job.delete()
                job.wait("deleted")
    medians = [statistics.median(column) for column in times]
    print(f"\n{JOBS} jobs of {TASKS} tasks, each deleted before the next   (goal: 1.2)")
    print("  seconds: " + "  ".join(f"{value:.2f}" for value in medians))
    print(f"  tenth / first: x {medians[-1] / medians[0]:.2f}")


if __name__ == "__main__":
    main()
