"""A simulated day: 1,000 nodes x 4 slots, 100,000 tasks of about 15 minutes.

Beside it the least that any simulator does: a bare `heapq` loop with the same starts and ends.
``python tests/benchmarks/bench_simulated_day.py [ROUNDS] [--large]``; the large day has 10,000
nodes and 1,000,000 tasks. All times are CPU seconds: others may work on the machine. Goals: the
day in at most 4 s, aiming at 2.5; the large one in at most 60 s and 1.2 GB (in one round).
"""

from __future__ import annotations

import gc
import heapq
import resource
import statistics
import sys
import time
from random import Random

from compare import alternate, report

import batchlab as bl

LARGE = "--large" in sys.argv
SLOTS = 4
NODES, TASKS, GOAL = (10_000, 1_000_000, "60 s") if LARGE else (1000, 100_000, "4 s")
JITTER = 0.2


wall: list[float] = []
"""Seconds on the clock for each simulated day."""


def simulated() -> float:
    """Seconds from the first task to the last with the façade; also checks what came out."""
    gc.collect()  # an earlier day
    lab = bl.SimulatedLab(seed=7, workload=bl.Workload("15m", jitter=JITTER))
    pool = lab.create_pool("p", target_dedicated_nodes=NODES, task_slots_per_node=SLOTS)
    job = lab.create_job("j", pool)
    specs = [bl.TaskSpec(id=f"t{n:06}", command_line=f"render {n}") for n in range(TASKS)]
    begin, begin_cpu = time.perf_counter(), time.process_time()
    job.create_tasks(specs)
    job.tasks.wait()
    seconds = time.process_time() - begin_cpu
    wall.append(time.perf_counter() - begin)
    assert job.counts.succeeded == TASKS
    lab.close()
    return seconds


def bare() -> float:
    """Seconds for a heap of the same events."""
    random = Random(7)
    waiting = list(range(TASKS))[::-1]
    heap: list[tuple[float, int, int]] = []
    done: list[int] = []
    begin = time.process_time()
    now, free, count = 0.0, NODES * SLOTS, 0
    while waiting or heap:
        while free and waiting:
            free -= 1
            count += 1
            length = 900 * random.uniform(1 - JITTER, 1 + JITTER)
            heapq.heappush(heap, (now + length, count, waiting.pop()))
        now, _, task = heapq.heappop(heap)
        done.append(task)
        free += 1
    seconds = time.process_time() - begin
    assert len(done) == TASKS
    return seconds


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--large"]
    rounds = int(words[0]) if words else 3
    results = alternate({"simulated lab": simulated, "bare heapq loop": bare}, rounds)
    report("A simulated day", results, "s (CPU)", "bare heapq loop", GOAL)
    median = statistics.median(results["simulated lab"])
    print(f"  {TASKS / median:,.0f} tasks/s, {1e6 * median / TASKS:.0f} µs per task")
    print(f"  on the clock: {statistics.median(wall):.3g} s")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    print(f"  at most {peak:.2f} GB of memory" + ("   (goal: 1.2 GB)" if LARGE else ""))
