"""Definitions of a night for lesson 20: good ones of several kinds, and faulty ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from batchlab.drivers.simulated.workload import Behavior, Launch
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab

__all__ = ["BOOKS", "FAULTY", "GOOD", "Night", "deployed", "programs"]

BOOKS = 80
FLAKY = "book17"
"""Its first run fails, as programs do now and then."""
ONCE = "/bin/sh -c 'mkdir $AZ_BATCH_NODE_SHARED_DIR/risk && install risk-1.0'"
TIMES = {"install *": "2m", "download *": "8m", "delete *": "5s"}


class Night(NamedTuple):
    """A definition of a night, and what is wrong with it."""

    fault: str = ""
    hint: str = ""
    name: str = "risk-1"
    nodes: int = 4
    slots: int = 1
    start: str = "install risk-1.0"
    release: str = "delete prices"
    retries: int = 2
    ends: bool = True
    limit: str | None = None


GOOD = (
    Night(),
    Night(
        name="Evening_of_2026", nodes=6, retries=5, limit="PT3H",
        release="/bin/sh -c 'rm -f prices.csv'",
    ),
    Night(
        name="pairs", nodes=2, slots=2, retries=1,
        start="/bin/sh -c 'mkdir -p $AZ_BATCH_NODE_SHARED_DIR/risk && install risk-1.1'",
    ),
)  # fmt: skip
RESTART = "Does your test reboot a node half an hour after the pool was created, and then go on?"
FAULTY = (
    Night("three nodes, which take 95 minutes", "Compare times: what has to be done, and when?",
          nodes=3),
    Night("tasks without retries: a book fails whose program fails now and then",
          "A completed task has not always succeeded. What do job.counts say?", retries=0),
    Night("a job that does not end when all its tasks are done",
          "Which state should the job reach?", ends=False),
    Night("a release task that fails on every node", "job.preparations shows the releases, too.",
          release="/bin/sh -c 'rm prices.csv'"),
    Night("a start task that works only once, so a rebooted node never comes back", RESTART,
          start=ONCE),
    Night("a time limit of the job that is too short when a node is rebooted", RESTART,
          limit="PT79M"),
)  # fmt: skip


def programs() -> dict[str, Any]:
    """What the programs of a night do; one book fails at its first run."""
    tried: set[str] = set()

    def value(launch: Launch) -> Any:
        name = launch.run_id.task_id
        fails = name == FLAKY and name not in tried
        tried.add(name)
        return Behavior(duration=timedelta(minutes=3), exit_code=75 if fails else 0)

    return TIMES | {"value *": value}


def deployed(lab: SimulatedLab, night: Night) -> tuple[Pool, Job]:
    """Create the pool and the job of a night, with its books."""
    lab.post("/pools", {
        "id": night.name, "vmSize": "standard_d2s_v3", "targetDedicatedNodes": night.nodes,
        "taskSlotsPerNode": night.slots,
        "startTask": {"commandLine": night.start, "maxTaskRetryCount": 2},
    })  # fmt: skip
    job = {
        "id": f"of-{night.name}", "poolInfo": {"poolId": night.name},
        "jobPreparationTask": {"commandLine": "download prices"},
        "jobReleaseTask": {"commandLine": night.release},
    }  # fmt: skip
    if night.limit:
        job["constraints"] = {"maxWallClockTime": night.limit}
    lab.post("/jobs", job)
    book = {"commandLine": "value book", "constraints": {"maxTaskRetryCount": night.retries}}
    tasks = [book | {"id": f"book{number:02}"} for number in range(BOOKS)]
    lab.post(f"/jobs/of-{night.name}/addtaskcollection", {"value": tasks})
    made = lab.jobs[f"of-{night.name}"]
    if night.ends:
        made.update(on_all_tasks_complete="terminatejob")
    return lab.pools[night.name], made
