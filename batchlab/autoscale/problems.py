"""Syntax errors of a formula: the message, the position and the line with a mark under it.

The beginning of a message is Azure's (``Line 15, Col 44: ...``). The mark, the expected tokens and
the hint are ours and follow on separate lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from batchlab.autoscale.syntax import SourcePlace
from batchlab.errors import InvalidRequest

__all__ = ["FormulaError", "Source", "formula_error"]

_WIDTH = 96


class FormulaError(InvalidRequest):
    """The text is not a formula (HTTP 400).

    ``code`` is ``AutoScalingFormulaSyntaxError`` or ``AutoScalingFormulaTooLong``. The details
    are also in `values`, so they are kept when the error is sent as plain data.
    """

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return int(self.values.get("Line", "1"))

    @property
    def column(self) -> int:
        """The column, counted from 1."""
        return int(self.values.get("Column", "1"))

    @property
    def excerpt(self) -> str:
        """The line of the formula with the position marked below it."""
        return self.values.get("Excerpt", "")

    @property
    def expected(self) -> tuple[str, ...]:
        """The tokens that would be valid there."""
        return tuple(filter(None, self.values.get("Expected", "").split("\n")))

    @property
    def hint(self) -> str:
        """How to fix it, if the mistake is a known one."""
        return self.values.get("Hint", "")


class Source:
    """The text of a formula, with the line and column of each offset."""

    __slots__ = ("_points", "_starts", "_statements", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._statements: dict[SourcePlace, tuple[str, int]] = {}
        self._points: dict[int, tuple[int, int]] = {}

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, counted from 1 as in Azure."""
        point = self._points.get(offset)
        if point is None:
            line = bisect_right(self._starts, offset)
            point = self._points[offset] = line, offset - self._starts[line - 1] + 1
        return point

    def piece(self, place: SourcePlace) -> str:
        """Return the text of the formula at a place."""
        return self.text[place.start : place.end]

    def text_and_line(self, place: SourcePlace) -> tuple[str, int]:
        """Return the text and the first line of a statement, cached for all evaluations."""
        found = self._statements.get(place)
        if found is None:
            line, _ = self.line_and_column(place.start)
            found = self._statements[place] = self.piece(place), line
        return found

    def said(self, place: SourcePlace, message: str) -> str:
        """Put the position in front of a message, as Azure does."""
        line, column = self.line_and_column(place.at)
        return f"Line {line}, Col {column}: {message}"

    def excerpt(self, place: SourcePlace) -> str:
        """Show the line of a place, with ``~`` under its extent and ``^`` under its point."""
        begin = self.text.rfind("\n", 0, place.at) + 1
        finish = self.text.find("\n", place.at)
        finish = len(self.text) if finish < 0 else finish
        left = max(begin, place.at - _WIDTH // 2)
        right = min(finish, left + _WIDTH)
        first, last = max(left, place.start), min(right, max(place.end, place.at + 1))
        mark = "".join(
            "^" if offset == place.at else "~" if first <= offset < last else " "
            for offset in range(left, max(last, place.at + 1))
        )
        shown = self.text[left:right].replace("\t", " ").replace("\r", " ")
        cut_left, cut_right = "... " * (left > begin), " ..." * (right < finish)
        return f"  {cut_left}{shown}{cut_right}\n  {' ' * len(cut_left)}{mark}"


def formula_error(
    source: Source,
    place: SourcePlace,
    message: str,
    *,
    expected: Iterable[str] = (),
    hint: str = "",
    code: str = "AutoScalingFormulaSyntaxError",
) -> FormulaError:
    """Build the error for an invalid formula, with its position."""
    said, excerpt = source.said(place, message), source.excerpt(place)
    line, column = source.line_and_column(place.at)
    choices = tuple(expected)
    lines = [said, excerpt]
    lines += [f"  expected {' or '.join(choices)}"] if choices else []
    lines += [f"  hint: {hint}"] if hint else []
    details = {
        "Message": said,
        "Line": str(line),
        "Column": str(column),
        "Excerpt": excerpt,
        "Expected": "\n".join(choices),
        "Hint": hint,
    }
    values = {name: value for name, value in details.items() if value}
    return FormulaError(code, "\n".join(lines), values)
