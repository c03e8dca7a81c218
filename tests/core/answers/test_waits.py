"""Waiting: whether a condition holds, and whether anything under way can still make it true."""

from datetime import timedelta

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.questions import (
    JobIs,
    NodesAre,
    PoolIs,
    TaskCompletedSince,
    TaskIs,
    TasksCompleted,
)
from batchlab.core.model import JobConstraints, JobManagerTask, PoolSpec
from batchlab.core.state.states import WAITABLE
from batchlab.errors import InvalidRequest, NotFound
from helpers.world import World

DONE = TasksCompleted(job_id="j")
ENDED = JobIs(job_id="j", state="completed")


def verdict(world: World, condition: questions.Condition) -> str:
    """``met``, ``hope``, or the codes of what stands against it."""
    never = world.core.hopeless(condition)
    if world.core.met(condition):
        assert never == []
        return "met"
    assert all(reason.lasting for reason in never)
    return " ".join(reason.code for reason in never) or "hope"


def test_wait_job_without_an_end_says_so_though_its_tasks_run(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    assert verdict(world, DONE) == "hope"
    assert verdict(world, ENDED) == "JobStaysActive"
    world.exit(run)
    assert verdict(world, DONE) == "met"
    (reason,) = world.core.hopeless(ENDED)
    assert "job.terminate()" in reason.text
    world.feed(inputs.TerminateJob(job_id="j"))
    assert verdict(world, ENDED) == "met"
    assert verdict(world, JobIs(job_id="j", state="active")) == "NothingUnderWay"


def test_wait_terminatejob_job_has_hope_while_its_tasks_have(world: World) -> None:
    world.job(on_all_tasks_complete="terminatejob")
    assert verdict(world, ENDED) == "hope"  # the grace
    world.tasks("a")
    assert verdict(world, ENDED) == "PoolNotFound"
    (_node,) = world.pool()
    assert verdict(world, ENDED) == "hope"
    world.exit(world.run())
    assert verdict(world, ENDED) == "met"


def test_wait_job_with_a_wall_clock_ends_by_it(world: World) -> None:
    world.job(constraints=JobConstraints(max_wall_clock_time=timedelta(seconds=5)))
    world.tasks("a")
    assert verdict(world, ENDED) == "hope"
    assert verdict(world, DONE) == "PoolNotFound"
    world.later(5)
    assert verdict(world, ENDED) == "met"
    assert verdict(world, DONE) == "JobEnded"


@pytest.mark.code("JobDisabled")
def test_wait_disabled_job_needs_somebody(world: World) -> None:
    world.pool()
    world.job(on_all_tasks_complete="terminatejob")
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="requeue"))
    world.tasks("a")
    assert verdict(world, DONE) == "JobDisabled"
    assert verdict(world, ENDED) == "NothingUnderWay"
    assert verdict(world, JobIs(job_id="j", state="disabled")) == "met"


def test_wait_tasks_of_other_sizes_that_fit_keep_hope(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("wide", required_slots=2)
    assert verdict(world, DONE) == "TooManySlots"
    world.tasks("a", "b")
    assert verdict(world, DONE) == "hope"
    assert verdict(world, TaskIs(job_id="j", task_id="wide", state="completed")) == "TooManySlots"
    assert verdict(world, TaskIs(job_id="j", task_id="b", state="completed")) == "hope"
    for _ in "ab":
        world.exit(world.run())
    assert verdict(world, DONE) == "TooManySlots"


def test_wait_preparation_failed_everywhere_ends_hope_until_reimage(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task="p")
    world.tasks("a")
    assert verdict(world, DONE) == "hope"
    world.exit(world.run(), 1)
    assert verdict(world, DONE) == "PreparationFailed"
    world.feed(inputs.ReimageNode(pool_id="p", node_id=node))
    assert verdict(world, DONE) == "hope"
    world.boot()
    world.exit(world.run())
    world.exit(world.run())
    assert verdict(world, DONE) == "met"


def test_wait_node_that_drains_may_return_when_the_resize_times_out(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    world.job("k")
    world.tasks("b", job="k")
    run = world.run()
    world.feed(
        inputs.ResizePool(
            pool_id="p", target_dedicated_nodes=0, node_deallocation_option="taskcompletion"
        )
    )
    waiting = TasksCompleted(job_id="k")
    assert verdict(world, waiting) == "hope"
    world.later(900)
    world.exit(run)
    world.exit(world.run())
    assert verdict(world, waiting) == "met"


def test_wait_pool(world: World) -> None:
    (node,) = world.pool()
    gone = PoolIs(pool_id="p", state="deleted")
    assert verdict(world, PoolIs(pool_id="p", state="steady")) == "met"
    assert verdict(world, PoolIs(pool_id="p", state="active")) == "met"
    assert verdict(world, gone) == "NothingUnderWay"
    world.feed(inputs.DeletePool(pool_id="p"))
    assert verdict(world, gone) == "hope"
    assert world.told() == [("StopNode", node)]
    world.gone(node)
    assert verdict(world, gone) == "met"
    with pytest.raises(NotFound):
        world.core.met(PoolIs(pool_id="p", state="steady"))


def test_wait_nodes(world: World) -> None:
    first, second = world.pool(nodes=2, start_task="s")
    idle = NodesAre(pool_id="p", state="idle")
    one, two = world.runs()
    assert verdict(world, idle) == "hope"
    world.exit(one)
    assert verdict(world, NodesAre(pool_id="p", state="idle", node_ids=(first,))) == "met"
    world.exit(two, 1)
    assert verdict(world, idle) == "NothingUnderWay"
    world.feed(inputs.RebootNode(pool_id="p", node_id=second))
    assert verdict(world, idle) == "hope"
    assert world.boot() == [second]
    world.exit(world.run())
    assert verdict(world, idle) == "met"


def test_wait_nodes_of_a_pool_without_any_says_why_none_come() -> None:
    world = World(dedicated_core_quota=0)
    idle = NodesAre(pool_id="p", state="idle")
    world.pool(nodes=0)
    assert verdict(world, idle) == "NoNodes"
    (reason,) = world.core.hopeless(idle)
    assert "its target is 0" in reason.text
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=2))
    assert verdict(world, idle) == "ResizeFailed"
    (reason,) = world.core.hopeless(idle)
    assert "AccountCoreQuotaReached" in reason.text


def test_wait_nodes_of_a_pool_whose_formula_may_ask_for_some_has_hope(world: World) -> None:
    formula = "$TargetDedicatedNodes = 0;"
    spec = PoolSpec(id="p", enable_auto_scale=True, auto_scale_formula=formula)
    world.feed(inputs.CreatePool(spec=spec))
    assert verdict(world, NodesAre(pool_id="p", state="idle")) == "hope"


def test_wait_job_and_task_deleted(world: World) -> None:
    world.job()
    world.tasks("a")
    gone = TaskIs(job_id="j", task_id="a", state="deleted")
    assert verdict(world, gone) == "NothingUnderWay"
    world.feed(inputs.DeleteJob(job_id="j"))
    assert verdict(world, gone) == "met"
    assert verdict(world, JobIs(job_id="j", state="deleted")) == "met"
    with pytest.raises(NotFound):
        world.core.met(DONE)


def test_wait_completed_task_does_not_become_running(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    world.exit(world.run())
    assert verdict(world, TaskIs(job_id="j", task_id="a", state="running")) == "NothingUnderWay"


@pytest.mark.parametrize(
    "condition",
    [
        PoolIs(pool_id="p", state="ready"),
        NodesAre(pool_id="p", state="ready"),
        JobIs(job_id="j", state="done"),
        TaskIs(job_id="j", task_id="a", state="failed"),
    ],
)
def test_wait_for_a_state_that_does_not_exist_is_refused(
    world: World, condition: questions.Condition
) -> None:
    world.pool(nodes=0)
    world.job()
    world.tasks("a")
    with pytest.raises(InvalidRequest, match="must be one of"):
        world.core.met(condition)


def test_every_state_of_a_thing_can_be_waited_for(world: World) -> None:
    world.pool(nodes=0)
    world.job()
    world.tasks("a")
    for state in WAITABLE["pool"]:
        world.core.met(PoolIs(pool_id="p", state=state))
    for state in WAITABLE["node"]:
        world.core.met(NodesAre(pool_id="p", state=state))
    for state in WAITABLE["job"]:
        world.core.met(JobIs(job_id="j", state=state))
    for state in WAITABLE["task"]:
        world.core.met(TaskIs(job_id="j", task_id="a", state=state))
    assert "enabling" in WAITABLE["job"]


def test_wait_for_another_completed_task_counts_them(world: World) -> None:
    world.job()
    world.tasks("a", "b")
    goal = TaskCompletedSince(job_id="j", completed=0)
    assert str(goal) == "another task of job 'j' is completed"
    assert verdict(world, goal) == "PoolNotFound"
    world.pool()
    run = world.run()
    assert verdict(world, goal) == "hope"
    world.exit(run)
    assert verdict(world, goal) == "met"
    goal = TaskCompletedSince(job_id="j", completed=1)
    assert verdict(world, goal) == "hope"
    world.exit(world.run())
    assert verdict(world, goal) == "met"
    assert verdict(world, TaskCompletedSince(job_id="j", completed=2)) == "NothingUnderWay"


def test_wait_job_whose_manager_cannot_run_says_why(world: World) -> None:
    manager = JobManagerTask(id="m", command_line="x")
    world.job(job_manager_task=manager)
    assert verdict(world, ENDED) == "PoolNotFound"
    world.pool()
    assert verdict(world, ENDED) == "hope"
    world.exit(world.run())
    assert verdict(world, ENDED) == "met"


def test_every_condition_is_a_statement_as_text() -> None:
    goal = questions.JobScheduleIs(job_schedule_id="s", state="completed")
    assert str(goal) == "job schedule 's' is completed"
    for condition in questions.Condition.__subclasses__():
        assert "__str__" in vars(condition), condition
