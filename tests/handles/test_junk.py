"""Values of no sense for every argument of every method, one at a time: each is refused well."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 3.5, 10**30, float("nan"), float("inf"), "", "x" * 1500, "\0", "\ud800",
    "ü \u202e<b>", "5m", "*", b"x", object(), [], ["a"], [None], {}, {"a": 1}, {1: 2}, set(),
    range(3), datetime.min, timedelta(days=-1), lambda: 1, bl, bl.Lab,
)  # fmt: skip
KINDS = ("lab", "pools", "pool", "nodes", "node", "jobs", "job", "tasks", "task", "files")
LEFT_OUT = {"close", "shutdown", "wait", "watch", "serve"}
"""They end the lab, wait, or open a display or a port."""


class Things:
    """A lab, and one of each of what it has."""

    def __init__(self) -> None:
        self.lab = bl.SimulatedLab(seed=1)
        self.pools, self.jobs = self.lab.pools, self.lab.jobs
        self.pool = self.lab.create_pool("p", target_dedicated_nodes=1)
        self.job = self.lab.create_job("j", self.pool)
        self.task = self.job.create_task("t", "echo hi")
        self.lab.advance("5m")
        self.nodes, self.tasks, self.files = self.pool.nodes, self.job.tasks, self.task.files
        self.node = next(iter(self.nodes.values()))


def arguments() -> Iterator[tuple[str, str, str]]:
    things = Things()
    for kind in KINDS:
        for name in dir(type(getattr(things, kind))):
            method = inspect.getattr_static(type(getattr(things, kind)), name)
            if name.startswith("_") or name in LEFT_OUT or not inspect.isfunction(method):
                continue
            for argument in list(inspect.signature(method).parameters.values())[1:]:
                if argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
                    yield kind, name, argument.name
    things.lab.close()


def needed(method: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(method).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in parameters if each.kind in kinds and each.default is each.empty]


@pytest.mark.parametrize("kind", KINDS)
def test_argument_of_no_sense_is_refused_with_a_code(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken, tried = [], 0
    for _, name, argument in (each for each in arguments() if each[0] == kind):
        things = Things()
        for junk in JUNK:
            method = getattr(getattr(things, kind), name)
            try:
                method(**(dict.fromkeys(needed(method), "x1") | {argument: junk}))
            except bl.BatchError:
                pass
            except Exception as error:
                broken.append(f"{kind}.{name}({argument}={junk!r:.40}): {error!r:.100}")
            tried += 1
        things.lab.close()
    assert not broken
    assert tried > 50


TOO_LONG = "x" * 300


@pytest.mark.parametrize("path", ["", "\0", "\ud800", 7, TOO_LONG, "/proc/none", __file__])
@pytest.mark.parametrize("open_lab", [
    lambda path: bl.Lab(root=path), lambda path: bl.Lab(journal=path, root="/tmp"),
    lambda path: bl.SimulatedLab(journal=path), bl.ReplayedLab,
    lambda path: bl.compare_jobs(path, path), bl.Arrivals.recorded,
])  # fmt: skip
def test_path_that_cannot_be_is_refused_by_name(
    open_lab: Callable[[Any], Any], path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bl.BatchError) as refusal:
        open_lab(path)
    assert refusal.value.code in {
        "InvalidPropertyValue",
        "FileNotFound",
        "InvalidInput",
        "OperationInvalidForCurrentState",
    }
    assert not list(tmp_path.iterdir())
