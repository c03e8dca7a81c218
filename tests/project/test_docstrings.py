"""A public verb of several arguments documents each of them, and each error with its code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab import errors, formulas

OF_MAPPINGS = {"get"}
"""What every mapping has."""
NEVER_REFUSED = {
    "Awaited.wait", "Awaited.done", "Recording.take", "Recording.window", "Recording.waits",
    "Recording.load", "Workload.seconds",
}  # fmt: skip
THE_SAME = re.compile(r"[Pp]arameters (?:and errors )?are those of `([\w.]+)`")


def reachable() -> dict[str, type]:
    """The public classes, those that they derive from, and those that their members return."""
    todo = [thing for name in bl.__all__ if inspect.isclass(thing := getattr(bl, name))]
    home = homes()
    found: dict[str, type] = {}
    while todo:
        thing = todo.pop()
        if thing.__module__.partition(".")[0] != "batchlab" or thing.__name__ in found:
            continue
        found[thing.__name__] = thing
        todo += thing.__mro__[1:]
        for value in vars(thing).values():
            function = inspect.unwrap(getattr(value, "fget", getattr(value, "__func__", value)))
            said = getattr(function, "__annotations__", {}).get("return", "")
            names = set(re.findall(r"\w+", str(said))) & home.keys()
            todo += [getattr(import_module(home[name]), name) for name in sorted(names)]
    return found


def homes() -> dict[str, str]:
    """The module of each public class: a name means one thing in the package."""
    root = Path(bl.__file__).parent
    found = {}
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name] = module.removesuffix(".__init__")
    return found


def verbs() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {"simulate": bl.simulate, "compare": bl.compare}
    found |= {f"formulas.{name}": getattr(formulas, name) for name in formulas.__all__}
    for owner in REACHABLE.values():
        for name, value in vars(owner).items():
            function = getattr(value, "__func__", value)
            if inspect.isfunction(function) and not name.startswith("_"):
                found[f"{owner.__name__}.{name}"] = function
    return {name: function for name, function in found.items() if len(arguments(function)) > 1}


def arguments(function: Callable[..., Any]) -> list[str]:
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "cls")
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def sections(thing: object) -> dict[str, list[str]]:
    """The lines of each section of a docstring."""
    found: dict[str, list[str]] = {}
    lines = (inspect.getdoc(thing) or "").splitlines()
    body: list[str] = []
    for line, under in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch(r"-{3,}", under.strip()):
            body = found[line.strip()] = []
        elif line.strip("- "):
            body.append(line)
    return found


def documented(lines: list[str]) -> set[str]:
    """The names that a section describes."""
    heads = (line.partition(":")[0] for line in lines if not line.startswith(" "))
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def texts() -> set[str]:
    """Every text in the package that may be a code."""
    return {
        node.value
        for path in sorted(Path(bl.__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


REACHABLE = reachable()
TEXTS = texts()
VERBS = verbs()


def test_verbs_are_found() -> None:
    assert {"Pool.resize", "Job.create_task", "Storage.upload", "AutoScaleLab.what_if"} <= set(
        VERBS
    )


@pytest.mark.parametrize("name", VERBS)
def test_each_argument_is_documented(name: str) -> None:
    verb = VERBS[name]
    if name.rpartition(".")[2] in OF_MAPPINGS:
        return
    known = documented(sections(verb).get("Parameters", []))
    same = THE_SAME.search(inspect.getdoc(verb) or "")
    if same is not None and same[1] in REACHABLE:
        known |= set(inspect.signature(REACHABLE[same[1]]).parameters)
    elif same is not None:
        known |= documented(sections(VERBS[same[1]])["Parameters"])
    assert set(arguments(verb)) <= known


@pytest.mark.parametrize("name", VERBS)
def test_each_error_is_documented_with_its_code(name: str) -> None:
    if name in NEVER_REFUSED or name.rpartition(".")[2] in OF_MAPPINGS:
        return
    lines = sections(VERBS[name]).get("Raises", [])
    raised = documented(lines) & set(errors.__all__)
    assert raised or "FormulaError" in documented(lines)
    said = set(re.findall(r"``([A-Z]\w+)``", "\n".join(lines)))
    assert said
    assert said <= TEXTS, "codes that nothing answers with"
