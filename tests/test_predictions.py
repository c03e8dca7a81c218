"""`predict`: answers are read, and compared with what happened, in words and as pictures."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import batchlab as bl
from batchlab.predictions import Prediction
from batchlab.widgets import mimebundle
from batchlab.widgets.predicting import PredictionView

EVIL = "<b>$x$</b>"
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def number(unit: str = "tasks") -> Prediction:
    return bl.predict("How many?", unit=unit)


@pytest.mark.parametrize(
    ("guess", "actual", "sentence"),
    [
        (2, 2, "Right: 2 tasks."),
        (12, 2, "You predicted 12 tasks, and it was 2 tasks: 6 times too high."),
        (1, 3, "You predicted 1 task, and it was 3 tasks: 3 times too low."),
        (0, 3, "You predicted 0 tasks, and it was 3 tasks."),
        (-3, 3, "You predicted -3 tasks, and it was 3 tasks."),
        (95, 100, "Close: you predicted 95 tasks, and it was 100 tasks."),
        (1.5, 2, "You predicted 1.5 tasks, and it was 2 tasks."),
        (None, 2, "It was 2 tasks."),
    ],
)
def test_number_is_compared(guess: float | None, actual: float, sentence: str) -> None:
    prediction = number()
    prediction.answer = guess
    assert prediction.reveal(actual).sentence == sentence
    assert prediction.reveal(actual).is_right == sentence.startswith("Right")


def test_time_may_be_a_timedelta() -> None:
    prediction = number("minutes")
    prediction.answer = timedelta(minutes=4)
    assert prediction.reveal(timedelta(seconds=150)).sentence == (
        "You predicted 4 minutes, and it was 2.5 minutes."
    )


def test_choice_and_order_are_compared() -> None:
    choice = bl.predict("Which?", choices=["active", "completed"])
    choice.answer = "completed"
    assert choice.reveal("completed").is_right
    assert choice.reveal("active").sentence == "You predicted “completed”, and it was “active”."
    order = bl.predict("Who is first?", order=["a", "b", "c"])
    order.answer = ["b", "a", "c"]
    assert order.reveal(["a", "b", "c"]).sentence == (
        "1 of 3 are in their places: it was a, b, c."
    )
    assert order.reveal(("b", "a", "c")).sentence == "Right: b, a, c."


def test_curve_is_read_from_points_and_times_and_compared() -> None:
    curve = bl.predict("How many nodes?", over="10m", most=8, unit="nodes")
    curve.answer = [(0, 0), (300, 4)]
    assert curve.answer == [0.0] * 30 + [4.0] * 30
    same = curve.reveal([(BEGIN, 0), (BEGIN + timedelta(minutes=5), 4)])
    assert same.sentence == "Right: both curves are the same."
    assert curve.reveal([0, 8]).sentence == (
        "On average your curve is 2 nodes away. You predicted 4 nodes at most, and it was 8 nodes."
    )
    late = curve.reveal([(120.0, 5)])
    assert late.actual == [0.0] * 12 + [5.0] * 48


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        ({"unit": "tasks"}, "two", "must be a number"),
        ({"unit": "tasks"}, True, "must be a number"),
        ({"unit": "tasks"}, math.inf, "must be a finite number"),
        ({"unit": "tasks"}, timedelta(1), "must be a number"),
        ({"unit": "minutes"}, "2", "must be a number or a timedelta"),
        ({"choices": ["a", "b"]}, "c", "must be one of: a; b"),
        ({"choices": ["a", "b"]}, ["a"], "must be one of: a; b"),
        ({"order": ["a", "b"]}, ["a", "a"], "must be a list with an order of: a; b"),
        ({"order": ["a", "b"]}, "ab", "must be a list with an order of: a; b"),
        ({"over": "5m", "most": 3}, [], "must be numbers at equal distances"),
        ({"over": "5m", "most": 3}, [1, None], "must be numbers at equal distances"),
        ({"over": "5m", "most": 3}, [(5, 1), (4, 1)], "must be numbers at equal distances"),
        ({"over": "5m", "most": 3}, [(BEGIN, 1), (7, 1)], "must be numbers at equal distances"),
        ({"over": "5m", "most": 3}, [(0, math.nan)], "must be numbers at equal distances"),
        ({"over": "5m", "most": 3}, 7, "must be numbers at equal distances"),
    ],
)
def test_wrong_answers_are_refused_and_change_nothing(
    kind: dict[str, Any], wrong: Any, words: str
) -> None:
    prediction = bl.predict("What?", **kind)
    for act in (lambda: setattr(prediction, "answer", wrong), lambda: prediction.reveal(wrong)):
        with pytest.raises(bl.InvalidRequest, match=words) as raised:
            act()
        assert raised.value.code == "InvalidPropertyValue"
    assert (prediction.answer, prediction.version) == (None, 0)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"question": ""}, "question"),
        ({"question": 3}, "question"),
        ({"choices": ["a", "b"], "order": ["a", "b"]}, "question"),
        ({"choices": ["a", "b"], "unit": "tasks"}, "question"),
        ({"choices": ["a"]}, "choices"),
        ({"choices": "ab"}, "choices"),
        ({"order": ["a", "a"]}, "order"),
        ({"order": ["a", 3]}, "order"),
        ({"order": [["a"], "b"]}, "order"),
        ({"over": "soon", "most": 3}, "over"),
        ({"over": 0, "most": 3}, "over"),
        ({"over": "5m"}, "most"),
        ({"over": "5m", "most": -1}, "most"),
        ({"most": 3}, "most"),
        ({"unit": 3}, "unit"),
    ],
)
def test_wrong_questions_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(bl.InvalidRequest) as raised:
        bl.predict(**{"question": "What?", **settings})
    assert raised.value.code == "InvalidPropertyValue"
    assert f"predict.{name} is" in raised.value.message


KINDS: list[tuple[dict[str, Any], Any, Any]] = [
    ({"unit": EVIL}, 3, 4),
    ({"choices": [EVIL, "b"]}, EVIL, "b"),
    ({"order": [EVIL, "b"]}, ["b", EVIL], [EVIL, "b"]),
    ({"unit": EVIL, "over": "5m", "most": 3}, [1, 2], [2, 3, 1]),
]


@pytest.mark.parametrize(("kind", "guess", "actual"), KINDS)
def test_cards_are_safe_and_fold_what_was_not_predicted(
    kind: dict[str, Any], guess: Any, actual: Any
) -> None:
    prediction = bl.predict(f"What is {EVIL}?", **kind)
    asked = mimebundle(prediction)["text/html"]
    assert "before you read on" in asked
    folded = mimebundle(prediction.reveal(actual))["text/html"]
    before, _, hidden = folded.partition("<details")
    assert "It was" not in before
    assert "It was" in hidden
    assert "Your prediction" not in hidden
    prediction.answer = guess
    assert "Your prediction" in mimebundle(prediction)["text/html"]
    both = mimebundle(prediction.reveal(actual))["text/html"]
    assert "<details" not in both
    assert "your prediction" in both.lower()
    for html in (asked, folded, both):
        assert EVIL not in html
        assert "mathjax_ignore" in html


def test_view_keeps_answers_and_puts_back_what_is_refused() -> None:
    prediction = number()
    view = PredictionView(prediction)
    view.value = 3
    assert (prediction.answer, prediction.version) == (3.0, 1)
    view.value = "many"
    assert view.value == prediction.answer == 3.0
    view.value = None
    assert (prediction.answer, prediction.version) == (None, 2)
