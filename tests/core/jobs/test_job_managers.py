"""The job manager task: first, alone, and, when it has to start again, favoured."""

import pytest

from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import CancelRun, StopNode
from batchlab.core.model import JobManagerTask, TaskConstraints
from batchlab.errors import Conflict, InvalidRequest
from helpers.world import World


def managed(world: World, job: str = "j", **kw: object) -> None:
    manager = JobManagerTask(id="manager", command_line="x", **kw)
    world.job(job, job_manager_task=manager)


@pytest.mark.rule(54)
def test_job_with_manager_has_one_task_that_runs_first(world: World) -> None:
    managed(world)
    assert world.job_view().task_counts.active == 1
    world.tasks("a")
    world.pool(task_slots_per_node=2)
    assert [run.run_id.task_id for run in world.runs()] == ["manager"]  # alone on its node


def test_manager_that_is_not_exclusive_shares_its_node(world: World) -> None:
    managed(world, run_exclusive=False)
    world.tasks("a")
    world.pool(task_slots_per_node=2)
    assert [run.run_id.task_id for run in world.runs()] == ["manager", "a"]


@pytest.mark.rule(52)
@pytest.mark.parametrize("code", [0, 1])
def test_manager_completing_terminates_the_job(world: World, code: int) -> None:
    world.pool(nodes=2)
    managed(world)
    world.tasks("a")
    manager, task = world.runs()
    world.exit(manager, code)
    assert world.said() == [CancelRun(run_id=task.run_id)]
    world.exit(task, 137, cancelled=True)
    assert world.job_view().state == "completed"
    assert world.job_view().terminate_reason == "JMComplete"


@pytest.mark.rule(53)
def test_manager_with_retries_left_does_not_end_the_job(world: World) -> None:
    world.pool()
    managed(world, constraints=TaskConstraints(max_task_retry_count=1))
    world.exit(world.run(), 1)
    assert world.job_view().state == "active"
    world.exit(world.run(), 1)
    assert world.job_view().state == "completed"


def test_manager_that_does_not_kill_lets_the_job_go_on(world: World) -> None:
    world.pool()
    managed(world, kill_job_on_completion=False)
    world.exit(world.run())
    assert world.job_view().state == "active"


@pytest.mark.rule(55)
def test_shrink_takes_the_node_of_the_manager_last(world: World) -> None:
    first, second = world.pool(nodes=2)
    managed(world)
    world.tasks("a")
    manager, task = world.runs()
    assert manager.run_id.node_id == first
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=1))
    assert world.said() == [CancelRun(run_id=task.run_id)]
    world.exit(task, 137, cancelled=True)
    assert world.said() == [StopNode(pool_id="p", node_id=second)]
    world.gone(second)


@pytest.mark.rule(56)
def test_manager_that_restarts_takes_the_place_of_a_task(world: World) -> None:
    first, second = world.pool(nodes=2)
    managed(world)
    world.tasks("a")
    _, task = world.runs()
    world.lost(first)
    start, cancel = world.said()
    assert start.node_id == first
    assert cancel == CancelRun(run_id=task.run_id)
    world.exit(task, 137, cancelled=True)
    again = world.run()
    assert (again.run_id.task_id, again.run_id.node_id) == ("manager", second)
    assert world.task("a").requeue_count == 1


@pytest.mark.rule(57)
def test_manager_that_restarts_waits_for_tasks_of_a_higher_priority(world: World) -> None:
    first, _ = world.pool(nodes=2)
    managed(world)
    manager = world.run()
    assert manager.run_id.node_id == first
    world.job("high", priority=10)
    world.tasks("a", job="high")
    task = world.run()
    world.lost(first)
    (start,) = world.said()
    assert start.node_id == first
    world.exit(task)
    again = world.run()
    assert again.run_id.task_id == "manager"


def test_manager_id_of_a_task_is_taken(world: World) -> None:
    managed(world)
    with pytest.raises(Conflict) as refused:
        world.tasks("MANAGER")
    assert refused.value.code == "TaskExists"
    manager = JobManagerTask(id="jobpreparation", command_line="x")
    with pytest.raises(InvalidRequest):
        world.job("k", job_manager_task=manager, job_preparation_task="x")


def test_exclusive_manager_that_needs_more_slots_than_a_node_has_never_runs(world: World) -> None:
    world.pool(task_slots_per_node=1)
    manager = JobManagerTask(id="m", command_line="m", required_slots=2)
    world.job(job_manager_task=manager)
    world.tasks("a")
    world.nothing_else()
    assert world.reasons("m") == ["TooManySlots"]
    assert world.reasons("a") == ["JobManager"]


@pytest.mark.parametrize("end", [inputs.DeleteTask, inputs.TerminateTask])
def test_tasks_go_on_when_a_queued_manager_is_ended(world: World, end: type) -> None:
    """The node has room for a task, but not for the manager, which needs all of it."""
    world.pool(task_slots_per_node=2)
    world.job("other")
    world.tasks("long", job="other")
    world.run()
    managed(world, kill_job_on_completion=False)
    world.tasks("a")
    world.nothing_else()
    world.feed(end(job_id="j", task_id="manager"))
    assert [run.run_id.task_id for run in world.runs()] == ["a"]


def test_earlier_rules_leave_the_tasks_of_an_ended_manager_waiting() -> None:
    world = World(rules=2)
    world.pool(task_slots_per_node=2)
    world.job("other")
    world.tasks("long", job="other")
    world.run()
    managed(world)
    world.tasks("a")
    world.core.handle(world.now, inputs.DeleteTask(job_id="j", task_id="manager"))
    assert world.state("a") == "active"
