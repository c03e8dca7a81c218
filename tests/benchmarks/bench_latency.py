"""One command on an idle pool: from `create_task` to its completion seen, beside Dask's own.

Goal: at most 25 ms median.
"""

from __future__ import annotations

import statistics
import tempfile
import time

from compare import fast_folder

import batchlab as bl

ROUNDS = 60


def main() -> None:
    from distributed import Client, LocalCluster

    tempfile.tempdir = fast_folder()
    ours, dask = [], []
    with (
        LocalCluster(n_workers=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        bl.Lab() as lab,
    ):
        pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=2)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        for number in range(ROUNDS):
            begin = time.perf_counter()
            task = job.create_task(f"t{number}", "/bin/true")
            task.wait()
            ours.append((time.perf_counter() - begin) * 1000)
            begin = time.perf_counter()
            client.submit(lambda n: n, number, pure=False).result()
            dask.append((time.perf_counter() - begin) * 1000)
    mine, other = statistics.median(ours), statistics.median(dask)
    print("\none command on an idle pool, create_task to completion seen   (goal: 25 ms)")
    print(
        f"  batchlab                {mine:6.1f} ms  [p95 {sorted(ours)[int(ROUNDS * 0.95)]:.1f}]"
    )
    print(f"  Dask submit().result()  {other:6.1f} ms   x {mine / other:.2f}")


if __name__ == "__main__":
    main()
