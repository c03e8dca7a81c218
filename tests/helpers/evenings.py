"""Jobs of an evening for the nights of the capstone."""

from __future__ import annotations

from typing import Any

import batchlab as bl

CHECKED = "/bin/sh -c 'check disk && download prices'"
LIMIT = bl.TaskConstraints(max_wall_clock_time="15m")


def prepare(line: str = CHECKED, **more: Any) -> bl.JobPreparationTask:
    return bl.JobPreparationTask(command_line=line, **more)


def evening_job(lab: bl.SimulatedLab, pool: Any, count: int = 600, **job: Any) -> bl.Job:
    made = lab.create_job("evening", pool, **{"job_preparation_task": "download prices"} | job)
    made.create_tasks(["value book"] * count)
    return made
