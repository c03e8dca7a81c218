"""Lesson 11: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons


def together(count: int, coordination: str = "true") -> bl.MultiInstanceSettings:
    return bl.MultiInstanceSettings(
        number_of_instances=count, coordination_command_line=coordination
    )


TEAM = together(3)


@pytest.fixture
def talking(lab: bl.SimulatedLab) -> bl.Pool:
    made = lab.create_pool("team", target_dedicated_nodes=3, enable_inter_node_communication=True)
    made.nodes.wait("idle")
    return made


def call(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, settings: Any = TEAM
) -> lessons.Answer:
    task = lab.create_job("yours", pool).create_task(
        "roll", command_line, multi_instance_settings=settings
    )
    lab.advance("30m")
    return lessons.check("11-1", task)


def test_11_1_with_the_ids_of_all_nodes_is_right(lab: bl.SimulatedLab, talking: bl.Pool) -> None:
    assert call(lab, talking, f"/bin/sh -c 'echo {' '.join(talking.nodes)}'").is_right


@pytest.mark.parametrize(
    ("command_line", "settings", "hint"),
    [
        ("/bin/true", None, "multi_instance_settings"),
        ("/bin/true", together(2), "multi_instance_settings"),
        ("/bin/sh -c 'echo 1634 1 1610'", together(3), "number of its primes"),
        ("/bin/sh -c 'echo $AZ_BATCH_NODE_ID'", together(3), "only its own id"),
        ("/bin/true", together(3, "sleep 36000"), "does the coordination command return"),
        ("/bin/true", together(3, "/bin/false"), "fails as a whole"),
    ],
)
def test_11_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, talking: bl.Pool, command_line: str, settings: Any, hint: str
) -> None:
    answer = call(lab, talking, command_line, settings)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def forecast(
    lab: bl.SimulatedLab, coordination: str = "true", count: int = 5, **pool: Any
) -> lessons.Answer:
    made = {"target_dedicated_nodes": 5, "enable_inter_node_communication": True} | pool
    wide = lab.create_pool("wide", **made)
    task = lab.create_job("again", wide).create_task(
        "forecast", "solve weather", multi_instance_settings=together(count, coordination)
    )
    lab.advance("1h")
    return lessons.check("11-2", task)


def test_11_2_on_five_nodes_that_may_talk_is_right(lab: bl.SimulatedLab) -> None:
    assert forecast(lab).is_right


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"enable_inter_node_communication": False}, "set when a pool is created"),
        ({"task_slots_per_node": 2}, "one task at a time"),
        ({"target_dedicated_nodes": 3}, "How many does the task need"),
        ({"count": 3}, "multi_instance_settings"),
        ({"coordination": "/bin/false"}, "fails as a whole"),
        ({"coordination": "sleep 36000"}, "advances the clock"),
    ],
)
def test_11_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, given: dict[str, Any], hint: str
) -> None:
    answer = forecast(lab, **given)
    assert answer.outcome == "not yet"
    assert hint in answer.hint
