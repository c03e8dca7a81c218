"""Lesson 08: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

GUARD = """
$window = 10 * TimeInterval_Minute;
$known = $PendingTasks.GetSamplePercent($window) >= 70;
$tasks = $known ? avg($PendingTasks.GetSample($window)) : 0;
"""
LOAD = bl.Arrivals.office_hours(60, task="10m")


def follow(text: str) -> lessons.Answer:
    return lessons.check("08-1", bl.Formula(text))


def test_08_1_with_bounds_and_a_guard_is_right() -> None:
    assert follow(GUARD + "$TargetDedicatedNodes = max(1, min(10, $tasks / 2));").is_right


def test_08_1_that_adds_up_active_and_running_tasks_is_right() -> None:
    guard = GUARD.replace("avg($PendingTasks.GetSample($window))", (
        "avg($ActiveTasks.GetSample($window)) + avg($RunningTasks.GetSample($window))"
    )).replace("$PendingTasks", "$RunningTasks")  # fmt: skip
    assert follow(guard + "$TargetDedicatedNodes = max(1, min(10, $tasks / 2));").is_right


@pytest.mark.parametrize(
    "tasks",
    [
        "$share < 70 ? 1 : avg($PendingTasks.GetSample($window))",
        (
            "$share < 70 ? max(0, $PendingTasks.GetSample(1)) : "
            "max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample($window)))"
        ),
        "$share < 70 ? val($PendingTasks.GetSample(1), 0) : avg($PendingTasks.GetSample($window))",
        "avg($PendingTasks.GetSample(10))",
    ],
)
@pytest.mark.parametrize("seconds", [120, 180, 900])
def test_08_1_in_the_forms_of_the_documentation_is_right(tasks: str, seconds: int) -> None:
    assert follow(
        f"$window = {seconds} * TimeInterval_Second; "
        "$share = $PendingTasks.GetSamplePercent($window); "
        f"$tasks = {tasks}; $TargetDedicatedNodes = max(1, min(10, $tasks / 2));"
    ).is_right


DOCUMENTED = """
startingNumberOfVMs = 1;
maxNumberofVMs = 10;
pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs :
    avg($PendingTasks.GetSample(180 * TimeInterval_Second));
$TargetDedicatedNodes = min(maxNumberofVMs, pendingTaskSamples);
$NodeDeallocationOption = taskcompletion;
"""
"""The first example of the documentation, with an upper bound of 10."""


def test_08_1_of_the_first_example_of_the_documentation_is_right_when_halved_and_bounded() -> None:
    assert "every two tasks" in follow(DOCUMENTED).hint
    halved = DOCUMENTED.replace("min(maxNumberofVMs, pendingTaskSamples)",
                                "max(1, min(maxNumberofVMs, pendingTaskSamples / 2))")  # fmt: skip
    assert follow(halved).is_right


def test_08_1_of_a_text_says_how_it_becomes_a_formula() -> None:
    answer = lessons.check("08-1", "$TargetDedicatedNodes = 1;")
    assert "bl.Formula(text)" in answer.hint


@pytest.mark.parametrize(
    ("formula", "hint"),
    [
        (GUARD + "$TargetDedicatedNodes = max(1, $tasks / 2);", "an upper bound"),
        (GUARD + "$TargetDedicatedNodes = min(10, $tasks / 2);", "a lower bound"),
        (GUARD + "$TargetDedicatedNodes = max(1, min(10, $tasks));", "every two tasks"),
        (
            (
                "$TargetDedicatedNodes = max(1, min(10, "
                "avg($PendingTasks.GetSample(5 * TimeInterval_Minute)) / 2));"
            ),
            "No samples yet",
        ),
        (
            GUARD.replace("10 *", "1 *") + "$TargetDedicatedNodes = max(1, min(10, $tasks / 2));",
            "ever let them through",
        ),
        (
            GUARD.replace(": 0", ": 8") + "$TargetDedicatedNodes = max(1, min(10, $tasks / 2));",
            "It should want 1 node there",
        ),
        (
            "$TargetDedicatedNodes = avg($CPUPercent.GetSample(TimeInterval_Hour));",
            "formula.evaluate",
        ),
        ("$TargetDedicatedNodes = avg($CPUPercent.GetSample(10));", "ever let them through"),
    ],
)
def test_08_1_of_a_wrong_answer_gives_its_hint(formula: str, hint: str) -> None:
    answer = follow(formula)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def play(formula: bl.Formula, load: bl.Arrivals = LOAD, **more: Any) -> lessons.Answer:
    return lessons.check("08-2", bl.simulate(formula, load, **more))


def test_08_2_with_short_waits_and_few_hours_is_right() -> None:
    answer = play(bl.formulas.pending_tasks(16), auto_scale_evaluation_interval="5m")
    assert answer.text == "95 % of the tasks waited 4.9 minutes at most, with 106 node-hours."
    assert answer.is_right


@pytest.mark.parametrize(
    ("formula", "hint"),
    [
        (bl.formulas.fixed(12), "cost as much as busy ones"),
        (bl.formulas.pending_tasks(12), "evaluated again"),
        (bl.formulas.office_hours(11, 0), "comes closest"),
        (bl.formulas.fixed(0), "but it should run"),
    ],
)
def test_08_2_of_a_wrong_answer_gives_its_hint(formula: bl.Formula, hint: str) -> None:
    assert hint in play(formula).hint


def test_08_2_with_another_load_asks_for_the_same() -> None:
    easy = bl.Arrivals.constant(1, task="1m")
    assert "the same tasks" in play(bl.formulas.fixed(1), easy).hint
    assert "the same tasks" in play(bl.formulas.fixed(1), LOAD, days=0.1).hint


def test_08_3_leads_from_no_formula_to_an_empty_pool() -> None:
    with bl.SimulatedLab(workload=bl.Workload(default="10m")) as lab:
        pool = lab.create_pool("farm", target_dedicated_nodes=0)
        other = lab.create_job("other", lab.create_pool("else", target_dedicated_nodes=0))
        job = lab.create_job("frames", pool)
        job.create_tasks(["render frame"] * 10)
        assert "a method for it" in lessons.check("08-3", pool, job).hint
        pool.enable_auto_scale(bl.formulas.pending_tasks(4), auto_scale_evaluation_interval="5m")
        assert "the job that ran on it" in lessons.check("08-3", pool, other).hint
        assert "waits for them" in lessons.check("08-3", pool, job).hint
        job.tasks.wait()
        assert "advance the clock" in lessons.check("08-3", pool, job).hint
        lab.advance("1h")
        assert lessons.check("08-3", pool, job).is_right
        failing = lab.create_pool("failing", target_dedicated_nodes=1)
        failing.nodes.wait("idle")
        done = lab.create_job("done", failing)
        done.create_tasks(["/bin/true"] * 10)
        done.tasks.wait()
        failing.enable_auto_scale(
            "$TargetDedicatedNodes = min($PendingTasks.GetSample(TimeInterval_Hour));"
        )
        assert "The formula fails with" in lessons.check("08-3", failing, done).hint


LATER = """
$share = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);
$tasks = $share < 70 ? max(0, $PendingTasks.GetSample(1)) :
    max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(TimeInterval_Minute * 15)));
$targetVMs = $tasks > 0 ? $tasks / 2 : max(0, $TargetDedicatedNodes / 2);
$TargetDedicatedNodes = max(1, min($targetVMs, 10));
$NodeDeallocationOption = taskcompletion;
"""
"""The second example of the documentation, halved and bounded: it halves the nodes when idle."""


@pytest.mark.parametrize(
    "formula",
    [
        LATER,
        GUARD + "$n = $tasks * 0.5; $TargetDedicatedNodes = $n > 10 ? 10 : ($n < 1 ? 1 : $n);",
        GUARD + "$TargetDedicatedNodes = min(max($tasks / 2, 1), 10); "
        "$TargetLowPriorityNodes = 0; $NodeDeallocationOption = taskcompletion;",
        "$TargetDedicatedNodes = max(1, min(10, max(0, $PendingTasks.GetSample(1)) / 2));",
    ],
)
def test_08_1_in_another_form_is_right(formula: str) -> None:
    answer = follow(formula)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    "formula",
    [
        GUARD
        + "$TargetDedicatedNodes = max(1, min(10, $tasks / 2)); $TargetLowPriorityNodes = 1;",
        GUARD + "$TargetLowPriorityNodes = max(1, min(10, $tasks / 2));",
        GUARD + "$TargetDedicatedNodes = $known ? max(1, min(10, $tasks / 2)) : "
        "$TargetDedicatedNodes;",
        GUARD + "$TargetDedicatedNodes = $tasks > 100 ? 10 : ($tasks > 12 ? 7 : "
        "($tasks > 6 ? 4 : 1));",
        GUARD + "$TargetDedicatedNodes = max(1, min(10, $tasks / 2 + $TargetDedicatedNodes - 4));",
    ],
)
def test_08_1_of_other_nodes_or_a_table_is_wrong(formula: str) -> None:
    assert follow(formula).outcome == "not yet"


@pytest.mark.parametrize(
    "more",
    [
        {"task_slots_per_node": 2},
        {"boot": "1s"},
        {"sample_delay": "0s"},
        {"vm_size": "standard_d2s_v3"},
    ],
)
def test_08_2_with_other_nodes_is_wrong(more: dict[str, Any]) -> None:
    answer = play(bl.formulas.pending_tasks(16), auto_scale_evaluation_interval="5m", **more)
    assert "the formula and the interval" in answer.hint


def test_08_2_with_spot_nodes_and_the_defaults_spelled_out_is_right() -> None:
    spot = bl.formulas.pending_tasks(16).text.replace("$TargetDedicated", "$TargetLowPriority")
    more = {"boot": "90s", "vm_size": "small", "days": 1, "sample_delay": 30}
    answer = play(bl.Formula(spot), auto_scale_evaluation_interval="PT5M", **more)
    assert answer.is_right, answer


def emptied(how: str) -> lessons.Answer:
    five = {"auto_scale_evaluation_interval": "5m"}
    follows = bl.formulas.pending_tasks(4)
    with bl.SimulatedLab(workload=bl.Workload(default="10m")) as lab:
        start = 4 if how in ("late", "zero") else 0
        pool = lab.create_pool("farm", target_dedicated_nodes=start)
        lab.advance("10m")
        if how == "zero":
            pool.enable_auto_scale("$TargetDedicatedNodes = 0;", **five)
        if how in ("follows", "failing", "switched", "off"):
            pool.enable_auto_scale(follows, **five)
        job = lab.create_job("frames", pool)
        line = "/bin/sh -c 'exit 1'" if how == "failing" else "render frame"
        job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line=line) for n in range(10)])
        lab.advance("1m")
        if how == "zero":
            pool.disable_auto_scale()
            pool.resize(2)
            lab.advance("2h")
            pool.enable_auto_scale("$TargetDedicatedNodes = 0;", **five)
        lab.advance("3h")
        if how == "late":
            pool.resize(0)
            pool.wait("steady")
            pool.enable_auto_scale(follows, **five)
        if how == "stays":
            pool.enable_auto_scale(
                "$TargetDedicatedNodes = max(1, min(4, $PendingTasks.GetSample(1)));", **five
            )
        lab.advance("2h")
        if how == "off":
            pool.disable_auto_scale()
        return lessons.check("08-3", pool, job)


@pytest.mark.parametrize("how", ["late", "zero", "failing", "stays"])
def test_08_3_of_a_pool_that_did_not_follow_its_formula_is_wrong(how: str) -> None:
    assert emptied(how).outcome == "not yet"


def test_08_3_that_follows_from_the_beginning_is_right() -> None:
    answer = emptied("follows")
    assert answer.is_right, answer


def test_08_3_whose_formula_was_changed_on_the_way_is_right() -> None:
    five = {"auto_scale_evaluation_interval": "5m"}
    with bl.SimulatedLab(workload=bl.Workload(default="10m")) as lab:
        pool = lab.create_pool("farm", target_dedicated_nodes=0)
        pool.enable_auto_scale("$TargetLowPriorityNodes = 3;", **five)
        job = lab.create_job("frames", pool)
        job.create_tasks(["render frame"] * 11)
        job.tasks.wait()
        assert lessons.check("08-3", pool, job).outcome == "not yet"
        pool.enable_auto_scale("$TargetLowPriorityNodes = 0;", **five)
        lab.advance("6d")
        answer = lessons.check("08-3", pool, job)
        assert answer.is_right, answer


def test_08_3_with_autoscale_turned_off_when_all_is_done_is_right() -> None:
    answer = emptied("off")
    assert answer.is_right, answer
