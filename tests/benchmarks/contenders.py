"""Ways to run command tasks two at a time, for the benchmarks that compare them.

Each takes an empty folder, the number of tasks, and a stopwatch that it starts when it is ready.
A task is ``/bin/true`` with a directory of its own, files for its streams and 20 variables more.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from compare import Stopwatch, compiled

__all__ = ["ENVIRONMENT", "batchlab", "folders", "in_c", "processes", "spawn", "threads", "xargs"]

ENVIRONMENT = {**os.environ, **{f"AZ_BATCH_{n}": "some value of usual length" for n in range(20)}}


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


def folders(root: str, tasks: int, kind: str = "") -> list[str]:
    """The directories of the tasks, which do not exist yet."""
    return [f"{root}/{kind}{number}" for number in range(tasks)]


def in_c(root: str, tasks: int, watch: Stopwatch) -> None:
    """A program in C that does the same, and nothing else."""
    program = compiled(Path(__file__).with_name("spawn.c"))
    with watch:
        subprocess.run([program, root, str(tasks), "2"], check=True, env=ENVIRONMENT)


def threads(root: str, tasks: int, watch: Stopwatch) -> None:
    """Bare `Popen` in two threads."""
    with watch, ThreadPoolExecutor(2) as pool:
        list(pool.map(spawn, folders(root, tasks)))


def processes(root: str, tasks: int, watch: Stopwatch) -> None:
    """Bare `Popen` in two processes."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(spawn, folders(root, 4, "first-")))
        with watch:
            list(pool.map(spawn, folders(root, tasks), chunksize=20))


def xargs(root: str, tasks: int, watch: Stopwatch, *, before: bool = True) -> None:
    """``xargs -P2``; `before` says whether the directories are made before the clock starts."""
    script = "cd $0/wd; exec /bin/true >../stdout.txt 2>../stderr.txt"
    names = folders(root, tasks)
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


def batchlab(
    tasks: int, watch: Stopwatch, *, slots: int, processes: bool, display: bool = False
) -> None:
    """A lab with two nodes on this machine; with `display`, a live one of the job is open."""
    import batchlab as bl

    with bl.Lab(processes=processes) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=slots)
        pool.nodes.wait("idle")
        first = lab.create_job("first", pool)
        first.create_tasks(["/bin/true"] * 4)
        first.tasks.wait()
        job = lab.create_job("j", pool)
        if display:
            from batchlab.widgets.live import LiveView

            LiveView(job._connection, "job", {"job_id": job.id}, repr(job))
        with watch:
            job.create_tasks(["/bin/true"] * tasks)
            job.tasks.wait()
        assert job.counts.succeeded == tasks
