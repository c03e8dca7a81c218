"""Lesson 12: each lab is broken in its own way, has its hint, and is not repaired by a trick."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.broken import BROKEN

REASONS = {
    "12-1": "NoNodes",
    "12-2": "JobDisabled",
    "12-3": "SchedulingDisabled",
    "12-4": "PoolNotFound",
    "12-5": "ResizeFailed",
    "12-6": "TooManySlots",
    "12-7": "StartTaskFailed",
    "12-8": "Dependencies",
    "12-9": "PreparationFailed",
    "12-10": "Busy",
}


@pytest.mark.parametrize("exercise", BROKEN)
def test_broken_lab_waits_for_its_own_reason_and_has_two_hints(exercise: str) -> None:
    with lessons.broken(exercise) as lab:
        lab.advance("2h")
        explanation = lab.jobs["work"].tasks["frame3"].explain()
        assert explanation.codes[0] == REASONS[exercise]
        assert any(reason.lasting for reason in explanation.reasons) == (exercise != "12-10")
        first, second = lessons.check(exercise, lab), lessons.check(exercise, lab)
        assert explanation[0] in first.text
        assert first.hint
        assert second.hint not in first.hint


def test_broken_of_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(bl.InvalidRequest, match="the broken labs are 12-1, 12-2"):
        lessons.broken("03-1")


def test_12_1_with_a_new_job_in_its_place_is_not_repaired() -> None:
    with lessons.broken("12-1") as lab:
        lab.jobs["work"].delete()
        lab.pools["farm"].resize(1)
        lab.create_job("work", "farm").create_tasks(["/bin/true"] * 3)
        lab.jobs["work"].tasks.wait()
        assert "are gone" in lessons.check("12-1", lab).text
        lessons.exercises.reset()
        assert "do not replace them" in lessons.check("12-1", lab).hint


def test_12_3_with_tasks_that_were_ended_is_not_repaired() -> None:
    with lessons.broken("12-3") as lab:
        for task in lab.jobs["work"].tasks.values():
            task.terminate()
        answer = lessons.check("12-3", lab)
        assert answer.text == "3 of the tasks failed."
        assert "terminated" in answer.hint


def test_12_1_repaired_but_not_waited_for_says_so() -> None:
    with lessons.broken("12-1") as lab:
        lab.pools["farm"].resize(2)
        assert "waits for them" in lessons.check("12-1", lab).hint
        lab.jobs["work"].tasks.wait()
        assert lessons.check("12-1", lab).is_right


def test_12_10_is_not_repaired_by_waiting_for_days() -> None:
    with lessons.broken("12-10") as lab:
        lab.jobs["work"].tasks.wait()
        answer = lessons.check("12-10", lab)
        assert answer.outcome == "not yet"
        assert "until all other tasks were done" in answer.text
