"""2,000 no-op command tasks on two nodes, beside C, xargs, bare Popen and Dask's own map.

``python tests/benchmarks/bench_commands.py [TASKS [ROUNDS [NAME ...]]]``; a name is part of
that of a contender. CPU is that of all processes, with those that they started.

Goals: on light nodes with 2 slots, at least 0.55, aiming at 0.65, of a program in C that does what
a node does for a task; on nodes that are processes with 1 slot, 0.48, aiming at 0.6. At least 1.1
times ``xargs -P2`` with directories that exist. At most 500 us of CPU a task, aiming at 300, above
those of bare `Popen`. With a live display, at least 0.95 of the rate without.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import partial

from compare import Stopwatch, alternate, fast_folder, report
from contenders import batchlab, folders, in_c, processes, spawn, threads, xargs

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
NAMES = sys.argv[3:]
os.environ["TMPDIR"] = tempfile.tempdir = fast_folder()
CPU: dict[str, list[float]] = {}


def dask_map(root: str, tasks: int, watch: Stopwatch) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
        watch,
    ):
        client.gather(client.map(spawn, folders(root, tasks), pure=False))


CONTENDERS = {
    "C, posix_spawn": in_c,
    "xargs -P2, directories before": xargs,
    "xargs -P2, own directories": partial(xargs, before=False),
    "Popen, two processes": processes,
    "Popen, two threads": threads,
    "batchlab, light nodes 2x2": lambda _, n, watch: batchlab(n, watch, slots=2, processes=False),
    "batchlab, light nodes 2x2, live display": lambda _, n, watch: batchlab(
        n, watch, slots=2, processes=False, display=True
    ),
    "batchlab, process nodes 2x1": lambda _, n, watch: batchlab(n, watch, slots=1, processes=True),
    "batchlab, process nodes 2x2": lambda _, n, watch: batchlab(n, watch, slots=2, processes=True),
    "Dask client.map": dask_map,
}


def measured(name: str) -> float:
    """Run one contender; return tasks per second, and note its CPU."""
    root, watch = tempfile.mkdtemp(), Stopwatch()
    try:
        CONTENDERS[name](root, TASKS, watch)
    finally:
        shutil.rmtree(root)
    CPU.setdefault(name, []).append(1e6 * watch.cpu_s / TASKS)
    return TASKS / watch.wall_s


def missing(name: str) -> str | None:
    """The program that a contender needs and that is not here."""
    program = "cc" if name.startswith("C,") else "xargs" if name.startswith("xargs") else "sh"
    return None if shutil.which(program) else program


if __name__ == "__main__":
    chosen = [name for name in CONTENDERS if not NAMES or any(part in name for part in NAMES)]
    for name in filter(missing, chosen):
        print(f"skipped, as there is no {missing(name)}: {name}")
    chosen = [name for name in chosen if not missing(name)]
    results = alternate({name: lambda name=name: measured(name) for name in chosen}, ROUNDS)
    title = f"{TASKS} no-op command tasks"
    for base in chosen:
        if base.startswith(("C,", "xargs -P2, dir", "Dask")) or base.endswith("light nodes 2x2"):
            report(f"{title}, tasks per second", results, "tasks/s", base)
    base = next((name for name in chosen if name.startswith("Popen")), chosen[0])
    report(f"{title}, CPU of a task", CPU, "us", base)
