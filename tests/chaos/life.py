"""One life of a durable lab, until it is killed: what it was promised, it says.

Each line is a promise that was kept, or what it does now: ``asked job task``, ``done job task n``
(its command had run n times by then), ``phase name``. A life goes on where the one before ended.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import batchlab as bl

TASKS = 6
# A task is in its job's file once for each run, and only runs on a node that is prepared.
COMMAND = (
    "/bin/sh -c 'test -e $AZ_BATCH_JOB_PREP_WORKING_DIR/ready || exit 3; sleep 0.1; "
    "for n in 0 1 2 3 4 5 6 7 8 9; do echo result > result-$n.txt; done; "
    "echo once >> {runs}/{job}-{task}'"
)
PREPARE = (
    "/bin/sh -c 'echo once >> {runs}/{job}-preparing; test ! -e ready || exit 4; "
    "sleep 0.2; touch ready'"
)
RELEASE = "/bin/sh -c 'echo once >> {runs}/{job}-releasing; sleep 0.2'"


def say(*words: Any) -> None:
    print(*words, flush=True)


def opened(options: dict[str, Any]) -> bl.Lab:
    say("phase", "resume")
    where = [options["address"]] if options["address"] else []
    processes = {"processes": True} if options["nodes"] == "processes" else {}
    return bl.Lab(*where, journal=options["journal"], **processes)


def begin(lab: bl.Lab, number: int, runs: str) -> bl.Job:
    name = f"j{number}"
    if name in lab.jobs:
        return lab.jobs[name]
    if "p" not in lab.pools:
        lab.create_pool("p", target_dedicated_nodes=2, task_slots_per_node=2)
    if "results" not in lab.storage:
        lab.storage.create_container("results")
    job = lab.create_job(
        name, "p", job_preparation_task=PREPARE.format(runs=runs, job=name),
        job_release_task=RELEASE.format(runs=runs, job=name),
    )  # fmt: skip
    say("asked", name, "-")
    return job


def run(lab: bl.Lab, job: bl.Job, runs: str) -> None:
    known = set(job.tasks)
    for number in range(TASKS):
        if f"t{number}" not in known:
            to = bl.OutputFileBlobContainerDestination(
                container_url=lab.storage["results"].url, path=f"{job.id}/{number}"
            )
            output = bl.OutputFile(file_pattern="result-*.txt", destination=to)
            command = COMMAND.format(runs=runs, job=job.id, task=f"t{number}")
            job.create_task(f"t{number}", command, output_files=[output])
            say("asked", job.id, f"t{number}")
    say("phase", "tasks")
    done: set[str] = set()
    while len(done) < TASKS:
        time.sleep(0.01)
        for name in set(job.tasks.filter(state="completed").ids()) - done:
            done.add(name)
            say("done", job.id, name, len(Path(runs, f"{job.id}-{name}").read_text().split()))


def main() -> None:
    options = json.loads(sys.argv[1])
    with opened(options) as lab:
        for number in count():
            if f"j{number}" not in lab.jobs and Path(options["enough"]).exists():
                break
            job = begin(lab, number, options["runs"])
            if job.state == "active":
                run(lab, job, options["runs"])
                say("phase", "release")
                job.terminate()
                say("asked", job.id, "end")
            job.wait("completed", timeout=120)
            say("done", job.id, "end", 0)
        say("phase", "end")
        for job in lab.jobs.values():
            for task in job.tasks.values():
                uploads = lab.storage["results"].list(f"{job.id}/{task.id[1:]}/")
                facts = (task.state, task.exit_code, task.retry_count, len(uploads))
                say("found", job.id, task.id, *facts)
        if "p" in lab.pools:
            pool = lab.pools["p"]
            if pool.state == "active":
                pool.delete()
            pool.wait("deleted", timeout=120)
        if options["address"]:
            lab.shutdown()


if __name__ == "__main__":
    main()
