"""Predict, then run: a question, an answer before the run, and both beside each other after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchlab.display import Displayed
from batchlab.durations import parse_duration
from batchlab.errors import invalid
from batchlab.handles.verbs import Duration, verb
from batchlab.predictions import kinds
from batchlab.predictions.kinds import AnswerKind

__all__ = ["Prediction", "PredictionOutcome", "predict"]

MOST = 300
"""Characters of a question, or of an item."""
ITEMS = 12


class Prediction(Displayed):
    """A question about what will happen, from `predict`. In a notebook it is answered there.

    Attributes
    ----------
    question : str
    kind : AnswerKind
    """

    def __init__(self, question: str, kind: AnswerKind) -> None:
        self.question, self.kind = question, kind
        self._answer: Any = None
        self._changes = 0

    @property
    def answer(self) -> Any:
        """The answer; None if there is none yet. It can also be set here, instead of above.

        A number, one of the choices, a list of the items in their order, or for a curve numbers
        at equal distances, or pairs of seconds and a number.
        """
        return self._answer

    @answer.setter
    def answer(self, value: Any) -> None:
        known = None if value is None else self.kind.read(value, "answer", "Prediction")
        if known != self._answer:
            self._answer = known
            self._changes += 1

    @property
    def version(self) -> int:
        """Increases with each change of the answer."""
        return self._changes

    def reveal(self, actual: Any) -> PredictionOutcome:
        """Compare the answer with what happened; without an answer, what happened is folded.

        Parameters
        ----------
        actual : object
            What happened, in the form of `answer`; a number of a time unit may be a timedelta,
            and the times of a curve may be datetimes.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: it is of another kind.
        """
        known = self.kind.read(actual, "actual", "Prediction.reveal")
        return PredictionOutcome(self.question, self.kind, self._answer, known)

    def __repr__(self) -> str:
        return f"Prediction({self.question!r}): {self.kind.how}"


class PredictionOutcome(Displayed):
    """What was predicted, beside what happened.

    Attributes
    ----------
    question : str
    kind : AnswerKind
    answer : object
        What was predicted; None if nothing was.
    actual : object
        What happened.
    """

    def __init__(self, question: str, kind: AnswerKind, answer: Any, actual: Any) -> None:
        self.question, self.kind, self.answer, self.actual = question, kind, answer, actual

    @property
    def is_right(self) -> bool:
        """Whether it was predicted as it happened."""
        return self.answer is not None and self.sentence.startswith("Right")

    @property
    def sentence(self) -> str:
        """Both in one sentence."""
        if self.answer is None:
            return f"It was {self.kind.text(self.actual)}."
        return self.kind.sentence(self.answer, self.actual)

    def __repr__(self) -> str:
        return f"{self.question} {self.sentence}"


@verb
def predict(
    question: str,
    *,
    unit: str | None = None,
    choices: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    over: Duration = None,
    most: float | None = None,
) -> Prediction:
    """Ask for a prediction before something runs.

    In a notebook, make it the last line of a cell: the answer is typed, selected, sorted or drawn
    there. Then run, and ``prediction.reveal(...)`` shows both.

    Parameters
    ----------
    question : str
    unit : str, optional
        The unit of a number, or of a curve; plural.
    choices : sequence of str, optional
        For one of several texts, 2 to 12.
    order : sequence of str, optional
        For several texts in an order, 2 to 12.
    over : duration, optional
        For a curve: how long it is.
    most : float, optional
        For a curve: the upper edge.

    Returns
    -------
    Prediction

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``

    Examples
    --------
    >>> guess = predict("How many nodes does a job of three tasks use?", unit="nodes")
    >>> guess.answer = 3
    >>> guess.reveal(1).sentence
    'You predicted 3 nodes, and it was 1 node: 3 times too high.'
    """
    asked = _text("question", question)
    given = [name for name, value in (("choices", choices), ("order", order), ("over", over))
             if value is not None]  # fmt: skip
    if len(given) > 1 or (given and given[0] != "over" and unit is not None):
        others = ", ".join([*given, *(["unit"] if unit is not None else [])])
        raise invalid("question", question, f"has one kind of answer: not {others} together",
                      owner="predict")  # fmt: skip
    of = "" if unit is None else _text("unit", unit, least=0)
    if choices is not None:
        return Prediction(asked, kinds.choice(_texts("choices", choices)))
    if order is not None:
        return Prediction(asked, kinds.order(_texts("order", order)))
    if over is None:
        if most is not None:
            raise invalid("most", most, "is only for curves: set over, too", owner="predict")
        return Prediction(asked, kinds.number(of))
    seconds = parse_duration(over, name="over", owner="predict").total_seconds()
    if not seconds:
        raise invalid("over", over, "must be greater than zero", owner="predict")
    if isinstance(most, bool) or not isinstance(most, (int, float)) or not 0 < most < 1e9:
        raise invalid("most", most, "a curve needs its upper edge, a number greater than zero",
                      owner="predict")  # fmt: skip
    return Prediction(asked, kinds.curve(of, seconds, float(most)))


def _text(name: str, value: Any, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value.strip()) <= MOST:
        raise invalid(name, value, f"must be a text of {least} to {MOST} characters",
                      owner="predict")  # fmt: skip
    return value.strip()


def _texts(name: str, values: Any) -> list[str]:
    found = list(values) if isinstance(values, (list, tuple)) else []
    if not 2 <= len(found) <= ITEMS or len(set(map(str, found))) < len(found):
        raise invalid(name, values, f"must be a list of 2 to {ITEMS} different texts",
                      owner="predict")  # fmt: skip
    return [_text(name, value) for value in found]
