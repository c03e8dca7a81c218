"""Properties of a pool that can only change while it is empty."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.model import TaskSchedulingPolicy, UserAccount
from helpers.pools import resize
from helpers.world import World

CHANGES: dict[str, Any] = {
    "vm_size": "medium",
    "task_slots_per_node": 2,
    "task_scheduling_policy": TaskSchedulingPolicy(node_fill_type="pack"),
    "enable_inter_node_communication": True,
    "user_accounts": (UserAccount(name="ada", password="x"),),
}


def update(**changes: Any) -> inputs.UpdatePool:
    return inputs.UpdatePool(pool_id="p", **changes)


@pytest.mark.parametrize("name", CHANGES)
def test_empty_pool_gets_other_nodes(world: World, name: str) -> None:
    world.pool(nodes=0)
    world.feed(update(**{name: CHANGES[name]}, metadata={"a": "b"}))
    view = world.pool_view()
    assert (getattr(view, name), view.metadata) == (CHANGES[name], {"a": "b"})


@pytest.mark.code("OperationInvalidForCurrentState")
@pytest.mark.parametrize("name", CHANGES)
def test_pool_with_nodes_keeps_what_they_have(world: World, name: str) -> None:
    (node,) = world.pool()
    error = world.refused(update(**{name: CHANGES[name]}, metadata={"a": "b"}))
    assert error.code == "OperationInvalidForCurrentState"
    assert name in error.message
    assert world.pool_view().metadata == {}
    same = getattr(world.pool_view(), name)
    world.feed(update(**{name: same}, display_name="P"))  # nothing of the nodes changes
    assert world.pool_view().display_name == "P"
    resize(world, 0)
    world.said()
    assert world.refused(update(**{name: CHANGES[name]})).code == error.code  # it is still there
    world.gone(node)
    world.feed(update(**{name: CHANGES[name]}))
    assert getattr(world.pool_view(), name) == CHANGES[name]


def test_values_are_checked_together(world: World) -> None:
    world.pool(nodes=0)
    assert world.refused(update(task_slots_per_node=8)).values["PropertyName"] == (
        "task_slots_per_node"
    )
    assert world.refused(update(vm_size="potato")).values["PropertyName"] == "vm_size"
    world.feed(update(vm_size="medium", task_slots_per_node=8))
    assert world.refused(update(vm_size="small")).values["PropertyName"] == "task_slots_per_node"


def test_nodes_have_the_new_slots_and_run_as_many_tasks(world: World) -> None:
    world.pool(nodes=0)
    world.job()
    world.tasks("a", "b", "c")
    world.feed(update(task_slots_per_node=2))
    resize(world, 1)
    world.boot()
    assert sorted(run.run_id.task_id for run in world.runs()) == ["a", "b"]


def test_jobs_that_wait_follow_the_new_order(world: World) -> None:
    world.pool(nodes=0)
    for job in ("young", "old"):
        world.job(job)
        world.tasks("a", "b", job=job)
    world.feed(update(task_scheduling_policy=TaskSchedulingPolicy(job_default_order="creationtime"),
                      task_slots_per_node=3))  # fmt: skip
    resize(world, 1)
    world.boot()
    assert [run.run_id.job_id for run in world.runs()] == ["young", "young", "old"]
    world.feed(inputs.DeletePool(pool_id="p"))
    world.said()


def test_machines_of_an_earlier_size_stay_on_the_bill_of_the_account(world: World) -> None:
    (node,) = world.pool()
    world.later(3600)
    resize(world, 0)
    world.said()
    world.gone(node)
    world.feed(update(vm_size="medium"))
    assert world.ask(questions.GetCost(pool_id="p")) == []
    (row,) = world.ask(questions.GetCost())
    assert (row.vm_size, row.machines) == ("small", 1)
    assert row.node_hours == pytest.approx(1, abs=0.01)
    resize(world, 1)
    world.boot()
    (row,) = world.ask(questions.GetCost(pool_id="p"))
    assert row.vm_size == "medium"
