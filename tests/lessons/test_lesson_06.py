"""Lesson 06: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

BOOK = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID.txt"


def pay(
    lab: bl.SimulatedLab, command_line: str, job_id: str = "careful", *, reboot: bool = True
) -> lessons.Answer:
    pool = lab.create_pool("solo", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    task = lab.create_job(job_id, pool).create_task("entry", command_line)
    lab.advance("20s")
    if reboot:
        next(iter(pool.nodes.values())).reboot()
    lab.advance("5m")
    return lessons.check("06-1", task)


def test_06_1_with_a_file_written_anew_is_right(lab: bl.SimulatedLab) -> None:
    assert pay(lab, f"/bin/sh -c 'echo paid 10 > {BOOK}; render frame'").is_right


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        (f"/bin/sh -c 'echo paid 10 >> {BOOK}; render frame'", "appends to the file"),
        (f"/bin/sh -c 'echo 10 > {BOOK}; render frame'", "The line must be"),
        ("/bin/sh -c 'render frame'", "holds the path of the file"),
        (f"/bin/sh -c 'echo paid 10 > {BOOK}'", "Reboot the node while"),
        ("sleep 3600", "waits for it"),
    ],
)
def test_06_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, command_line: str, hint: str
) -> None:
    assert hint in pay(lab, command_line).hint


@pytest.mark.parametrize(
    "command_line",
    [
        f"/bin/sh -c 'test -e {BOOK} || render frame && echo paid 10 > {BOOK}'",
        f'/bin/bash -c "render frame; echo paid 10 > new; cp new {BOOK}"',
        f"/bin/sh -c 'grep -q paid {BOOK} || echo paid 10 >> {BOOK}; render frame'",
        f"/bin/bash -c 'set -eu; [[ -s {BOOK} ]] || (echo paid 10) > {BOOK}; render frame'",
        f"/bin/sh -c 'touch {BOOK}; sed -i /paid/d {BOOK}; echo paid 10 >> {BOOK}; render frame'",
        f"/bin/sh -c 'test -e {BOOK} || echo paid 10 > {BOOK}; render frame'",
        f"/bin/sh -c 'echo paid 10 > new; render frame; mv new {BOOK}'",
    ],
)
def test_06_1_with_another_way_in_a_job_of_another_name_is_right(
    lab: bl.SimulatedLab, command_line: str
) -> None:
    assert pay(lab, command_line, "Second-Try").is_right


def test_06_1_without_a_reboot_gives_its_hint(lab: bl.SimulatedLab) -> None:
    command_line = f"/bin/sh -c 'echo paid 10 > {BOOK}; render frame'"
    assert "Reboot the node while" in pay(lab, command_line, reboot=False).hint


def survive(
    lab: bl.SimulatedLab, after: str = "20s", command_line: str = "render frame", lost: int = 1
) -> bl.Job:
    pool = lab.create_pool("spot", target_dedicated_nodes=0, target_low_priority_nodes=2)
    pool.nodes.wait("idle")
    job = lab.create_job("survivor", pool)
    job.create_tasks([command_line] * 6)
    if after:
        lab.advance(after)
        for node in list(pool.nodes.values())[:lost]:
            node.preempt()
    lab.advance("20m")
    return job


def test_06_2_with_a_node_lost_at_work_is_right(lab: bl.SimulatedLab) -> None:
    assert lessons.check("06-2", survive(lab)).is_right


def test_06_2_with_all_nodes_lost_at_work_is_right(lab: bl.SimulatedLab) -> None:
    assert lessons.check("06-2", survive(lab, lost=2)).is_right


@pytest.mark.parametrize(
    ("after", "command_line", "hint"),
    [
        ("", "render frame", "play the cloud"),
        ("20m", "render frame", "Move the clock"),
        ("20s", "/bin/sh -c 'render frame; exit 1'", "does not make a task fail"),
        ("20s", "sleep 3600", "waits for them"),
    ],
)
def test_06_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, after: str, command_line: str, hint: str
) -> None:
    assert hint in lessons.check("06-2", survive(lab, after, command_line)).hint


@pytest.mark.parametrize(
    "command_line",
    [
        f"/bin/sh -c 'render frame; echo paid 10 >> {BOOK}'",
        f"/bin/sh -c 'sleep 25; echo paid 10 >> {BOOK}; sleep 20'",
        f"/bin/sh -c 'sleep 25 && echo paid 10 >> {BOOK} && sleep 1'",
    ],
)
def test_06_1_that_is_only_lucky_with_the_reboot_is_wrong(
    lab: bl.SimulatedLab, command_line: str
) -> None:
    answer = pay(lab, command_line)
    assert answer.outcome == "not yet"
    assert "once more from the beginning" in answer.hint


@pytest.mark.parametrize(
    "command_line",
    [
        f"/bin/sh -c 'test -e done || echo paid 10 >> {BOOK}; echo 1 > done; render frame'",
        f"/bin/sh -c 'if [ ! -e done ]; then echo paid 10 >> {BOOK}; touch done; fi; render x'",
        f"/bin/sh -c 'f() {{ echo paid 10 >> {BOOK} && touch d; }}; ls d || f; render frame'",
    ],
)
def test_06_1_that_notes_the_payment_only_afterwards_is_wrong(
    lab: bl.SimulatedLab, command_line: str
) -> None:
    answer = pay(lab, command_line)
    assert answer.outcome == "not yet"
    assert "between them" in answer.hint


def test_06_1_repaired_by_another_task_is_wrong(lab: bl.SimulatedLab) -> None:
    pay(lab, f"/bin/sh -c 'echo paid 10 >> {BOOK}; render frame'")
    path = "$AZ_BATCH_NODE_SHARED_DIR/careful.txt"
    clean = lab.create_job("clean", "solo").create_task("t", f"/bin/sh -c 'echo paid 10 > {path}'")
    clean.wait()
    answer = lessons.check("06-1", lab.jobs["careful"].tasks["entry"])
    assert answer.outcome == "not yet"


def spot(
    lab: bl.SimulatedLab, spot: int = 2, count: int = 6, take: str = "busy", dedicated: int = 0
) -> lessons.Answer:
    pool = lab.create_pool(
        "spots", target_dedicated_nodes=dedicated, target_low_priority_nodes=spot
    )
    pool.nodes.wait("idle")
    job = lab.create_job("mine", pool)
    first = next(node for node in pool.nodes.values() if not node.is_dedicated)
    if take == "idle":
        first.disable_scheduling()
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(count)])
    lab.advance("20s")
    if take == "idle":
        next(node for node in pool.nodes.values() if node != first).reboot()
    if take == "reboot":
        first.reboot()
    else:
        first.preempt()
    lab.advance("30m")
    return lessons.check("06-2", job)


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"take": "idle"}, "Move the clock"),
        ({"take": "reboot"}, "play the cloud"),
        ({"spot": 3}, "How many"),
        ({"spot": 1}, "How many"),
        ({"count": 5}, "list of command lines"),
    ],
)
def test_06_2_of_an_idle_node_or_another_pool_is_wrong(
    lab: bl.SimulatedLab, more: dict[str, Any], hint: str
) -> None:
    answer = spot(lab, **more)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_06_2_with_more_tasks_in_another_form_is_right(lab: bl.SimulatedLab) -> None:
    assert spot(lab, count=11).is_right
