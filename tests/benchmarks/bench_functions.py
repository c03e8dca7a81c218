"""200 Python functions on 2 nodes x 1 slot, each in a process of its own.

Beside the least that this can cost, an interpreter that starts, imports cloudpickle and ends; and
beside Dask's map, whose workers are processes that stay. Goal: at least 0.7 of the former. The
latter is another thing: what it leaves out is the process for each, its folder and its streams.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from compare import alternate, fast_folder, report

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
os.environ["TMPDIR"] = tempfile.tempdir = fast_folder()


def interpreters(code: str) -> float:
    def run(_: int) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    begin = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(CALLS)))
    return CALLS / (time.perf_counter() - begin)


def dask_map() -> float:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        begin = time.perf_counter()
        client.gather(client.map(lambda x: x + 1, range(CALLS), pure=False))
        return CALLS / (time.perf_counter() - begin)


def batchlab() -> float:
    import batchlab as bl

    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        begin = time.perf_counter()
        results = job.map(lambda x: x + 1, range(CALLS)).results()
        took = time.perf_counter() - begin
        assert results == list(range(1, CALLS + 1))
    return CALLS / took


if __name__ == "__main__":
    results = alternate({
        "python -c 'import cloudpickle'": lambda: interpreters("import cloudpickle"),
        "batchlab, job.map": batchlab,
        "python -c pass": lambda: interpreters("pass"),
        "Dask client.map, 2 processes": dask_map,
    })  # fmt: skip
    title = f"{CALLS} Python functions, calls per second"
    report(title, results, "calls/s", "python -c 'import cloudpickle'", "0.7")
    report(title, results, "calls/s", "python -c pass", "none")
    report(title, results, "calls/s", "Dask client.map, 2 processes", "none")
