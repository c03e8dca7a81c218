from __future__ import annotations

import tracemalloc

import pytest

from batchlab.core.messages.outputs import (
    ApplicationChanged,
    AutoScaleEvaluated,
    CertificateChanged,
    Change,
    JobChanged,
    JobScheduleChanged,
    NodeChanged,
    NodeTaskChanged,
    PoolChanged,
    SubtaskChanged,
    TaskChanged,
)
from batchlab.drivers.change_log import BLOCK, ChangeLog, decode_changes, encode_changes


def task(number: int, state: str = "active") -> TaskChanged:
    return TaskChanged(at=float(number), job_id="j", task_id=f"t{number}", state=state)


def told(history: ChangeLog, since: int = 0) -> list[Change]:
    found: list[Change] = []
    while True:
        batch = history.since(since, 7.0)
        if batch.fresh:
            found = []
        found += batch.changes
        since = batch.next
        if not batch.more:
            assert since == history.end
            return found


def test_history_of_nothing_is_empty() -> None:
    batch = ChangeLog().since(0, 5.0)
    assert (batch.changes, batch.next, batch.now, batch.more) == ([], 0, 5.0, False)


def test_history_from_now_on_is_only_where_to_go_on() -> None:
    history = ChangeLog(recent=BLOCK)
    history.add([task(n) for n in range(2 * BLOCK + 5)])
    batch = history.since(-1, 5.0)
    assert (batch.changes, batch.next, batch.more) == ([], 2 * BLOCK + 5, False)
    assert (batch.now, batch.fresh) == (5.0, False)


def test_history_that_was_packed_is_told_in_order_from_any_number() -> None:
    history = ChangeLog(recent=BLOCK)
    changes = [task(n) for n in range(3 * BLOCK + 5)]
    for start in range(0, len(changes), 777):
        history.add(changes[start : start + 777])
    assert told(history) == changes
    for since in (1, BLOCK - 1, BLOCK, 2 * BLOCK + 3, len(changes) - 1, len(changes)):
        assert told(history, since) == changes[since:]


def test_history_that_was_forgotten_begins_with_the_last_word_on_each_thing() -> None:
    history = ChangeLog(recent=0, limit=0)
    history.add([
        NodeChanged(at=1, pool_id="p", node_id="gone", state="idle"),
        NodeChanged(at=2, pool_id="p", node_id="n", state="creating"),
        NodeChanged(at=3, pool_id="p", node_id="gone", state="deleted"),
        JobChanged(at=3, job_id="old", state="active"),
        TaskChanged(at=3, job_id="old", task_id="t", state="active"),
        JobChanged(at=4, job_id="old", state="deleted"),
        NodeTaskChanged(at=4, kind="jobpreparation", job_id="j", node_id="n", state="running"),
        NodeTaskChanged(at=5, kind="starttask", job_id="", node_id="n", state="running"),
        NodeTaskChanged(at=6, kind="starttask", job_id="", node_id="n", state="completed"),
    ])  # fmt: skip
    history.add([task(n) for n in range(7, BLOCK)])
    history.add([task(n, "completed") for n in range(7, 9)])
    first = history.since(0, 0.0)
    assert first.fresh
    assert first.next == BLOCK
    assert first.changes[:4] == [
        NodeChanged(at=2, pool_id="p", node_id="n", state="creating"),
        NodeTaskChanged(at=4, kind="jobpreparation", job_id="j", node_id="n", state="running"),
        task(7),
        task(8),
    ]
    assert [change.state for change in told(history)[-2:]] == ["active", "completed"][-1:] * 2


def test_history_asked_by_somebody_who_fell_behind_begins_anew() -> None:
    history = ChangeLog(recent=0, limit=0)
    history.add([task(n) for n in range(BLOCK)])
    assert history.since(5, 0.0).fresh
    assert not history.since(BLOCK, 0.0).fresh


@pytest.mark.parametrize("state", ["running", "completed"])
def test_changes_survive_their_journey(state: str) -> None:
    change = TaskChanged(at=1.5, job_id="j", task_id="t", state=state, node_id="n", slots=2)
    assert decode_changes(encode_changes([change])) == [change]


EACH = [
    PoolChanged(at=1, pool_id="p", state="active", allocation_state="steady"),
    NodeChanged(at=2, pool_id="p", node_id="n", state="idle"),
    JobChanged(at=3, job_id="j", state="active"),
    TaskChanged(at=4, job_id="j", task_id="t", state="active"),
    NodeTaskChanged(at=5, kind="jobpreparation", job_id="j", node_id="n", state="running"),
    JobScheduleChanged(at=6, job_schedule_id="s", state="active"),
    ApplicationChanged(at=7, application_id="a", state="active"),
    ApplicationChanged(at=8, application_id="a", state="active", version="1"),
    CertificateChanged(at=9, thumbprint="c", state="active"),
    SubtaskChanged(at=9.5, job_id="j", task_id="t", subtask_id=1, node_id="n", state="running"),
]


def test_changes_of_each_kind_survive_their_journey_and_being_forgotten() -> None:
    assert {type(change) for change in EACH} | {AutoScaleEvaluated} == set(Change.__subclasses__())
    assert decode_changes(encode_changes(EACH)) == EACH
    history = ChangeLog(recent=0, limit=0)
    history.add([*EACH, *[task(0)] * (BLOCK - len(EACH))])
    assert [change for change in told(history) if change != task(0)] == EACH


def test_history_that_was_forgotten_knows_nothing_of_what_was_deleted() -> None:
    history = ChangeLog(recent=0, limit=0)
    last = ApplicationChanged(at=9, application_id="a", state="deleted", version="1")
    history.add([*EACH, last, *[task(0)] * (BLOCK - len(EACH) - 1)])
    assert [change for change in told(history) if isinstance(change, ApplicationChanged)] == [
        EACH[6]
    ]


def test_a_long_history_takes_a_few_bytes_for_each_change() -> None:
    history, count = ChangeLog(), 50 * BLOCK
    tracemalloc.start()
    try:
        for number in range(0, count, 100):
            history.add([task(n) for n in range(number, number + 100)])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / count < 30
    assert len(told(history)) == count
