"""Reports: what a hand-made history comes to, and what a service that is asked says too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
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
from batchlab.drivers.change_log import Batch
from batchlab.errors import Conflict
from batchlab.history.series import Steps
from batchlab.reports import ActivityReport, report_of
from helpers.fake_connection import FakeConnection

HOUR = 3600.0
LOADS = 1_700_000_000.0


def pool_changed(at: float, state: str = "active", name: str = "p") -> PoolChanged:
    return PoolChanged(at=LOADS + at, pool_id=name, state=state, allocation_state="steady",
                       task_slots_per_node=2, target_dedicated_nodes=1,
                       vm_size="large")  # fmt: skip


def node(at: float, state: str, name: str = "n1") -> NodeChanged:
    return NodeChanged(at=LOADS + at, pool_id="p", node_id=name, state=state)


def job(at: float, state: str, name: str = "j") -> JobChanged:
    return JobChanged(at=LOADS + at, job_id=name, state=state, pool_id="p")


def task(at: float, name: str, state: str, reason: str = "", of: str = "j") -> TaskChanged:
    on = "n1" if state in ("preparing", "running", "completed") else ""
    return TaskChanged(at=LOADS + at, job_id=of, task_id=name, state=state, reason=reason,
                       node_id=on)  # fmt: skip


def hook(at: float, kind: Any, state: str, of: str = "j") -> NodeTaskChanged:
    return NodeTaskChanged(at=LOADS + at, kind=kind, job_id=of, node_id="n1", state=state)


# A node with two slots, three hours: an hour of starting (half of it the start task), half an
# hour of preparation with two slots held, then tasks: a and b for half an hour, c, which waited
# for a slot, for another; b failed. Then half an hour of nothing.
STORY = [
    pool_changed(0), node(0, "creating"), job(0, "active"),
    task(0, "a", "active"), task(0, "b", "active"), task(0, "c", "active"),
    node(0, "starting"),
    node(0.5 * HOUR, "waitingforstarttask"), hook(0.5 * HOUR, "starttask", "running", of=""),
    hook(HOUR, "starttask", "completed", of=""), node(HOUR, "idle"),
    node(HOUR, "running"), hook(HOUR, "jobpreparation", "running"),
    task(HOUR, "a", "preparing"), task(HOUR, "b", "preparing"),
    hook(1.5 * HOUR, "jobpreparation", "completed"),
    task(1.5 * HOUR, "a", "running"), task(1.5 * HOUR, "b", "running"),
    task(2 * HOUR, "a", "completed"), task(2 * HOUR, "b", "completed", "FailureExitCode"),
    task(2 * HOUR, "c", "running"),
    task(2.5 * HOUR, "c", "completed"), node(2.5 * HOUR, "idle"),
]  # fmt: skip


class Remembering(FakeConnection):
    """A closed lab whose changes can still be had."""

    def __init__(self, changes: list[Any], now: float) -> None:
        closed = Conflict("OperationInvalidForCurrentState", "the lab is closed")
        super().__init__(GetJob=closed)
        self._batch = Batch(changes=changes, next=len(changes), now=LOADS + now, fresh=True)

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        assert since == 0
        return self._batch


def told(
    kind: Any, name: str = "", changes: list[Any] = STORY, now: float = 3 * HOUR
) -> ActivityReport:
    return report_of(Remembering(changes, now), kind, name)


@pytest.mark.parametrize(("kind", "name"), [("lab", ""), ("pool", "P")])
def test_report_of_a_hand_made_history_counts_hours_and_money(kind: str, name: str) -> None:
    numbers = told(kind, name).numbers
    assert (numbers.succeeded, numbers.failed, numbers.running, numbers.waiting) == (2, 1, 0, 0)
    assert numbers.node_hours == pytest.approx(
        {"boot": 0.5, "starttask": 0.5, "preparation": 0.5, "tasks": 1.0, "idle": 0.5}
    )
    assert numbers.total_cost == pytest.approx(
        3 * bl.SimulatedLab().vm_sizes["large"].price_per_hour
    )
    assert numbers.cost["idle"] == pytest.approx(numbers.total_cost / 6)
    assert numbers.machines == 1
    assert numbers.waiting_hours == pytest.approx(
        {"slots": 1.0, "starting": 3.0, "preparation": 1.0}
    )
    assert numbers.task_hours == pytest.approx(1.5)
    assert numbers.preparation_hours == numbers.start_task_hours == pytest.approx(0.5)
    assert numbers.preparation_share == pytest.approx(1 / 3)
    assert numbers.capacity_hours == pytest.approx(4.0)
    assert numbers.utilisation == pytest.approx(2.5 / 4)
    assert numbers.run_times == [1800.0] * 3
    assert not numbers.is_final
    assert (numbers.end - numbers.begin).total_seconds() == 3 * HOUR


def test_report_of_a_job_has_its_share_and_ends_with_what_happened_last() -> None:
    numbers = told("job", "j").numbers
    assert (numbers.end - numbers.begin).total_seconds() == 2.5 * HOUR
    price = numbers.times.price(0)
    assert numbers.cost == pytest.approx({"tasks": 0.75 * price, "preparation": 0.5 * price})
    assert numbers.node_hours == {}
    assert numbers.waiting_hours == pytest.approx(
        {"slots": 1.0, "starting": 3.0, "preparation": 1.0}
    )


def test_report_of_a_job_tells_slots_that_others_took_from_its_own() -> None:
    changes = [
        pool_changed(0), node(0, "creating"), node(0, "starting"), node(0, "running"),
        job(0, "active"), job(0, "active", "k"),
        task(0, "x", "running", of="k"), task(0, "a", "running"), task(0, "b", "active"),
    ]  # fmt: skip
    numbers = told("job", "j", changes, HOUR).numbers
    assert numbers.waiting_hours == pytest.approx({"slots": 0.5, "others": 0.5})
    assert told("lab", "", changes, HOUR).numbers.waiting_hours == pytest.approx({"slots": 1.0})


@pytest.mark.parametrize(("changes", "reason"), [
    ([job(0, "active"), task(0, "a", "active")], "no pool"),
    ([pool_changed(0), job(0, "active"), task(0, "a", "active")], "no nodes"),
    ([pool_changed(0), node(0, "creating"), job(0, "active"), task(0, "a", "active")], "starting"),
    ([pool_changed(0), node(0, "idle"), job(0, "active"), task(0, "a", "active")], "held back"),
    ([pool_changed(0), node(0, "idle"), job(0, "active"), task(0, "a", "active"),
      job(0, "disabling"), job(0, "disabled")], "disabled"),
    ([pool_changed(0), pool_changed(0, "deleted"), job(0, "active"), task(0, "a", "active")],
     "no pool"),
])  # fmt: skip
def test_task_that_waits_is_counted_under_what_holds_it(changes: Any, reason: str) -> None:
    for kind, name in (("lab", ""), ("job", "j")):
        numbers = told(kind, name, changes, HOUR).numbers
        assert numbers.waiting_hours == pytest.approx({reason: 1.0})
        assert numbers.waiting == 1


def test_task_of_a_job_that_ended_does_not_wait() -> None:
    changes = [pool_changed(0), job(0, "active"), task(0, "a", "active"), job(HOUR, "completed")]
    numbers = told("job", "j", changes, 9 * HOUR).numbers
    assert numbers.waiting_hours == pytest.approx({"no nodes": 1.0})
    assert numbers.is_final


def test_job_that_changed_its_pool_waited_for_each_in_its_time() -> None:
    changes = [
        pool_changed(0), pool_changed(0, name="q"), job(0, "active"), task(0, "a", "active"),
        JobChanged(at=LOADS + HOUR, job_id="j", state="active", pool_id="late"),
        JobChanged(at=LOADS + 3 * HOUR, job_id="j", state="active", pool_id="q"),
    ]  # fmt: skip
    for kind, name in (("lab", ""), ("job", "j")):
        numbers = told(kind, name, changes, 3.5 * HOUR).numbers
        assert numbers.waiting_hours == pytest.approx({"no nodes": 1.5, "no pool": 2.0})
    for name, hours in (("p", 1.0), ("q", 0.5)):
        waited = told("pool", name, changes, 3.5 * HOUR).numbers.waiting_hours
        assert waited == pytest.approx({"no nodes": hours})


def test_report_of_an_id_that_was_used_twice_is_about_the_last() -> None:
    again = [
        *STORY, task(2.6 * HOUR, "a", "deleted"), job(2.6 * HOUR, "deleted"),
        node(2.6 * HOUR, "deleted"), pool_changed(2.6 * HOUR, "deleted"),
        pool_changed(2.7 * HOUR), job(2.7 * HOUR, "active"), task(2.8 * HOUR, "z", "active"),
    ]  # fmt: skip
    for kind, name in (("job", "j"), ("pool", "p")):
        numbers = told(kind, name, again).numbers
        assert numbers.tasks == numbers.waiting == 1
        assert not numbers.run_times
        assert numbers.waiting_hours == pytest.approx({"no nodes": 0.2})
    everything = told("lab", "", again).numbers
    assert everything.task_hours == pytest.approx(1.5)


def test_report_of_what_never_was_is_refused() -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p")
        with pytest.raises(bl.NotFound) as refused:
            bl.Job(pool._connection, "nothing").report()
        assert refused.value.code == "JobNotFound"
        with pytest.raises(bl.NotFound) as refused:
            bl.Pool(pool._connection, "nothing").report()
        assert refused.value.code == "PoolNotFound"


def test_report_of_an_empty_lab_pool_and_job_is_a_report(tmp_path: Path) -> None:
    with bl.SimulatedLab() as lab:
        things = [lab, lab.create_pool("p"), lab.create_job("j", "p")]
        for thing in things:
            report = thing.report()
            assert "Tasks" in report.summary
            assert report.figures == {}
            assert report.tables == [] or report.tables[0].title in ("Pools", "Jobs")
            assert "none" in repr(report)
            assert "<script" not in report.save(tmp_path / "r.html").read_text()


def test_text_of_a_report_says_what_matters() -> None:
    text = repr(told("lab"))
    assert text.startswith("Lab report\n  Time ")
    assert "3: 2 succeeded, 1 failed" in text
    assert "5 h in all, 60% because no node was up yet" in text
    assert "30 min, 33% of the task time" in text
    assert "1, 3.00 node-hours, 17% idle" in text
    assert [grid.title for grid in told("lab").tables] == [
        "Why tasks waited", "What the nodes did", "Pools", "Jobs", "Longest runs",
        "What went wrong",
    ]  # fmt: skip
    assert told("lab").tables[-1].rows == [("FailureExitCode", "task", "1", "j/b")]


def test_figures_draw_the_numbers() -> None:
    figures = told("lab").figures
    assert list(figures) == [
        "tasks", "nodes", "slots", "waiting", "run_times", "preparation", "cost",
    ]  # fmt: skip
    bars = {bar.name: bar.x[0] for bar in figures["cost"].data}
    assert bars["boot"] == pytest.approx(told("lab").numbers.cost["boot"])
    assert sum(figures["run_times"].data[0].y) == 2
    assert figures["run_times"].layout.xaxis.range == (1325, 2275)
    assert sum(figures["run_times"].data[1].y) == 1
    assert list(figures["waiting"].data[0].x) == pytest.approx([1.0, 1.0, 3.0])
    for figure in figures.values():
        json.loads(figure.to_json())
    assert "nodes" not in told("job", "j").figures


def test_html_of_a_report_is_escaped_and_needs_no_plotly() -> None:
    evil = [pool_changed(0, name="<img src=x>"), *STORY]
    html = told("lab", "", evil)._repr_html_()
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html
    code = (
        "import sys; sys.modules['plotly'] = None\n"
        "import batchlab as bl\n"
        "report = bl.SimulatedLab().report()\n"
        "assert 'Lab report' in report._repr_html_()\n"
        "try: report.save('x.html')\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert 'pip install "batchlab[plotly]"' in said.stdout


@pytest.mark.parametrize("path", [None, 5, ""])
def test_report_cannot_be_saved_nowhere(path: Any) -> None:
    with pytest.raises(bl.InvalidRequest) as refused:
        told("lab").save(path)
    assert refused.value.values["PropertyName"] == "path"


# -- numbers over time --------------------------------------------------------------------------


def test_series_adds_up_whatever_it_is_thinned_to() -> None:
    steps = Steps()
    for index in range(1000):
        steps.span("a", index * 7.3, index * 7.3 + 100 + index % 13)
    series = steps.series(["a", "b"], 50.0, 5000.0)
    exact = sum(
        max(0.0, min(i * 7.3 + 100 + i % 13, 5000.0) - max(i * 7.3, 50.0)) for i in range(1000)
    )
    assert series.hours("a") * HOUR == pytest.approx(exact)
    assert series.hours("b") == 0
    thin = series.thinned(37)
    assert len(thin.times) == 37
    assert thin.hours("a") == pytest.approx(series.hours("a"))


def test_series_holds_from_its_beginning_to_its_end() -> None:
    steps = Steps()
    steps.span("a", 0.0, 10.0)
    steps.add("a", 30.0, 2)
    series = steps.series(["a"], 5.0, 40.0)
    assert (series.times, series.columns["a"], series.end) == ([5.0, 10.0, 30.0], [1, 0, 2], 40.0)
    assert steps.series(["a"], 50.0, 50.0).hours("a") == 0
    assert Steps().series(["a"], 1.0, 2.0).columns == {"a": [0.0]}
