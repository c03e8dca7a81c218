"""Lesson 11: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons


def together(count: int, coordination: str = "true") -> bl.MultiInstanceSettings:
    return bl.MultiInstanceSettings(
        number_of_instances=count, coordination_command_line=coordination
    )


TEAM = together(3)


SAID = {"text": "{}\n{}\n{}\n"}


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    """A lab in which a program roll.py finds out the ids of the nodes of its pool."""

    def rule(run: Any) -> Any:
        if run.command_line != "python roll.py":
            return None
        return bl.Behavior(duration="5s", stdout=SAID["text"].format(*opened.pools["team"].nodes))

    with bl.SimulatedLab(workload=bl.Workload(rules=rule)) as opened:
        SAID["text"] = "{}\n{}\n{}\n"
        yield opened


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
    assert call(lab, talking, "python roll.py").is_right


@pytest.mark.parametrize(
    "said", ["<{}> {},{}.", "AZ_BATCH_NODE_ID={}\nAZ_BATCH_NODE_ID={}\nAZ_BATCH_NODE_ID={}\n"]
)
def test_11_1_with_the_ids_in_another_form_is_right(
    lab: bl.SimulatedLab, talking: bl.Pool, said: str
) -> None:
    SAID["text"] = said
    assert call(lab, talking, "python roll.py").is_right


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/bin/sh -c 'echo {} {} {}'", "before it runs"),
        ("/bin/sh -c 'echo {}; echo $AZ_BATCH_NODE_ID'", "before it runs"),
    ],
)
def test_11_1_with_ids_typed_into_the_command_is_wrong(
    lab: bl.SimulatedLab, talking: bl.Pool, line: str, hint: str
) -> None:
    assert hint in call(lab, talking, line.format(*talking.nodes.ids())).hint


def test_11_1_with_ids_typed_elsewhere_is_wrong(lab: bl.SimulatedLab, talking: bl.Pool) -> None:
    ids = " ".join(talking.nodes.ids())
    job = lab.create_job("typed", talking)
    box = lab.storage.create_container("box")
    for name, text in (("ids.py", f"print({ids!r})"), ("ask.py", "bl.Job.current()")):
        box.upload(text.encode(), name)
    settings = [
        {"environment_settings": {"IDS": ids}},
        {"resource_files": [box.url_of("ids.py")]},
        {"resource_files": [box.url_of("ask.py")]},
        {"multi_instance_settings": together(3, f"/bin/sh -c 'echo {ids}'")},
    ]
    for number, one in enumerate(settings):
        more = {"multi_instance_settings": TEAM} | one
        task = job.create_task(f"t{number}", "python roll.py", **more)
        task.wait()
        assert lessons.check("11-1", task).outcome == "not yet", one


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


def test_11_2_on_a_pool_that_was_changed_while_it_was_empty_is_right(
    lab: bl.SimulatedLab,
) -> None:
    pool = lab.create_pool("narrow", target_dedicated_nodes=0, task_slots_per_node=2)
    pool.update(task_slots_per_node=1, enable_inter_node_communication=True)
    pool.resize(6)
    task = lab.create_job("again", pool).create_task(
        "f", "/bin/sh -c 'solve weather'", multi_instance_settings=together(5, "start-service")
    )
    task.wait()
    assert lessons.check("11-2", task).is_right


def test_11_2_of_a_task_that_was_ended_or_failed_is_wrong(lab: bl.SimulatedLab) -> None:
    wide = lab.create_pool("wide", target_dedicated_nodes=5, enable_inter_node_communication=True)
    job = lab.create_job("again", wide)
    for number, line in enumerate(("solve weather", "/bin/sh -c 'exit 1'", "exit 0")):
        task = job.create_task(f"t{number}", line, multi_instance_settings=together(5))
        if not number:
            task.terminate()
        lab.advance("1h")
        assert lessons.check("11-2", task).outcome == "not yet"
