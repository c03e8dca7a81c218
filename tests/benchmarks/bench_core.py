"""The core alone: microseconds per input and bytes per queued task, at two sizes.

Each round feeds a whole life: a pool comes up, tasks are created in requests of 100, each run
exits and the next starts, until all are completed. Beside it a calibration loop, the dictionary,
heap and attribute work of a comparable count of plain Python operations, in the same rounds.
Goals: at most 15 µs per input at both sizes, aiming at 10; growth of at most 1.5 times, 2 kB per
queued task.
"""

from __future__ import annotations

import cProfile
import gc
import heapq
import pstats
import statistics
import sys
import time
import tracemalloc
from collections import deque

from compare import alternate, report

from batchlab.core.machine import Core
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import StartNode, StartRun
from batchlab.core.model import JobSpec, PoolSpec, TaskSpec

CHUNK = 100
SMALL = (1_000, 10)
LARGE = (100_000, 1_000)


def specs_of(count: int) -> list[tuple[TaskSpec, ...]]:
    """Requests' worth of tasks, made before the clock runs."""
    made = [TaskSpec(id=f"t{n:06}", command_line=f"render {n}") for n in range(count)]
    return [tuple(made[n : n + CHUNK]) for n in range(0, count, CHUNK)]


def begin(nodes: int) -> Core:
    """A core with a job, and a pool whose nodes have been asked for."""
    core = Core()
    spec = PoolSpec(id="p", vm_size="large", target_dedicated_nodes=nodes, task_slots_per_node=4)
    for command in core.handle(0.0, inputs.CreatePool(spec=spec)).commands:
        assert isinstance(command, StartNode)
        node, boot = command.node_id, command.boot
        core.handle(0.0, facts.NodeAllocated(node_id=node, boot=boot, ip_address="10.0.0.4"))
        core.handle(0.0, facts.NodeStarted(node_id=node, boot=boot))
    core.handle(0.0, inputs.CreateJob(spec=JobSpec(id="j", pool_info="p")))
    return core


def live(tasks: int, nodes: int, requests: list[tuple[TaskSpec, ...]]) -> float:
    """Microseconds per input; an input is a task that is created, or a run that exits."""
    core = begin(nodes)
    under_way: deque[StartRun] = deque()
    now = 0.0
    gc.collect()
    start = time.process_time()
    for specs in requests:
        under_way += core.handle(now, inputs.CreateTasks(job_id="j", specs=specs)).commands
    while under_way:
        now += 0.001
        report = facts.RunExited(run_id=under_way.popleft().run_id, exit_code=0)
        under_way += core.handle(now, report).commands
    seconds = time.process_time() - start
    assert core.state.jobs["j"].succeeded == tasks
    return seconds / (2 * tasks) * 1e6


def calibration() -> float:
    """Microseconds for a fixed bundle of plain Python work."""
    start = time.process_time()
    count = 20_000
    table: dict[str, list[int]] = {}
    heap: list[tuple[float, int]] = []
    for number in range(count):
        key = f"t{number}"
        table[key] = [number, number + 1]
        heapq.heappush(heap, ((number * 7919) % count, number))
    while heap:
        _, number = heapq.heappop(heap)
        table.pop(f"t{number}").append(0)
    return (time.process_time() - start) / count * 1e6


def bytes_per_task(count: int = 20_000) -> float:
    """What a task costs while it waits in the queue, with its spec."""
    core = Core()
    core.handle(0.0, inputs.CreateJob(spec=JobSpec(id="j", pool_info="p")))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    requests = specs_of(count)
    while requests:
        core.handle(0.0, inputs.CreateTasks(job_id="j", specs=requests.pop()))
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / count


def profile() -> None:
    """Where the time goes, at the large size."""
    requests = specs_of(20_000)
    profiler = cProfile.Profile()
    profiler.runcall(live, 20_000, 1_000, requests)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Print all figures; with ``--profile``, where the time goes instead."""
    if "--profile" in sys.argv:
        profile()
        return
    small, large = specs_of(SMALL[0]), specs_of(LARGE[0])

    def many_small() -> float:
        return statistics.median(live(*SMALL, small) for _ in range(20))

    results = alternate(
        {
            "calibration (plain Python)": calibration,
            f"{SMALL[0]:,} tasks, {SMALL[1]:,} nodes": many_small,
            f"{LARGE[0]:,} tasks, {LARGE[1]:,} nodes": lambda: live(*LARGE, large),
        },
        rounds=3,
    )
    report("Core: one input", results, "µs (CPU)", "calibration (plain Python)", "15 µs")
    _, few, many = (statistics.median(values) for values in results.values())
    print(f"\n  growth from the small to the large size: x {many / few:.2f}   (goal: 1.5)")
    print(f"  a queued task with its spec: {bytes_per_task():,.0f} bytes   (goal: 2,000)")


if __name__ == "__main__":
    main()
