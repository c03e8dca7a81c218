"""Tasks that wait for tasks: ids, ranges, block and satisfy."""

import pytest
from world import World

from batchlab.core import inputs
from batchlab.core.questions import TaskIs, TasksCompleted
from batchlab.core.specs import (
    ExitCodeMapping,
    ExitConditions,
    ExitOptions,
    TaskDependencies,
    TaskIdRange,
    TaskSpec,
)
from batchlab.errors import InvalidRequest

SATISFY = ExitOptions(dependency_action="satisfy")


def chained(world: World, slots: int = 4) -> None:
    world.pool(task_slots_per_node=slots)
    world.job(uses_task_dependencies=True)


def span(start: int, end: int) -> TaskDependencies:
    return TaskDependencies(task_id_ranges=[TaskIdRange(start=start, end=end)])


def test_child_waits_until_all_parents_succeeded(world: World) -> None:
    chained(world)
    world.tasks("child", depends_on=["a", "B"])
    world.nothing_else()
    assert world.reasons("child") == ["Dependencies"]
    world.tasks("A", "b")
    first, second = world.runs()
    world.exit(first)
    world.nothing_else()
    assert world.job_view().task_counts.active == 1
    world.exit(second)
    world.exit(world.run())
    assert world.state("child") == "completed"


def test_child_of_failed_parent_stays_active_for_ever(world: World) -> None:
    chained(world)
    world.tasks("a")
    world.tasks("b", depends_on=["a"])
    world.exit(world.run(), 1)
    assert world.state("b") == "active"
    assert [r.code for r in world.core.hopeless(TasksCompleted(job_id="j"))] == ["Dependencies"]
    world.feed(inputs.ReactivateTask(job_id="j", task_id="a"))
    _, again = world.said()
    world.exit(again)
    world.exit(world.run())
    assert world.state("b") == "completed"


def test_child_of_failed_parent_runs_when_the_code_satisfies(world: World) -> None:
    chained(world)
    satisfied = ExitConditions(exit_codes=[ExitCodeMapping(code=1, exit_options=SATISFY)])
    world.tasks("a", exit_conditions=satisfied)
    world.tasks("b", depends_on=["a"])
    world.exit(world.run(), 1)
    world.exit(world.run())
    assert world.state("a") == "completed"
    assert world.state("b") == "completed"


@pytest.mark.parametrize("width", [0, 200])
def test_range_counts_numbers_whatever_their_zeros(world: World, width: int) -> None:
    chained(world)
    first, last = 4, 6 + width
    world.tasks("child", depends_on=span(first, last))
    world.tasks("4", "05", "006", *(str(n) for n in range(7, last + 1)))
    while world.state("child") == "active":
        for run in world.runs():
            world.exit(run)
    numbers = range(first, last + 1)
    assert world.job_view().task_counts.succeeded >= len(numbers)
    for run in world.runs():
        world.exit(run)
    assert world.state("child") == "completed"


def test_range_with_a_number_that_no_task_has_blocks(world: World) -> None:
    chained(world)
    world.tasks("1", "3")
    world.tasks("child", depends_on=span(1, 3))
    for run in world.runs():
        world.exit(run)
    assert world.state("child") == "active"


def test_parent_that_completed_before_satisfies_a_later_child(world: World) -> None:
    chained(world)
    world.tasks("1")
    world.exit(world.run())
    world.tasks("child", depends_on=TaskDependencies(task_ids=["1"], task_id_ranges=[
        TaskIdRange(start=1, end=1)]))  # fmt: skip
    world.exit(world.run())
    assert world.state("child") == "completed"


def test_blocked_task_terminated_then_reactivated_waits_again(world: World) -> None:
    chained(world)
    world.tasks("child", depends_on=["a"])
    world.feed(inputs.TerminateTask(job_id="j", task_id="child"))
    assert world.state("child") == "completed"
    world.feed(inputs.ReactivateTask(job_id="j", task_id="child"))
    world.nothing_else()
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    assert world.state("child") == "completed"


def test_dependencies_without_the_jobs_leave_are_refused(world: World) -> None:
    world.pool()
    world.job()
    with pytest.raises(InvalidRequest) as refused:
        world.tasks("b", depends_on=["a"])
    assert refused.value.code == "TaskDependenciesNotSpecifiedOnJob"
    assert world.job_view().task_counts.active == 0


@pytest.mark.parametrize("depends_on", [["X"], span(1, 9)])
def test_dependency_on_itself_is_refused(world: World, depends_on: object) -> None:
    chained(world)
    with pytest.raises(InvalidRequest):
        world.tasks("x" if isinstance(depends_on, list) else "07", depends_on=depends_on)


def test_ranges_upside_down_and_too_many_ids_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        TaskIdRange(start=3, end=2)
    with pytest.raises(InvalidRequest) as refused:
        TaskSpec(id="x", command_line="x", depends_on=["a" * 64] * 1001)
    assert refused.value.code == "TaskDependencyListTooLong"


def test_wait_for_a_chain_that_begins_with_a_failure_is_hopeless(world: World) -> None:
    world.pool()
    world.job(uses_task_dependencies=True)
    world.tasks("a")
    world.tasks("b", depends_on=["a"])
    world.tasks("c", depends_on=["b"])
    never = TaskIs(job_id="j", task_id="c", state="completed")
    assert world.core.hopeless(never) == []
    world.exit(world.run(), 1)
    assert [reason.code for reason in world.core.hopeless(never)] == ["Dependencies"]


def test_wait_for_tasks_that_wait_for_each_other_is_hopeless(world: World) -> None:
    world.pool()
    world.job(uses_task_dependencies=True)
    world.tasks("a", depends_on=["b"])
    world.tasks("b", depends_on=["a"])
    assert world.core.hopeless(TasksCompleted(job_id="j"))
