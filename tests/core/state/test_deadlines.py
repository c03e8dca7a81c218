"""Deadlines: in order, and forgotten with what they are about."""

import gc

import pytest

from batchlab.core.messages import inputs
from batchlab.core.model import JobConstraints
from batchlab.core.state.deadlines import SLACK, Deadlines
from batchlab.core.state.records import TaskRecord
from helpers.world import World


def test_deadlines_come_in_order_without_those_cancelled() -> None:
    deadlines, seen = Deadlines(), []
    kept = [deadlines.at(float(n % 7), seen.append, n) for n in range(1000)]
    for number, deadline in enumerate(kept):
        if number % 3:
            deadlines.cancel(deadline)
            deadlines.cancel(deadline)
    assert len(deadlines) == 334
    assert deadlines.next() == 0.0
    while action := deadlines.due(10.0):
        action()
    assert seen == sorted(range(0, 1000, 3), key=lambda n: (n % 7, n))
    assert deadlines.next() is None
    deadlines.cancel(kept[0])  # it is over
    assert len(deadlines) == 0


def test_cancelled_deadlines_take_no_room() -> None:
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.cancel(deadlines.at(float(number), print))
    assert len(deadlines._heap) <= SLACK + 1


@pytest.mark.parametrize("constraints", [{}, {"max_wall_clock_time": 3600 * 24}])
def test_no_deadline_is_left_for_a_deleted_job(world: World, constraints: dict) -> None:
    world.pool(nodes=2)
    before = len(world.core.state.deadlines)
    world.job("forgotten", constraints=JobConstraints(**constraints), job_preparation_task="x",
              job_release_task="y")  # fmt: skip
    world.tasks("a", "b", "c", job="forgotten")
    while runs := world.runs():
        for run in runs:
            world.exit(run)
    world.feed(inputs.DeleteJob(job_id="forgotten"))
    for run in world.runs():
        world.exit(run)
    world.said()
    assert len(world.core.state.deadlines) == before
    gc.collect()
    tasks = [each for each in gc.get_objects() if isinstance(each, TaskRecord)]
    assert not [task for task in tasks if task.job.spec.id == "forgotten"]


def test_no_deadline_is_left_for_deleted_or_repeated_tasks(world: World) -> None:
    world.pool()
    world.job()
    before = len(world.core.state.deadlines)
    world.tasks("a", "b")
    for _ in range(2):
        world.exit(world.run(), 1)
    for _ in range(5):
        world.feed(inputs.ReactivateTask(job_id="j", task_id="a"))
        world.exit(world.said()[-1], 1)
    assert len(world.core.state.deadlines) == before + 2
    for task in ("a", "b"):
        world.feed(inputs.DeleteTask(job_id="j", task_id=task))
    world.said()
    assert len(world.core.state.deadlines) == before


@pytest.mark.parametrize("end", [inputs.DeleteTask, inputs.TerminateTask])
def test_tasks_that_end_in_the_queue_leave_it(world: World, end: type) -> None:
    world.job()
    world.tasks("stays")
    for number in range(500):
        world.tasks(f"t{number}")
        world.core.handle(world.now, end(job_id="j", task_id=f"t{number}"))
    assert sum(map(len, world.core.state.job("j").queue.values())) < 100
    world.pool()
    assert world.run().run_id.task_id == "stays"
