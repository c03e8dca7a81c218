"""Who may import whom: each line of the layout only itself and the lines above it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import batchlab
from batchlab.core.state.states import WAITABLE

PACKAGE = Path(batchlab.__file__).parent

# From the bottom up. A module belongs to the longest name that it begins with.
LINES = [
    {
        "batchlab.errors",
        "batchlab.durations",
        "batchlab.extras",
        "batchlab.background",
        "batchlab.private_files",
        "batchlab.programs",
        "batchlab.masking",
        "batchlab.words",
        "batchlab.plots",
        "batchlab.colours",
        "batchlab.percentiles",
        "batchlab.display",
        "batchlab.version",
    },
    {"batchlab.autoscale", "batchlab.formulas"},
    {"batchlab.core"},
    {"batchlab.storage"},
    {
        "batchlab.drivers.calls",
        "batchlab.drivers.ports",
        "batchlab.drivers.engine",
        "batchlab.drivers.freezing",
        "batchlab.drivers.journal",
        "batchlab.drivers.journal_lock",
        "batchlab.drivers.snapshots",
        "batchlab.drivers.durable",
        "batchlab.drivers.archives",
        "batchlab.drivers.vault",
        "batchlab.drivers.certificate_files",
        "batchlab.drivers.change_log",
        "batchlab.drivers.launches",
        "batchlab.drivers.node_log",
    },
    {"batchlab.drivers.simulated", "batchlab.drivers.dask", "batchlab.drivers.replayed"},
    {"batchlab.history"},
    {"batchlab.html", "batchlab.sheet"},
    {"batchlab.reports", "batchlab.rest"},
    {"batchlab.handles", "batchlab.azure"},
    {"batchlab.laboratory"},
    {"batchlab.replayed", "batchlab.job_comparison", "batchlab.predictions"},
    {"batchlab.widgets"},
    {"batchlab.lab", "batchlab.lab_settings"},
    {"batchlab"},
    {"batchlab.lessons"},
    {"batchlab.lite", "batchlab.classroom"},
    {"batchlab.demo", "batchlab.cli", "batchlab.__main__"},
]
EXCEPTIONS = {
    # A pool opens its laboratory when it is asked to, and a laboratory holds its pool.
    ("batchlab.handles.pool", "batchlab.laboratory.auto_scale_lab"),
    # The one door to displays, which names what stands above it: see the module.
    ("batchlab.display", "batchlab.widgets"),
}
IMPURE = {
    "asyncio", "dask", "datetime.datetime.now", "distributed", "io", "ipywidgets", "logging", "os",
    "pathlib", "random", "secrets", "socket", "subprocess", "tempfile", "threading", "time",
    "tornado", "uuid",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(name: str, path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            origin = node.module or ""
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield (
                    inner
                    if (PACKAGE.parent / inner.replace(".", "/")).exists()
                    or (PACKAGE.parent / (inner.replace(".", "/") + ".py")).exists()
                    else origin
                )


def looked_up(path: Path) -> Iterator[str]:
    """Every module of ours that a file names in a text: it may import it by that name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in NAMES and node.value != "batchlab":
            yield node.value


def line(name: str) -> int:
    best = max(
        (prefix for names in LINES for prefix in names
         if name == prefix or (name.startswith(prefix + ".") and prefix != "batchlab")),
        key=len, default=None,
    )  # fmt: skip
    assert best is not None, f"{name} has no line in the layout"
    return next(number for number, names in enumerate(LINES) if best in names)


NAMES = dict(modules())


@pytest.mark.parametrize("name", NAMES)
def test_module_of_a_line_imports_only_from_its_line_or_below(name: str) -> None:
    if name == "batchlab.drivers":
        return  # the package itself is empty
    for other in set(imported(name, NAMES[name])):
        if other.partition(".")[0] != "batchlab" or other == "batchlab.drivers":
            continue
        allowed = (name, other) in EXCEPTIONS or line(other) <= line(name)
        assert allowed, f"{name} imports {other}, which is built on it"


@pytest.mark.parametrize("name", NAMES)
def test_module_looks_up_by_name_only_through_the_one_door(name: str) -> None:
    for other in looked_up(NAMES[name]):
        door = any(
            name == opener and (other == home or other.startswith(home + "."))
            for opener, home in EXCEPTIONS
        )
        assert door or line(other) <= line(name), f"{name} names {other}, which is built on it"


def test_no_circle_of_imports_is_larger_than_four_files_and_the_core_has_none() -> None:
    graph = {
        name: {other for other in imported(name, path) if other in NAMES and other != name}
        for name, path in NAMES.items()
    }
    reached = {name: reachable(graph, name) for name in graph}
    circles = {
        frozenset(other for other in reached[name] if name in reached[other]) for name in graph
    }
    large = [sorted(circle) for circle in circles if len(circle) > 4]
    assert not large
    assert not [
        circle
        for circle in circles
        if len(circle) > 1 and any(name.startswith("batchlab.core") for name in circle)
    ]


def reachable(graph: dict[str, set[str]], name: str) -> set[str]:
    found: set[str] = set()
    border = [name]
    while border:
        for other in graph[border.pop()] - found:
            found.add(other)
            border.append(other)
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("batchlab.core")])
def test_core_imports_nothing_that_has_effects(name: str) -> None:
    roots = {other.partition(".")[0] for other in imported(name, NAMES[name])}
    assert not roots & IMPURE


@pytest.mark.parametrize("name", NAMES)
def test_dask_is_spoken_to_in_one_place(name: str) -> None:
    roots = {other.partition(".")[0] for other in imported(name, NAMES[name])}
    if name in (
        "batchlab.rest.accepting", "batchlab.rest.server", "batchlab.rest.tunnel",
        "batchlab.rest.websocket",
        "batchlab.classroom.handler", "batchlab.classroom.server",
    ):  # fmt: skip
        assert not roots & {"dask", "distributed"}
    elif not name.startswith("batchlab.drivers.dask"):
        assert not roots & {"dask", "distributed", "tornado"}


@pytest.mark.parametrize("name", NAMES)
def test_the_two_worlds_do_not_know_each_other(name: str) -> None:
    others = set(imported(name, NAMES[name]))
    if name.startswith("batchlab.drivers.simulated"):
        assert not any(other.startswith("batchlab.drivers.dask") for other in others)
    if name.startswith("batchlab.drivers.dask"):
        assert not any(other.startswith("batchlab.drivers.simulated") for other in others)


@pytest.mark.parametrize("name", NAMES)
def test_module_says_what_it_is(name: str) -> None:
    text = NAMES[name].read_text()
    assert not text or ast.get_docstring(ast.parse(text)), "a module opens with its theory"


def test_all_of_each_module_exists() -> None:
    for info in pkgutil.walk_packages(batchlab.__path__, "batchlab."):
        if info.name == "batchlab.__main__" or info.name.startswith("batchlab.drivers.dask"):
            continue  # Dask's half is imported by its own tests
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{info.name}.__all__ names {name}"


def test_exports_of_the_package_are_exact_and_sorted() -> None:
    public = {
        name
        for name, value in vars(batchlab).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert batchlab.__all__ == sorted(batchlab.__all__)
    lazy = set(batchlab._LAZY)  # loaded when they are first used
    assert public | lazy | {"__version__"} == set(batchlab.__all__)
    assert all(getattr(batchlab, name) for name in batchlab.__all__)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = batchlab.nothing_like_it


def test_whatever_is_used_first_can_be_imported() -> None:
    """A circle through a package shows only when one of its modules is the first of all."""
    done = subprocess.run(
        [sys.executable, "-c", EACH_ALONE, *batchlab._LAZY],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ""


EACH_ALONE = """
import os, sys
import batchlab, distributed, IPython, rich, typer  # heavy, and the same for all

for name in sys.argv[1:]:
    if not (child := os.fork()):
        try:
            getattr(batchlab, name)
        except ImportError as error:
            print(name, error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_public_things_say_what_they_are() -> None:
    silent = []
    for name in batchlab.__all__:
        thing = getattr(batchlab, name)
        if inspect.isclass(thing):
            silent += [name] if not thing.__doc__ else []
            silent += [
                f"{name}.{member}"
                for member, value in vars(thing).items()
                if not member.startswith("_") and not inspect.getdoc(value)
                and member not in getattr(thing, "__struct_fields__", ())
            ]  # fmt: skip
    assert not silent


def test_import_of_the_package_is_light() -> None:
    heavy = ["distributed", "dask", "ipywidgets", "tornado", "fsspec", "IPython", "rich", "typer"]
    heavy += ["pandas", "cloudpickle", "concurrent.futures", "batchlab.autoscale.evaluate"]
    code = f"import sys, batchlab; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_states_that_can_be_waited_for_are_the_core_s() -> None:
    assert {"steady", "resizing", "active", "deleted"} <= set(WAITABLE["pool"])
    assert {"idle", "starttaskfailed", "offline"} <= set(WAITABLE["node"])
    assert "preparing" in WAITABLE["task"]
    assert "completed" in WAITABLE["job"]
