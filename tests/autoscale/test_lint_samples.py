"""What lint says of formulas about their samples: guards, windows and percentages."""

from datetime import UTC, datetime, timedelta

import pytest

from batchlab.autoscale import Formula
from helpers.lint import said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "x = $CPUPercent.GetSamplePercent(90 * TimeInterval_Second) < 70 ? 1 : 2",
            "always true",
        ),
        (
            "x = $CPUPercent.GetSamplePercent(TimeInterval_Minute * 3) >= 84 ? 1 : 2",
            "always false",
        ),
        (
            "w = TimeInterval_Minute; p = $CPUPercent.GetSamplePercent(w); x = 70 > p ? 1 : 2",
            "at most 1 of 2 in this window are visible (50 %), so this is always true",
        ),
        ("x = $CPUPercent.GetSamplePercent(30 * TimeInterval_Second) > 1 ? 1 : 2", "0 of 1"),
    ],
)
def test_lint_of_a_guard_that_the_missing_sample_never_lets_through_warns(text, said):
    (found,) = [each for each in Formula(text).lint() if "newest sample" in each.message]
    assert said in found.message
    assert "GetSample(1)" in found.hint


@pytest.mark.parametrize(
    "text",
    [
        "x = $CPUPercent.GetSamplePercent(180 * TimeInterval_Second) < 70 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(120 * TimeInterval_Second) < 70 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(180 * TimeInterval_Second) < 83 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(10 * TimeInterval_Minute) < 70 ? 1 : 2",
        "w = w * TimeInterval_Minute; x = $CPUPercent.GetSamplePercent(w) < 70 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(0 * TimeInterval_Minute) < 70 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(TimeInterval_Minute, TimeInterval_Hour) < 99 ? 1 : 2",
    ],
)
def test_lint_of_a_guard_that_can_be_passed_is_silent_about_the_missing_sample(text):
    assert not [each for each in Formula(text).lint() if "newest sample" in each.message]


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("TimeInterval_Minute", "at most 1 of 2"),
        ("90 * TimeInterval_Second", "requires 70 % unless it is given a percentage"),
        ("w", "at most 2 of 3"),
        ("3 * TimeInterval_Minute, 95", "requires 95 %"),
        ("TimeInterval_Hour, 100", "at most 119 of 120"),
        ("3 * TimeInterval_Minute", ""),
        ("TimeInterval_Minute, 50", ""),
        ("TimeInterval_Minute, 6 * TimeInterval_Minute, 100", ""),
        ("1", ""),
        ("time() + (-1) * TimeInterval_Minute", ""),
    ],
)
def test_lint_of_a_window_that_is_never_full_enough_warns(window, said):
    text = f"w = 90 * TimeInterval_Second; x = $CPUPercent.GetSample({window})"
    found = [each for each in Formula(text).lint() if "newest sample" in each.message]
    assert [said in each.message for each in found] == [True] * bool(said)
    if said:
        now = datetime(2026, 1, 5, 9, tzinfo=UTC)
        seen = {"$CPUPercent": [(now - timedelta(seconds=30 * n), 7) for n in range(1, 200)]}
        error = Formula(text).evaluate(seen, now=now).error
        assert error is not None
        assert error.code == "InsufficientSampleData"


@pytest.mark.parametrize("minutes", [2, 3, 4, 5, 60])
def test_lint_hints_at_a_guard_that_samples_pass_without_the_newest(minutes):
    now = datetime(2026, 1, 5, 9, tzinfo=UTC)
    option = "$NodeDeallocationOption = taskcompletion;\n"
    unguarded = f"{option}$TargetDedicatedNodes = avg($PendingTasks.GetSample(TimeInterval_Hour));"
    (finding,) = Formula(unguarded).lint()
    error = Formula(unguarded).evaluate(now=now).error
    assert error is not None
    assert finding.hint in str(error)
    window = f"{option}window = {minutes} * TimeInterval_Minute;\n"
    formula = Formula(f"{window}$TargetDedicatedNodes = {finding.hint};")
    assert not formula.lint()
    seen = [(now - timedelta(seconds=30 * back), 7) for back in range(1, 120)]
    run = formula.evaluate(samples={"$PendingTasks": seen}, now=now)
    assert (run.error, run.target_dedicated_nodes) == (None, 7)
    assert formula.evaluate(now=now).target_dedicated_nodes == 0


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("x = $CPUPercent > 0.7", 17),
        ("x = 0.2 > $CPUPercent", 9),
        ("x = avg($CPUPercent.GetSample(5)) < 0.2", 35),
        ("x = min($CPUPercent.GetSample(TimeInterval_Hour, 50)) >= 0.75", 55),
        ("x = val($CPUPercent.GetSample(1), 0) <= 0.5", 38),
        ("x = percentile($CPUPercent.GetSample(9), 95) > 0.9", 46),
        ("busy = $CPUPercent; x = busy > 0.7", 30),
        ("v = $CPUPercent.GetSample(5); m = max(v); x = m > 0.7", 49),
        ("high = 0.7; x = $CPUPercent > high", 29),
        ("c = $CPUPercent.Count() < 1 ? 0 : max($CPUPercent.GetSample(1)); x = c > 0.7", 72),
        ("x = $CPUPercent > 70 && $CPUPercent < 0.9", 37),
    ],
)
def test_lint_of_a_percentage_that_is_compared_with_a_fraction_warns(text, column):
    (found,) = [each for each in said(text, "warning") if "0 to 100" in each.message]
    assert "$CPUPercent" in found.message
    assert found.column == column
    assert "write 70" in found.hint


@pytest.mark.parametrize(
    "text",
    [
        "x = $CPUPercent > 70",
        "x = $CPUPercent < 1",
        "x = $CPUPercent > 0",
        "x = $CPUPercent / 100 > 0.7",
        "c = avg($CPUPercent.GetSample(5)) / 100; x = c > 0.7",
        "c = $CPUPercent; c = 0.5; x = c > 0.7",
        "x = $PendingTasks > 0.5",
        "x = $PendingTasks / $CPUPercent > 0.7",
        "high = 0.7; high = 70; x = $CPUPercent > high",
        "x = len($CPUPercent.GetSample(5)) > 0.5",
        "x = std($CPUPercent.GetSample(5)) > 0.5",
    ],
)
def test_lint_of_what_is_no_percentage_does_not_warn(text):
    assert not [each for each in said(text, "warning") if "0 to 100" in each.message]


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        ("x = min(25, $PendingTasks.GetSample(1))", True),
        ("x = max(0, min($PendingTasks.GetSample(5), 25))", True),
        ("x = min(25, max(0, $PendingTasks.GetSample(1)))", False),
        ("x = min(25, val($PendingTasks.GetSample(1), 0))", False),
        ("x = min($PendingTasks.GetSample(1))", False),
        ("x = $PendingTasks.Count() > 0 ? min(25, $PendingTasks.GetSample(1)) : 0", False),
        ("x = min(25, $PendingTasks.GetSample(TimeInterval_Hour))", False),
    ],
)
def test_lint_of_a_limit_that_stands_alone_without_samples_warns(text, warns):
    found = [each for each in said(text, "warning") if "arguments of min" in each.message]
    assert bool(found) is warns
    assert (Formula(text).evaluate().variables.get("x", 0.0) == 25) is warns


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        ("n = avg(v); x = p < 70 ? 0 : n", True),
        ("x = p < 70 ? 0 : avg(v)", False),
        ("x = p >= 70 && avg(v) > 0", False),
        ("x = avg(v) > 0 && p >= 70", True),
        ("g = p < 70 ? stop() : 0; x = avg(v)", False),
        ("x = p < 70 ? 0 : (p > 90 ? max(v) : avg(v))", False),
        ("n = $PendingTasks.Count(); x = avg(v)", True),
    ],
)
def test_lint_of_a_window_that_its_guard_does_not_hold_back_warns(text, warns):
    window = "$PendingTasks.GetSample(TimeInterval_Hour)"
    share = "p = $PendingTasks.GetSamplePercent(TimeInterval_Hour); "
    found = Formula(share + text.replace("v)", f"{window})")).lint()
    assert any("if there are no samples" in each.message for each in found) is warns
