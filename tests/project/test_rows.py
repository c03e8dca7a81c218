"""The table of behaviours is complete, and what it names exists and can fail."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from helpers import rows

TESTS = Path(__file__).parents[1]
LAST = 110


@cache
def functions(file: str) -> dict[str, ast.FunctionDef]:
    """The test functions of a file, by name."""
    tree = ast.parse((TESTS / file).read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in found if node.name.startswith("test_")}


def checks(function: ast.FunctionDef) -> bool:
    """Whether a test expects something itself: asserts, or expects a refusal."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.withitem) and isinstance(node.context_expr, ast.Call):
            name = ast.unparse(node.context_expr.func)
            if name in ("refused", "pytest.raises"):
                return True
    return False


def marks(function: ast.FunctionDef) -> list[str]:
    return [ast.unparse(decorator) for decorator in function.decorator_list]


def test_every_row_has_its_place() -> None:
    places = [*rows.ROWS, *rows.AUTOSCALE, *rows.WIRE]
    assert sorted(places) == list(range(1, LAST + 1))
    assert set(rows.CHOICES) <= set(rows.ROWS)


@pytest.mark.parametrize("row", rows.ROWS)
def test_row_names_tests_that_exist(row: int) -> None:
    says, tests = rows.ROWS[row]
    assert says
    assert tests
    assert len(set(tests)) == len(tests)
    for test in tests:
        file, _, name = test.partition("::")
        function = functions(file).get(name)
        assert function is not None, f"row {row} names {test}, which does not exist"
        assert checks(function), f"{test} expects nothing"
        assert not any("skip" in mark or "xfail" in mark for mark in marks(function)), test


def test_rows_where_processes_or_files_matter_are_lived_in_every_world() -> None:
    told = {
        row: [test for test in tests if test.startswith(rows.STORY)]
        for row, (_, tests) in rows.ROWS.items()
    }
    assert [row for row, stories in told.items() if not stories] == [63]
