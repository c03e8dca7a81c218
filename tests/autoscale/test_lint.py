"""What lint says before anything runs, and what it is silent about."""

from datetime import UTC, datetime, timedelta

import pytest

from batchlab.autoscale import Finding, Formula

GOOD = """
window = 10 * TimeInterval_Minute;
share = $PendingTasks.GetSamplePercent(window);
tasks = share < 70 ? 0 : avg($PendingTasks.GetSample(window));
$TargetDedicatedNodes = min(25, tasks);
$NodeDeallocationOption = taskcompletion;
"""


def said(text: str, severity: str) -> list[Finding]:
    return [each for each in Formula(text).lint() if each.severity == severity]


def test_lint_of_a_good_formula_says_nothing() -> None:
    assert Formula(GOOD).lint() == ()


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("x = time() - TimeInterval_Day", 12, "timestamp and timeinterval", "(-1) * ti"),
        ("x = 2 * $CPUPercent.GetSample(3)", 7, "double and doubleVec", "vector first"),
        ("x = y", 5, "Undefined symbol: y", ""),
        ("hours = 1; x = hour", 16, "Undefined symbol: hour", "did you mean hours?"),
        ("x = $PendingTask", 5, "Undefined symbol", "did you mean $PendingTasks?"),
        ("x = flor(1)", 9, "Undefined symbol: flor", "did you mean floor?"),
        ("$CPUPercent = 1", 1, "cannot be set", "$TargetDedicatedNodes"),
        ("$TargetDedicatedNodes = $CPUPercent.GetSample(1)", 1, "not a doubleVec", "avg(v)"),
        ('$NodeDeallocationOption = "requeue"', 1, "not a string", "without quotes"),
        ("x = avg(time())", 8, "not a timestamp", ""),
        ("x = percentile(1, 2, 50)", 15, "percentile(double, double, double)", "GetSample"),
        ("x = time().week", 11, "no member week", "weekday"),
        ("x = $CPUPercent.GetSample(5, 70)", 26, "GetSample(double, double)", "Minute"),
        ("x = $CPUPercent.GetSamples(5)", 27, "no method GetSamples", "GetSample"),
        ("x = $CPUPercent.GetSample(5) ? 1 : 2", 26, "condition of ?:", "max(v)"),
        ('x = 1 && "a"', 10, "an operand of && must be a double", ""),
        ('x = -"a"', 5, "does not apply to a string", ""),
        ("x = -$CPUPercent.GetSample(5)", 5, "does not apply to a doubleVec", "(-1)"),
    ],
)
def test_lint_foretells_the_error_of_an_evaluation(
    text: str, column: int, message: str, hint: str
) -> None:
    (found,) = said(text, "error")
    assert (found.line, found.column) == (1, column)
    assert message in found.message
    assert hint in found.hint
    assert "^" in found.excerpt


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("x = $CPUPercent.GetSamplePercent(TimeInterval_Hour) < 0.7", "0 to 100", "write 70"),
        ("x = 0.7 >= $CPUPercent.GetSamplePercent(TimeInterval_Hour)", "0 to 100", "write 70"),
        (
            "p = $CPUPercent.GetSamplePercent(TimeInterval_Hour); x = p > 1",
            "0 to 100",
            "write 70",
        ),
        ("x = $CPUPercent.GetSample(TimeInterval_Hour, 0.7)", "0 to 100", "write 70"),
        ("$TargetDedicatedNodes = $ActiveTasks", "counts waiting tasks", "$PendingTasks"),
        ("x = avg($CPUPercent.GetSample(5))", "samples of $CPUPercent", "GetSamplePercent"),
        ("x = 1; x == 2", "no effect", "single ="),
        ("x = 1; x", "no effect", "x = ..."),
        ("x = 1", "sets no target", "$TargetDedicatedNodes"),
        ("TargetDedicatedNodes = 1", "ordinary variable", "write $TargetDedicatedNodes"),
        ("$TargetDedicated = 1; $TargetDedicatedNodes = 2", "is also set", "remove"),
        ("x = $MemoryBytes", "retired $MemoryBytes", "works here"),
    ],
)
def test_lint_warns_of_what_is_probably_not_meant(text: str, message: str, hint: str) -> None:
    found = [each for each in said(text, "warning") if message in each.message]
    assert len(found) == 1
    assert hint in found[0].hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = $CPUPercent.GetSamplePercent(TimeInterval_Hour) < 70", "0 to 100"),
        ("x = $CPUPercent.GetSamplePercent(TimeInterval_Hour) > 0", "0 to 100"),
        ("$TargetDedicatedNodes = $ActiveTasks + $RunningTasks", "counts waiting tasks"),
        ("x = $CPUPercent.Count() > 5 ? avg($CPUPercent.GetSample(5)) : 0", "samples of"),
        ("stop()", "no effect"),
        ("$TargetLowPriority = 1", "sets no target"),
    ],
)
def test_lint_does_not_warn_of_what_is_right(text: str, message: str) -> None:
    assert [each for each in said(text, "warning") if message in each.message] == []


def test_lint_does_not_follow_an_error_with_others() -> None:
    (found,) = said("x = nothing; y = x + 1; z = avg(y, x) > 2 ? x.hour : y", "error")
    assert found.message == "Undefined symbol: nothing"


def test_lint_of_a_choice_between_types_is_silent_about_what_depends_on_it() -> None:
    assert said("x = $CPUPercent > 5 ? time() : 1; y = x + 1;", "error") == []


def test_lint_findings_stand_in_the_order_of_the_text() -> None:
    found = Formula("x = b;\ny = $ActiveTasks + c;\n$CPUPercent = 1").lint()
    places = [(each.line, each.column) for each in found]
    assert places == sorted(places)
    assert {each.severity for each in found} == {"error", "warning"}


def test_lint_of_a_hopeless_formula_is_bounded() -> None:
    found = Formula("x = " + "+".join(f"u{number}" for number in range(1500))).lint()
    assert len(found) == 50


def test_finding_is_told_with_its_place() -> None:
    (found,) = said("x = y", "error")
    assert str(found) == "Line 1, Col 5: error: Undefined symbol: y\n  x = y\n      ^"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "x = $CPUPercent.GetSamplePercent(180 * TimeInterval_Second) < 70 ? 1 : 2",
            "always true",
        ),
        (
            "x = $CPUPercent.GetSamplePercent(TimeInterval_Minute * 3) >= 70 ? 1 : 2",
            "always false",
        ),
        (
            "w = 3 * TimeInterval_Minute; p = $CPUPercent.GetSamplePercent(w); x = 70 > p ? 1 : 2",
            "at most 4 of 6 in this window are visible (67 %), so this is always true",
        ),
        ("x = $CPUPercent.GetSamplePercent(TimeInterval_Minute) > 1 ? 1 : 2", "at most 0 of 2"),
    ],
)
def test_lint_of_a_guard_that_the_missing_minute_never_lets_through_warns(text, said):
    (found,) = [each for each in Formula(text).lint() if "newest minute" in each.message]
    assert said in found.message
    assert "GetSample(1)" in found.hint


@pytest.mark.parametrize(
    "text",
    [
        "x = $CPUPercent.GetSamplePercent(180 * TimeInterval_Second) < 66 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(10 * TimeInterval_Minute) < 70 ? 1 : 2",
        "w = w * TimeInterval_Minute; x = $CPUPercent.GetSamplePercent(w) < 70 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(0 * TimeInterval_Minute) < 70 ? 1 : 2",
        "x = $CPUPercent.GetSamplePercent(TimeInterval_Minute, TimeInterval_Hour) < 99 ? 1 : 2",
    ],
)
def test_lint_of_a_guard_that_can_be_passed_is_silent_about_the_missing_minute(text):
    assert not [each for each in Formula(text).lint() if "newest minute" in each.message]


@pytest.mark.parametrize("minutes", [2, 3, 4, 5, 60])
def test_lint_hints_at_a_guard_that_samples_pass_without_the_newest_minute(minutes):
    now = datetime(2026, 1, 5, 9, tzinfo=UTC)
    unguarded = "$TargetDedicatedNodes = avg($PendingTasks.GetSample(TimeInterval_Hour));"
    (finding,) = Formula(unguarded).lint()
    error = Formula(unguarded).evaluate(now=now).error
    assert error is not None
    assert finding.hint in str(error)
    window = f"window = {minutes} * TimeInterval_Minute;\n"
    formula = Formula(f"{window}$TargetDedicatedNodes = {finding.hint};")
    assert not formula.lint()
    seen = [(now - timedelta(seconds=30 * back), 7) for back in range(2, 120)]
    run = formula.evaluate(samples={"$PendingTasks": seen}, now=now)
    assert (run.error, run.target_dedicated_nodes) == (None, 7)
    assert formula.evaluate(now=now).target_dedicated_nodes == 0


def test_findings_are_shown_one_below_the_other_and_escaped() -> None:
    found = Formula("$TargetDedicatedNodes = $PendingTasks.GetSample(1) < 2;").lint()
    assert repr(found).startswith("Line 1, Col ")
    assert repr(found).count("Line 1, Col ") == len(found) > 1
    page = found._repr_html_()
    assert "&lt; 2" in page
    assert "mathjax_ignore" in page
    assert repr(Formula("$TargetDedicatedNodes = 1;").lint()) == "No errors or warnings."
