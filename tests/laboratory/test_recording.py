"""What a pool went through, and the same load under other formulas."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import JobChanged, NodeChanged, PoolChanged, TaskChanged
from batchlab.laboratory.auto_scale_lab import Figures, figures
from batchlab.laboratory.recording import LINES, MOST_POINTS, Recording

FORMULA = bl.formulas.pending_tasks(6).text


@pytest.fixture(scope="module")
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(workload=bl.Workload(default="4m")) as lab:
        pool = lab.create_pool("p", enable_auto_scale=True, auto_scale_formula=FORMULA,
                               auto_scale_evaluation_interval="5m")  # fmt: skip
        job = lab.create_job("j", pool)
        for part in range(12):
            job.create_tasks([f"work {part} {n}" for n in range(2 + 3 * (part % 3))])
            lab.advance("5m")
        yield lab


@pytest.fixture
def bench(lab: bl.SimulatedLab) -> bl.AutoScaleLab:
    return lab.pools["p"].auto_scale_lab()


def changes() -> list:
    return [
        PoolChanged(at=0.0, pool_id="P", state="active", allocation_state="resizing",
                    target_dedicated_nodes=1, target_low_priority_nodes=1),
        NodeChanged(at=0.0, pool_id="P", node_id="a", state="creating"),
        NodeChanged(at=1.0, pool_id="P", node_id="a", state="starting"),
        NodeChanged(at=1.0, pool_id="P", node_id="b", state="starting", dedicated=False),
        NodeChanged(at=1.0, pool_id="other", node_id="c", state="idle"),
        JobChanged(at=2.0, job_id="j", state="active", pool_id="p"),
        JobChanged(at=2.0, job_id="k", state="active", pool_id="other"),
        TaskChanged(at=10.0, job_id="j", task_id="t", state="active", slots=2),
        TaskChanged(at=10.0, job_id="k", task_id="t", state="active"),
        TaskChanged(at=12.0, job_id="j", task_id="t", state="running", slots=2),
        TaskChanged(at=22.0, job_id="j", task_id="t", state="completed", slots=2, reason="X"),
        TaskChanged(at=30.0, job_id="j", task_id="u", state="active"),
        NodeChanged(at=40.0, pool_id="P", node_id="b", state="deleted", dedicated=False),
    ]  # fmt: skip


def test_recording_tells_nodes_and_tasks_of_its_pool_only() -> None:
    recording = Recording("p")
    recording.take(changes(), 50.0)
    rows = list(zip(*(recording.lines[name] for name in LINES), strict=True))
    assert rows == [
        (0.0, 2, 0, 0, 0, 0),
        (1.0, 2, 2, 1, 0, 0),
        (10.0, 2, 2, 1, 1, 0),
        (12.0, 2, 2, 1, 0, 1),
        (22.0, 2, 2, 1, 0, 0),
        (30.0, 2, 2, 1, 1, 0),
        (40.0, 2, 1, 0, 1, 0),
    ]
    assert (recording.begin, recording.now) == (0.0, 50.0)
    assert recording.waits(0.0, 50.0) == [2.0, 20.0]
    assert recording.window(11.0, 23.0)["at"] == [10.0, 12.0, 22.0]


def test_load_is_the_tasks_as_they_came_and_what_was_not_done_before() -> None:
    recording = Recording("p")
    recording.take(changes(), 50.0)
    load = recording.load(0.0, 50.0)
    told = [(a.at, a.behavior.duration, a.behavior.exit_code, a.slots) for a in load.arrivals]
    ten = timedelta(seconds=10)
    assert told == [(10.0, ten, 1, 2), (30.0, ten, 0, 1)]
    assert (load.dedicated, load.spot) == (1, 1)
    rest = recording.load(15.0, 25.0).arrivals
    assert [(a.at, a.behavior.duration) for a in rest] == [(0.0, timedelta(seconds=7))]
    assert recording.load(23.0, 29.0).arrivals == []


def test_task_that_is_made_again_is_another_one_and_a_deleted_job_stays_part_of_the_load() -> None:
    recording = Recording("p")
    again = [
        TaskChanged(at=60.0, job_id="j", task_id="t", state="deleted"),
        JobChanged(at=61.0, job_id="j", state="deleted"),
    ]
    recording.take([*changes(), *again], 70.0)
    assert len(recording.load(0.0, 70.0).arrivals) == 2
    assert recording.lines["waiting"][-1] == 0
    more = [
        JobChanged(at=71.0, job_id="j", state="active", pool_id="p"),
        TaskChanged(at=72.0, job_id="j", task_id="t", state="active"),
    ]
    recording.take(more, 73.0)
    assert recording.lines["waiting"][-1] == 1


def test_long_line_grows_coarser_and_keeps_its_ends() -> None:
    recording = Recording("p")
    recording.take(changes()[:6], 5.0)
    for n in range(3 * MOST_POINTS):
        state = "running" if n % 2 else "active"
        recording.take(
            [TaskChanged(at=100.0 + n, job_id="j", task_id="t", state=state)], 100.0 + n
        )
    times = recording.lines["at"]
    assert MOST_POINTS / 8 < len(times) <= MOST_POINTS
    assert times == sorted(set(times))
    assert recording.lines["waiting"][-1] + recording.lines["running"][-1] == 1


def test_formula_of_the_pool_does_on_its_own_load_what_the_pool_did(
    bench: bl.AutoScaleLab,
) -> None:
    recording = bench.recording
    assert recording is not None
    simulation = bench.what_if(auto_scale_evaluation_interval="5m")
    begin, end = recording.begin, recording.now
    assert simulation.begin.timestamp() == begin
    was = recording.window(begin, end)
    real = figures(was["at"], was["current"], was["spot"], end, recording.waits(begin, end),
                   "small")  # fmt: skip
    line = simulation.timeline
    times = [begin + seconds for seconds in line["seconds"]]
    played = figures(times, simulation.nodes, line["spot_nodes"], end, simulation.waits, "small")
    assert played.tasks == real.tasks == 60
    assert played.median_wait == real.median_wait
    assert played.p95_wait == real.p95_wait
    assert played.most_nodes == real.most_nodes == 6
    assert played.node_hours == pytest.approx(real.node_hours, rel=0.03)
    assert simulation.node_hours == pytest.approx(real.node_hours, rel=0.03)


def test_what_was_before_the_window_does_not_count(bench: bl.AutoScaleLab) -> None:
    simulation = bench.what_if("$TargetDedicatedNodes = 6;", last="20m",
                               auto_scale_evaluation_interval="5m")  # fmt: skip
    assert simulation.node_hours == pytest.approx(2.0, rel=0.03)
    assert simulation.evaluation_count == len(simulation.runs) == 5
    assert simulation.runs[0].timestamp == simulation.begin
    assert simulation.succeeded_count <= 6 * 5


def test_other_formula_and_other_load_come_to_something_else(bench: bl.AutoScaleLab) -> None:
    more = bench.what_if("$TargetDedicatedNodes = 30;", load=2, task_length=0.5)
    assert more.task_count == 120
    assert more.most_nodes == 30
    half = bench.what_if(load=0.5, last="20m")
    assert half.days * 1440 == 20
    assert 5 < half.task_count < 20


def test_what_if_changes_nothing_in_the_lab(bench: bl.AutoScaleLab, lab: bl.SimulatedLab) -> None:
    before = lab.pools["p"].view(), lab.now
    bench.what_if("$TargetDedicatedNodes = 3;")
    bench.evaluate("$TargetDedicatedNodes = 3;")
    assert (lab.pools["p"].view(), lab.now) == before


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"last": "1s"}, "last"),
        ({"last": 3}, "last"),
        ({"load": -1}, "load"),
        ({"load": "much"}, "load"),
        ({"task_length": 0}, "task_length"),
        ({"boot": "long"}, "boot"),
        ({"auto_scale_evaluation_interval": "1m"}, "auto_scale_evaluation_interval"),
        ({"formula": 3}, "formula"),
    ],
)
def test_what_if_refuses_what_cannot_be(bench: bl.AutoScaleLab, settings: dict, name: str) -> None:
    with pytest.raises(bl.InvalidRequest, match=name):
        bench.what_if(**settings)


def test_what_if_refuses_what_is_no_formula(bench: bl.AutoScaleLab) -> None:
    with pytest.raises(bl.FormulaError) as refused:
        bench.what_if("$TargetDedicatedNodes = ;")
    assert refused.value.code == "AutoScalingFormulaSyntaxError"


def test_what_if_ends_when_it_is_told_to(bench: bl.AutoScaleLab) -> None:
    steps = []

    def go_on() -> None:
        steps.append(threading.get_ident())
        if len(steps) > 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        bench.what_if(go_on=go_on)
    assert len(steps) == 21


def test_lab_without_a_pool_evaluates_and_plays_what_it_was_given(lab: bl.SimulatedLab) -> None:
    moment = lab.now
    alone = bl.AutoScaleLab(
        "$TargetDedicatedNodes = min(9, $PendingTasks);",
        samples={"$PendingTasks": [(moment, 4.0)]}, arrivals=[("10m", 7)],
    )  # fmt: skip
    assert alone.evaluate().target_dedicated_nodes == 4
    simulation = alone.what_if("$TargetDedicatedNodes = 2;", last="2h")
    assert (simulation.task_count, simulation.most_nodes) == (7, 2)
    assert (alone.pool, alone.recording, list(alone.history)) == (None, None, [])
    with pytest.raises(bl.Conflict) as refused:
        alone.apply()
    assert refused.value.code == "OperationInvalidForCurrentState"
    with pytest.raises(bl.InvalidRequest):
        bl.AutoScaleLab(samples={"$PendingTaks": []})
    with pytest.raises(bl.InvalidRequest):
        bl.AutoScaleLab(arrivals=3)


def test_lab_of_a_pool_begins_with_its_formula_and_applies_another() -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("Render")
        bench = lab.pools["rENDER"].auto_scale_lab()
        assert bench.formula == "$TargetDedicatedNodes = 0;\n"
        fixed = lab.create_pool("fixed", target_dedicated_nodes=3, target_low_priority_nodes=2)
        assert (fixed.auto_scale_lab().formula
                == "$TargetDedicatedNodes = 3;\n$TargetLowPriorityNodes = 2;\n")  # fmt: skip
        assert repr(bench) == "AutoScaleLab of Pool('Render')"
        assert pool.auto_scale_lab(FORMULA).formula == FORMULA
        bench.apply("$TargetDedicatedNodes = 2;", auto_scale_evaluation_interval="10m")
        assert pool.auto_scale_formula == "$TargetDedicatedNodes = 2;"
        assert pool.auto_scale_evaluation_interval == timedelta(minutes=10)
        assert pool.auto_scale_lab().formula == "$TargetDedicatedNodes = 2;"


def test_pool_without_a_past_is_played_for_a_minute() -> None:
    with bl.SimulatedLab() as lab:
        simulation = lab.create_pool("p").auto_scale_lab().what_if("$TargetDedicatedNodes = 2;")
        assert simulation.days * 86400 == 60
        assert simulation.task_count == 0


def test_figures_count_a_while_up() -> None:
    told = figures([0.0, 1800.0], [2, 4], [0, 4], 3600.0, [1.0, 2.0, 3.0], "small")
    assert told.node_hours == 3.0
    assert told.cost == pytest.approx(bl_price(True) * 1 + bl_price(False) * 2)
    assert (told.median_wait, told.p95_wait, told.most_nodes, told.tasks) == (2.0, 2.9, 4, 3)
    assert figures([], [], [], 0.0, [], "no-such-size") == Figures(0, None, None, None, 0, 0)


def bl_price(dedicated: bool) -> float:
    from batchlab.core.model import price_per_hour

    price = price_per_hour("small", dedicated=dedicated)
    assert price is not None
    return price
