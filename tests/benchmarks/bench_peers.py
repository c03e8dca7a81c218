"""The same command tasks, two at a time, with batchlab and with what else runs tasks.

``python tests/benchmarks/bench_peers.py [TASKS [ROUNDS [NAME ...]]]``; a name is part of that of
a contender. It prints the table that README shows. A contender that is not installed is skipped by
name; ``--install`` says how to get all of them. Each run has a process of its own. The clock runs
from the first task that is submitted to the last that is known to have ended, on what has already
started and run a few; CPU is that of all processes that take part, daemons included.

Goals: light nodes at least 1.8 times as fast as Ray, 2.5 times Dask's `map` with a saturation of
inf, 3.5 times Parsl, 4 times HyperQueue, 5 times GNU parallel.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from math import isnan, nan
from operator import truediv
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from compare import Stopwatch, alternate, fast_folder, used_s
from contenders import ENVIRONMENT, batchlab, folders, in_c, processes, spawn, xargs

TASKS, ROUNDS = 2000, 5
INSTALL = """\
pip install ray parsl hyperqueue distributed
apt-get install parallel gcc findutils"""


def dask_map(root: str, tasks: int, watch: Stopwatch, *, saturation: Any) -> None:
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.worker-saturation": saturation}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(spawn, folders(root, 4, "first-"), pure=False))
        with watch:
            client.gather(client.map(spawn, folders(root, tasks), pure=False))


def ray_remote(root: str, tasks: int, watch: Stopwatch) -> None:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    run = ray.remote(spawn)
    ray.get([run.remote(directory) for directory in folders(root, 4, "first-")])
    with watch:
        ray.get([run.remote(directory) for directory in folders(root, tasks)])
    ray.shutdown()


def parsl_htex(root: str, tasks: int, watch: Stopwatch, *, tuned: bool) -> None:
    import parsl
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    more = {"prefetch_capacity": 20, "poll_period": 1} if tuned else {}
    executor = HighThroughputExecutor(
        max_workers_per_node=2, cores_per_worker=1, address="127.0.0.1",
        provider=LocalProvider(init_blocks=1, max_blocks=1), **more,
    )  # fmt: skip

    def command(directory: str, stdout: str = "", stderr: str = "") -> str:
        return f"mkdir -p {directory}/wd && cd {directory}/wd && exec /bin/true"

    with parsl.load(Config([executor], run_dir=f"{root}/runs", initialize_logging=not tuned)):
        app = parsl.bash_app(command)

        def run(kind: str, count: int) -> None:
            started = [
                app(directory, stdout=f"{directory}/stdout.txt", stderr=f"{directory}/stderr.txt")
                for directory in folders(root, count, kind)
            ]
            for future in started:
                future.result()

        run("first-", 4)
        with watch:
            run("", tasks)


def hyperqueue_job(root: str, tasks: int, watch: Stopwatch) -> None:
    from hyperqueue import Job
    from hyperqueue.cluster import LocalCluster, WorkerConfig

    def job(kind: str, count: int) -> Job:
        made = Job()
        for directory in folders(root, count, kind):
            Path(directory, "wd").mkdir(parents=True)
            made.program(
                ["/bin/true"], cwd=f"{directory}/wd", env=ENVIRONMENT,
                stdout=f"{directory}/stdout.txt", stderr=f"{directory}/stderr.txt",
            )  # fmt: skip
        return made

    with LocalCluster(f"{root}/server", WorkerConfig(cores=2)) as cluster:
        client = cluster.client()
        client.wait_for_jobs([client.submit(job("first-", 4))])
        with watch:
            client.wait_for_jobs([client.submit(job("", tasks))])


def gnu_parallel(root: str, tasks: int, watch: Stopwatch) -> None:
    names = "\n".join(map(str, range(tasks)))
    with watch:
        subprocess.run(
            ["parallel", "--will-cite", "-j2", "--results", f"{root}/{{}}/", "/bin/true #"],
            input=names, text=True, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
        )  # fmt: skip


class Contender(NamedTuple):
    """A way to run the tasks, and the modules or programs that it needs."""

    run: Callable[[str, int, Stopwatch], None]
    needs: str = ""


def _batchlab(**how: Any) -> Contender:
    return Contender(lambda _, tasks, watch: batchlab(tasks, watch, **how), "import batchlab")


CONTENDERS = {
    "batchlab, 2 light nodes x 2 slots": _batchlab(slots=2, processes=False),
    "batchlab, 2 process nodes x 1 slot": _batchlab(slots=1, processes=True),
    "C, posix_spawn": Contender(in_c, "cc"),
    "Popen in two processes": Contender(processes),
    "xargs -P2, directories made before": Contender(xargs, "xargs"),
    "xargs -P2, mkdir in each task": Contender(partial(xargs, before=False), "xargs"),
    "Dask map, saturation inf": Contender(
        partial(dask_map, saturation=float("inf")), "import distributed"
    ),
    "Dask map, default": Contender(partial(dask_map, saturation=1.1), "import distributed"),
    "Ray": Contender(ray_remote, "import ray"),
    "Parsl HTEX, prefetch 20": Contender(partial(parsl_htex, tuned=True), "import parsl"),
    "Parsl HTEX, default": Contender(partial(parsl_htex, tuned=False), "import parsl"),
    "HyperQueue (PyPI)": Contender(hyperqueue_job, "import hyperqueue"),
    "GNU parallel --results": Contender(gnu_parallel, "parallel"),
}


def is_missing(need: str) -> bool:
    """Whether a module or a program is not installed."""
    module = need.removeprefix("import ")
    if module != need:
        return find_spec(module) is None
    return bool(need) and shutil.which(need) is None


# -- one run, in a process of its own -------------------------------------------------------------

MARK = "BATCHLAB_BENCHMARK"


class MarkedStopwatch(Stopwatch):
    """Counts the CPU of all processes with our mark: daemons are not below this process."""

    def cpu_s_now(self) -> float:
        total = 0.0
        for process in marked(os.environ[MARK]):
            with suppress(psutil.Error):  # it has just ended
                total += used_s(process)
        return total


def marked(mark: str) -> set[psutil.Process]:
    """The processes that a contender started, and that still run.

    A daemon keeps the mark, but is below no process of ours; one that has changed its title has
    lost it, but is below one that has it.
    """
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found |= {process, *process.children(recursive=True)}
    return found


def run_here(name: str, root: str, tasks: int) -> None:
    """Run one contender and print its seconds and its CPU seconds."""
    watch = MarkedStopwatch()
    CONTENDERS[name].run(root, tasks, watch)
    print(json.dumps([watch.wall_s, watch.cpu_s]), flush=True)


def run_alone(name: str, tasks: int) -> tuple[float, float]:
    """Run one contender in a new process; return its seconds and its CPU seconds."""
    root = tempfile.mkdtemp(dir=fast_folder())
    mark = Path(root).name
    own = {**os.environ, MARK: mark, "TMPDIR": root, "PYTHONPATH": str(Path(__file__).parent)}
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--one", name, root, str(tasks)],
            env=own, cwd=root, capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        for left in marked(mark):
            with suppress(psutil.Error):
                left.kill()
        shutil.rmtree(root, ignore_errors=True)
    wall_s, cpu_s = json.loads(done.stdout.splitlines()[-1])
    return wall_s, cpu_s


# -- all of them ----------------------------------------------------------------------------------


def table(rates: dict[str, list[float]], cpu: dict[str, list[float]], base: str) -> str:
    """The results as a table of Markdown; ratios are medians over the rounds."""
    lines = ["| | tasks per second | so many times as fast is the first | CPU of a task |"]
    lines.append("|---|---:|---:|---:|")
    for name, theirs in rates.items():
        ratio = statistics.median(map(truediv, rates[base], theirs))
        rate, used = statistics.median(theirs), statistics.median(cpu[name])
        lines.append(f"| {name} | {rate:,.0f} | {ratio:.2f} | {used:,.0f} µs |")
    return "\n".join(lines)


def main() -> None:
    """Run all contenders in turns, and print the table."""
    arguments = sys.argv[1:]
    if "--install" in arguments:
        print(INSTALL)
        return
    if arguments[:1] == ["--one"]:
        run_here(arguments[1], arguments[2], int(arguments[3]))
        return
    tasks = int(arguments[0]) if arguments else TASKS
    rounds = int(arguments[1]) if len(arguments) > 1 else ROUNDS
    names = arguments[2:]
    chosen = [name for name in CONTENDERS if not names or any(part in name for part in names)]
    for name in chosen:
        if is_missing(CONTENDERS[name].needs):
            print(f"skipped, not installed (--install says how): {name}")
    chosen = [name for name in chosen if not is_missing(CONTENDERS[name].needs)]
    cpu: dict[str, list[float]] = {name: [] for name in chosen}

    def rate(name: str) -> float:
        try:
            wall_s, cpu_s = run_alone(name, tasks)
        except subprocess.CalledProcessError as error:
            why = error.stderr.strip().splitlines()[-1:] or [str(error)]
            print(f"failed, left out: {name}: {why[0]}", flush=True)
            return nan
        cpu[name].append(1e6 * cpu_s / tasks)
        print(f"  {name:36s} {tasks / wall_s:8,.0f} tasks/s {cpu[name][-1]:8,.0f} µs CPU",
              flush=True)  # fmt: skip
        return tasks / wall_s

    rates = alternate({name: partial(rate, name) for name in chosen}, rounds)
    rates = {name: found for name, found in rates.items() if not any(map(isnan, found))}
    print(f"\n{tasks:,} tasks on {os.cpu_count()} cores, medians of {rounds} rounds:\n")
    print(table(rates, cpu, next(iter(rates))))


if __name__ == "__main__":
    main()
