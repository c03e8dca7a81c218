"""What nodes did, in every world: the hours add up, and go on counting for what is gone."""

import pytest

import batchlab as bl
from batchlab.widgets import mimebundle
from helpers.stories import SOON, only, pool_of, sh


@pytest.mark.settings(prices=True)
def test_cost_adds_up_and_outlives_the_pool(lab, world):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, job_preparation_task=world.sleep(2),
                         job_release_task=sh("true"))  # fmt: skip
    task = job.create_task("t", world.sleep(5))
    task.wait(timeout=SOON)
    ran = (task.end_time - task.start_time).total_seconds() / 3600
    row = only(pool.cost)
    assert (row.vm_size, row.is_dedicated, row.machines) == ("small", True, 1)
    assert row.task_hours == pytest.approx(ran, rel=0.5)
    assert row.preparation_hours >= 2 / 3600
    assert row.node_hours > row.task_hours + row.preparation_hours
    assert row.cost == row.node_hours * lab.vm_sizes["small"].price_per_hour
    pool.delete()
    pool.wait("deleted", timeout=SOON)
    kept = lab.cost
    assert kept.node_hours >= row.node_hours
    world.until(lambda: (lab.now - task.end_time).total_seconds() > 5)
    assert lab.cost.node_hours == kept.node_hours


@pytest.mark.settings(prices=True)
def test_cost_of_a_spot_node_stops_while_it_is_away(lab, world):
    pool = lab.create_pool("p", target_low_priority_nodes=1)
    pool.nodes.wait(timeout=SOON)
    only(pool.nodes.values()).preempt()
    before, since = lab.cost, lab.now
    assert before[0].price_per_hour == lab.vm_sizes["small"].spot_price_per_hour
    world.until(lambda: (lab.now - since).total_seconds() > 5)
    assert lab.cost.node_hours == before.node_hours


@pytest.mark.rule(44)
@pytest.mark.settings(quotas=bl.Quotas(dedicated_core_quota=3))
def test_size_says_how_many_nodes_the_quota_leaves(lab):
    pool = lab.create_pool("p", vm_size="Medium", target_dedicated_nodes=2)
    pool.wait("steady", timeout=SOON)
    assert (pool.vm_size, pool.current_dedicated_nodes) == ("medium", 1)
    assert [error.code for error in pool.resize_errors] == ["AccountCoreQuotaReached"]


def test_machines_of_your_own_have_no_prices_unless_asked(lab, world):
    """Azure's sizes have them everywhere, and so have all sizes on a virtual clock."""
    pool = pool_of(lab)
    pool.nodes.wait(timeout=SOON)
    azure = lab.create_pool("azure", vm_size="standard_d2s_v3", target_dedicated_nodes=1)
    azure.nodes.wait(timeout=SOON)
    world.until(lambda: lab.cost.node_hours > 1e-4)
    report = repr(pool.report())
    page = mimebundle(pool.cost)["text/html"]
    if world.name == "simulated":
        assert pool.cost.cost > 0
        assert "$" in page
        assert "Cost" in report
    else:
        assert pool.cost.cost_text == ""
        assert not pool.cost.unpriced
        assert "price per hour" not in page
        assert "$" not in page + repr(pool.cost) + report
        assert "prices=True" in page
        assert "unknown" not in report
        assert lab.cost.cost_text.endswith(" without small")
    assert azure.cost.cost_text.startswith("$")
    assert "Cost" in repr(azure.report())
