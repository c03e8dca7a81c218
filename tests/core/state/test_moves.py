"""Only `State.move` assigns a phase: one table for each kind of thing, and no way around it."""

import ast
from pathlib import Path

import pytest

import batchlab.core
from batchlab.core.machine import Core
from batchlab.core.messages import inputs
from batchlab.core.model import PoolSpec
from batchlab.core.state import records, state
from batchlab.core.state.holdings import CertificateRecord
from batchlab.core.state.phases import NodeRunning, Phase, Stopping, TaskPreparing
from batchlab.core.state.records import Record

CORE = Path(batchlab.core.__file__).parent


def assigned(path):
    """The attributes that a file assigns, wherever and however it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.attr
        elif isinstance(node, ast.Call) and "setattr" in ast.unparse(node.func):
            name = node.args[1]
            yield name.value if isinstance(name, ast.Constant) else "phase"  # it may be


def test_no_file_but_the_state_assigns_a_phase() -> None:
    found = {
        path.relative_to(CORE).as_posix(): sorted({"phase", "allocation"} & set(assigned(path)))
        for path in CORE.rglob("*.py")
        if "model" not in path.parts  # specs are made before there is a state
    }
    assert {name: names for name, names in found.items() if names} == {
        "state/state.py": ["allocation", "phase"],
    }


def test_every_record_with_a_phase_is_of_a_kind() -> None:
    with_phase = {
        record
        for record in [*vars(records).values(), CertificateRecord]
        if isinstance(record, type) and issubclass(record, Record)
        and "phase" in record.__struct_fields__
    }  # fmt: skip
    assert with_phase == set(state._KINDS)


@pytest.mark.parametrize("kind", [*state._KINDS.values(), state._ALLOCATION], ids=lambda k: k.name)
def test_table_of_each_kind_is_complete(kind: state._Kind) -> None:
    names = {phase.state for phase in Phase.__subclasses__()}
    assert set(kind.follows) <= names
    assert set().union(*kind.follows.values()) <= set(kind.follows)
    assert kind.remembered <= set(kind.follows)


def test_remembered_state_has_a_place() -> None:
    for record, kind in state._KINDS.items():
        assert bool(kind.remembered) == ("previous" in record.__struct_fields__)


def test_move_that_no_table_allows_changes_nothing() -> None:
    core = Core()
    core.handle(0.0, inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    pool, (node,) = core.state.pools["p"], core.state.nodes.values()
    before = node.phase, pool.phase, len(core.state.changes)
    with pytest.raises(RuntimeError, match="no node goes from creating to running"):
        core.state.move(node, NodeRunning(1.0))
    with pytest.raises(RuntimeError, match="no pool goes from active to preparing"):
        core.state.move(pool, TaskPreparing(1.0, node.id))
    core.state.move(pool, Stopping(1.0))
    with pytest.raises(RuntimeError, match="no allocation goes from stopping to stopping"):
        core.state.move(pool, Stopping(1.0))
    assert (node.phase, pool.phase) == before[:2]
    assert len(core.state.changes) == before[2] + 1
