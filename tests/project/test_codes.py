"""Each error code that batchlab can answer with has a test, and each has a place in the list."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from batchlab import errors
from helpers import codes

TESTS = Path(__file__).parents[1]
PACKAGE = Path(errors.__file__).parent
PROVOKED = (
    codes.REFUSALS,
    codes.FAILURES,
    codes.RESIZE_ERRORS,
    codes.SCHEDULING_ERRORS,
    codes.STORAGE,
    codes.WAITS,
)
TESTED = {code: test for table in PROVOKED for code, test in table.items()}
ABSENT = {*codes.WIRE, *codes.NOT_HERE}
RAISED = [name for name in errors.__all__ if name[0].isupper()]


def sources() -> list[Path]:
    """All modules, save those that speak on the wire."""
    return [
        path
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in ("rest", "_version.py")
    ]


@cache
def literals() -> dict[str, str]:
    """Every text in the package that may be a code, and where it stands."""
    found = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[node.value] = f"{path.relative_to(PACKAGE)}:{node.lineno}"
            if isinstance(node, ast.JoinedStr):  # Account{kind}CoreQuotaReached
                found |= dict.fromkeys(_spelt_out(node), f"{path.relative_to(PACKAGE)}")
    return found


def _spelt_out(node: ast.JoinedStr) -> list[str]:
    texts = [""]
    for part in node.values:
        choices = [""]
        if isinstance(part, ast.Constant):
            choices = [str(part.value)]
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.IfExp):
            ends = (part.value.body, part.value.orelse)
            choices = [str(end.value) for end in ends if isinstance(end, ast.Constant)]
        texts = [text + choice for text in texts for choice in choices]
    return texts


@cache
def parsed(file: str) -> tuple[str, ast.Module]:
    text = (TESTS / file).read_text()
    return text, ast.parse(text)


def provokes(test: str, code: str) -> bool:
    """Whether a test, or a table that it is given, names the code."""
    file, _, name = test.partition("::")
    text, tree = parsed(file)
    lines = text.splitlines()

    def source(node: ast.stmt) -> str:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        return "\n".join(lines[first - 1 : node.end_lineno])

    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    assert len(functions) == 1, f"there is no test {test}"
    own = source(functions[0])
    tables = [
        source(node)
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.FunctionDef))
        and any(used in own for used in _names(node))
    ]
    return any(f'"{code}' in text or f"{code}:" in text for text in [own, *tables])


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [] if node.name.startswith("test_") else [f"{node.name}("]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("code", TESTED)
def test_code_has_a_test_that_names_it(code: str) -> None:
    for table in PROVOKED:
        if code in table:
            assert provokes(table[code], code), f"{table[code]} does not name {code}"


@pytest.mark.parametrize("code", TESTED)
def test_code_in_the_list_is_in_the_package(code: str) -> None:
    assert code in literals(), f"nothing answers with {code}: put it among those not here"


@pytest.mark.parametrize("code", sorted(ABSENT))
def test_code_that_is_not_here_is_nowhere_in_the_package(code: str) -> None:
    where = literals().get(code)
    assert where is None or code in PYTHON, (
        f"{where} answers with {code}: name the test that provokes it in tests/helpers/codes.py"
    )
    assert code not in TESTED


PYTHON = ("ServerBusy",)
"""Codes that are names of classes too."""


def test_every_code_that_is_raised_is_in_the_list() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                given = node.args[:1] if name in RAISED else []
                if name in ("invalid", "ResizeError", "FailureInfo", "LaunchFailed"):
                    given = [key.value for key in node.keywords if key.arg == "code"]
                for value in given:
                    if isinstance(value, ast.Constant):
                        where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                        assert value.value in TESTED, (
                            f"{where} answers with {value.value}: name the test that provokes it "
                            "in tests/helpers/codes.py"
                        )
