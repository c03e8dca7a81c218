"""Pools that follow a formula."""

from datetime import timedelta
from typing import Any

import pytest

from batchlab.autoscale import FormulaError
from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import StartNode, StopNode
from batchlab.core.messages.questions import EvaluateAutoScale, ListAutoScaleRuns
from batchlab.core.model import AutoPoolSpecification, PoolSpec, TaskConstraints
from batchlab.core.model.moments import moment
from batchlab.errors import BatchError, Conflict, InvalidRequest, ServerBusy
from helpers.world import World

THREE = "$TargetDedicatedNodes = 3;"
WAITING = """
share = $PendingTasks.GetSamplePercent(3 * TimeInterval_Minute);
tasks = share < 50 ? 0 : avg($PendingTasks.GetSample(3 * TimeInterval_Minute));
$TargetDedicatedNodes = min(4, tasks);
$NodeDeallocationOption = taskcompletion;
"""


def enable(world: World, formula: str | None = THREE, **kw: Any) -> None:
    world.feed(inputs.EnableAutoScale(pool_id="p", auto_scale_formula=formula, **kw))


def runs(world: World) -> list[Any]:
    return world.ask(ListAutoScaleRuns(pool_id="p"))


def following(world: World, formula: str, interval: str = "5m") -> None:
    spec = PoolSpec(
        id="p", enable_auto_scale=True, auto_scale_formula=formula,
        auto_scale_evaluation_interval=interval,
    )  # fmt: skip
    world.feed(inputs.CreatePool(spec=spec))


def test_pool_created_with_a_formula_follows_it_at_once(world: World) -> None:
    following(world, THREE)
    assert len([c for c in world.unseen if isinstance(c, StartNode)]) == 3
    world.boot()
    view = world.pool_view()
    assert view.enable_auto_scale
    assert view.current_dedicated_nodes == 3
    expected = "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    assert view.auto_scale_run.results == expected


def test_formula_waits_a_quarter_of_an_hour_for_machines(world: World) -> None:
    following(world, THREE)
    (first, *_) = [command.node_id for command in world.unseen if isinstance(command, StartNode)]
    world.allocated(first)
    world.later(840)
    assert world.pool_view().allocation_state == "resizing"
    world.later(60)
    world.said()
    world.gone(*[node.id for node in world.nodes() if node.state == "leavingpool"])
    view = world.pool_view()
    assert (view.allocation_state, view.current_dedicated_nodes) == ("steady", 1)
    assert [error.code for error in view.resize_errors] == ["AllocationTimedOut"]


def test_formula_lets_its_draining_nodes_drain_for_as_long_as_they_need(world: World) -> None:
    soon = f"{moment(world.now + 400):%a, %d %b %Y %H:%M:%S} GMT"
    following(world, f'$TargetDedicatedNodes = time() < time("{soon}") ? 1 : 0; '
              "$NodeDeallocationOption = taskcompletion;")  # fmt: skip
    world.boot()
    world.job()
    world.tasks("a")
    world.run()
    world.later(600)
    world.later(2000)
    assert [node.state for node in world.nodes()] == ["leavingpool"]
    assert world.pool_view().resize_errors == ()


def test_pool_grows_with_the_waiting_tasks_and_shrinks_without(world: World) -> None:
    following(world, WAITING)
    assert world.pool_view().target_dedicated_nodes == 0
    world.job()
    world.tasks("a", "b", "c")
    world.nothing_else()
    world.later(300)
    assert len(world.boot()) == 3
    for run in world.runs():
        world.exit(run)
    world.later(300)
    stops = world.said()
    assert [type(command) for command in stops] == [StopNode] * 3
    world.gone(*(command.node_id for command in stops))
    assert world.pool_view().current_dedicated_nodes == 0
    assert len(runs(world)) == 3


@pytest.mark.rule(87)
def test_samples_are_seen_half_a_minute_after_they_were_taken(world: World) -> None:
    text = "n = $PendingTasks.GetSample(10 * TimeInterval_Minute, 96);"
    following(world, "x = 1;")
    world.later(600)
    strict = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula=text))
    assert strict.error.code == "InsufficientSampleData"
    loose = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula=text.replace("96", "95")))
    assert len(loose.variables["n"]) == 19


@pytest.mark.rule(91)
def test_task_counters_of_samples_leave_blocked_tasks_out(world: World) -> None:
    following(world, "x = 1;")
    world.job(uses_task_dependencies=True)
    world.tasks(*(f"t{n}" for n in range(5)))
    world.tasks(*(f"b{n}" for n in range(3)), depends_on=["t0"])
    world.later(120)
    names = {"a": "$ActiveTasks", "r": "$RunningTasks", "p": "$PendingTasks"}
    text = "".join(f"{name} = {sampled}.GetSample(1);" for name, sampled in names.items())
    run = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula=text))
    assert run.variables == {"a": (5.0,), "r": (0.0,), "p": (5.0,)}
    assert world.job_view().task_counts.active == 8


@pytest.mark.rule(12)
def test_failed_evaluation_leaves_the_pool_alone_and_is_noted(world: World) -> None:
    world.pool(nodes=2)
    enable(world, "$TargetDedicatedNodes = $RunningTasks.GetSample(5);")
    world.nothing_else()
    view = world.pool_view()
    assert view.target_dedicated_nodes == 2
    assert view.auto_scale_run.error is not None


@pytest.mark.code("AutoScalingFormulaSyntaxError")
def test_formula_that_cannot_be_read_changes_nothing(world: World) -> None:
    world.pool()
    with pytest.raises(FormulaError) as refused:
        enable(world, "$TargetDedicatedNodes = ;")
    assert refused.value.code == "AutoScalingFormulaSyntaxError"
    assert not world.pool_view().enable_auto_scale


@pytest.mark.rule(82)
@pytest.mark.code("TooManyEnableAutoScaleRequests")
def test_enabling_twice_within_30_s_is_too_often(world: World) -> None:
    world.pool(nodes=3)
    enable(world)
    with pytest.raises(ServerBusy) as refused:
        enable(world)
    assert refused.value.code == "TooManyEnableAutoScaleRequests"
    world.later(30)
    enable(world, None, auto_scale_evaluation_interval=timedelta(minutes=6))
    assert world.pool_view().auto_scale_formula == THREE
    assert world.pool_view().auto_scale_evaluation_interval == timedelta(minutes=6)


def test_enabling_without_a_formula_or_while_resizing_is_refused(world: World) -> None:
    world.pool()
    with pytest.raises(InvalidRequest) as refused:
        enable(world, None)
    assert refused.value.code == "MissingRequiredProperty"
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=2))
    with pytest.raises(Conflict) as busy:
        enable(world)
    assert busy.value.code == "PoolBeingResized"
    world.boot()


@pytest.mark.rule(41)
def test_resize_by_hand_needs_autoscale_off(world: World) -> None:
    world.pool(nodes=3)
    enable(world)
    with pytest.raises(Conflict):
        world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=1))
    world.feed(inputs.DisableAutoScale(pool_id="p"))
    assert world.pool_view().target_dedicated_nodes == 3
    with pytest.raises(Conflict):
        world.feed(inputs.DisableAutoScale(pool_id="p"))
    world.later(2000)
    world.nothing_else()


def test_disabling_stops_the_resize_that_the_formula_began(world: World) -> None:
    world.pool(nodes=0)
    enable(world)
    world.said()
    world.feed(inputs.DisableAutoScale(pool_id="p"))
    assert world.pool_view().allocation_state == "stopping"
    world.gone(*(command.node_id for command in world.said()))
    assert world.pool_view().allocation_state == "steady"


def test_shrink_of_a_formula_takes_its_deallocation_option(world: World) -> None:
    world.pool(nodes=1)
    world.job()
    world.tasks("a", constraints=TaskConstraints())
    run = world.run()
    enable(world, "$TargetDedicatedNodes = 0; $NodeDeallocationOption = taskcompletion;")
    world.nothing_else()
    assert world.pool_view().allocation_state == "resizing"
    world.exit(run)
    (stop,) = world.said()
    world.gone(stop.node_id)
    assert world.state("a") == "completed"


def test_deleted_pool_is_evaluated_no_more(world: World) -> None:
    following(world, "$TargetDedicatedNodes = 0;")
    world.feed(inputs.DeletePool(pool_id="p"))
    world.later(4000)
    world.nothing_else()


@pytest.mark.code("InvalidAutoScaleFormulaInAutoPool")
def test_auto_pool_with_a_bad_formula_leaves_the_job_completed(world: World) -> None:
    pool = PoolSpec(enable_auto_scale=True, auto_scale_formula="x =")
    world.job(pool=AutoPoolSpecification(pool=pool, pool_lifetime_option="job"))
    assert world.job_view().scheduling_error.code == "InvalidAutoScaleFormulaInAutoPool"


@pytest.mark.rule(81)
@pytest.mark.code("InvalidAutoScalingSettings")
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"enable_auto_scale": True}, "MissingRequiredProperty"),
        ({"auto_scale_formula": "x = 1"}, "InvalidAutoScalingSettings"),
        ({"auto_scale_evaluation_interval": "5m"}, "InvalidAutoScalingSettings"),
        (
            {"enable_auto_scale": True, "auto_scale_formula": "x=1", "target_dedicated_nodes": 1},
            "InvalidAutoScalingSettings",
        ),
        (
            {
                "enable_auto_scale": True,
                "auto_scale_formula": "x=1",
                "auto_scale_evaluation_interval": "4m",
            },
            "InvalidPropertyValue",
        ),
        (
            {
                "enable_auto_scale": True,
                "auto_scale_formula": "x=1",
                "auto_scale_evaluation_interval": "8d",
            },
            "InvalidPropertyValue",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict, code: str) -> None:
    with pytest.raises(BatchError) as refused:
        PoolSpec(id="p", **given)
    assert refused.value.code == code
