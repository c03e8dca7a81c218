"""The case study: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

RISK = '{"at_risk": 0.07, "shortfall": 0.1}'
RULES = {
    "download *": bl.Behavior(duration="8m"),
    "value book": bl.Behavior(duration="3m"),
    "risk *": bl.Behavior(duration="1s", files={"risk.json": RISK}),
    "twice *": bl.Behavior(duration="1s", files={"risk.json": '{"at_risk": -14.0}'}),
    "nonsense *": bl.Behavior(duration="1s", files={"risk.json": "[7, 10]"}),
}


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(boot="90s", workload=bl.Workload(rules=RULES)) as opened:
        yield opened


def pairs(
    lab: bl.SimulatedLab,
    line: str = "risk book",
    count: int = 15,
    path: str | None = "pair{}.json",
    preparation: str | None = "download prices",
    files: tuple[str, ...] = (),
    container: bool = True,
) -> bl.Job:
    if container:
        lab.storage.create_container("pairs")
    lab.storage.create_container("market").upload(b"", "stocks.csv.gz")
    job = lab.create_job("paired", "two", job_preparation_task=preparation)
    for number in range(count):
        to = bl.OutputFileBlobContainerDestination(
            container_url="pairs", path=path and path.format(number)
        )
        job.create_task(
            f"pair{number}",
            line,
            resource_files=[lab.storage["market"].url_of(name) for name in files],
            output_files=[bl.OutputFile(file_pattern="risk.json", destination=to)],
        )
    lab.advance("30m")
    return job


def test_15_1_with_fifteen_pairs_is_right_and_names_the_safest(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    answer = lessons.check("15-1", pairs(lab))
    assert answer.is_right
    assert answer.text == "15 pairs, and the safest is pair0.json: 7.0% at risk."


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"count": 14}, "takes a list of command lines"),
        ({"preparation": None}, "What all tasks need belongs to the job"),
        ({"files": ("stocks.csv.gz",)}, "when the preparation has finished"),
        ({"files": ("nothing.json",)}, "what was missing"),
        ({"line": "/bin/sh -c 'exit 1'"}, "say on stderr"),
        ({"path": None}, "under a different name"),
        ({"line": "twice book"}, "add up to one"),
        ({"line": "nonsense book"}, "The program writes"),
        ({"container": False}, "does not create the container"),
    ],
)
def test_15_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("15-1", pairs(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def night(
    lab: bl.SimulatedLab,
    target: str = "$TargetLowPriorityNodes",
    most: int = 40,
    interval: str = "5m",
    count: int = 600,
    preparation: str | None = "download prices",
    line: str = "value book",
    after: str = "1h",
    vm_size: str = "small",
) -> lessons.Answer:
    pool = lab.create_pool("thrifty", vm_size=vm_size)
    formula = bl.formulas.pending_tasks(most).text.replace("$TargetDedicatedNodes", target)
    pool.enable_auto_scale(formula, auto_scale_evaluation_interval=interval)
    job = lab.create_job("last", pool, job_preparation_task=preparation)
    job.create_tasks([line] * count)
    job.tasks.wait()
    lab.advance(after)
    return lessons.check("15-2", pool, job)


def test_15_2_with_spot_nodes_that_follow_the_load_is_right(lab: bl.SimulatedLab) -> None:
    assert night(lab).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"target": "$TargetDedicatedNodes"}, "a cheaper kind of node"),
        ({"most": 20}, "How many nodes are there"),
        ({"count": 60}, "takes a list of command lines"),
        ({"preparation": None}, "part of the exercise"),
        ({"line": "/bin/sh -c 'exit 1'"}, "No book may be missing"),
        ({"after": "1s"}, "removes them after a while"),
        ({"vm_size": "Standard_D16s_v5"}, "lab.vm_sizes lists the sizes"),
    ],
)
def test_15_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = night(lab, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_15_2_with_nodes_that_stand_by_costs_too_much(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("ready", target_dedicated_nodes=40)
    job = lab.create_job("last", pool, job_preparation_task="download prices")
    job.create_tasks(["value book"] * 600)
    job.tasks.wait()
    pool.resize(0)
    lab.advance("5m")
    answer = lessons.check("15-2", pool, job)
    assert "too expensive" in answer.text


def test_15_2_with_two_pools_asks_for_the_one_of_the_job(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job("last", "elsewhere")
    assert "the job that ran on it" in lessons.check("15-2", pool, job).hint


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"preparation": "/bin/true"}, "What all tasks need"),
        ({"line": "/bin/sh -c 'echo {\\\"at_risk\\\": 0.1} > risk.json'"}, "should compute"),
    ],
)
def test_15_1_of_a_constant_or_an_idle_preparation_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("15-1", pairs(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_15_1_with_files_from_the_notebook_is_wrong(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    box = lab.storage.create_container("pairs")
    job = lab.create_job("paired", pool, job_preparation_task="download prices")
    job.create_tasks(["risk book"] * 15)
    job.tasks.wait()
    for number in range(15):
        box.upload(RISK.encode(), f"pair{number}.json")
    assert "do it themselves" in lessons.check("15-1", job).hint


def test_15_1_with_the_prices_of_a_whole_container_in_each_task_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = pairs(lab)
    job.create_task("one-more", "risk book", resource_files=[
        bl.ResourceFile(auto_storage_container_name="market", file_path="in")
    ]).wait()  # fmt: skip
    assert "when the preparation has finished" in lessons.check("15-1", job).hint


def cheap(
    lab: bl.SimulatedLab,
    line: str = "value book",
    preparation: str = "download prices",
    **pool: Any,
) -> lessons.Answer:
    made = lab.create_pool("cheap", **{"vm_size": "small"} | pool)
    formula = bl.formulas.pending_tasks(40).text.replace(
        "$TargetDedicatedNodes", "$TargetLowPriorityNodes"
    )
    made.enable_auto_scale(formula, auto_scale_evaluation_interval="5m")
    job = lab.create_job("last", made, job_preparation_task=preparation)
    job.create_tasks([line] * 600)
    job.tasks.wait()
    lab.advance("1h")
    return lessons.check("15-2", made, job)


def books(lab: bl.SimulatedLab, *texts: str) -> bl.Job:
    """A job in which each task fetches a book of its own, and perhaps one more a table."""
    for name in ("pairs", "books"):
        lab.storage.create_container(name)
    job = lab.create_job("paired", "two", job_preparation_task="download prices")
    for number, text in enumerate(texts):
        lab.storage["books"].upload(text.encode(), f"{number}.json")
        to = bl.OutputFileBlobContainerDestination(container_url="pairs", path=f"{number}.json")
        url = lab.storage["books"].url_of(f"{number}.json")
        job.create_task(
            f"pair{number}",
            "risk book",
            resource_files=[bl.ResourceFile(http_url=url, file_path="book.json")],
            output_files=[bl.OutputFile(file_pattern="risk.json", destination=to)],
        )
    lab.advance("30m")
    return job


@pytest.mark.parametrize(
    "text", ['{"GOOG": 0.3, "AMZN": 0.7}', '{"GOOG": 1}', '{"A": 0.34, "B": 0.33, "C": 0.33}']
)
def test_15_1_of_other_parts_than_halves_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, text: str
) -> None:
    answer = lessons.check("15-1", books(lab, text, *['{"GOOG": 0.5, "AMZN": 0.5}'] * 14))
    assert answer.outcome == "not yet"
    assert "Half of the money" in answer.hint


def test_15_1_of_halves_and_other_things_beside_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    more = ('{"GOOG": 1}', RISK, "[0.5]", '{"note": "hi"}')
    answer = lessons.check("15-1", books(lab, *['{"GOOG": 0.5, "AMZN": 0.5}'] * 15, *more))
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"task_slots_per_node": 4}, "the same nodes as in the lesson"),
        ({"vm_size": "standard_a1_v2"}, "the same nodes as in the lesson"),
        ({"line": "sleep 60"}, "a book three"),
        ({"preparation": "sleep 60"}, "the prices eight minutes"),
    ],
)
def test_15_2_with_easier_work_or_other_nodes_is_wrong(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = cheap(lab, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_15_2_with_nodes_that_start_at_once_is_wrong() -> None:
    with bl.SimulatedLab(boot="1s", workload=bl.Workload(rules=RULES)) as lab:
        assert "takes 90 seconds to start" in cheap(lab).hint


def test_15_2_with_a_pool_that_was_created_again_is_wrong(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("night", target_dedicated_nodes=40)
    job = lab.create_job("last", pool, job_preparation_task="download prices")
    job.create_tasks(["value book"] * 600)
    job.tasks.wait()
    pool.delete()
    lab.advance("10m")
    again = lab.create_pool("night", target_dedicated_nodes=0)
    assert lessons.check("15-2", again, job).outcome == "not yet"


def test_15_2_with_spot_nodes_by_hand_and_more_books_is_right(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("hand", target_low_priority_nodes=40)
    job = lab.create_job("last", pool, job_preparation_task="download prices",
                         on_all_tasks_complete="noaction")  # fmt: skip
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="value book") for n in range(602)])
    job.tasks.wait()
    pool.resize(target_low_priority_nodes=0)
    pool.wait("steady")
    answer = lessons.check("15-2", pool, job)
    assert answer.is_right, answer


def test_15_1_with_other_names_and_more_books_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = pairs(lab, path="risks/of-{}.txt", count=17)
    job.terminate()
    lab.advance("5m")
    answer = lessons.check("15-1", job)
    assert answer.is_right, answer
