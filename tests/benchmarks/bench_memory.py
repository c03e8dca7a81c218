"""What a lab keeps in memory: done tasks, what is left of them after deletion, and closed labs.

Each measurement is taken from the objects that Python allocated (`tracemalloc`), and from the
memory of the process, which also has the gaps between them. Goals: at most 13 MB for 10,000 done
tasks, of which at most a tenth is left when their job was deleted; no growth from one lab that was
opened and closed to the next.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import threading
import time
import tracemalloc

import psutil
from compare import fast_folder

import batchlab as bl

SETTLE_S = 14
"""Longer than idle threads and the trash of idle nodes wait."""


def used() -> tuple[float, float]:
    """Memory in MB: of the process, and of all that was allocated since tracing began."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
    return psutil.Process().memory_info().rss / 1e6, traced / 1e6


def run(lab: bl.Lab, pool: bl.Pool, job_id: str, count: int) -> bl.Job:
    job = lab.create_job(job_id, pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="/bin/true") for n in range(count)])
    job.tasks.wait()
    return job


def tasks(count: int, traced: bool) -> tuple[float, float]:
    """MB that so many done tasks take, and that are left after the deletion of their job."""
    column = 1 if traced else 0
    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=2)
        pool.nodes.wait("idle")
        run(lab, pool, "first", 100).delete()
        time.sleep(SETTLE_S)
        if traced:
            tracemalloc.start()
        before = used()[column]
        job = run(lab, pool, "j", count)
        held = used()[column] - before
        job.delete()
        time.sleep(SETTLE_S)
        left = used()[column] - before
        tracemalloc.stop()
    return held, left


def labs(count: int) -> list[str]:
    """What the process has after each fifth of so many labs."""
    root = tempfile.mkdtemp(dir=tempfile.tempdir)
    tempfile.tempdir = root
    process, said = psutil.Process(), []
    for number in range(1, count + 1):
        with bl.Lab() as lab:
            if number % 10 == 1:
                pool = lab.create_pool("p", target_dedicated_nodes=1)
                lab.create_job("j", pool).create_task("t", "echo hi").wait()
        if number % max(1, count // 5) == 0:
            memory, _ = used()
            files = sum(len(below) for _, *both in os.walk(root) for below in both)
            said.append(
                f"{number:5} labs: {memory:6.1f} MB, {len(gc.get_objects())} objects, "
                f"{process.num_fds()} descriptors, {threading.active_count()} threads, "
                f"{files} temporary files"
            )
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--labs", type=int, default=500)
    wanted = parser.parse_args()
    tempfile.tempdir = fast_folder()
    if wanted.tasks:
        print(f"{wanted.tasks} done tasks   (goal: 13 MB for 10,000, a tenth after deletion)")
        for name, traced in (("process", False), ("objects", True)):
            held, left = tasks(wanted.tasks, traced)
            print(f"  {name}: {held:5.1f} MB held, {left:5.1f} MB after their job was deleted")
    if wanted.labs:
        print(f"{wanted.labs} labs opened and closed   (goal: no growth)")
        for line in labs(wanted.labs):
            print(f"  {line}")


if __name__ == "__main__":
    main()
