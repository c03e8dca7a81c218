"""What can be predicted: a number, a choice, an order, or a curve over time."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from batchlab.errors import invalid
from batchlab.words import span_text

__all__ = ["COLUMNS", "AnswerKind", "choice", "curve", "number", "order"]

COLUMNS = 60
"""Of a curve: it has one value for each."""
CLOSE = 0.1
"""A number is close if it is wrong by at most this part of what happened."""
_SECONDS = {
    "s": 1,
    "seconds": 1,
    "min": 60,
    "minutes": 60,
    "h": 3600,
    "hours": 3600,
    "days": 86400,
}


class AnswerKind(ABC):
    """One kind of prediction: reads answers, and says how one compares with what happened."""

    name = ""

    @abstractmethod
    def read(self, value: Any, place: str, owner: str) -> Any:
        """An answer, or what happened, as it is kept; refuses anything else."""

    @abstractmethod
    def text(self, value: Any) -> str:
        """A value in words."""

    @abstractmethod
    def sentence(self, guess: Any, actual: Any) -> str:
        """What was predicted beside what happened."""

    @property
    @abstractmethod
    def how(self) -> str:
        """What may be answered, in a few words."""

    @property
    def options(self) -> dict[str, Any]:
        """What a page must know to ask for it."""
        return {}


class _Number(AnswerKind):
    """A number with its unit; of a time unit, also a timedelta."""

    name = "number"

    def __init__(self, unit: str) -> None:
        self.unit = unit

    @property
    def how(self) -> str:
        return f"a number of {self.unit}" if self.unit else "a number"

    @property
    def options(self) -> dict[str, Any]:
        return {"unit": self.unit}

    def read(self, value: Any, place: str, owner: str) -> float:
        if isinstance(value, timedelta) and self.unit in _SECONDS:
            value = value.total_seconds() / _SECONDS[self.unit]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            also = " or a timedelta" if self.unit in _SECONDS else ""
            raise invalid(place, value, f"must be a number{also}", owner=owner)
        if not math.isfinite(value):
            raise invalid(place, value, "must be a finite number", owner=owner)
        return float(value)

    def text(self, value: float) -> str:
        number = f"{value:,.4g}" if abs(value) < 1000 and value % 1 else f"{value:,.0f}"
        unit = self.unit
        if number == "1" and unit.endswith("s") and len(unit) > 1:
            unit = unit[:-1]
        return f"{number} {unit}".rstrip()

    def sentence(self, guess: float, actual: float) -> str:
        if self.text(guess) == self.text(actual):
            return f"Right: {self.text(actual)}."
        said = f"You predicted {self.text(guess)}, and it was {self.text(actual)}"
        if abs(guess - actual) <= CLOSE * abs(actual):
            return f"Close: you predicted {self.text(guess)}, and it was {self.text(actual)}."
        if guess > 0 and actual > 0 and max(guess, actual) >= 2 * min(guess, actual):
            times = max(guess, actual) / min(guess, actual)
            return f"{said}: {times:,.3g} times too {'low' if actual > guess else 'high'}."
        return f"{said}."


class _Choice(AnswerKind):
    """One of several texts."""

    name = "choice"

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = list(choices)

    @property
    def how(self) -> str:
        return f"one of: {'; '.join(self.choices)}"

    @property
    def options(self) -> dict[str, Any]:
        return {"choices": self.choices}

    def read(self, value: Any, place: str, owner: str) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise invalid(place, value, f"must be {self.how}", owner=owner)
        return value

    def text(self, value: str) -> str:
        return value

    def sentence(self, guess: str, actual: str) -> str:
        if guess == actual:
            return f"Right: {actual}."
        return f"You predicted “{guess}”, and it was “{actual}”."


class _Order(AnswerKind):
    """Several texts in an order."""

    name = "order"

    def __init__(self, items: Sequence[str]) -> None:
        self.items = list(items)

    @property
    def how(self) -> str:
        return f"an order of: {'; '.join(self.items)}"

    @property
    def options(self) -> dict[str, Any]:
        return {"items": self.items}

    def read(self, value: Any, place: str, owner: str) -> list[str]:
        found = list(value) if isinstance(value, (list, tuple)) else []
        if sorted(map(str, found)) != sorted(self.items):
            raise invalid(place, value, f"must be a list with {self.how}", owner=owner)
        return found

    def text(self, value: list[str]) -> str:
        return ", ".join(value)

    def sentence(self, guess: list[str], actual: list[str]) -> str:
        right = sum(one == other for one, other in zip(guess, actual, strict=True))
        if right == len(actual):
            return f"Right: {self.text(actual)}."
        return f"{right} of {len(actual)} are in their places: it was {self.text(actual)}."


class _Curve(AnswerKind):
    """A number over time, from 0 to `most`, kept as `COLUMNS` values."""

    name = "curve"

    def __init__(self, unit: str, seconds: float, most: float) -> None:
        self.unit, self.seconds, self.most = unit, seconds, most

    @property
    def how(self) -> str:
        what = f"{self.unit} " if self.unit else ""
        return f"a curve of {what}over {span_text(self.seconds)}, from 0 to {self.most:g}"

    @property
    def options(self) -> dict[str, Any]:
        return {"unit": self.unit, "seconds": self.seconds, "most": self.most, "columns": COLUMNS}

    def read(self, value: Any, place: str, owner: str) -> list[float]:
        reason = ("must be numbers at equal distances, or pairs of a time (a datetime, or seconds "
                  "since the beginning) and a number, in their order")  # fmt: skip
        points = list(value) if isinstance(value, (list, tuple)) else []
        try:
            if points and all(isinstance(point, (list, tuple)) for point in points):
                return self._steps([(at, float(number)) for at, number in points])
            numbers = [float(number) for number in points]
        except (TypeError, ValueError, OverflowError):
            numbers = []
        if not numbers or not all(map(math.isfinite, numbers)):
            raise invalid(place, value, reason, owner=owner)
        return [numbers[column * len(numbers) // COLUMNS] for column in range(COLUMNS)]

    def _steps(self, points: list[tuple[Any, float]]) -> list[float]:
        begin = points[0][0] if isinstance(points[0][0], datetime) else None
        times = [float(at) if begin is None else (at - begin).total_seconds() for at, _ in points]
        if any(after < before for before, after in pairwise(times)):
            raise ValueError("not in their order")
        if not all(math.isfinite(number) for _, number in points):
            raise ValueError("not finite")
        found, place = [], 0
        for column in range(COLUMNS):
            middle = (column + 0.5) * self.seconds / COLUMNS
            while place + 1 < len(times) and times[place + 1] <= middle:
                place += 1
            found.append(points[place][1] if times[place] <= middle else 0.0)
        return found

    def text(self, value: list[float]) -> str:
        return f"{self._amount(value[0])} at first, {self._amount(max(value))} at most"

    def _amount(self, number: float) -> str:
        return _Number(self.unit).text(round(number, 2))

    def sentence(self, guess: list[float], actual: list[float]) -> str:
        away = sum(abs(one - other) for one, other in zip(guess, actual, strict=True)) / COLUMNS
        if away <= 0.02 * max(*actual, *guess, 1e-9):
            return "Right: both curves are the same."
        return (
            f"On average your curve is {self._amount(away)} away. You predicted "
            f"{self._amount(max(guess))} at most, and it was {self._amount(max(actual))}."
        )


number, choice, order, curve = _Number, _Choice, _Order, _Curve
"""Make a kind: of its unit; of its texts; of its texts; of its unit, seconds and upper edge."""
