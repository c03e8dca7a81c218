"""How checks answer: open, not yet with a hint and then another, right; never a traceback."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.exercises import Missing
from batchlab.lessons.looking import shell_forgotten, shell_wanted


def test_check_of_an_unknown_exercise_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(bl.InvalidRequest) as caught:
        lessons.check("3-1")
    assert caught.value.code == "InvalidPropertyValue"
    assert "did you mean '03-1'?" in caught.value.message
    with pytest.raises(bl.InvalidRequest, match="the exercises are"):
        lessons.check(31)  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", [(), (None,), (...,)])
def test_check_of_no_answer_says_that_it_is_open(nothing: tuple[object, ...]) -> None:
    answer = lessons.check("03-1", *nothing)
    assert (answer.outcome, answer.hint, answer.is_right) == ("open", "", False)
    assert repr(answer) == "03-1 open: not answered yet: replace ... with a Job."


def test_check_of_another_kind_of_thing_says_what_it_asks_for(pool: bl.Pool) -> None:
    answer = lessons.check("03-1", pool)
    assert answer.outcome == "not yet"
    assert answer.text == "the check takes a Job, but was given: Pool."
    assert lessons.check("03-1", pool, pool).text.endswith("was given: Pool, Pool.")
    assert "its first task is [0]" in [lessons.check("03-1", [pool]).hint for _ in range(2)][1]


def test_check_of_things_in_the_wrong_order_says_so(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    answer = lessons.check("01-2", lab.create_job("j", pool), pool)
    assert answer.text == "the check takes a Pool and a Job, but was given: Job, Pool."
    assert answer.hint == "Right arguments, wrong order: swap them."
    assert lessons.check("07-1").text == "not answered yet: replace ... with 2 Jobs."


def test_script_without_quotes_is_told_apart() -> None:
    verdict = shell_wanted(Missing("a", "b", "c"), task="/bin/sh -c echo 42 > result.txt")
    assert isinstance(verdict, Missing)
    assert "got only one word" in verdict.what
    for line in ("/bin/sh -c 'echo 42 > result.txt'", "/bin/sh script.sh a b", "/bin/sh -c 'open"):
        assert shell_wanted(Missing("a", "b", "c"), task=line) == Missing("a", "b", "c")


def test_check_gives_another_hint_when_the_same_is_missing_again(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    plain = lab.create_job("plain", pool)
    first, second, third = (lessons.check("03-1", plain) for _ in range(3))
    assert first.text == second.text == third.text
    assert first.hint != second.hint == third.hint
    prepared = lab.create_job("prepared", pool, job_preparation_task="/bin/true")
    other = lessons.check("03-1", prepared)  # another mistake begins with its first hint
    assert other.text == "no node was prepared."
    assert other.hint.startswith("A node is prepared when")


def test_check_after_the_lab_was_closed_says_so(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = lab.create_job("late", pool, job_preparation_task="/bin/true")
    lab.close()
    answer = lessons.check("03-1", job)
    assert answer.outcome == "not yet"
    assert "closed" in answer.text
    assert "while the lab is open" in answer.hint


def test_answer_is_shown_escaped_with_its_hint(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    answer = lessons.Answer("03-1", "not yet", "a < b", "try <b>")
    html = answer._repr_html_()
    assert ">A &lt; b</p>" in html
    assert "try &lt;b&gt;" in html
    assert repr(answer) == "03-1 not yet: a < b\nHint: try <b>"


def test_exercises_tell_which_are_done(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert dict.fromkeys(found for _, _, found in lessons.exercises.rows()) == {"open": None}
    job = lab.create_job("one", pool, job_preparation_task="/bin/true")
    lessons.check("03-3", job)
    assert _outcome("03-3") == "not yet"
    next(iter(pool.nodes.values())).disable_scheduling()
    job.create_tasks(["/bin/true"] * 4)
    job.tasks.wait()
    lessons.check("03-3", job)
    lessons.check("03-3", ...)  # what is done stays done
    assert _outcome("03-3") == "right"
    assert "Four tasks, one preparation" in repr(lessons.exercises)
    assert "<table" in lessons.exercises._repr_html_()
    assert len(repr(lessons.exercises).splitlines()) == len(lessons.exercises)


def _outcome(exercise: str) -> str:
    return next(found for id, _, found in lessons.exercises.rows() if id == exercise)  # noqa: A001


@pytest.mark.parametrize(
    ("command_line", "forgotten"),
    [
        ("echo $HOME", True),
        ('echo "$HOME"', True),
        ("env | grep -c ^AZ_BATCH", True),
        ("/bin/sh -c 'echo $HOME > there'", False),
        ("python3 -c 'import os; print(os.environ[\"HOME\"])'", False),
        ('python3 -c "import sys; print(1 > 2)"', False),
        ("/bin/true", False),
    ],
)
def test_shell_is_forgotten_only_where_something_outside_quotes_needs_one(
    command_line: str, forgotten: bool
) -> None:
    assert shell_forgotten(command_line) is forgotten
    verdict = shell_wanted(Missing("a", "b", "c"), start_task=command_line)
    assert isinstance(verdict, Missing)
    assert verdict.what.startswith("the start task uses") is forgotten
    assert shell_wanted("well done", start_task=command_line) == "well done"
