"""Every rule of Azure Batch and every error code has tests, which say so by a mark."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from batchlab import errors
from helpers.codes import NOT_HERE, WIRE
from helpers.rules import CHOICES, RULES, WITHOUT_STORY

TESTS, PACKAGE = Path(__file__).parents[1], Path(errors.__file__).parent
SOURCES = {path.relative_to(PACKAGE): ast.parse(path.read_text(encoding="utf-8"))
           for path in PACKAGE.rglob("*.py")
           if "rest" not in path.relative_to(PACKAGE).parts}  # fmt: skip
MARKED: dict[Any, list[tuple[Path, ast.Module, ast.FunctionDef]]] = defaultdict(list)
for path in sorted(TESTS.rglob("test_*.py")):
    for test in (module := ast.parse(path.read_text(encoding="utf-8"))).body:
        for mark in test.decorator_list if isinstance(test, ast.FunctionDef) else []:
            if ast.unparse(mark).startswith(("pytest.mark.rule(", "pytest.mark.code(")):
                for argument in mark.args:
                    MARKED[ast.literal_eval(argument)].append((path, module, test))
CODES = {mark for mark in MARKED if isinstance(mark, str)}


def walk(nodes: Iterable[ast.AST], kind: type) -> list[Any]:
    return [each for node in nodes for each in ast.walk(node) if isinstance(each, kind)]


@pytest.mark.parametrize("rule", range(1, 114))
def test_rule_has_tests_that_always_run_and_expect_something(rule: int) -> None:
    assert RULES[rule]
    assert MARKED[rule], f"no test is marked with rule {rule}: {RULES[rule]}"
    stories = [path for path, *_ in MARKED[rule] if TESTS / "drivers/contract" in path.parents]
    assert bool(stories) == (rule not in WITHOUT_STORY)
    for *_, test in MARKED[rule]:
        calls = {ast.unparse(call.func) for call in walk([test], ast.Call)}
        assert walk([test], ast.Assert) or calls & {"refused", "pytest.raises"}, test.name
        assert not re.search(r"skip|xfail", " ".join(map(ast.unparse, test.decorator_list)))


@pytest.mark.parametrize("code", sorted(CODES))
def test_code_is_named_by_its_tests(code: str) -> None:
    for path, module, test in MARKED[code]:
        own = [mark for mark in test.decorator_list if "mark.code(" not in ast.unparse(mark)]
        own += [test.args, *test.body]
        used = {name.id for name in walk(own, ast.Name)}
        for node in module.body:  # a table or a function that the test uses
            stored = [n.id for n in walk([node], ast.Name) if isinstance(n.ctx, ast.Store)]
            own += [node] if used & {*([node.name] if hasattr(node, "name") else stored)} else []
        assert re.search(rf"['\"]{code}\b|\b{code}:", "\n".join(map(ast.unparse, own))), path


def test_codes_of_the_package_are_those_with_tests() -> None:
    given = {text.value for text in walk(SOURCES.values(), ast.Constant)} - {*errors.__all__}
    assert given >= CODES - {*errors.__all__}
    service = [tree for path, tree in SOURCES.items() if path.parts[0] != "azure"]
    assert not {text.value for text in walk(service, ast.Constant)} & {*WIRE, *NOT_HERE}
    for call in walk(SOURCES.values(), ast.Call):
        name = ast.unparse(call.func).rpartition(".")[2]
        values = [word.value for word in call.keywords if word.arg == "code"]
        if name in errors.__all__ and name[0].isupper():
            values += call.args[:1]
        elif name not in ("invalid", "ResizeError", "FailureInfo", "LaunchFailed"):
            continue
        raised = {text.value for text in values if isinstance(text, ast.Constant)}
        assert raised <= CODES, f"mark the test that provokes it: {ast.unparse(call)}"


def test_rules_are_numbered_and_exceptions_are_rules() -> None:
    assert {mark for mark in MARKED if mark not in CODES} == {*RULES} == {*range(1, 114)}
    assert {*RULES} >= CHOICES | WITHOUT_STORY
