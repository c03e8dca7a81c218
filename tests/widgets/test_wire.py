"""What a browser is sent: each row once, and all of them to whoever comes anew."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import TaskChanged
from batchlab.history.schema import COLUMNS
from batchlab.history.tables import Tables
from batchlab.history.watch import Watch, watch
from batchlab.widgets.wire import Place, rows_since


@pytest.fixture
def found() -> Iterator[Watch]:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=3)
        job = lab.create_job("j", pool)
        job.create_tasks(["/bin/sh -c 'exit 0'"] * 20)
        job.tasks.wait()
        found = watch(lab._connection)
        found.catch_up()
        yield found


def unpacked(head: dict[str, Any], data: bytes) -> dict[str, dict[str, list[Any]]]:
    tables: dict[str, dict[str, list[Any]]] = {}
    for table, columns in COLUMNS.items():
        begin, end = head["rows"][table]
        tables[table] = {}
        for name, code in columns.items():
            column = array(code)
            size = (end - begin) * column.itemsize
            column.frombytes(data[:size])
            data = data[size:]
            tables[table][name] = column.tolist()
    assert not data
    return tables


def test_whoever_has_nothing_is_sent_all(found: Watch) -> None:
    head, data, place = rows_since(found, Place())
    columns = found.tables.columns
    assert unpacked(head, data) == {
        table: {name: column.tolist() for name, column in named.items()}
        for table, named in columns.items()
    }
    assert head["names"]["labels"] == [0, "\n".join(found.tables.labels)]
    assert head["speed"] == 0
    assert place.rows["runs"] == 20


def test_whoever_has_all_is_sent_nothing(found: Watch) -> None:
    _, _, place = rows_since(found, Place())
    head, data, after = rows_since(found, place)
    assert data == b""
    assert head["names"] == {}
    assert after == place


def test_rows_that_follow_are_sent_alone(found: Watch) -> None:
    _, _, place = rows_since(found, Place())
    change = TaskChanged(at=9e9, job_id="j", task_id="new", state="running", node_id="other")
    found.tables.take([change], 9e9)
    head, data, _ = rows_since(found, place)
    assert head["rows"]["runs"] == [20, 21]
    assert head["names"] == {"nodes": [3, ["other"]], "labels": [20, "new"]}
    assert unpacked(head, data)["counts"]["running"] == [1]


def test_story_that_began_anew_is_sent_from_its_beginning(found: Watch) -> None:
    _, _, place = rows_since(found, Place())
    found.tables = Tables()
    found.generation += 1
    head, data, after = rows_since(found, place)
    assert head["generation"] == after.generation == 1
    assert data == b""
    assert all(begin == 0 for begin, _ in head["rows"].values())
