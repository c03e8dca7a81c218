"""What becomes of a lab's changes: rows for each node, run and count, never changed again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import (
    JobChanged,
    NodeChanged,
    NodeTaskChanged,
    PoolChanged,
    TaskChanged,
)
from batchlab.history.schema import KINDS, NO_LANE, NODE_STATES, OUTCOMES
from batchlab.history.tables import Tables
from batchlab.history.watch import watch


def tables_of(lab: bl.SimulatedLab) -> Tables:
    found = watch(lab._connection)
    found.catch_up()
    return found.tables


def rows(tables: Tables, table: str) -> list[dict[str, Any]]:
    columns = tables.columns[table]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def bars(tables: Tables) -> list[tuple[str, str, str, int]]:
    """Kind, label, outcome ("" while under way) and lane of each run, in order."""
    ends = {row["run"]: row for row in rows(tables, "ends")}
    return [
        (
            KINDS[row["kind"]],
            tables.labels[number],
            OUTCOMES[ends[number]["outcome"]] if number in ends else "",
            row["lane"],
        )
        for number, row in enumerate(rows(tables, "runs"))
    ]


def last_counts(tables: Tables) -> tuple[int, ...]:
    row = rows(tables, "counts")[-1]
    return row["active"], row["running"], row["succeeded"], row["failed"]


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        yield lab


def on_three_nodes(lab: bl.SimulatedLab, command_line: str, **kw: Any) -> bl.Job:
    """A job with a task of three nodes, once it is assigned."""
    lab.create_pool("p", target_dedicated_nodes=3, enable_inter_node_communication=True)
    job = lab.create_job("j", "p", **kw)
    settings = bl.MultiInstanceSettings(number_of_instances=3, coordination_command_line="true")
    job.create_task("m", command_line, multi_instance_settings=settings)
    return job


def test_multi_instance_task_has_a_bar_on_each_of_its_nodes(lab: bl.SimulatedLab) -> None:
    job = on_three_nodes(lab, "sleep 60", job_preparation_task="sleep 5")
    job.tasks.wait()
    tables = tables_of(lab)
    found = [bar for bar in bars(tables) if bar[1] == "m"]
    assert sorted(found) == [
        ("subtask", "m", "success", 0), ("subtask", "m", "success", 0),
        ("task", "m", "success", 0),
        *[("waiting", "m", "success", 0)] * 3,
    ]  # fmt: skip
    assert last_counts(tables) == (0, 0, 1, 0), "it is one task"
    runs = [row for row in rows(tables, "runs") if KINDS[row["kind"]] in ("task", "subtask")]
    assert len({row["node"] for row in runs}) == 3
    assert lab.report().numbers.task_hours == pytest.approx(lab.cost.task_hours, rel=0.15)
    numbers = job.report().numbers
    assert numbers.succeeded == 1
    prepared = numbers.waiting_hours["preparation"] * 3600
    assert 5 <= prepared < 10, "one task waited, on three nodes"


def test_multi_instance_task_that_is_sent_back_gives_all_lanes_back(lab: bl.SimulatedLab) -> None:
    job = on_three_nodes(lab, "sleep 600")
    lab.advance("5m")
    job.disable("requeue")
    lab.advance("1m")
    # Their coordination command was done: they have succeeded, the task is queued again.
    before = [
        ("subtask", "m", "success", 0), ("subtask", "m", "success", 0),
        ("task", "m", "requeued", 0),
    ]  # fmt: skip
    assert sorted(bars(tables_of(lab))) == before
    job.enable()
    lab.advance("1m")
    assert sorted(bars(tables_of(lab))[3:]) == [
        ("subtask", "m", "", 0), ("subtask", "m", "", 0), ("task", "m", "", 0),
    ]  # fmt: skip


def test_tables_of_a_job_with_everything_has_each_run_as_a_bar(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task="echo start")
    job = lab.create_job(
        "j", pool, job_preparation_task="echo prepare", job_release_task="echo release"
    )
    job.create_task("good", "/bin/sh -c 'exit 0'")
    once_more = bl.TaskConstraints(max_task_retry_count=1)
    job.create_task("bad", "/bin/sh -c 'exit 3'", constraints=once_more)
    job.tasks.wait()
    job.terminate()
    job.wait()
    tables = tables_of(lab)
    assert bars(tables) == [
        ("starttask", "", "success", NO_LANE),
        ("jobpreparation", "", "success", NO_LANE),
        ("waiting", "good", "success", 0),
        ("task", "good", "success", 0),
        ("task", "bad", "retry", 0),
        ("task", "bad", "failure", 0),
        ("jobrelease", "", "success", NO_LANE),
    ]
    assert [row["attempt"] for row in rows(tables, "runs")] == [0, 0, 0, 0, 0, 1, 0]
    assert tables.reasons == ["", "retry", "FailureExitCode"]
    assert last_counts(tables) == (0, 0, 1, 1)


def test_tables_follow_a_node_from_creation_to_its_end(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.wait("steady")
    pool.nodes.wait("idle")
    pool.delete()
    pool.wait("deleted")
    tables = tables_of(lab)
    assert [NODE_STATES[row["state"]] for row in rows(tables, "node_states")] == [
        "creating", "starting", "idle", "leavingpool", "deleted",
    ]  # fmt: skip
    assert [(row["target"], row["state"]) for row in rows(tables, "pool_states")][-1] == (0, 2)
    assert rows(tables, "nodes") == [{"pool": 0, "dedicated": 1}]


def test_tasks_side_by_side_have_lanes_of_their_own(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1, task_slots_per_node=4)
    job = lab.create_job("j", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line=f"sleep {10 * n + 10}",
                                  required_slots=n % 2 + 1) for n in range(5)])  # fmt: skip
    job.tasks.wait()
    assert [(name, lane) for _, name, _, lane in bars(tables_of(lab))] == [
        ("t0", 0), ("t1", 1), ("t2", 3), ("t4", 0), ("t3", 1),
    ]  # fmt: skip


def test_what_was_sent_back_is_not_a_success(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    job = lab.create_job("j", pool)
    job.create_task("t", "sleep 100")
    job.tasks["t"].wait("running")
    job.disable("requeue")
    job.wait("disabled")
    job.enable()
    job.tasks["t"].wait("running")
    job.tasks["t"].terminate()
    job.tasks.wait()
    job.create_task("dropped", "sleep 100")
    job.tasks["dropped"].wait("running")
    job.tasks["dropped"].delete()
    job.tasks["dropped"].wait("deleted")
    tables = tables_of(lab)
    assert [outcome for _, _, outcome, _ in bars(tables)] == ["requeued", "ended", "ended"]
    assert last_counts(tables) == (0, 0, 0, 1)


def test_counts_are_written_once_for_each_time() -> None:
    tables = Tables()
    tables.take([TaskChanged(at=1.0, job_id="j", task_id=str(n), state="active")
                 for n in range(1000)], 1.0)  # fmt: skip
    assert rows(tables, "counts") == [
        {"at": 1.0, "job": 0, "active": 1000, "running": 0, "succeeded": 0, "failed": 0}
    ]


def test_counts_of_a_job_that_is_deleted_are_nothing_and_its_runs_are_over() -> None:
    tables = Tables()
    tables.take([
        JobChanged(at=1.0, job_id="j", state="active", pool_id="p"),
        TaskChanged(at=1.0, job_id="j", task_id="t", state="active"),
        TaskChanged(at=2.0, job_id="j", task_id="t", state="running", node_id="n"),
        JobChanged(at=3.0, job_id="j", state="deleted", pool_id="p"),
    ], 3.0)  # fmt: skip
    assert last_counts(tables) == (0, 0, 0, 0)
    assert bars(tables) == [("task", "t", "ended", 0)]


def test_start_task_ends_with_its_node_s_life() -> None:
    tables = Tables()
    tables.take([
        PoolChanged(at=1.0, pool_id="p", state="active", allocation_state="steady"),
        NodeChanged(at=1.0, pool_id="p", node_id="n", state="waitingforstarttask"),
        NodeTaskChanged(at=1.0, kind="starttask", job_id="", node_id="n", state="running"),
        NodeTaskChanged(at=2.0, kind="starttask", job_id="", node_id="n", state="running"),
        NodeChanged(at=3.0, pool_id="p", node_id="n", state="unknown", reason="lost"),
    ], 3.0)  # fmt: skip
    assert [outcome for _, _, outcome, _ in bars(tables)] == ["retry", "lost"]


def test_changes_of_tomorrow_are_passed_over() -> None:
    tables = Tables()
    tables.take([NodeChanged(at=1.0, pool_id="p", node_id="n", state="dreaming")], 1.0)
    assert NODE_STATES[rows(tables, "node_states")[0]["state"]] == "unknown"


def test_task_that_waits_for_others_is_held_until_they_are_done_or_it_is_over(
    lab: bl.SimulatedLab,
) -> None:
    lab.create_pool("p", target_dedicated_nodes=1)
    job = lab.create_job("j", "p", uses_task_dependencies=True)
    job.create_tasks([
        bl.TaskSpec(id="a", command_line="sleep 60"),
        *[bl.TaskSpec(id=name, command_line="true", depends_on=["a"]) for name in "bcd"],
        bl.TaskSpec(id="never", command_line="true", depends_on=["nothing"]),
    ])  # fmt: skip
    lab.advance("1m")
    job.tasks["b"].terminate()
    job.tasks["c"].delete()
    terminated = lab.now.timestamp()
    job.tasks["d"].wait()
    lab.advance("1h")
    tables = tables_of(lab)
    assert tables.held == ["b", "c", "d", "never"]
    ended = {tables.held[row["hold"]]: row["at"] for row in rows(tables, "frees")}
    assert ended == {
        "b": terminated, "c": terminated, "d": job.tasks["a"].view().end_time.timestamp(),
    }  # fmt: skip
    job.delete()
    job.wait("deleted")
    assert len(rows(tables_of(lab), "frees")) == 4, "nobody waits any more"
