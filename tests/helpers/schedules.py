"""Job schedules in a world, and the jobs that they make."""

from __future__ import annotations

from typing import Any

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import GetJobSchedule
from batchlab.core.model import JobScheduleSpec, JobSpec
from helpers.world import World

MINUTE = 60.0


def schedule(world: World, plan: Any = "1m", id: str = "s", **job: Any) -> None:  # noqa: A002
    spec = JobSpec(**{"pool_info": "p", **job})
    made = JobScheduleSpec(id=id, schedule=plan, job_specification=spec)
    world.feed(inputs.CreateJobSchedule(spec=made))


def view(world: World, id: str = "s") -> Any:  # noqa: A002
    return world.ask(GetJobSchedule(job_schedule_id=id))


def finish(world: World, number: int) -> None:
    world.feed(inputs.TerminateJob(job_id=f"s:job-{number}"))


def jobs(world: World) -> list[str]:
    return [job.spec.id for job in world.core.state.jobs.values()]
