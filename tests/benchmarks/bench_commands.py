"""2,000 no-op command tasks on 2 nodes x 2 slots, beside xargs, bare threads and Dask's own map.

Goals: at least 0.6, aiming at 1.0, of ``xargs -P2``; at least 1.5 times ``client.map`` of a
function that does the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compare import alternate, fast_folder, report

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
os.environ["TMPDIR"] = tempfile.tempdir = fast_folder()
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


def threads() -> float:
    root = tempfile.mkdtemp()
    begin = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(spawn, [f"{root}/{number}" for number in range(TASKS)]))
    took = time.perf_counter() - begin
    shutil.rmtree(root)
    return TASKS / took


def xargs() -> float:
    root = tempfile.mkdtemp()
    script = "mkdir -p $0/wd; cd $0/wd; exec /bin/true >../stdout.txt 2>../stderr.txt"
    names = "\n".join(f"{root}/{number}" for number in range(TASKS))
    begin = time.perf_counter()
    subprocess.run(
        ["xargs", "-P2", "-n1", "sh", "-c", script], input=names, text=True, check=True,
        env=ENVIRONMENT,
    )  # fmt: skip
    took = time.perf_counter() - begin
    shutil.rmtree(root)
    return TASKS / took


def dask_map() -> float:
    from distributed import Client, LocalCluster

    root = tempfile.mkdtemp()
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        begin = time.perf_counter()
        client.gather(client.map(spawn, [f"{root}/{n}" for n in range(TASKS)], pure=False))
        took = time.perf_counter() - begin
    shutil.rmtree(root)
    return TASKS / took


def batchlab(processes: bool = False) -> float:
    import batchlab as bl

    with bl.Lab(processes=processes) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=2)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        begin = time.perf_counter()
        job.create_tasks(["/bin/true"] * TASKS)
        job.tasks.wait()
        took = time.perf_counter() - begin
        assert job.counts.succeeded == TASKS
    return TASKS / took


if __name__ == "__main__":
    contenders = {
        "xargs -P2 sh -c": xargs,
        "batchlab, light nodes": batchlab,
        "batchlab, process nodes": lambda: batchlab(processes=True),
        "Dask client.map": dask_map,
        "two threads with Popen": threads,
    }
    results = alternate(contenders)
    title = f"{TASKS} no-op command tasks, tasks per second"
    report(title, results, "tasks/s", "xargs -P2 sh -c", "0.6, aiming at 1.0")
    report(title, results, "tasks/s", "Dask client.map", "1.5")
