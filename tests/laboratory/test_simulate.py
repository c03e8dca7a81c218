"""A day of a pool: the same seed, the same result; and every figure is what it says."""

import itertools
import subprocess
import sys
from statistics import median

import pytest

import batchlab as bl
from batchlab.errors import NotInstalled
from batchlab.laboratory import parallel
from batchlab.laboratory.play import play, read_conditions
from batchlab.percentiles import percentile

FOUR = "$TargetDedicatedNodes = 4;"
NONE = "$TargetDedicatedNodes = 0;"
HOURLY = bl.Arrivals.listed([(f"{hour}h", 4) for hour in range(24)], task="10m")


@pytest.fixture(scope="module")
def day():
    return bl.simulate(bl.formulas.pending_tasks(8), bl.Arrivals.constant(40), seed=5)


def test_figures_of_a_fixed_pool_are_those_of_arithmetic():
    result = bl.simulate(FOUR, HOURLY, boot="90s")
    assert result.task_count == result.succeeded_count == 96
    assert result.most_nodes == 4
    assert result.node_hours == pytest.approx(4 * 24, abs=0.1)  # a minute is the allocation
    assert result.idle_hours == pytest.approx(4 * 24 - 96 / 6, abs=0.2)
    assert result.cost.cost == pytest.approx(result.node_hours * 0.08)
    assert result.wait_percentile(50).total_seconds() == 0
    assert result.wait_percentile(100).total_seconds() == 90  # the first four wait for the boot
    assert result.requeue_count == result.never_started_count == result.failed_count == 0
    assert result.evaluation_count == 97  # each 15 minutes, and one at once
    assert result.failed_evaluation_count == 0
    assert len(result.runs) == 97


def test_timeline_has_a_row_for_each_minute(day):
    assert len(day.timeline["seconds"]) == 24 * 60 + 1
    assert {len(values) for values in day.timeline.values()} == {24 * 60 + 1}
    busy = day.timeline["running_nodes"]
    idle = day.timeline["idle_nodes"]
    assert all(a + b <= c for a, b, c in zip(busy, idle, day.nodes, strict=True))
    assert sum(day.nodes) / 60 == pytest.approx(day.node_hours, rel=0.02)
    assert sum(idle) / 60 == pytest.approx(day.idle_hours, rel=0.1, abs=0.5)


def test_same_seed_gives_the_same_result_and_another_one_another(day):
    again = bl.simulate(bl.formulas.pending_tasks(8), bl.Arrivals.constant(40), seed=5)
    assert again == day
    assert again.numbers() == day.numbers()
    other = bl.simulate(bl.formulas.pending_tasks(8), bl.Arrivals.constant(40), seed=6)
    assert other != day


def test_task_that_never_starts_counts_with_what_it_waited():
    result = bl.simulate(NONE, [("12h", 1), ("18h", 3)])
    assert result.never_started_count == 4
    assert [wait / 3600 for wait in result.waits] == [6, 6, 6, 12]
    assert result.node_hours == 0
    assert result.idle_share == 0
    assert "4 never started" in repr(result)


def test_task_that_the_end_finds_running_is_told_apart():
    result = bl.simulate(
        bl.formulas.fixed(1), bl.Arrivals.listed([("1h", 1), ("23h", 1)], task="2h")
    )
    assert (result.succeeded_count, result.unfinished_count) == (1, 1)
    assert "1 succeeded, 1 still running" in repr(result)
    assert result.never_started_count == 0


def test_shrink_with_requeue_is_told_apart_from_lost_spot_nodes():
    formula = "$TargetDedicatedNodes = time().hour < 1 ? 2 : 0;"
    result = bl.simulate(formula, bl.Arrivals.listed([("30m", 2)], task="5h"), days=0.25)
    assert (result.requeue_count, result.preempted_count) == (2, 0)
    spot = "$TargetDedicatedNodes = 0; $TargetLowPriorityNodes = 4;"
    load = bl.Arrivals.listed([("30m", 4)], task="5h")
    result = bl.simulate(spot, load, days=0.5, preempted_each="2h", seed=1)
    assert result.requeue_count == 0
    assert result.preempted_count > 0
    assert max(result.timeline["spot_nodes"]) == 4
    assert min(result.timeline["spot_nodes"][10:]) < 4
    kept = bl.simulate(spot, load, days=0.5, seed=1)
    assert kept.preempted_count == 0
    assert not kept.cost[0].is_dedicated


def test_settings_reach_the_pool():
    load = bl.Arrivals.listed([("1h", 8)], task="30m")
    result = bl.simulate(
        "$TargetDedicatedNodes = 1;", load, vm_size="Medium", task_slots_per_node=8,
        auto_scale_evaluation_interval="5m", boot="0s", days=0.1,
    )  # fmt: skip
    assert result.cost[0].vm_size == "medium"
    assert result.waits == [0.0] * 8
    assert result.evaluation_count == int(0.1 * 24 * 12) + 1


def test_cpu_of_the_workload_is_seen_by_the_formula():
    busy = bl.Arrivals.listed(["10m"], task=bl.Behavior(duration="5h", load=bl.Load(cpu=1)))
    lazy = bl.Arrivals.listed(["10m"], task=bl.Behavior(duration="5h", load=bl.Load(cpu=0.01)))
    grown, kept = (
        bl.simulate(bl.formulas.cpu_rule(5, least=1), load, days=0.2) for load in (busy, lazy)
    )
    assert grown.most_nodes > kept.most_nodes == 1


def test_sample_delay_makes_a_formula_see_sooner():
    load = bl.Arrivals.listed([("1h", 1)], task="10m")
    newest = "n = $PendingTasks.Count() < 1 ? 0 : $PendingTasks.GetSample(1);"
    formula = f"{newest} $TargetDedicatedNodes = min(1, n);"
    late, soon = (
        bl.simulate(formula, load, sample_delay=delay, days=0.1, boot="0s") for delay in ("1m", 0)
    )
    assert late.waits == [15 * 60]  # an evaluation at the very hour does not see it yet
    assert soon.waits[0] <= 15 * 60
    assert bl.simulate(formula, load, sample_delay="20m", days=0.1, boot="0s").waits[0] >= 30 * 60


def test_failed_evaluations_are_counted_and_can_explain_themselves():
    result = bl.simulate("$TargetDedicatedNodes = 1 / 0;", HOURLY, days=0.1)
    assert result.failed_evaluation_count == result.evaluation_count > 0
    assert "division" in " ".join(result.runs[-1].explain()).lower()
    assert "evaluations failed" in repr(result)


def test_formula_that_cannot_be_read_is_refused():
    with pytest.raises(bl.FormulaError):
        bl.simulate("$TargetDedicatedNodes = ;", HOURLY)
    with pytest.raises(bl.FormulaError):
        bl.compare({"a": FOUR, "b": "x ="}, HOURLY)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"days": 0}, "days"),
        ({"days": 32}, "days"),
        ({"days": True}, "days"),
        ({"seed": 1.5}, "seed"),
        ({"boot": -1}, "boot"),
        ({"preempted_each": 0}, "preempted_each"),
        ({"vm_size": " "}, "vm_size"),
        ({"task_slots_per_node": 0}, "task_slots_per_node"),
        ({"auto_scale_evaluation_interval": "1m"}, "auto_scale_evaluation_interval"),
        ({"speed": 3}, "speed"),
        ({"workload": 5}, "workload"),
        ({"formula": None}, "formula"),
    ],
)
def test_setting_that_is_wrong_is_refused_by_name(given, name):
    with pytest.raises(bl.InvalidRequest) as refused:
        bl.simulate(**{"formula": FOUR, "workload": HOURLY, **given})
    assert name in refused.value.message


@pytest.mark.parametrize("formulas", [{}, [FOUR], {1: FOUR}, None])
def test_comparison_needs_formulas_with_names(formulas):
    with pytest.raises(bl.InvalidRequest):
        bl.compare(formulas, HOURLY)


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [([], 50, None), ([3], 95, 3), ([1, 2], 50, 1.5), ([1, 2, 4], 50, 2), ([0, 10], 90, 9),
     ([1, 2, 3, 4, 5], 0, 1), ([1, 2, 3, 4, 5], 100, 5)],
)  # fmt: skip
def test_percentiles_lie_between_the_nearest_values(values, percent, wanted):
    assert percentile(values, percent) == pytest.approx(wanted)
    if percent == 50 and values:
        assert percentile(values, 50) == median(values)


def test_percentiles_divide_the_waits(day):
    waits = sorted(day.waits)
    assert day.wait_percentile(0).total_seconds() == pytest.approx(waits[0], abs=0.001)
    assert day.wait_percentile(100).total_seconds() == pytest.approx(waits[-1], abs=0.001)
    half = day.wait_percentile(50).total_seconds()
    assert sum(wait <= half + 0.001 for wait in waits) >= len(waits) / 2
    assert sum(wait < half - 0.001 for wait in waits) <= len(waits) / 2
    with pytest.raises(bl.InvalidRequest):
        day.wait_percentile(101)


def test_comparison_gives_every_formula_the_same_tasks():
    result = bl.compare({"none": NONE, "four": FOUR, "one": "$TargetDedicatedNodes = 1;"}, HOURLY)
    assert list(result) == ["none", "four", "one"]
    assert {one.task_count for one in result.values()} == {96}
    assert result["four"] == bl.simulate(FOUR, HOURLY)
    assert result["none"].never_started_count == 96
    with pytest.raises(bl.NotFound):
        _ = result["five"]
    assert result.get("five") is None
    assert "five" not in result


def test_processes_side_by_side_give_the_same_as_one(monkeypatch):
    formulas = [FOUR, NONE, "$TargetDedicatedNodes = 2;"]
    settings = dict.fromkeys(("preempted_each", "spot_return", "sample_delay"))
    conditions = read_conditions(
        bl.Arrivals.constant(20), "test", vm_size="small", task_slots_per_node=1,
        auto_scale_evaluation_interval=None, boot="90s", days=0.5, seed=2, **settings,
    )  # fmt: skip
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    monkeypatch.setattr(parallel, "WORTH", 0)
    begun = itertools.count()
    begin = parallel._begin
    monkeypatch.setattr(parallel, "_begin", lambda *given: (next(begun), begin(*given))[1])
    together = parallel.play_all(formulas, conditions)
    assert next(begun) == 1  # one beside this one
    assert together == [play(formula, conditions) for formula in formulas]


def test_work_of_a_process_that_dies_is_done_here(monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    monkeypatch.setattr(parallel, "WORTH", 0)
    monkeypatch.setattr(parallel, "_WORKER", "raise SystemExit(3)")
    result = bl.compare({"a": FOUR, "b": NONE}, HOURLY)
    assert result["b"].never_started_count == 96


def test_result_does_not_depend_on_the_hash_seed():
    code = (
        "import batchlab as bl; r = bl.simulate(bl.formulas.slow_decay(5), "
        "bl.Arrivals.constant(30), days=0.3, seed=2, preempted_each='1h'); "
        "print(r.numbers(), r.timeline['running_tasks'])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in (1, 2)
    }  # fmt: skip
    assert len(outputs) == 1


def test_frame_has_the_minutes_as_its_index(day):
    frame = day.to_frame()
    assert len(frame) == 1441
    assert str(frame.index[0]) == "2026-01-05 00:00:00+00:00"
    assert frame["dedicated_nodes"].max() == day.most_nodes
    table = bl.compare({"four": FOUR}, HOURLY, days=0.1).to_frame()
    assert table.loc["four", "most_nodes"] == 4


def test_figures_have_nodes_above_and_tasks_below(day):
    names = [trace.name for trace in day.figure().data]
    assert names == ["dedicated nodes", "target", "idle nodes", "waiting tasks", "running tasks"]
    figure = bl.compare({"four": FOUR, "none": NONE}, HOURLY, days=0.1).figure()
    assert [trace.name for trace in figure.data] == ["four", "four", "none", "none"]
    assert max(figure.data[0].y) == 4
    assert figure.to_html(include_plotlyjs=False)


@pytest.mark.parametrize(("package", "verb"), [("pandas", "to_frame"), ("plotly", "figure")])
def test_missing_package_is_named_with_its_cure(day, monkeypatch, package, verb):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "plotly.subplots", None)
    for thing in (day, bl.compare({"four": FOUR}, HOURLY, days=0.1)):
        with pytest.raises(NotInstalled, match=rf'pip install "batchlab\[{package}\]"'):
            getattr(thing, verb)()


def test_simulation_shows_itself_in_a_terminal_and_in_a_notebook(day):
    text = repr(day)
    assert len(text.splitlines()) == 6
    assert "Arrivals.constant(40, task=5m) on small nodes" in text
    html = day._repr_html_()
    assert html.count('src="data:image/svg+xml;base64,') == 2
    assert "$PendingTasks" in html
    assert "&lt;" in html  # the formula is escaped


def test_comparison_shows_a_row_for_each_formula():
    result = bl.compare({"<four>": FOUR, "none": NONE}, HOURLY, days=0.5)
    head, four, none = repr(result).splitlines()
    assert head.split() == [
        "formula",
        "nodes",
        "most",
        "node-hours",
        "idle",
        "cost",
        "median",
        "wait",
        "95",
        "%",
        "longest",
        "never",
        "started",
        "stopped",
    ]
    assert four.startswith("<four>")
    assert none.split()[1:4] == ["0", "0.0", "0%"]
    html = result._repr_html_()
    assert "<four>" not in html
    assert "&lt;four&gt;" in html
    assert html.count('src="data:image/svg+xml;base64,') == 2
