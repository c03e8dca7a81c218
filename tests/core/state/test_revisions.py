"""Versions of things: what makes a new one, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import inputs as i
from batchlab.core.messages import questions as q
from batchlab.core.model import JobSpec, PoolSpec, Schedule, StartTask, TaskConstraints, TaskSpec
from batchlab.core.model.schedules import JobScheduleSpec
from batchlab.errors import BatchError
from helpers.world import World

POOL, JOB, TASK = q.GetPool(pool_id="p"), q.GetJob(job_id="j"), q.GetTask(job_id="j", task_id="t")
SCHEDULE = q.GetJobSchedule(job_schedule_id="s")


@pytest.fixture
def lab() -> World:
    world = World()
    world.feed(i.CreatePool(spec=PoolSpec(id="p")))
    world.feed(i.CreateJob(spec=JobSpec(id="j", pool_info="p")))
    world.feed(i.CreateTasks(job_id="j", specs=(TaskSpec(id="t", command_line="c"),)))
    specification = JobSpec(pool_info="p")
    world.feed(i.CreateJobSchedule(spec=JobScheduleSpec(
        id="s", schedule=Schedule(recurrence_interval="1h"), job_specification=specification
    )))  # fmt: skip
    return world


@pytest.mark.parametrize(
    ("question", "request_"),
    [
        (POOL, i.UpdatePool(pool_id="P", metadata={"a": "b"})),
        (POOL, i.ReplacePoolProperties(pool_id="p")),
        (POOL, i.ResizePool(pool_id="p", target_dedicated_nodes=1)),
        (JOB, i.UpdateJob(job_id="J", priority=3)),
        (JOB, i.DisableJob(job_id="j", disable_tasks="requeue")),
        (TASK, i.UpdateTask(job_id="j", task_id="T", constraints=TaskConstraints())),
        (SCHEDULE, i.UpdateJobSchedule(job_schedule_id="S", metadata={"a": "b"})),
        (SCHEDULE, i.DisableJobSchedule(job_schedule_id="s")),
    ],
)
def test_version_of_a_thing_somebody_changed_it_is_another(
    lab: World, question: Any, request_: i.Request
) -> None:
    before = lab.ask(question)
    assert before.last_modified == before.creation_time
    lab.feed(request_)
    still = lab.ask(question)  # the clock has not moved
    assert still.etag != before.etag
    assert still.last_modified == before.last_modified
    assert [lab.ask(other).etag == before.etag for other in (POOL, JOB, TASK)].count(True) == sum(
        other is not question for other in (POOL, JOB, TASK)
    )


def test_version_of_a_thing_the_change_is_refused_it_stays(lab: World) -> None:
    before = lab.ask(JOB)
    with pytest.raises(BatchError):
        lab.feed(i.UpdateJob(job_id="j", priority=5000))
    assert lab.ask(JOB) == before


def test_version_of_a_task_its_state_changes_it_stays(lab: World) -> None:
    before = lab.ask(TASK)
    lab.feed(i.TerminateTask(job_id="j", task_id="t"))
    after = lab.ask(TASK)
    assert (after.state, after.etag) == ("completed", before.etag)


def test_properties_of_a_pool_replaced_what_is_not_given_is_gone(lab: World) -> None:
    start = StartTask(command_line="s")
    lab.feed(i.UpdatePool(pool_id="p", start_task=start, metadata={"a": "b"}, display_name="P"))
    assert lab.ask(POOL).metadata == {"a": "b"}
    lab.feed(i.ReplacePoolProperties(pool_id="p"))
    view = lab.ask(POOL)
    assert (view.start_task, view.metadata, view.display_name) == (None, {}, "P")


def test_slots_of_tasks_counted_by_state(lab: World) -> None:
    wide = TaskSpec(id="wide", command_line="c", required_slots=3)
    lab.feed(i.CreateTasks(job_id="j", specs=(wide,)))
    lab.feed(i.TerminateTask(job_id="j", task_id="t"))
    counts = lab.ask(q.CountTaskSlots(job_id="j"))
    assert (counts.active, counts.completed, counts.failed) == (3, 1, 1)
