"""States are declared once: whoever lists some of them asks their table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import batchlab
from batchlab import colours
from batchlab.core.answers.wait_kinds import QUEUED, WAITS
from batchlab.core.state import states
from batchlab.core.state.states import NODE, StateRow, States
from batchlab.history.schema import KINDS, OUTCOMES, RUNS, look_of

PACKAGE = Path(batchlab.__file__).parent
TABLE = PACKAGE / "core/state/states.py"
LIVE = {name for name in NODE if name not in ("running", "idle", "starting")}
"""States whose names mean nothing else; the others are words of tasks and activities too."""
TEXT = re.compile(r'"([a-z]+)"|`([a-z]+)`|\b([a-z]+):')


def listed(node: ast.AST) -> list[str]:
    """The texts of a tuple, list, set, dictionary, `match` or comparison, as they stand there."""
    found: list[ast.expr | None] = []
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        found = list(node.elts)
    elif isinstance(node, ast.Dict):
        found = [*node.keys, *node.values]
    return [one.value for one in found if isinstance(one, ast.Constant)
            and isinstance(one.value, str)]  # fmt: skip


def lists_of_states(text: str) -> Iterator[tuple[int, list[str]]]:
    for node in ast.walk(ast.parse(text)):
        names = [name for name in listed(node) if name in NODE]
        if len(names) > 1 and LIVE & {*names}:
            yield node.lineno, names


@pytest.mark.parametrize(
    "text",
    [
        '("idle", "offline")',
        '{"unknown": 1, "idle": 2}',
        'x = ["creating", other, "preempted"]',
        'node.state in {"unusable", "running"}',
    ],
)
def test_lists_of_states_are_found(text: str) -> None:
    assert list(lists_of_states(text))


def test_python_lists_states_of_nodes_in_their_table_only() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    found = {
        f"{path.relative_to(PACKAGE)}:{line}": names
        for path in files
        if path != TABLE
        for line, names in lists_of_states(path.read_text())
    }
    assert len(files) > 250
    assert not found


def test_scripts_know_no_state_of_nodes_but_the_last() -> None:
    scripts = sorted(PACKAGE.rglob("*.js"))
    assert len(scripts) > 30
    for path in scripts:
        names = {name for found in TEXT.findall(path.read_text()) for name in found}
        assert not names & LIVE, path.name


def test_next_states_of_nodes_are_rows_alone() -> None:
    rows = States(
        *NODE.values(),
        StateRow("upgradingos", "upgrading", "starting", "occupied", "starting leavingpool",
                 "g", "boot"),
    )  # fmt: skip
    assert rows["upgradingos"].activity
    assert not rows["deallocated"].activity
    for group in ("up", "coming", "taking"):
        assert rows.group(group) == NODE.group(group)
    assert rows.follows["upgradingos"] == {"starting", "leavingpool"}


def test_every_state_has_words_and_a_colour_and_those_of_nodes_a_letter() -> None:
    tables = [*states.KINDS.values(), states.RESULT]
    for row in [row for table in tables for row in table.values()]:
        assert row.label
        assert row.colour in colours.ROLES
    letters = [row.letter for row in NODE.values()]
    assert all(letters)
    assert len({*letters}) == len(NODE)
    assert {row.activity for row in NODE.values()} - {""} <= {*states.ACTIVITIES}


def test_the_same_word_has_the_same_colour_everywhere() -> None:
    seen: dict[str, set[str]] = {}
    for table in (*states.KINDS.values(), states.RESULT):
        for row in table.values():
            seen.setdefault(row.name, set()).add(row.colour)
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}
    assert states.colour_of("unusable") == "failed"
    assert states.colour_of("succeeded") == "good"
    assert states.colour_of("of tomorrow") == ""


def test_nodes_that_need_somebody_are_not_those_that_come_by_themselves() -> None:
    assert not {*NODE.group("coming")} & {*NODE.group("resting")}
    assert {*NODE.group("taking")} < {*NODE.group("serving")} < {*NODE.group("started")}
    assert {*NODE.group("started")} < {*NODE.group("up")} < {*NODE.group("occupied")}
    assert not {*NODE.group("away")} & {*NODE.group("coming"), *NODE.group("preemptible")}
    others = {*NODE.group("away"), "leavingpool", "unusable"}
    assert {*NODE.group("coming"), *NODE.group("started"), *others} == {*NODE}


def test_every_run_activity_and_wait_has_a_colour() -> None:
    looks = [*states.ACTIVITIES.values(), *RUNS.values(), *WAITS.values()]
    assert {look.colour for look in looks} <= {*colours.ROLES}
    assert {look_of(kind, outcome) for kind in KINDS for outcome in ("", *OUTCOMES)} == {*RUNS}
    assert {*QUEUED} < {*WAITS}
