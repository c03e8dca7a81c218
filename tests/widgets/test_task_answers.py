"""What a display is told about many tasks, and what it can do to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.widgets.answers import answer
from batchlab.widgets.show import _subject


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=4))
        job.create_tasks([
            bl.TaskSpec(id=f"t{n:03}",
                        command_line=f"/bin/sh -c 'echo no light >&2; echo hi; exit {n % 2}'")
            for n in range(200)])  # fmt: skip
        lab.advance("10m")
        job.create_task("missing", "nosuchprogram")
        job.create_task("long", "sleep 5000")
        lab.advance("2m")
        yield lab


def ask(lab: bl.SimulatedLab, what: str, **question: Any) -> dict[str, Any]:
    value: dict[str, Any] = answer(lab._connection, {"what": what, **question})
    return value


def test_a_page_has_the_rows_asked_for_and_the_number_of_all(lab: bl.SimulatedLab) -> None:
    page = ask(lab, "tasks", **{"from": 50, "count": 20})
    assert (page["total"], page["all"], page["from"], page["jobs"]) == (202, 202, 50, 1)
    assert page["counts"] == {"failed": 100, "running": 1, "waiting": 0, "succeeded": 101}
    assert len(page["rows"]) == 20
    assert page["rows"][0][:5] == ["j", "t101", "completed", "failure", 1]
    late = ask(lab, "tasks", show="failed", **{"from": 5000, "count": 10**9})
    assert (late["from"], len(late["rows"])) == (99, 1)
    assert ask(lab, "tasks", show="waiting")["rows"] == []


def test_what_became_of_a_task_is_told_with_the_end_of_its_output(lab: bl.SimulatedLab) -> None:
    failed = ask(lab, "explain_task", job="j", task="t001")
    assert "exited with code 1" in failed["reasons"][0]["text"]
    assert "task.reactivate()" in failed["reasons"][0]["remedy"]
    assert failed["output"] == "stderr.txt:\n    no light"
    good = ask(lab, "explain_task", job="j", task="t000")
    assert (good["nothing"], good["output"]) == ("The task succeeded.", "stdout.txt:\n    hi")


def test_several_tasks_are_terminated_reactivated_and_deleted(lab: bl.SimulatedLab) -> None:
    done = ask(lab, "act_on_tasks", do="terminate", tasks=[["j", "long"], ["j", "t000"]])
    assert (done["done"], done["refused"]) == (1, 1)
    assert done["text"].startswith("Terminated 1 task. Refused for 1 task: ")
    failed = {"job": "j", "show": "failed", "search": "t00"}
    again = ask(lab, "act_on_tasks", do="reactivate", query=failed)
    assert again["text"] == "Reactivated 5 tasks."
    lab.advance("1m")
    assert lab.jobs["j"].counts.failed == 101
    everything = {"job": "j", "show": "succeeded"}
    ask(lab, "act_on_tasks", do="delete", query=everything)
    assert lab.jobs["j"].counts.succeeded == 0
    gone = ask(lab, "act_on_tasks", do="delete", tasks=[["j", "t000"]])
    assert gone["refused"] == 0, "what is gone need not be deleted"
    with pytest.raises(bl.InvalidRequest, match="terminate, reactivate, delete"):
        ask(lab, "act_on_tasks", do="forget", tasks=[])


def test_a_press_does_not_take_for_ever(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.widgets.task_answers.LONGEST_S", -1.0)
    done = ask(lab, "act_on_tasks", do="reactivate", query={"job": "j", "show": "failed"})
    assert done["text"] == "Reactivated 1 task. 99 tasks left: press again to continue."


def test_a_replay_lists_tasks_and_refuses_to_change_them(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with bl.SimulatedLab(journal=path) as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        job.create_task("t", "false")
        lab.advance("5m")
    with bl.ReplayedLab(path) as replayed:
        assert ask(replayed, "tasks")["total"] == 1  # type: ignore[arg-type]
        told = ask(replayed, "explain_task", job="j", task="t")  # type: ignore[arg-type]
        assert "exited with code 1" in told["reasons"][0]["text"]
        done = ask(replayed, "act_on_tasks", do="delete", tasks=[["j", "t"]])  # type: ignore[arg-type]
        assert (done["done"], done["refused"]) == (0, 1)


def test_tasks_of_a_job_have_a_display_unless_they_are_filtered(lab: bl.SimulatedLab) -> None:
    tasks = lab.jobs["J"].tasks
    assert _subject(tasks) == ("tasks", {"job": "j"})
    assert _subject(tasks.filter(result="failure")) is None
