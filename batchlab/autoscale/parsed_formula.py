"""A formula as the checks of `suspicions` see it, and what they report."""

from __future__ import annotations

from typing import NamedTuple

from batchlab.autoscale.syntax import (
    Expression,
    Method,
    Name,
    Program,
    SourcePlace,
    Statement,
    walk,
)

__all__ = ["ArgumentTypes", "ParsedFormula", "Warn"]

ArgumentTypes = dict[int, list[type]]
"""The types of the arguments of a method, by the `id` of its node."""


class Warn(NamedTuple):
    """A warning and its place."""

    place: SourcePlace
    message: str
    hint: str = ""


class ParsedFormula(NamedTuple):
    """A formula, all its nodes with their statements, and the types of arguments."""

    program: Program
    found: list[tuple[Statement, Expression]]
    types: ArgumentTypes

    @classmethod
    def of(cls, program: Program, types: ArgumentTypes) -> ParsedFormula:
        """Walk through a formula."""
        found = [(each, node) for each in program.statements for node in walk(each.value)]
        return cls(program, found, types)

    @property
    def nodes(self) -> list[Expression]:
        """All nodes, in the order of the text."""
        return [node for _, node in self.found]

    def names(self) -> set[str]:
        """The names that are read."""
        return {node.name for _, node in self.found if isinstance(node, Name)}

    def methods(self, name: str) -> list[Method]:
        """The calls of a method."""
        return [node for _, node in self.found if isinstance(node, Method) and node.name == name]

    def values(self) -> dict[str, Expression]:
        """The last value of each variable."""
        return {each.target: each.value for each in self.program.statements if each.target}
