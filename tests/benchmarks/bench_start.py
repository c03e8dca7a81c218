"""How long it takes until something can run: import, a lab, its first nodes, beside Dask's.

Goals: `import batchlab` under 0.3 s; 2 light nodes ready 0.3 s after `Lab()` returns, 100 in 3 s;
with process nodes at most 1.5 times a bare `LocalCluster` of that size.
"""

from __future__ import annotations

import subprocess
import sys
import time

from compare import alternate, report

import batchlab as bl


def imported(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def nodes(count: int) -> float:
    with bl.Lab() as lab:
        begin = time.perf_counter()
        lab.create_pool("p", target_dedicated_nodes=count).nodes.wait("idle")
        return time.perf_counter() - begin


def process_nodes(count: int) -> float:
    begin = time.perf_counter()
    with bl.Lab(processes=True) as lab:
        lab.create_pool("p", target_dedicated_nodes=count).nodes.wait("idle")
        return time.perf_counter() - begin


def local_cluster(count: int, processes: bool) -> float:
    from distributed import Client, LocalCluster

    begin = time.perf_counter()
    with (
        LocalCluster(
            n_workers=count, threads_per_worker=1, processes=processes, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(count)
        return time.perf_counter() - begin


if __name__ == "__main__":
    imports = {"batchlab": lambda: imported("batchlab"), "json": lambda: imported("json")}
    report("import", alternate(imports), "s", "batchlab", "0.3 s")
    local_cluster(1, False)  # distributed itself is imported now
    for count, goal in ((2, "0.3 s"), (100, "3 s")):
        results = alternate(
            {
                f"{count} light nodes after Lab()": lambda count=count: nodes(count),
                "LocalCluster(processes=False)": lambda count=count: local_cluster(count, False),
            },
            3,
        )
        report(f"{count} light nodes", results, "s", "LocalCluster(processes=False)", goal)
    results = alternate(
        {
            "2 process nodes with Lab()": lambda: process_nodes(2),
            "LocalCluster of 2 processes": lambda: local_cluster(2, True),
        },
        3,
    )
    report("process nodes", results, "s", "LocalCluster of 2 processes", "1.5")
