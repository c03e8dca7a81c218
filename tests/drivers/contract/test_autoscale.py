"""Pools that follow a formula, in both worlds: they grow with what waits, and shrink without."""

import pytest

import batchlab as bl

FORMULA = """
share = $PendingTasks.GetSamplePercent(2 * TimeInterval_Minute);
waiting = share < 50 ? 0 : $PendingTasks.GetSample(1);
$TargetDedicatedNodes = min(2, waiting);
$NodeDeallocationOption = taskcompletion;
"""


pytestmark = pytest.mark.settings(speed=300)
LATER = "5h"  # a minute


def test_pool_follows_its_formula_up_and_down(world, lab):
    pool = lab.create_pool(
        "p",
        enable_auto_scale=True,
        auto_scale_formula=FORMULA,
        auto_scale_evaluation_interval="5m",
    )
    assert pool.target_dedicated_nodes == 0
    job = lab.create_job("j", pool)
    job.create_tasks(["/bin/true"] * 3)
    job.tasks.wait(timeout=LATER)
    assert job.counts.succeeded == 3
    assert len({task.node_id for task in job.tasks.values()}) <= 2
    # It shrinks once the samples show no tasks any more.
    world.until(lambda: pool.current_dedicated_nodes == 0)
    pool.wait("steady", timeout=LATER)
    targets = [run.target_dedicated_nodes for run in pool.auto_scale_history]
    assert targets[0] == 0
    assert max(targets) == 2
    assert targets[-1] == 0
    shrink = [run for run in pool.auto_scale_history if run.outcome == "resized"][-1]
    told = shrink.explain()
    assert "The target changed from 2 dedicated nodes to 0 dedicated nodes" in " ".join(told)
    assert told[-1].startswith("Job release tasks are not counted")


@pytest.mark.rule(83)
def test_formula_is_tried_without_changing_the_pool(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.wait("steady", timeout=LATER)
    run = pool.evaluate_auto_scale("$TargetDedicatedNodes = $CurrentDedicatedNodes + 2;")
    assert run.target_dedicated_nodes == 3
    assert pool.target_dedicated_nodes == 1
    with pytest.raises(bl.FormulaError) as refused:
        pool.evaluate_auto_scale("$TargetDedicatedNodes = ")
    assert refused.value.line == 1


@pytest.mark.rule(41)
def test_pool_with_a_formula_is_not_resized_by_hand(lab):
    pool = lab.create_pool(
        "p", enable_auto_scale=True, auto_scale_formula="$TargetDedicatedNodes = 1;"
    )
    pool.wait("steady", timeout=LATER)
    with pytest.raises(bl.Conflict, match="disable it before a resize"):
        pool.resize(2)
    assert (pool.target_dedicated_nodes, pool.allocation_state) == (1, "steady")
    pool.disable_auto_scale()
    pool.resize(0)
    pool.wait("steady", timeout=LATER)
    assert (pool.current_dedicated_nodes, pool.auto_scale_formula) == (0, None)
