"""Jobs of tasks that wait for each other, drained in a simulated lab: does time grow with tasks?

Each shape is drained at two sizes, in turns, and beside it a job of the same tasks without
dependencies: microseconds of CPU for a task, its creation and its run. Goal: 100,000 tasks cost at
most 1.5 times as much each as 10,000.

The shapes: a *chain* by ids, each task after the one before; the same *backwards*, the last made
first; a chain by ranges of one number; *fan-out*, all after one; *fan-in*, one after all; *layers*
of 100, each after the whole layer before, as a range; *windows*, each after 50 numbers of its own;
*prefixes*, each of the second half after all numbers before it. With names of shapes only those;
``--quick`` for 1,000 beside 10,000.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable

from compare import alternate, report

import batchlab as bl

FEW, MANY = 10_000, 100_000
NODES, SLOTS = 25, 4
Specs = list[bl.TaskSpec]


def task(number: int, after: bl.TaskDependencies | None = None) -> bl.TaskSpec:
    """A task whose id is a number."""
    return bl.TaskSpec(id=str(number), command_line="render", depends_on=after)


def span(start: int, end: int) -> bl.TaskDependencies:
    """All numbers from the one to the other."""
    return bl.TaskDependencies(task_id_ranges=[bl.TaskIdRange(start=start, end=end)])


def plain(count: int) -> Specs:
    """No dependencies."""
    return [task(n) for n in range(count)]


def chain(count: int) -> Specs:
    """Each after the one before."""
    ids = [bl.TaskDependencies(task_ids=[str(n)]) for n in range(count - 1)]
    return [task(0), *(task(n + 1, after) for n, after in enumerate(ids))]


def backwards(count: int) -> Specs:
    """The same, the last first."""
    return chain(count)[::-1]


def chain_of_ranges(count: int) -> Specs:
    """Each after the number before."""
    return [task(0), *(task(n, span(n - 1, n - 1)) for n in range(1, count))]


def fan_out(count: int) -> Specs:
    """All after the first."""
    first = bl.TaskDependencies(task_ids=["0"])
    return [task(0), *(task(n, first) for n in range(1, count))]


def fan_in(count: int) -> Specs:
    """The last after all others."""
    return [*(task(n) for n in range(count - 1)), task(count - 1, span(0, count - 2))]


def layers(count: int) -> Specs:
    """Each layer of 100 after the one before."""
    spans = [span(max(0, n - 100), max(0, n - 1)) for n in range(0, count, 100)]
    return [task(n, spans[n // 100] if n >= 100 else None) for n in range(count)]


def windows(count: int) -> Specs:
    """Each after 50 numbers, 100 before it."""
    return [task(n, span(n - 150, n - 101) if n >= 150 else None) for n in range(count)]


def prefixes(count: int) -> Specs:
    """Each of the second half after all before it."""
    return [task(n, span(0, n - 1) if n >= count // 2 else None) for n in range(count)]


SHAPES: dict[str, Callable[[int], Specs]] = {
    shape.__name__: shape
    for shape in (
        plain, chain, backwards, chain_of_ranges, fan_out, fan_in, layers, windows, prefixes,
    )
}  # fmt: skip


def drain(specs: Specs) -> float:
    """Microseconds of CPU for each task, from its creation to its end."""
    lab = bl.SimulatedLab(boot="1s", workload=bl.Workload("10s"))
    lab.create_pool("p", vm_size="large", target_dedicated_nodes=NODES, task_slots_per_node=SLOTS)
    job = lab.create_job("j", "p", uses_task_dependencies=True)
    gc.collect()
    begin = time.process_time()
    job.create_tasks(specs)
    job.tasks.wait()
    seconds = time.process_time() - begin
    assert job.counts.succeeded == len(specs)
    lab.close()
    return seconds / len(specs) * 1e6


def main() -> None:
    """Print each shape at both sizes."""
    chosen = [name for name in sys.argv[1:] if name in SHAPES] or list(SHAPES)
    few, many = (1_000, 10_000) if "--quick" in sys.argv else (FEW, MANY)
    for name in chosen:
        small, large = SHAPES[name](few), SHAPES[name](many)
        results = alternate(
            {
                f"{few:,} tasks": lambda small=small: statistics.median(
                    drain(small) for _ in range(3)
                ),
                f"{many:,} tasks": lambda large=large: drain(large),
            },
            rounds=1 if many == MANY else 3,
        )
        report(f"{name}: {SHAPES[name].__doc__}", results, "µs a task", f"{few:,} tasks", "x 1.5")


if __name__ == "__main__":
    main()
