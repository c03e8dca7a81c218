"""Exit conditions: what the end of a task does to its job."""

import pytest

from batchlab.core.messages import inputs
from batchlab.core.model import (
    ExitCodeMapping,
    ExitCodeRangeMapping,
    ExitConditions,
    ExitOptions,
    TaskSpec,
)
from batchlab.core.model.values import FailureInfo
from batchlab.core.tasks.exits import judge
from batchlab.errors import InvalidRequest
from helpers.world import World

NONE = ExitOptions(job_action="none")
DISABLE = ExitOptions(job_action="disable")
MISSING = FailureInfo(category="UserError", code="BlobNotFound")
UPLOAD = FailureInfo(category="UserError", code="FileUploadMiscError")
FAILED = FailureInfo(category="UserError", code="FailureExitCode")

CONDITIONS = ExitConditions(
    exit_codes=[ExitCodeMapping(code=3, exit_options=NONE)],
    exit_code_ranges=[ExitCodeRangeMapping(start=10, end=20, exit_options=DISABLE)],
    pre_processing_error=DISABLE,
    file_upload_error=NONE,
    default=ExitOptions(job_action="disable", dependency_action="satisfy"),
)


@pytest.mark.parametrize(
    ("conditions", "exit_code", "failure", "expected"),
    [
        (None, 0, None, ("none", "satisfy")),
        (None, 7, FAILED, ("terminate", "block")),
        (CONDITIONS, 0, None, ("none", "satisfy")),
        (CONDITIONS, 3, FAILED, ("none", "block")),
        (CONDITIONS, 10, FAILED, ("disable", "block")),
        (CONDITIONS, 20, FAILED, ("disable", "block")),
        (CONDITIONS, 21, FAILED, ("disable", "satisfy")),
        (CONDITIONS, None, MISSING, ("disable", "block")),
        (CONDITIONS, 0, UPLOAD, ("none", "block")),
        (CONDITIONS, 3, UPLOAD, ("none", "block")),  # the listed code wins
        (ExitConditions(default=NONE), 0, UPLOAD, ("none", "block")),
        (ExitConditions(default=NONE), None, MISSING, ("none", "block")),
    ],
)
def test_end_of_a_task_has_the_action_that_is_listed_first(
    conditions: object, exit_code: int, failure: FailureInfo, expected: tuple[str, str]
) -> None:
    spec = TaskSpec(id="t", command_line="x", exit_conditions=conditions)
    assert judge(spec, exit_code, failure) == expected


def acting(world: World, conditions: ExitConditions | None = None) -> None:
    world.pool(task_slots_per_node=2)
    world.job(on_task_failure="performexitoptionsjobaction")
    world.tasks("a", "b", exit_conditions=conditions)


@pytest.mark.rule(59)
def test_failed_task_terminates_its_job(world: World) -> None:
    acting(world)
    first, second = world.runs()
    world.exit(first, 7)
    (cancel,) = world.said()
    assert cancel.run_id == second.run_id
    world.exit(second, 137, cancelled=True)
    assert world.job_view().state == "completed"
    assert world.job_view().terminate_reason == "TaskFailed"


@pytest.mark.rule(60)
def test_failed_task_whose_code_asks_for_nothing_lets_the_job_go_on(world: World) -> None:
    acting(world, ExitConditions(exit_codes=[ExitCodeMapping(code=7, exit_options=NONE)]))
    for run in world.runs():
        world.exit(run, 7)
    assert world.job_view().state == "active"


def test_failed_task_disables_its_job_with_requeue(world: World) -> None:
    acting(world, ExitConditions(default=DISABLE))
    first, second = world.runs()
    world.exit(first, 7)
    world.said()
    assert world.job_view().state == "disabling"
    world.exit(second, 137, cancelled=True)
    assert world.job_view().state == "disabled"
    assert world.task("b").requeue_count == 1


@pytest.mark.rule(58)
def test_job_action_in_a_job_that_takes_none_is_refused(world: World) -> None:
    world.job()
    with pytest.raises(InvalidRequest) as refused:
        world.tasks("a", exit_conditions=ExitConditions(default=DISABLE))
    assert refused.value.values["PropertyName"] == "job_action"


@pytest.mark.rule(109)
def test_max_parallel_tasks_bounds_what_runs_and_may_change(world: World) -> None:
    world.pool(vm_size="large", task_slots_per_node=15)
    world.job(max_parallel_tasks=4)
    world.tasks(*(f"t{n}" for n in range(15)))
    runs = world.runs()
    assert len(runs) == 4
    assert world.reasons("t14") == ["MaxParallelTasks"]
    world.exit(runs[0])
    assert len(world.runs()) == 1
    world.feed(inputs.UpdateJob(job_id="j", max_parallel_tasks=-1))
    assert len(world.runs()) == 10


@pytest.mark.parametrize("value", [0, -2])
def test_max_parallel_tasks_of_none_is_refused(world: World, value: int) -> None:
    with pytest.raises(InvalidRequest):
        world.job(max_parallel_tasks=value)
    world.job()
    with pytest.raises(InvalidRequest):
        world.feed(inputs.UpdateJob(job_id="j", max_parallel_tasks=value))


@pytest.mark.parametrize("ran", [False, True])
def test_task_that_a_user_terminates_has_no_exit_condition(world: World, *, ran: bool) -> None:
    world.pool(nodes=int(ran), task_slots_per_node=2)
    world.job(on_task_failure="performexitoptionsjobaction", uses_task_dependencies=True)
    stop = ExitOptions(job_action="terminate", dependency_action="satisfy")
    every = ExitCodeRangeMapping(start=1, end=255, exit_options=stop)
    conditions = ExitConditions(
        default=stop, pre_processing_error=stop, exit_code_ranges=[every]
    )  # fmt: skip
    world.tasks("a", exit_conditions=conditions)
    world.tasks("b", depends_on=["a"])
    runs = world.runs()
    world.feed(inputs.TerminateTask(job_id="j", task_id="a"))
    for run in runs:
        world.said()
        world.exit(run, 137, cancelled=True)
    assert world.task("a").failure_info.message == "Task Was Ended by User Request"
    assert (world.job_view().state, world.state("b")) == ("active", "active")
    world.nothing_else()
    world.feed(inputs.ReactivateTask(job_id="j", task_id="a"))
    assert world.state("a") == ("running" if ran else "active")
    world.said()


def test_disabling_a_job_with_terminate_leaves_it_disabled(world: World) -> None:
    acting(world)
    first, second = world.runs()
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="terminate"))
    world.said()
    for run in (first, second):
        world.exit(run, 137, cancelled=True)
    assert world.job_view().state == "disabled"


def test_terminated_task_acts_as_before_under_earlier_rules() -> None:
    world = World(rules=2)
    acting(world)
    first, _ = world.runs()
    world.feed(inputs.TerminateTask(job_id="j", task_id="a"))
    world.said()
    world.exit(first, 137, cancelled=True)
    assert world.job_view().state == "terminating"
