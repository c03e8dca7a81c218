"""Run-ahead: which tasks wait on nodes, what happens when they start, and what takes them back."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import CancelRun, RestartNode, StartRun, TakeBack
from batchlab.core.model import JobManagerTask, TaskConstraints, TaskSchedulingPolicy
from batchlab.core.model.ids import RunId
from helpers.world import World

PATIENCE_S = 5.0


def deepen(world: World, *node_ids: str, depth: int = 2) -> None:
    for node_id in node_ids:
        world.feed(facts.DepthMeasured(node_id=node_id, depth=depth, patience_s=PATIENCE_S))


def sent(world: World) -> tuple[list[StartRun], list[StartRun]]:
    """The runs commanded since the last look: started at once, and those that wait."""
    runs = world.runs()
    return [run for run in runs if not run.ahead], [run for run in runs if run.ahead]


def names(runs: Any) -> list[str]:
    return [(run.run_id if isinstance(run, StartRun) else run).task_id for run in runs]


def recalled(world: World) -> list[RunId]:
    """The runs that were recalled since the last look, when nothing else was commanded."""
    said = world.said()
    assert said
    assert all(isinstance(command, TakeBack) for command in said), said
    return [run_id for command in said for run_id in command.run_ids]


def give(world: World, *taken: RunId, started: tuple[RunId, ...] = ()) -> None:
    world.feed(facts.TakenBack(taken=taken, started=started))


def go_on(world: World, run: StartRun, then: StartRun) -> None:
    world.feed(facts.RunExited(run_id=run.run_id, exit_code=0, then=then.run_id))


@pytest.fixture
def ahead(world: World) -> tuple[str, StartRun, list[StartRun]]:
    """One slot where ``a`` runs, ``b`` and ``c`` wait, and ``d`` is in the queue."""
    (node,) = world.pool()
    deepen(world, node)
    world.job()
    world.tasks("a", "b", "c", "d")
    (running,), waiting = sent(world)
    assert names([running, *waiting]) == ["a", "b", "c"]
    return node, running, waiting


def test_without_a_depth_nothing_waits_on_a_node(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a", "b")
    assert names(world.runs()) == ["a"]


def test_task_that_waits_on_a_node_is_active_and_holds_no_slot(world: World, ahead: Any) -> None:
    for name in ("b", "c", "d"):
        assert (world.state(name), world.task(name).start_time) == ("active", None)
        assert world.reasons(name)[0] == "Busy"
    assert world.nodes()[0].running_tasks_count == 1
    counts = world.job_view().task_counts
    assert (counts.active, counts.running) == (3, 1)


def test_next_task_starts_with_the_exit_of_the_one_before(world: World, ahead: Any) -> None:
    _, running, (second, third) = ahead
    world.now += 1
    go_on(world, running, second)
    assert [world.state(name) for name in "abcd"] == ["completed", "running", "active", "active"]
    assert world.nodes()[0].state == "running"
    assert names(sent(world)[1]) == ["d"]
    world.exit(second)  # the node is about to start the next one
    assert world.reasons("c")[0] == "Held"
    world.nothing_else()
    world.feed(facts.RunStarted(run_id=third.run_id))
    assert world.state("c") == "running"


def test_retry_and_dependents_queue_behind_what_waits(world: World, ahead: Any) -> None:
    _, running, (second, _) = ahead
    world.feed(facts.RunExited(run_id=running.run_id, exit_code=1, then=second.run_id))
    assert world.task("a").failure_info.code == "FailureExitCode"
    assert names(sent(world)[1]) == ["d"]


@pytest.mark.parametrize("verb", ["terminate", "delete"])
@pytest.mark.parametrize("started", [False, True])
def test_task_that_waits_is_ended_when_the_node_has_answered(
    world: World, ahead: Any, verb: str, started: bool
) -> None:
    _, running, (second, _) = ahead
    request = inputs.TerminateTask if verb == "terminate" else inputs.DeleteTask
    world.feed(request(job_id="j", task_id="b"))
    assert recalled(world) == [second.run_id]
    assert world.state("b") == "active"
    world.feed(request(job_id="j", task_id="b"))  # once is enough
    world.nothing_else()
    if started:
        go_on(world, running, second)
        assert world.state("b") == "running"
        assert world.said()[0] == CancelRun(run_id=second.run_id)
        give(world, started=(second.run_id,))
        world.said()
        world.exit(second, 137, cancelled=True)
        world.said()
    else:
        give(world, second.run_id)
        assert names(sent(world)[1]) == ["d"]
    if verb == "terminate":
        assert (world.state("b"), world.task("b").failure_info.code) == ("completed", "TaskEnded")
    else:
        assert "b" not in world.core.state.job("j").tasks


def test_changed_task_is_sent_again_with_its_new_limits(world: World, ahead: Any) -> None:
    _, _, (second, third) = ahead
    limits = TaskConstraints(max_wall_clock_time=60)
    world.feed(inputs.UpdateTask(job_id="j", task_id="b", constraints=limits))
    assert recalled(world) == [second.run_id]
    give(world, second.run_id)
    (again,) = sent(world)[1]
    assert (again.run_id.task_id, again.time_limit_s) == ("b", 60)
    assert again.run_id.number > third.run_id.number


def test_disabled_job_waits_for_what_the_node_has_started(world: World, ahead: Any) -> None:
    _, running, (second, third) = ahead
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="requeue"))
    take, cancel = world.said()
    assert take.run_ids == (second.run_id, third.run_id)
    assert cancel == CancelRun(run_id=running.run_id)
    world.feed(
        facts.RunExited(run_id=running.run_id, cancelled=True, exit_code=137, then=second.run_id)
    )
    assert world.said() == [CancelRun(run_id=second.run_id)]
    assert world.job_view().state == "disabling"
    give(world, third.run_id, started=(second.run_id,))
    world.exit(second, 137, cancelled=True)
    assert world.job_view().state == "disabled"
    assert [world.task(name).requeue_count for name in "abcd"] == [1, 1, 0, 0]
    world.feed(inputs.EnableJob(job_id="j"))
    assert names(world.runs()) == ["b", "a", "c"]


def test_job_that_ends_leaves_what_waited_active(world: World, ahead: Any) -> None:
    _, running, (second, third) = ahead
    world.feed(inputs.TerminateJob(job_id="j"))
    assert isinstance(world.said()[0], TakeBack)
    world.exit(running, 137, cancelled=True)
    assert world.job_view().state == "terminating"
    give(world, second.run_id, third.run_id)
    assert world.job_view().state == "completed"
    assert [world.state(name) for name in "abcd"] == ["completed", "active", "active", "active"]
    world.said()


def test_job_is_deleted_only_after_the_answer(world: World, ahead: Any) -> None:
    _, running, (second, third) = ahead
    world.feed(inputs.DeleteJob(job_id="j"))
    world.exit(running, 137, cancelled=True)
    assert world.job_view().state == "deleting"
    give(world, second.run_id, third.run_id)
    assert not world.core.state.jobs
    world.said()


@pytest.mark.parametrize("priority", [1, 0, -1])
def test_work_of_a_new_job_goes_before_what_waits(world: World, ahead: Any, priority: int) -> None:
    _, running, (second, third) = ahead
    world.job("k", priority=priority)
    world.tasks("x", job="k")
    if priority < 0:
        world.nothing_else()
        return
    assert recalled(world) == [second.run_id, third.run_id]
    world.exit(running)
    world.nothing_else()  # the node fills its slot until it has answered
    give(world, second.run_id, third.run_id)
    (first,), after = sent(world)
    if priority:
        assert names([first, *after]) == ["x", "b", "c"]
    else:
        assert sorted(names([first, *after])[:2]) == ["b", "x"]  # they take turns


def test_lower_priority_does_not_pass_what_waits_elsewhere(world: World) -> None:
    one, other = world.pool(nodes=2)
    deepen(world, one)
    world.job("high", priority=5)
    world.job("low")
    world.tasks("a", "b", "c", job="high")
    started, waiting = sent(world)
    assert (names(started), names(waiting)) == (["a", "b"], ["c"])
    world.tasks("x", job="low")
    world.nothing_else()
    free = next(run for run in started if run.run_id.node_id == other)
    world.exit(free)
    assert recalled(world) == [waiting[0].run_id]
    assert "Held" in world.reasons("x", "low")
    give(world, waiting[0].run_id)
    (moved,), behind = sent(world)
    assert (moved.run_id.task_id, moved.run_id.node_id) == ("c", other)
    assert names(behind) == ["x"]


def test_changed_priority_takes_effect_at_once(world: World, ahead: Any) -> None:
    _, _, (second, third) = ahead
    world.feed(inputs.UpdateJob(job_id="j", priority=-5))
    assert recalled(world) == [second.run_id, third.run_id]


def test_free_slot_elsewhere_gets_the_later_half(world: World) -> None:
    one, other = world.pool(nodes=2)
    deepen(world, one, depth=4)
    world.job()
    world.tasks(*"abcdef")
    started, waiting = sent(world)
    assert (names(started), names(waiting)) == (["a", "b"], ["c", "d", "e", "f"])
    free = next(run for run in started if run.run_id.node_id == other)
    world.exit(free)
    taken = recalled(world)
    assert names(taken) == ["e", "f"]
    give(world, *taken)
    (moved,), again = sent(world)
    assert (moved.run_id.task_id, moved.run_id.node_id) == ("e", other)
    assert names(again) == ["f"]


def test_tasks_are_spread_over_the_queues(world: World) -> None:
    nodes = world.pool(nodes=3)
    deepen(world, *nodes, depth=8)
    world.job()
    world.tasks(*(f"t{number}" for number in range(9)))
    started, waiting = sent(world)
    assert len(started) == 3
    counts = [sum(run.run_id.node_id == node for run in waiting) for node in nodes]
    assert counts == [2, 2, 2]


def test_what_waits_too_long_is_taken_back(world: World, ahead: Any) -> None:
    node, _, (second, third) = ahead
    world.later(PATIENCE_S - 1)
    world.nothing_else()
    world.later(2)
    assert recalled(world) == [second.run_id, third.run_id]
    give(world, second.run_id, third.run_id)
    world.nothing_else()
    deepen(world, node)
    assert names(sent(world)[1]) == ["b", "c"]


def test_smaller_depth_takes_back_what_is_much_too_much(world: World, ahead: Any) -> None:
    node, running, (second, third) = ahead
    deepen(world, node, depth=1)
    go_on(world, running, second)
    world.nothing_else()  # one waits: enough
    deepen(world, node, depth=4)
    assert names(sent(world)[1]) == ["d"]
    deepen(world, node, depth=0)
    assert names(recalled(world)) == ["c", "d"]
    give(world, third.run_id)


@pytest.mark.parametrize("option", ["requeue", "taskcompletion"])
def test_node_reboots_when_nothing_waits_there_any_more(
    world: World, ahead: Any, option: Any
) -> None:
    node, running, (second, third) = ahead
    world.feed(inputs.RebootNode(pool_id="p", node_id=node, node_reboot_option=option))
    said = world.said()
    assert said[0].run_ids == (second.run_id, third.run_id)
    assert said[1:] == ([CancelRun(run_id=running.run_id)] if option == "requeue" else [])
    world.exit(running, 137, cancelled=True)
    world.nothing_else()
    give(world, second.run_id, started=(third.run_id,))
    if option == "requeue":
        assert world.said() == [CancelRun(run_id=third.run_id)]
    world.exit(third, 137, cancelled=True)
    assert isinstance(world.said()[0], RestartNode)


def test_lost_node_gives_back_what_waited_without_a_retry(world: World, ahead: Any) -> None:
    node, running, _ = ahead
    world.lost(node)
    for name in "bcd":
        task = world.task(name)
        assert (task.state, task.retry_count, task.requeue_count) == ("active", 0, 0)
    world.feed(facts.RunStarted(run_id=RunId("j", "b", node, 3)))
    assert world.core.state.dropped == 1
    world.said()
    world.allocated(node, 2)
    world.started(node, 2)
    assert names(world.runs()) == ["a"]  # a new boot has no queue before it is measured
    assert running.run_id.task_id == "a"


def test_resumed_lab_has_no_queues(world: World, ahead: Any) -> None:
    world.feed(facts.LabResumed())
    assert [world.state(name) for name in "abcd"] == ["active"] * 4
    assert not world.core.state.pools["p"].ahead.runs
    world.said()


@pytest.mark.parametrize(
    "settings",
    [
        {"max_parallel_tasks": 3},
        {"allow_task_preemption": True},
        {"job_manager_task": JobManagerTask(id="m", command_line="x")},
        {"job_preparation_task": "true"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_nothing_waits_where_something_else_matters(
    world: World, settings: dict[str, Any]
) -> None:
    (node,) = world.pool()
    deepen(world, node)
    world.job(**settings)
    world.tasks("a", "b", "c")
    assert [run.ahead for run in world.runs()] == [False]


def test_other_slots_and_affinity_wait_in_the_queue(world: World) -> None:
    (node,) = world.pool(task_slots_per_node=2)
    deepen(world, node, depth=4)
    world.job()
    world.tasks("a", "b", "c")
    started, waiting = sent(world)
    assert (names(started), names(waiting)) == (["a", "b"], ["c"])
    world.tasks("near", affinity_info=f"TVM:{node}")
    world.nothing_else()
    world.tasks("big", required_slots=2)
    assert names(recalled(world)) == ["c"]
    give(world, waiting[0].run_id)
    world.nothing_else()


def test_prepared_node_queues_tasks_of_the_job(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task="true", job_release_task="true")
    world.tasks("a", "b", "c")
    preparation = world.run()
    deepen(world, node)
    world.nothing_else()
    world.exit(preparation)
    started = world.run()
    deepen(world, node)
    assert names(sent(world)[1]) == ["b", "c"]
    world.feed(inputs.TerminateJob(job_id="j"))
    take = world.said()[0]
    world.exit(started, 137, cancelled=True)
    world.nothing_else()  # no release beside what the node may have started
    give(world, *take.run_ids)
    assert world.run().kind == "jobrelease"


def test_oldest_job_first_also_among_those_that_wait(world: World) -> None:
    policy = TaskSchedulingPolicy(job_default_order="creationtime")
    (node,) = world.pool(task_scheduling_policy=policy)
    deepen(world, node)
    world.job("old")
    world.job("new")
    world.tasks("x", "y", "z", job="new")
    _, waiting = sent(world)
    world.tasks("a", job="old")
    assert recalled(world) == [run.run_id for run in waiting]
    give(world, *(run.run_id for run in waiting))
    assert names(sent(world)[1]) == ["a"]
