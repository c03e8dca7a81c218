"""2,000 no-op command tasks on two nodes, beside C, xargs, bare Popen and Dask's own map.

``python tests/benchmarks/bench_commands.py [TASKS [ROUNDS [NAME ...]]]``; a name is part of
that of a contender. CPU is that of all processes, with those that they started.

Goals: on light nodes with 2 slots, at least 0.55, aiming at 0.65, of a program in C that does what
a node does for a task; on nodes that are processes with 1 slot, 0.48, aiming at 0.6. At least 1.1
times ``xargs -P2`` with directories that exist. At most 500 us of CPU a task, aiming at 300, above
those of bare `Popen`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from compare import Stopwatch, alternate, compiled, fast_folder, report

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
NAMES = sys.argv[3:]
os.environ["TMPDIR"] = tempfile.tempdir = fast_folder()
ENVIRONMENT = {**os.environ, **{f"AZ_BATCH_{n}": "some value of usual length" for n in range(20)}}
CPU: dict[str, list[float]] = {}


def spawn(directory: str) -> int:
    """What a node does for a task, without a service around it."""
    wd = f"{directory}/wd"
    Path(wd).mkdir(parents=True)
    out, err = Path(f"{directory}/stdout.txt"), Path(f"{directory}/stderr.txt")
    with out.open("wb") as stdout, err.open("wb") as stderr:
        return subprocess.Popen(
            ["/bin/true"], stdout=stdout, stderr=stderr, cwd=wd, env=ENVIRONMENT,
            close_fds=False, start_new_session=True,
        ).wait()  # fmt: skip


def in_c(root: str, watch: Stopwatch) -> None:
    program = compiled(Path(__file__).with_name("spawn.c"))
    with watch:
        subprocess.run([program, root, str(TASKS), "2"], check=True, env=ENVIRONMENT)


def threads(root: str, watch: Stopwatch) -> None:
    with watch, ThreadPoolExecutor(2) as pool:
        list(pool.map(spawn, [f"{root}/{number}" for number in range(TASKS)]))


def processes(root: str, watch: Stopwatch) -> None:
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(spawn, [f"{root}/first-{number}" for number in range(4)]))
        with watch:
            list(pool.map(spawn, [f"{root}/{n}" for n in range(TASKS)], chunksize=20))


def xargs(root: str, watch: Stopwatch, *, before: bool = True) -> None:
    script = "cd $0/wd; exec /bin/true >../stdout.txt 2>../stderr.txt"
    names = [f"{root}/{number}" for number in range(TASKS)]
    if before:
        for name in names:
            Path(name, "wd").mkdir(parents=True)
    else:
        script = f"mkdir -p $0/wd; {script}"
    with watch:
        subprocess.run(
            ["xargs", "-P2", "-n1", "sh", "-c", script], input="\n".join(names), text=True,
            check=True, env=ENVIRONMENT,
        )  # fmt: skip


def dask_map(root: str, watch: Stopwatch) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
        watch,
    ):
        client.gather(client.map(spawn, [f"{root}/{n}" for n in range(TASKS)], pure=False))


def batchlab(slots: int, processes: bool, watch: Stopwatch) -> None:
    import batchlab as bl

    with bl.Lab(processes=processes) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=slots)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        with watch:
            job.create_tasks(["/bin/true"] * TASKS)
            job.tasks.wait()
        assert job.counts.succeeded == TASKS


CONTENDERS = {
    "C, posix_spawn": in_c,
    "xargs -P2, directories before": xargs,
    "xargs -P2, own directories": lambda root, watch: xargs(root, watch, before=False),
    "Popen, two processes": processes,
    "Popen, two threads": threads,
    "batchlab, light nodes 2x2": lambda _, watch: batchlab(2, False, watch),
    "batchlab, process nodes 2x1": lambda _, watch: batchlab(1, True, watch),
    "batchlab, process nodes 2x2": lambda _, watch: batchlab(2, True, watch),
    "Dask client.map": dask_map,
}


def measured(name: str) -> float:
    """Run one contender; return tasks per second, and note its CPU."""
    root, watch = tempfile.mkdtemp(), Stopwatch()
    try:
        CONTENDERS[name](root, watch)
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
        if base.startswith(("C,", "xargs -P2, dir", "Dask")):
            report(f"{title}, tasks per second", results, "tasks/s", base)
    base = next((name for name in chosen if name.startswith("Popen")), chosen[0])
    report(f"{title}, CPU of a task", CPU, "us", base)
