"""What is beside a live display in which nothing is selected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab.widgets.answers import answer


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        yield lab


def about(lab: bl.SimulatedLab, **asked: Any) -> dict[str, str]:
    told = answer(lab._connection, {"what": "about", **asked})
    assert told["kind"] == "about"
    return {name: text for name, text, _ in told["pairs"]}


def test_about_an_empty_lab_says_that_there_is_nothing_yet(lab: bl.SimulatedLab) -> None:
    assert about(lab) == {"Pools": "none yet", "Jobs": "none yet"}


def test_about_a_lab_names_its_pools_and_jobs(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("one", target_dedicated_nodes=1)
    for number in range(14):
        lab.create_job(f"job{number}", pool)
    lab.advance("5m")
    lab.jobs["job13"].terminate()
    lab.advance("5m")
    told = about(lab)
    assert told["Pools"] == "one: 1 node"
    assert told["Jobs"].startswith("job0: active, on one\n")
    assert told["Jobs"].endswith("… and 1 more")
    assert told["Done"] == "1 job"
    assert "node-hours" in told["Cost"]


def test_about_a_pool_that_grows_counts_both_kinds_of_nodes(lab: bl.SimulatedLab) -> None:
    lab.create_pool("p", target_dedicated_nodes=3, target_low_priority_nodes=2,
                    task_slots_per_node=4, start_task="mount disks")  # fmt: skip
    told = about(lab, pool="p")
    assert told["Nodes"] == "0 of 3 dedicated and 0 of 2 spot nodes"
    assert told["Size"] == "small, 4 slots each"
    assert told["Start task"] == "mount disks"


def test_about_a_job_has_no_control_characters(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p")
    lab.create_job("j", pool, job_preparation_task="echo \u202eabc", priority=7)
    told = about(lab, job="j")
    assert told["Priority"] == "7"
    assert told["Preparation"] == "echo \N{REPLACEMENT CHARACTER}abc"


def test_about_what_is_gone_is_refused_with_its_code(lab: bl.SimulatedLab) -> None:
    with pytest.raises(bl.NotFound) as refused:
        about(lab, pool="none")
    assert refused.value.code == "PoolNotFound"


def test_why_the_whole_lab_waits_says_that_a_pool_is_full_once(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    for name, tasks in (("many", 5), ("one", 1)):
        lab.create_job(name, pool).create_tasks(["sleep 600"] * tasks)
    lab.advance("1s")
    parts = answer(lab._connection, {"what": "why"})["parts"]
    codes = {part["name"]: [reason["code"] for reason in part["reasons"]] for part in parts}
    assert codes["Pool p"] == ["Busy"]
    assert all("Busy" not in found for name, found in codes.items() if name != "Pool p")


def test_why_a_job_waits_keeps_the_full_pool_where_it_is_all_there_is(
    lab: bl.SimulatedLab,
) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    lab.create_job("one", pool).create_tasks(["sleep 600"] * 2)
    lab.advance("1s")
    pool_part, job_part = answer(lab._connection, {"what": "why"})["parts"]
    assert [reason["code"] for reason in pool_part["reasons"]] == ["Busy"]
    assert [reason["code"] for reason in job_part["reasons"]] == ["Busy"]


def test_display_of_a_closed_lab_has_ended(lab: bl.SimulatedLab) -> None:
    lab.create_pool("p")
    lab.close()
    assert lab._connection.changes().over == "the lab is closed"
