"""What a formula sees of tasks and nodes: samples, and what nodes say of themselves."""

from typing import Any

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import MeasureNodes
from batchlab.core.messages.questions import EvaluateAutoScale
from batchlab.core.model import MultiInstanceSettings, PoolSpec
from batchlab.core.model.values import NodeUsage
from batchlab.core.state.settings import Settings
from batchlab.errors import NotFound
from helpers.world import World


@pytest.fixture
def world() -> World:
    return World(sample_delay_s=0.0)


def following(world: World, formula: str) -> list[str]:
    spec = PoolSpec(
        id="p", enable_auto_scale=True, auto_scale_formula=formula, task_slots_per_node=2
    )
    world.feed(inputs.CreatePool(spec=spec))
    return world.boot()


def usages(**by_node: NodeUsage) -> facts.NodesMeasured:
    return facts.NodesMeasured(usages=by_node)


def values(world: World, *names: str) -> list[Any]:
    text = "".join(f"v{n} = {name}.GetSample(1);" for n, name in enumerate(names))
    run = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula=text))
    assert run.error is None, run.error
    return [run.variables[f"v{n}"][0] for n in range(len(names))]


def test_nodes_that_are_up_are_told_to_measure_with_each_sample(world: World) -> None:
    first, second = following(world, "$TargetDedicatedNodes = 2;")
    assert world.measurements == []
    world.later(29)
    assert world.measurements == []
    world.later(1)
    assert world.measurements == [MeasureNodes(node_ids=(first, second))]
    world.lost(second)
    world.said()
    world.later(30)
    assert world.measurements[1:] == [MeasureNodes(node_ids=(first,))]


def test_pool_that_follows_no_formula_is_not_measured(world: World) -> None:
    nodes = world.pool(nodes=2)
    world.later(3600)
    assert world.measurements == []
    world.feed(inputs.MeasurePool(pool_id="p"))
    assert world.measurements == [MeasureNodes(node_ids=tuple(nodes))]
    assert world.nodes()[0].usage is None
    world.feed(facts.NodesMeasured(usages={nodes[0]: NodeUsage(cpu_percent=7.0)}))
    assert world.nodes()[0].usage == NodeUsage(cpu_percent=7.0)


def test_measuring_a_pool_without_nodes_tells_nobody(world: World) -> None:
    world.pool(nodes=0)
    world.feed(inputs.MeasurePool(pool_id="p"))
    assert world.measurements == []
    assert isinstance(world.refused(inputs.MeasurePool(pool_id="q")), NotFound)


def test_samples_of_resources_are_means_over_the_nodes_that_answered(world: World) -> None:
    first, second, third = following(world, "$TargetDedicatedNodes = 3;")
    world.later(30)
    world.feed(
        facts.NodesMeasured(
            usages={
                first: NodeUsage(cpu_percent=90.0, memory_megabytes=100.0, disk_read_bytes=10.0),
                second: NodeUsage(cpu_percent=10.0, memory_megabytes=300.0),
            }
        )
    )
    world.later(30)
    names = ("$CPUPercent", "$MemoryBytes", "$DiskReadBytes", "$SampleNodeCount")
    assert values(world, *names, "$UsableNodeCount") == [50.0, 200.0, 10.0, 2.0, 3.0]
    assert third not in (first, second)
    world.later(30)  # nobody answered since: no sample of what nodes use, and a count of none
    assert values(world, "$CPUPercent", "$SampleNodeCount") == [50.0, 0.0]
    text = "n = $CPUPercent.Count(); m = $ActiveTasks.Count();"
    run = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula=text))
    assert run.variables == {"n": 1.0, "m": 4.0}


def test_counts_of_two_measurements_in_one_sample_add_up(world: World) -> None:
    (node,) = following(world, "$TargetDedicatedNodes = 1;")
    world.later(30)
    for read, cpu in ((100.0, 10.0), (50.0, 30.0)):
        usage = NodeUsage(cpu_percent=cpu, disk_read_bytes=read, wall_clock_seconds=15.0)
        world.feed(facts.NodesMeasured(usages={node: usage}))
    world.later(30)
    names = ("$DiskReadBytes", "$CPUPercent", "$WallClockSeconds")
    assert values(world, *names) == [150.0, 30.0, 30.0]


def test_measurement_of_a_node_that_is_gone_is_dropped(world: World) -> None:
    (node,) = following(world, "$TargetDedicatedNodes = 1;")
    world.feed(facts.NodesMeasured(usages={"other": NodeUsage()}))
    assert world.core.state.dropped == 1
    world.lost(node)
    world.said()
    world.feed(facts.NodesMeasured(usages={node: NodeUsage(cpu_percent=5.0)}))
    assert world.core.state.dropped == 2
    assert world.nodes()[0].usage is None


def test_newest_samples_are_missing_unless_the_lab_says_otherwise() -> None:
    text = "n = $ActiveTasks.GetSample(10 * TimeInterval_Minute);"
    counted = {}
    for delay in (60.0, 30.0, 0.0):
        world = World(sample_delay_s=delay)
        following(world, "x = 1;")
        world.later(900)
        run = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula=text))
        counted[delay] = len(run.variables["n"])
    assert counted == {60.0: 18, 30.0: 19, 0.0: 20}
    assert Settings().sample_delay_s == 30.0


def test_outcome_of_each_evaluation_is_noted(world: World) -> None:
    following(world, "$TargetDedicatedNodes = time().minute >= 0 ? 1 : 0;")
    last = world.pool_view().auto_scale_run
    assert (last.outcome, last.current_dedicated_nodes) == ("resized", 0)
    world.later(900)
    assert world.pool_view().auto_scale_run.outcome == "unchanged"
    tried = world.ask(EvaluateAutoScale(pool_id="p", auto_scale_formula="x = 1;"))
    assert (tried.outcome, tried.current_dedicated_nodes) == ("tried", 1)


def test_decision_during_a_resize_is_noted_and_not_followed(world: World) -> None:
    spec = PoolSpec(
        id="p", enable_auto_scale=True, resize_timeout="1h",
        auto_scale_formula="n = $PendingTasks; $TargetDedicatedNodes = n > 0 ? 3 : 1;",
        auto_scale_evaluation_interval="5m",
    )  # fmt: skip
    world.feed(inputs.CreatePool(spec=spec))
    world.job()
    world.tasks("a")
    world.said()
    world.later(300)
    last = world.pool_view().auto_scale_run
    assert last.outcome == "resizing"
    assert last.target_dedicated_nodes == 3
    assert world.pool_view().target_dedicated_nodes == 1
    world.nothing_else()


def test_task_of_several_instances_counts_as_often_as_it_has(world: World) -> None:
    following(world, "$TargetDedicatedNodes = 2;")
    world.job()
    several = MultiInstanceSettings(coordination_command_line="c", number_of_instances=3)
    world.tasks("many", multi_instance_settings=several)
    world.later(30)
    assert values(world, "$ActiveTasks", "$PendingTasks") == [3.0, 3.0]
    world.feed(inputs.TerminateTask(job_id="j", task_id="many"))
    world.later(30)
    assert values(world, "$ActiveTasks") == [0.0]
    world.said()
