"""A record of an evaluation: each read of samples, branch and limit, with its position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchlab.autoscale import syntax
from batchlab.autoscale.problems import Source
from batchlab.autoscale.results import Branch, Clamp, SampleCall
from batchlab.autoscale.samples import Look
from batchlab.autoscale.syntax import Expression
from batchlab.autoscale.values import Value

__all__ = ["BOUNDS", "Trace"]

BOUNDS: dict[str, Callable[[tuple[float, ...]], float]] = {"min": min, "max": max}
"""The functions that limit a value when they have several arguments."""


class Trace:
    """A record of one evaluation, written while it runs."""

    __slots__ = ("_source", "branches", "clamps", "samples")

    def __init__(self, source: Source) -> None:
        self._source = source
        self.samples: list[SampleCall] = []
        self.branches: list[Branch] = []
        self.clamps: list[Clamp] = []

    def look(self, node: syntax.Method, variable: str, look: Look) -> None:
        """Record a call that reads samples."""
        line, column = self._source.line_and_column(node.place.at)
        self.samples.append(SampleCall(variable, node.name, *look, line, column))

    def branch(self, node: syntax.Choice, condition: float, chosen: Expression) -> None:
        """Record a decision of ``?:``."""
        line, column = self._source.line_and_column(node.place.at)
        piece = self._source.piece
        self.branches.append(
            Branch(piece(node.condition.place), condition, piece(chosen.place), line, column)
        )

    def bound(self, node: syntax.Call, value: float, arguments: list[Value]) -> None:
        """Record a min() or max() of several arguments."""
        line, column = self._source.line_and_column(node.place.at)
        extreme, piece = BOUNDS[node.name], self._source.piece
        worth: list[tuple[str, Any]] = []
        for each, one in zip(node.arguments, arguments, strict=True):
            if type(one) is float:
                worth.append((piece(each.place), one))
            elif one:
                worth.append((piece(each.place), extreme(one)))  # type: ignore[arg-type]
        source = piece(node.place)
        self.clamps.append(Clamp(source, node.name, value, tuple(worth), line, column))
