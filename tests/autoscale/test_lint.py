"""What lint says before anything runs, and what it is silent about."""

from datetime import UTC, datetime

import pytest

from batchlab.autoscale import Formula
from helpers.lint import GOOD, said


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
        (
            "x = avg($CPUPercent.GetSample(TimeInterval_Hour))",
            "samples of $CPUPercent",
            "GetSamplePercent",
        ),
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
        ("x = avg($CPUPercent.GetSample(5))", "samples of"),
        ("x = avg($CPUPercent.GetSample(TimeInterval_Hour, 0))", "samples of"),
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


SHRINKING = [
    "$TargetDedicatedNodes = min(25, $PendingTasks);",
    "$TargetLowPriorityNodes = $PendingTasks.GetSamplePercent(TimeInterval_Hour) < 70 ? 0 : 5;",
    "n = $PendingTasks; $TargetDedicated = n / 2;",
    "$TargetDedicatedNodes = $TargetDedicatedNodes - 1;",
    "$TargetDedicatedNodes = $CurrentDedicatedNodes * 0.9;",
    "$TargetDedicatedNodes = time().hour > 8 ? $TargetDedicatedNodes : 2;",
    "$TargetDedicatedNodes = $TargetLowPriorityNodes;",
    "$TargetDedicatedNodes = 5; $TargetDedicatedNodes = $PendingTasks;",
]


@pytest.mark.parametrize("text", SHRINKING)
def test_lint_of_a_formula_that_shrinks_by_requeuing_warns(text):
    (found,) = [each for each in said(text, "warning") if "requeue" in each.message]
    assert "$NodeDeallocationOption = taskcompletion" in found.hint
    for option in ("requeue", "terminate", "taskcompletion", "retaineddata"):
        chosen = f"{text} $NodeDeallocationOption = {option};"
        assert not [each for each in said(chosen, "warning") if "requeue" in each.message]


@pytest.mark.parametrize(
    "text",
    [
        "$TargetDedicatedNodes = 3; stop();",
        "n = 5; $TargetDedicatedNodes = n;",
        "$TargetDedicatedNodes = max($TargetDedicatedNodes, $PendingTasks);",
        "n = max($TargetDedicated, $PendingTasks); $TargetDedicatedNodes = min(9, n);",
        "$TargetDedicatedNodes = $CurrentDedicatedNodes + 1;",
        "$TargetLowPriorityNodes = ceil($CurrentLowPriorityNodes * 1.1);",
        (
            "$TargetDedicatedNodes = $CPUPercent > 70 ? $TargetDedicatedNodes + 1 : "
            "$TargetDedicatedNodes;"
        ),
        "x = $PendingTasks;",
    ],
)
def test_lint_of_a_formula_that_never_shrinks_says_nothing_about_requeuing(text):
    assert not [each for each in said(text, "warning") if "requeue" in each.message]


@pytest.mark.parametrize(
    "text",
    [
        "$TargetDedicatedNodes = 3; stop();",
        "stop(); $TargetDedicatedNodes = 3;",
        "$TargetLowPriorityNodes = 3; stop();",
        "$TargetDedicated = 3; stop();",
        "$TargetDedicatedNodes = 3; $TargetLowPriorityNodes = 0; stop();",
    ],
)
def test_lint_of_a_statement_without_a_target_does_not_blame_another(text):
    assert Formula(text).lint() == ()


@pytest.mark.parametrize("rest", ["5", "time()", "$PendingTasks", "x == 1"])
def test_lint_of_a_statement_without_effect_is_about_that_statement(rest):
    (found,) = Formula(f"x = 1; $TargetDedicatedNodes = 3; {rest};").lint()
    assert "no effect" in found.message


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ('x = time("yesterday")', 9, "is not a time"),
        ('x = time("2016-13-01")', 9, "no such time"),
        ('x = time("2016-02-30T00:00:00Z")', 9, "no such time"),
        ('x = time("13/10/2016")', 9, "is not a time"),
        ('x = time("")', 9, "is not a time"),
        ('x = time("2016-10-13T19:18:47.12345678Z")', 9, "7 digits"),
        ('x = time("Fri, 13 Oct 2016 19:18:47 GMT")', 9, "is a Thu, not a Fri"),
        ('x = 1 ? time("noon").hour : 0', 13, "is not a time"),
        ('t = "soon"; x = time() - time(t)', 30, "is not a time"),
    ],
)
def test_lint_of_a_time_that_cannot_be_read_is_an_error(text, column, message):
    (found,) = said(text, "error")
    assert (found.column, message in found.message) == (column, True)
    error = Formula(text).evaluate(now=datetime(2026, 1, 5, tzinfo=UTC)).error
    assert error is not None
    assert found.message in error.values["Message"]


@pytest.mark.parametrize(
    "text",
    [
        'x = time("2016-10-13T19:18:47Z")',
        'x = time("Thu, 13 Oct 2016 19:18:47 GMT")',
        't = "2016"; x = time(t)',
        't = "soon"; t = "2016"; x = time(t)',
        't = 1 ? "2016" : "soon"; x = time(t)',
    ],
)
def test_lint_of_a_time_that_can_be_read_is_silent(text):
    assert said(text, "error") == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("$TargetDedicatedNode = 3", "$TargetDedicatedNodes"),
        ("$TargetDedicatesNodes = 3", "$TargetDedicatedNodes"),
        ("$TargetLowPriorityNode = 3", "$TargetLowPriorityNodes"),
        ("targetLowPriorityNodes = 3", "$TargetLowPriorityNodes"),
        ("NodeDeallocationOption = requeue", "$NodeDeallocationOption"),
        ("$NodeDeallocationOptions = requeue", "$NodeDeallocationOption"),
    ],
)
def test_lint_of_a_target_that_is_misspelt_names_the_right_one(text, meant):
    (found,) = [each for each in said(text, "warning") if "ordinary variable" in each.message]
    assert found.hint == f"write {meant}"


@pytest.mark.parametrize(
    "text",
    [
        "$targetdedicatednodes = 3",
        "$targetNodes = 3; $TargetDedicatedNodes = $targetNodes;",
        "$TargetDedicatedNodes1 = 3; $TargetDedicatedNodes = $TargetDedicatedNodes1;",
        "$targetVMs = 3",
        "targetPoolSize = 3",
    ],
)
def test_lint_of_a_variable_that_only_resembles_a_target_is_silent(text):
    assert not [each for each in said(text, "warning") if "ordinary variable" in each.message]


def test_findings_are_shown_one_below_the_other_and_escaped() -> None:
    found = Formula("$TargetDedicatedNodes = $PendingTasks.GetSample(1) < 2;").lint()
    assert repr(found).startswith("Line 1, Col ")
    assert repr(found).count("Line 1, Col ") == len(found) > 1
    page = found._repr_html_()
    assert "&lt; 2" in page
    assert "mathjax_ignore" in page
    assert repr(Formula("$TargetDedicatedNodes = 1;").lint()) == "No errors or warnings."
