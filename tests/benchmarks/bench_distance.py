"""Workers and a client 100 ms away from the scheduler, beside the same on loopback.

A node that waited for a command after each task would run one per round trip and slot. Goal: with
short tasks, which wait on the node, at least 0.7 of the throughput of a node that is near. The
calls of a client are counted in round trips.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from compare import alternate, fast_folder, report

import batchlab as bl

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.forwarder import Forwarder
from helpers.storage_servers import free_port, running

ROUND_TRIP_S = 0.1
SLOTS = 4
TASKS = 1600
CALLS = 10
ROUNDS = 3


def tasks_per_second(lab: Any, name: str) -> float:
    """Run tasks on all nodes; their number per second."""
    pool = lab.create_pool(name, target_dedicated_nodes=1, task_slots_per_node=SLOTS)
    pool.nodes.wait("idle")
    job = lab.create_job(name, pool)
    begin = time.perf_counter()
    job.create_tasks(["/bin/true"] * TASKS)
    job.tasks.wait()
    rate = TASKS / (time.perf_counter() - begin)
    pool.delete()
    pool.wait("deleted")
    return rate


def seconds_per_call(call: Any) -> float:
    """Make a call several times; the seconds of one."""
    call()
    begin = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begin) / CALLS


def main() -> None:
    os.environ["TMPDIR"] = tempfile.tempdir = fast_folder()  # that of the workers, too
    port = free_port()
    dask = [sys.executable, "-m"]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [*dask, "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                 "--port", str(port), "--no-dashboard"]  # fmt: skip
    names = (f"pool-{number}" for number in range(2 * ROUNDS))
    with running(scheduler, port, {}), bl.Lab(address) as lab:

        def rate(delay_s: float) -> float:
            own = free_port()
            with Forwarder(address, delay_s) as network:
                worker = [*dask, "distributed.cli.dask_worker", network.address, "--no-nanny",
                          "--host", "127.0.0.1", "--worker-port", str(own), "--no-dashboard",
                          "--nthreads", str(SLOTS)]  # fmt: skip
                with running(worker, own, {}):
                    return tasks_per_second(lab, next(names))

        ways = {"near": partial(rate, 0.0), "far": partial(rate, ROUND_TRIP_S / 2)}
        title = f"{SLOTS} slots, {ROUND_TRIP_S * 1e3:.0f} ms away"
        report(title, alternate(ways, ROUNDS), "tasks/s", "near", goal="x 0.7")
        own = free_port()
        worker = [*dask, "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1",
                  "--host", "127.0.0.1", "--worker-port", str(own), "--no-dashboard"]  # fmt: skip
        with (
            running(worker, own, {}),
            Forwarder(address, ROUND_TRIP_S / 2) as network,
            bl.Lab(network.address) as far,
        ):
            job = far.create_job("calls", far.create_pool("calls", target_dedicated_nodes=1))
            task = job.create_task("t", "echo hello")
            task.wait()
            for name, call in (
                ("task.state", lambda: task.state),
                ("task.stdout", lambda: task.stdout),
                ("submit().result()", lambda: job.submit(abs, -1).result()),
            ):
                trips = seconds_per_call(call) / ROUND_TRIP_S
                print(f"  {name:20s} {trips:5.1f} round trips")
        lab.shutdown()


if __name__ == "__main__":
    main()
