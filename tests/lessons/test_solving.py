"""Solutions are shown after two tries; ids for another try are new."""

from __future__ import annotations

import ast

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.solving import solutions


def test_solution_is_shown_after_two_tries(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = lab.create_job("mine", pool)
    for count in ("not yet", "once"):
        lessons.check("03-1", ...)  # nothing to check is no try
        with pytest.raises(bl.Conflict, match=f"exercise 03-1 was tried {count}") as caught:
            lessons.solution("03-1")
        assert caught.value.code == "OperationInvalidForCurrentState"
        page = lessons.check("03-1", job)._repr_html_()
        assert ("lessons.solution(&#34;03-1&#34;)" in page) == (count == "once")
    shown = lessons.solution("03-1")
    assert shown.exercise == "03-1"
    assert shown.reason.startswith("A preparation has its own")
    assert shown.code in repr(shown)
    assert "&#39;second-try&#39;" in shown._repr_html_() or "second-try" in shown._repr_html_()
    assert "<script" not in shown._repr_html_()


def test_solution_is_shown_at_once_for_what_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    task = lab.create_job("mine", pool).create_task("three", "/bin/sh -c 'exit 3'")
    task.wait()
    assert lessons.check("00-2", task).is_right
    assert "exit 3" in lessons.solution("00-2").code


def test_solution_of_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(bl.InvalidRequest, match="did you mean '03-1'"):
        lessons.solution("3-1")


@pytest.mark.parametrize("exercise", list(lessons.exercises))
def test_each_exercise_has_a_solution_with_its_reason(exercise: str) -> None:
    found = solutions(exercise[:2])[exercise]
    assert found.reason.endswith(".")
    assert ast.parse(found.code).body


def test_fresh_gives_an_id_once() -> None:
    assert [lessons.fresh("once-more") for _ in range(3)] == [
        "once-more",
        "once-more-2",
        "once-more-3",
    ]
    assert lessons.fresh("ONCE-more") == "ONCE-more-4"
    for bad in ("", None, 3):
        with pytest.raises(bl.InvalidRequest, match="beginning of an id"):
            lessons.fresh(bad)  # type: ignore[arg-type]
