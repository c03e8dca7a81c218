"""Tasks that wait for tasks: ids, ranges, block and satisfy."""

import sys
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchlab.core.machine import Core
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import StartRun, TaskChanged
from batchlab.core.messages.questions import TaskIs, TasksCompleted
from batchlab.core.model import (
    ExitCodeMapping,
    ExitConditions,
    ExitOptions,
    JobSpec,
    PoolSpec,
    TaskDependencies,
    TaskIdRange,
    TaskSpec,
)
from batchlab.errors import InvalidRequest
from helpers.world import World

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


def test_child_is_told_of_again_when_it_waits_for_no_other(world: World) -> None:
    chained(world, 1)
    specs = (TaskSpec(id="a", command_line="x"),
             TaskSpec(id="b", command_line="x", depends_on=["a"]))  # fmt: skip
    step = world.core.handle(world.now, inputs.CreateTasks(job_id="j", specs=specs))
    told = [change for change in step.changes if isinstance(change, TaskChanged)]
    assert [(c.task_id, c.state, c.blocked) for c in told] == [
        ("a", "active", False), ("b", "active", True), ("a", "running", False),
    ]  # fmt: skip
    [run] = [command for command in step.commands if isinstance(command, StartRun)]
    ended = facts.RunExited(run_id=run.run_id, exit_code=0)
    told = [c for c in world.core.handle(world.now, ended).changes if isinstance(c, TaskChanged)]
    assert [(c.task_id, c.state, c.blocked) for c in told] == [
        ("a", "completed", False), ("b", "active", False), ("b", "running", False),
    ]  # fmt: skip


@pytest.mark.rule(7)
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


@pytest.mark.rule(8)
def test_child_of_failed_parent_runs_when_the_code_satisfies(world: World) -> None:
    chained(world)
    satisfied = ExitConditions(exit_codes=[ExitCodeMapping(code=1, exit_options=SATISFY)])
    world.tasks("a", exit_conditions=satisfied)
    world.tasks("b", depends_on=["a"])
    world.exit(world.run(), 1)
    world.exit(world.run())
    assert world.state("a") == "completed"
    assert world.state("b") == "completed"


@pytest.mark.rule(70)
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


@pytest.mark.rule(71)
@pytest.mark.code("TaskDependenciesNotSpecifiedOnJob")
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


def steps_of(count: int, shape: str) -> int:
    """How many lines of the core run while a job of this shape is created and drained."""
    wanted = {
        "chain": lambda n: TaskDependencies(task_ids=[str(n - 1)]),
        "layers": lambda n: span(n // 10 * 10 - 10, n // 10 * 10 - 1) if n >= 10 else None,
        "windows": lambda n: span(n - 15, n - 6) if n >= 15 else None,
        "prefixes": lambda n: span(0, n - 1) if n >= count // 2 else None,
        "suffixes": lambda n: span(n + 1, count - 1) if n < count // 2 else None,
    }[shape]
    core = Core()
    pool = PoolSpec(id="p", target_dedicated_nodes=1, task_slots_per_node=4)
    (start,) = core.handle(0, inputs.CreatePool(spec=pool)).commands
    node = start.node_id  # type: ignore[attr-defined]
    core.handle(0, facts.NodeAllocated(node_id=node, boot=1, ip_address="127.0.1.1"))
    core.handle(0, facts.NodeStarted(node_id=node, boot=1))
    job = JobSpec(id="j", pool_info="p", uses_task_dependencies=True)
    core.handle(0, inputs.CreateJob(spec=job))
    specs = tuple(
        TaskSpec(id=str(n), command_line="x", depends_on=wanted(n) if n else None)
        for n in range(count)
    )
    lines = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace if "batchlab" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        runs = deque(core.handle(0, inputs.CreateTasks(job_id="j", specs=specs)).commands)
        while runs:
            exited = facts.RunExited(run_id=runs.popleft().run_id, exit_code=0)
            runs += core.handle(0, exited).commands
    finally:
        sys.settrace(before)
    assert core.state.jobs["j"].succeeded == count
    return lines


@pytest.mark.parametrize("shape", ["chain", "layers", "windows", "prefixes", "suffixes"])
def test_drain_of_any_shape_takes_steps_that_grow_with_its_tasks(shape: str) -> None:
    few, many = steps_of(200, shape), steps_of(1600, shape)
    assert many < 8 * 1.3 * few


NUMBERS = st.integers(0, 40)
SPANS = st.lists(
    st.tuples(NUMBERS, NUMBERS).map(lambda ends: (min(ends), max(ends))), min_size=1, max_size=3
)
STEPS = st.lists(st.tuples(st.just("ends"), NUMBERS) | st.tuples(st.just("waits"), SPANS))


@settings(deadline=None)  # how fast it is, another test says
@given(steps=STEPS)
def test_any_ranges_are_satisfied_when_all_their_numbers_are(steps: list[tuple[str, Any]]) -> None:
    world, done, waiting = World(), set[int](), dict[str, list[tuple[int, int]]]()
    world.pool(task_slots_per_node=256, vm_size="standard_d64s_v3")
    world.job(uses_task_dependencies=True)
    for index, (kind, what) in enumerate(steps):
        if kind == "waits":
            ranges = [TaskIdRange(start=start, end=end) for start, end in what]
            world.tasks(f"w{index}", depends_on=TaskDependencies(task_id_ranges=ranges))
            waiting[f"w{index}"] = what
        elif what not in done:
            ended = ExitConditions(default=SATISFY)
            world.tasks(str(what), exit_conditions=ended)
            (run,) = [run for run in world.runs() if run.run_id.task_id == str(what)]
            world.exit(run, 1)
            done.add(what)
        for task_id, spans in waiting.items():
            lacking = [s for s in spans if not done.issuperset(range(s[0], s[1] + 1))]
            task = world.core.state.task("j", task_id)
            assert task.unmet == len(set(lacking)), (task_id, spans, done)
    book = world.core.state.job("j").dependencies
    assert set(book.below) == done
    assert sum(map(len, book.looking.values())) == len(book.spans)


def test_walk_back_through_ranges_is_hopeless_only_where_a_number_has_no_task(
    world: World,
) -> None:
    chained(world, slots=1)
    world.tasks("0")
    for number in range(1, 60):
        world.tasks(str(number), depends_on=span(0, number - 1))
    last = TaskIs(job_id="j", task_id="59", state="completed")
    assert world.core.hopeless(last) == []
    world.feed(inputs.DeleteTask(job_id="j", task_id="30"))
    assert [reason.code for reason in world.core.hopeless(last)] == ["Dependencies"]
    before = TaskIs(job_id="j", task_id="29", state="completed")
    assert world.core.hopeless(before) == []
    world.said()
