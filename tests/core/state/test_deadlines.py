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


def test_rows_of_deadlines_come_in_order_among_the_others() -> None:
    seen: list[str] = []
    deadlines = Deadlines(seen.append)
    for now in range(200):
        deadlines.after(10.0, float(now), f"row {now + 10}")
        deadlines.at(float(now + 10), seen.append, f"own {now + 10}")
        deadlines.after(5.0, float(now), f"row {now + 5}")
    assert len(deadlines) == 600
    assert deadlines.next() == 5.0
    while action := deadlines.due(1000.0):
        action()
    assert seen[:5] == [f"row {when}" for when in range(5, 10)]
    assert seen[5:8] == ["row 10", "own 10", "row 10"]  # in the order in which they were set
    assert sorted(seen) == sorted(
        [f"row {now + 10}" for now in range(200)]
        + [f"own {now + 10}" for now in range(200)]
        + [f"row {now + 5}" for now in range(200)]
    )
    assert (len(deadlines), deadlines.next(), deadlines._rows) == (0, None, {})


@pytest.mark.parametrize("count", [30, 3000])
def test_cancelled_deadlines_of_a_row_do_not_come(count: int) -> None:
    seen: list[int] = []
    deadlines = Deadlines(seen.append)
    numbers = [deadlines.after(60.0, float(n), n) for n in range(count)]
    for n, number in enumerate(numbers):
        if n % 3:
            deadlines.cancel_after(60.0, number)
            deadlines.cancel_after(60.0, number)
            deadlines.cancel_after(61.0, number)
    assert len(deadlines) == count / 3
    assert deadlines.next() == 60.0
    while action := deadlines.due(60.0 + count / 2):
        action()
    assert seen == list(range(0, count // 2 + 1, 3))
    deadlines.cancel_after(60.0, numbers[0])  # it is over
    for number in numbers:
        deadlines.cancel_after(60.0, number)
    assert len(deadlines) == 0
    assert deadlines.next() is None
    again = deadlines.after(60.0, 1e6, -1)
    assert (deadlines.next(), len(deadlines)) == (1e6 + 60, 1)
    deadlines.cancel_after(60.0, again)


def test_row_without_end_is_not_kept() -> None:
    deadlines = Deadlines(print)
    number = deadlines.after(1e15, 0.0, "x")
    assert (len(deadlines), deadlines.next()) == (0, None)
    deadlines.cancel_after(1e15, number)
    assert len(deadlines) == 0


def test_deadlines_of_an_earlier_snapshot_still_come() -> None:
    seen: list[str] = []
    deadlines = Deadlines.__new__(Deadlines)
    kept = [1.0, 1, seen.append, ("a",)]
    heap = [[0.0, 2, None, ()], kept, [2.0, 3, seen.append, ("b",)]]
    deadlines.__setstate__({"_heap": heap, "_count": 3, "_cancelled": 1})
    deadlines.cancel(kept)
    assert len(deadlines) == 1
    while action := deadlines.due(5.0):
        action()
    assert seen == ["b"]
    assert len(deadlines) == 0
