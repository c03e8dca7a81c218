"""Tasks as rows of a table: what each says, in which order, and which of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.core.answers.present import present
from batchlab.history.tables import Tables
from batchlab.history.task_rows import Query, TaskRow, TaskRows, rows_of


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        lab.create_pool("p", target_dedicated_nodes=2)
        lab.create_pool("empty")
        lab.create_job("j", "p")
        lab.create_job("k", "empty").create_task("never", "true")
        yield lab


def fill(lab: bl.SimulatedLab) -> bl.Job:
    job = lab.jobs["j"]
    job.create_task("task10", "/bin/sh -c 'sleep 3; exit 7'")
    job.create_task("task9", "/bin/sh -c 'sleep 9'")
    retried = bl.TaskConstraints(max_task_retry_count=2)
    job.create_task("again", "/bin/sh -c 'sleep 1; exit 1'", constraints=retried)
    slow = bl.TaskConstraints(max_wall_clock_time=timedelta(seconds=20))
    job.create_task("slow", "sleep 500", constraints=slow)
    lab.advance("5m")
    job.create_task("long", "sleep 5000")
    lab.advance("1m")
    return job


def query(**given: object) -> Query:
    names = ("pool", "job", "show", "search", "sort")
    pool, job, show, search, sort = (str(given.get(name, "")) for name in names)
    return pool, job, show, search, sort, bool(given.get("down"))


def ids(rows: TaskRows, **given: object) -> list[str]:
    return [row.id for row in rows.chosen(query(**given), now=1e10)]


def test_rows_say_what_the_views_of_the_tasks_say(lab: bl.SimulatedLab) -> None:
    job = fill(lab)
    rows = rows_of(lab._connection)
    for row in rows.chosen(query(job="J"), 0.0):
        view = job.tasks[row.id].view()
        assert (row.state, row.result, row.exit_code) == (view.state, view.result, view.exit_code)
        assert (row.node or None, row.retries) == (view.node_id, view.retry_count)
        assert row.start == (view.start_time and view.start_time.timestamp())
        assert row.end == (view.end_time and view.end_time.timestamp())
    assert rows.counts("", "j") == [3, 1, 0, 1]
    assert rows.counts("", "") == [3, 1, 1, 1]
    assert rows.counts("EMPTY", "") == [0, 0, 1, 0]


def test_failures_come_first_and_any_column_sorts(lab: bl.SimulatedLab) -> None:
    fill(lab)
    rows = rows_of(lab._connection)
    assert ids(rows, job="j") == ["task10", "again", "slow", "long", "task9"]
    assert ids(rows, job="j", sort="task") == ["again", "long", "slow", "task9", "task10"]
    assert ids(rows, job="j", sort="exit", down=True)[-1] == "long", "without a value: last"
    assert ids(rows, sort="retries")[0] == "again"
    assert ids(rows, job="j", sort="duration", down=True)[:2] == ["long", "slow"]


def test_rows_are_filtered_and_searched(lab: bl.SimulatedLab) -> None:
    fill(lab)
    rows = rows_of(lab._connection)
    assert ids(rows, show="failed", search="timedout") == ["slow"]
    assert ids(rows, search="TASK1 exit:7") == ["task10"]
    assert ids(rows, search="exit:7") == ["task10"]
    assert ids(rows, show="waiting") == ["never"]
    for wrong in ({"show": "lost"}, {"sort": "colour"}):
        with pytest.raises(bl.InvalidRequest, match="must be one of"):
            ids(rows, **wrong)


def test_rows_follow_what_is_done_to_tasks(lab: bl.SimulatedLab) -> None:
    job = fill(lab)
    rows_of(lab._connection)
    job.tasks["again"].reactivate()
    job.tasks["task9"].delete()
    rows = rows_of(lab._connection)
    (again,) = rows.chosen(query(search="again"), 0.0)
    assert (again.state, again.retries) in {("running", 0), ("active", 0)}
    assert "task9" not in ids(rows)
    lab.jobs["k"].delete()
    assert ids(rows_of(lab._connection), show="waiting") == []


def test_rows_stay_after_the_lab_has_closed(lab: bl.SimulatedLab) -> None:
    rows_of(lab._connection)
    fill(lab)
    lab.close()
    assert len(ids(rows_of(lab._connection))) == 6


def test_missed_start_and_a_failure_are_known_from_the_present_alone(
    lab: bl.SimulatedLab,
) -> None:
    fill(lab)
    changes = present(lab._connection.engine.core.state)
    tables = Tables()
    tables.take(changes, 0.0)
    counts = tables.columns["counts"]
    assert (counts["failed"][-1], counts["succeeded"][-1]) == (3, 1)
    rows = {}
    for change in changes:
        if getattr(change, "task_id", "") == "slow":
            rows["slow"] = TaskRow("j", "slow")
            rows["slow"].take(change)  # type: ignore[arg-type]
    slow = rows["slow"]
    assert slow.start is not None
    assert slow.end is not None
    assert (slow.result, slow.reason, slow.end - slow.start) == ("failure", "TimedOut", 20.0)


def test_rows_of_a_replay_are_those_of_the_lab(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with bl.SimulatedLab(journal=path) as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        job.create_task("t", "false")
        lab.advance("5m")
    with bl.ReplayedLab(path) as replayed:
        assert ids(rows_of(replayed._connection), show="failed") == ["t"]
