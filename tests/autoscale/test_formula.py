"""`Formula` itself: its arguments, what a run tells besides the result, what errors carry."""

import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from batchlab.autoscale import Formula, FormulaError, SampleCall, SampleHistory
from batchlab.errors import BatchError, InvalidRequest

NOW = datetime(2024, 5, 6, 9, 0, tzinfo=UTC)


def half_minutes(*values: float, newest: int = 60) -> list[tuple[datetime, float]]:
    """Samples each 30 s, the newest value first."""
    pairs = [
        (NOW - timedelta(seconds=newest + 30 * back), value) for back, value in enumerate(values)
    ]
    return pairs[::-1]


def test_evaluate_without_samples_needs_no_moment() -> None:
    run = Formula("$TargetDedicatedNodes = 3;").evaluate()
    assert run.results == (
        "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    )
    assert run.error is None
    assert run.variables == {}


def test_evaluate_of_a_clock_without_moment_asks_for_it() -> None:
    formula = Formula("x = time();")
    with pytest.raises(InvalidRequest) as caught:
        formula.evaluate()
    assert caught.value.code == "MissingRequiredProperty"
    assert caught.value.values == {"PropertyName": "now"}
    assert Formula('x = time("2016");').evaluate().error is None


def test_evaluate_without_moment_takes_that_of_the_newest_sample() -> None:
    samples = {"$PendingTasks": half_minutes(4.0), "$CPUPercent": half_minutes(1, newest=0)}
    run = Formula("x = time();").evaluate(samples)
    assert run.timestamp == NOW
    assert run.variables == {"x": NOW}


def test_evaluate_moments_without_a_zone_mean_utc() -> None:
    bare = [(when.replace(tzinfo=None), value) for when, value in half_minutes(4, 3)]
    run = Formula("v = $PendingTasks.GetSample(TimeInterval_Hour, 1); h = time().hour;").evaluate(
        {"$PendingTasks": bare}, now=NOW.replace(tzinfo=None)
    )
    assert run.variables == {"v": (4.0, 3.0), "h": 9.0}
    assert run.timestamp == NOW


def test_evaluate_moment_in_another_zone_is_told_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    run = Formula("h = time().hour;").evaluate(now=there)
    assert run.variables == {"h": 9.0}
    assert run.timestamp == NOW


@pytest.mark.parametrize(
    ("given", "named", "reason"),
    [
        ({"now": "2024-05-06"}, "now", "must be a datetime"),
        (
            {"now": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))},
            "now",
            "years 1 to 9999",
        ),
        ({"samples": [1, 2]}, "samples", "must be a mapping"),
        ({"samples": {"$PendingTask": []}}, "samples", "did you mean $PendingTasks?"),
        ({"samples": {"$Whatever": []}}, "samples", "$CPUPercent"),
        ({"samples": {7: []}}, "samples", "$CPUPercent"),
        ({"samples": {"$TargetDedicatedNodes": []}}, "samples", "unknown sampled variable"),
        ({"samples": {"$PendingTasks": 5}}, "$PendingTasks", "pairs"),
        ({"samples": {"$PendingTasks": [5]}}, "$PendingTasks", "pairs"),
        ({"samples": {"$PendingTasks": [(NOW, 1, 2)]}}, "$PendingTasks", "pairs"),
        ({"samples": {"$PendingTasks": [(NOW, "many")]}}, "$PendingTasks", "finite number"),
        ({"samples": {"$PendingTasks": [(NOW, float("nan"))]}}, "$PendingTasks", "finite"),
        ({"samples": {"$PendingTasks": [(NOW, 10**400)]}}, "$PendingTasks", "finite"),
        ({"samples": {"$PendingTasks": [(5, 1.0)]}}, "$PendingTasks", "must be a datetime"),
        ({"samples": {"$PendingTasks": [(NOW, 1.0), (5, 1.0)]}}, "$PendingTasks", "a datetime"),
        (
            {"samples": {"$PendingTasks": [(NOW, 1.0), (NOW.replace(tzinfo=None), 1.0)]}},
            "$PendingTasks",
            "time zone",
        ),
        ({"current_dedicated": -1}, "current_dedicated", "0 or more"),
        ({"current_dedicated": 1.5}, "current_dedicated", "whole number"),
        ({"current_low_priority": True}, "current_low_priority", "whole number"),
        ({"seed": "x"}, "seed", "whole number"),
    ],
)
def test_evaluate_bad_argument_is_refused_by_name(given: dict, named: str, reason: str) -> None:
    formula = Formula("$TargetDedicatedNodes = $PendingTasks;")
    with pytest.raises(InvalidRequest) as caught:
        formula.evaluate(**{"now": NOW, **given})
    assert caught.value.code == "InvalidPropertyValue"
    assert caught.value.values["PropertyName"] == named
    assert reason in caught.value.values["Reason"]


def test_formula_of_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Formula(5)  # type: ignore[arg-type]
    assert caught.value.code == "InvalidPropertyValue"


def test_run_tells_each_statement_with_its_value_and_type() -> None:
    text = (
        "// first\na = 1;\nv = $PendingTasks.GetSample(2);\n"
        "i = TimeInterval_Day; t = time();\nstop();"
    )
    run = Formula(text).evaluate({"$PendingTasks": half_minutes(4, 3)}, now=NOW)
    told = [(s.source, s.line, s.target, s.type, s.value) for s in run.statements]
    assert told == [
        ("a = 1", 2, "a", "double", 1.0),
        ("v = $PendingTasks.GetSample(2)", 3, "v", "doubleVec", (4.0, 3.0)),
        ("i = TimeInterval_Day", 4, "i", "timeinterval", timedelta(days=1)),
        ("t = time()", 4, "t", "timestamp", NOW),
    ]
    assert run.variables == {"a": 1.0, "v": (4.0, 3.0), "i": timedelta(days=1), "t": NOW}


def test_run_tells_each_look_at_samples() -> None:
    text = (
        "p = $PendingTasks.GetSamplePercent(2 * TimeInterval_Minute);\n"
        "v = $PendingTasks.GetSample(2 * TimeInterval_Minute, 50);"
    )
    run = Formula(text).evaluate({"$PendingTasks": half_minutes(4, 3, 2, 1)}, now=NOW)
    window = (NOW - timedelta(minutes=2), NOW)
    assert run.samples == (
        SampleCall("$PendingTasks", "GetSamplePercent", *window, 4, 2, 50.0, None, 1, 35),
        SampleCall("$PendingTasks", "GetSample", *window, 4, 2, 50.0, 50.0, 2, 28),
    )


def test_run_tells_the_look_that_failed() -> None:
    text = "v = $PendingTasks.GetSample(2 * TimeInterval_Minute, 70);"
    run = Formula(text).evaluate({"$PendingTasks": half_minutes(4, 3)}, now=NOW)
    assert run.error is not None
    assert run.error.message == "Autoscale evaluation failed due to insufficient sample data"
    assert run.error.values == {
        "Message": "Line 1, Col 28: Insufficient data from data set: $PendingTasks wanted 70%, "
        "received 50%"
    }
    (look,) = run.samples
    assert (look.wanted, look.received, look.required_percent) == (4, 2, 70.0)
    assert run.statements == ()


def test_run_tells_each_decision() -> None:
    run = Formula("a = 5;\nb = a > 3 ? a * 2 : 0;").evaluate()
    (branch,) = run.branches
    assert (branch.condition, branch.value, branch.chosen) == ("a > 3", 1.0, "a * 2")
    assert (branch.line, branch.column) == (2, 11)


def test_run_has_the_decision_apart() -> None:
    text = "$TargetDedicatedNodes = 2.9; $NodeDeallocationOption = taskcompletion;"
    run = Formula(text).evaluate(current_dedicated=7, current_low_priority=4)
    assert run.target_dedicated_nodes == 2
    assert run.target_low_priority_nodes == 4
    assert run.node_deallocation_option == "taskcompletion"


def test_run_old_results_know_one_kind_of_node() -> None:
    run = Formula("totalNodes = 5; $TargetDedicated = totalNodes;").evaluate()
    assert run.old_results == "$TargetDedicated=5;$NodeDeallocationOption=requeue;totalNodes=5"


def test_run_same_arguments_same_result_and_another_seed_another() -> None:
    formula = Formula("x = rand(); y = rand();")
    first = formula.evaluate(now=NOW)
    assert formula.evaluate(now=NOW) == first
    assert formula.evaluate(now=NOW, seed=1).variables != first.variables
    drawn = [formula.evaluate(seed=seed).variables["x"] for seed in range(200)]
    assert 0 <= min(drawn) < 0.1
    assert 0.9 < max(drawn) < 1


def test_run_error_shows_the_line_with_a_mark() -> None:
    run = Formula("a = 1;\nb = time() - TimeInterval_Day;").evaluate(now=NOW)
    assert str(run.error) == (
        "AutoScalingFormulaEvaluationError: Line 2, Col 12: operator - does not apply to "
        "timestamp and timeinterval\n"
        "  b = time() - TimeInterval_Day;\n"
        "      ~~~~~~~^~~~~~~~~~~~~~~~~~\n"
        "  hint: write ts + (-1) * ti"
    )
    assert str(run.error) in str(run)


def test_syntax_error_shows_the_line_with_a_mark() -> None:
    with pytest.raises(FormulaError) as caught:
        Formula("a = 1;\nb = a and 2;")
    assert caught.value.message == (
        "Line 2, Col 7: unexpected 'and'\n"
        "  b = a and 2;\n"
        "        ^~~\n"
        "  expected ';' or an operator or the end of the formula\n"
        "  hint: write && for and"
    )
    assert caught.value.values["Message"] == "Line 2, Col 7: unexpected 'and'"


def test_syntax_error_survives_a_journey() -> None:
    with pytest.raises(FormulaError) as caught:
        Formula("x = (1 = 2)")
    error = caught.value
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(other, FormulaError)
        assert isinstance(other, BatchError)
        assert (other.line, other.column, other.hint) == (error.line, error.column, error.hint)
        assert other.expected == error.expected
        assert other.excerpt == error.excerpt
        assert other.status == 400
    assert json.loads(json.dumps(error.values)) == error.values


def test_formula_equal_when_it_says_the_same() -> None:
    one, other = Formula("a = (1 + 2);"), Formula("a=1+2")
    assert one == other
    assert hash(one) == hash(other)
    assert one != Formula("a = 2 + 1;")
    assert one != "a = 1 + 2;"
    assert pickle.loads(pickle.dumps(one)) == one
    assert repr(one) == "Formula('a = (1 + 2);')"


def test_formula_prints_in_canonical_spelling() -> None:
    text = (
        "$targetdedicatednodes=MAX( 1,$pendingtasks.getsample(timeinterval_MINUTE*5,70) )"
        '/(4-(2-1));x=!(-a.HOUR)||(1?2:3)?(b?1:2):time("2016");stop()'
    )
    assert str(Formula(text)) == (
        "$TargetDedicatedNodes = max(1, $PendingTasks.GetSample(TimeInterval_Minute * 5, 70)) "
        "/ (4 - (2 - 1));\n"
        'x = !-a.hour || (1 ? 2 : 3) ? (b ? 1 : 2) : time("2016");\n'
        "stop();"
    )


def test_history_grows_and_forgets() -> None:
    history = SampleHistory(half_minutes(3, 2, 1))
    history.add(NOW, 4)
    assert history.values == [1.0, 2.0, 3.0, 4.0]
    history.forget(NOW - timedelta(seconds=90))
    assert history.values == [2.0, 3.0, 4.0]
    assert len(history) == len(history.times) == 3
    run = Formula("v = $PendingTasks.GetSample(9);").evaluate({"$PendingTasks": history}, now=NOW)
    assert run.variables == {"v": (4.0, 3.0, 2.0)}


def test_history_that_begins_before_the_year_1_is_an_error_of_the_evaluation() -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    run = Formula("x = $PendingTasks.HistoryBeginTime();").evaluate(
        {"$PendingTasks": [(early, 1.0)]}, now=NOW
    )
    assert run.error is not None
    assert "years 1 to 9999" in run.error.values["Message"]


def test_samples_in_any_order_are_seen_newest_first() -> None:
    pairs = [(NOW - timedelta(seconds=seconds), float(seconds)) for seconds in (90, 30, 60)]
    run = Formula("v = $PendingTasks.GetSample(9);").evaluate({"$PendingTasks": pairs}, now=NOW)
    assert run.variables == {"v": (30.0, 60.0, 90.0)}


def test_history_refuses_an_older_sample_and_stays_as_it_was() -> None:
    history = SampleHistory(half_minutes(3, 2))
    with pytest.raises(InvalidRequest, match="older than the newest"):
        history.add(NOW - timedelta(hours=1), 4)
    assert history.values == [2.0, 3.0]


def test_import_leaves_the_parser_for_later() -> None:
    code = (
        "import sys, batchlab.autoscale as a; assert 'lark' not in sys.modules;"
        "a.Formula('x = 1'); assert 'lark' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
