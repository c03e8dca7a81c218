"""An evaluation tells in sentences how it came to its decision."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from batchlab.autoscale import AutoScaleRun, Formula

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def samples(count, value=10.0, name="$PendingTasks"):
    return {name: [(NOW - timedelta(seconds=60 + 30 * n), value) for n in range(count)]}


def explained(text, outcome="", current=2, **kw) -> list[str]:
    run = Formula(text).evaluate(now=NOW, current_dedicated=current, **kw)
    return msgspec.structs.replace(run, outcome=outcome).explain()


def test_samples_branch_and_bound_are_told_in_the_order_of_the_formula():
    text = """share = $PendingTasks.GetSamplePercent(5 * TimeInterval_Minute);
tasks = share < 70 ? 0 : avg($PendingTasks.GetSample(5 * TimeInterval_Minute));
$TargetDedicatedNodes = min(4, tasks);
$NodeDeallocationOption = taskcompletion;"""
    assert explained(text, "resized", samples=samples(8)) == [
        (
            "Line 1: $PendingTasks has 8 of 10 expected samples between 08:55:00 and 09:00:00 "
            "(80 %)."
        ),
        (
            "Line 2: `share < 70` is false, so the formula used "
            "`avg($PendingTasks.GetSample(5 * TimeInterval_Minute))`."
        ),
        (
            "Line 2: the formula read 8 samples of $PendingTasks between 08:55:00 and 09:00:00, "
            "out of 10 expected."
        ),
        "Line 3: `min(4, tasks)` is 4: the limit 4 caps `tasks` (10).",
        "Line 3 set $TargetDedicatedNodes to 4.",
        "The target changed from 2 dedicated nodes to 4 dedicated nodes: a resize began.",
    ]


def test_shrink_says_what_becomes_of_tasks_and_of_releases():
    told = explained("$TargetDedicatedNodes = 0.9;", "resized", current=1)
    assert told == [
        "Line 1 set $TargetDedicatedNodes to 0.9, rounded down to 0.",
        "The target changed from 1 dedicated node to 0 dedicated nodes: a resize began.",
        (
            "1 node is removed with the option requeue: running tasks are terminated and queued "
            "again."
        ),
        (
            "Job release tasks are not counted as tasks: a node may be removed before a release "
            "task has run on it."
        ),
    ]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("unchanged", "The target was already 2 dedicated nodes: nothing changes."),
        ("tried", "This was only a trial: the formula would keep 2 dedicated nodes."),
        ("", "The formula asks for 2 dedicated nodes."),
    ],
)
def test_outcome_without_a_change_is_told(outcome, said):
    assert explained("$TargetDedicatedNodes = 2;", outcome)[-1] == said


def test_pool_that_was_resizing_is_told():
    told = explained("$TargetDedicated = 5;", "resizing")
    assert told[0] == "Line 1 set $TargetDedicatedNodes to 5."
    assert told[-1] == (
        "The formula asks for 5 dedicated nodes instead of 2 dedicated nodes, but the pool is "
        "still resizing: nothing changes until the next evaluation."
    )


def test_failed_evaluation_tells_the_place_and_the_cure():
    told = explained(
        "n = $PendingTasks.GetSample(10 * TimeInterval_Minute, 95);", "failed",
        samples=samples(18), current=3,
    )  # fmt: skip
    assert told[0] == (
        "Line 1: $PendingTasks has 18 of 20 expected samples between 08:50:00 and 09:00:00 "
        "(90 %), but the formula requires 95 %."
    )
    assert "Line 1, Col 28" in told[1]
    assert "InsufficientSampleData" in told[1]
    assert "guard it" in told[1]
    assert told[2].endswith("the pool keeps 3 dedicated nodes.")
    assert len(told) == 3


def test_formula_that_sets_no_target_says_so():
    assert explained("x = 1;")[0].startswith("No statement set a target")


def test_spot_nodes_are_told_where_there_are_any():
    told = explained(
        "$TargetLowPriorityNodes = max(3, $PreemptedNodeCount, 2);", "resized",
        samples=samples(1, 1.0, "$PreemptedNodeCount"),
    )  # fmt: skip
    assert told == [
        (
            "Line 1: `max(3, $PreemptedNodeCount, 2)` is 3: the limit 3 raises "
            "`$PreemptedNodeCount` (1) and 2."
        ),
        "Line 1 set $TargetLowPriorityNodes to 3.",
        (
            "The target changed from 2 dedicated nodes to 2 dedicated and 3 spot nodes: a resize "
            "began."
        ),
    ]


def test_vectors_and_equal_arguments_of_a_bound_are_told_as_numbers():
    text = "a = max(5, $PendingTasks.GetSample(3)); b = min(1, 1);"
    told = explained(text, samples=samples(3))
    assert told[0] == (
        "Line 1: `max(5, $PendingTasks.GetSample(3))` is 10: `$PendingTasks.GetSample(3)` (10) "
        "is greater than 5."
    )
    assert told[2] == "Line 1: `min(1, 1)` is 1: all arguments are equal."


def test_long_formula_is_told_in_part():
    text = "".join(f"v{n} = {n} > 3 ? 1 : 2;\n" for n in range(90))
    told = explained(text)
    assert len(told) == 43
    assert told[40] == "… and 50 more."


def test_sentences_show_themselves_as_lines_and_escaped():
    told = explained('x = 1 < 2 ? "<b>" : "&";')
    assert repr(told).splitlines() == list(told)
    html = told._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_run_shows_itself_in_a_line_and_as_a_card():
    run = Formula("a = 1 < 2 ? 3 : 4;\n$TargetDedicatedNodes = a;").evaluate(now=NOW)
    assert repr(run) == (
        "<AutoScaleRun 2026-01-05 09:00:00: $TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;"
        "$NodeDeallocationOption=requeue;a=3>"
    )
    bundle = run._repr_mimebundle_()
    assert bundle["text/plain"] == repr(run)
    assert "a = 1 &lt; 2 ? 3 : 4" in bundle["text/html"]
    assert "so the formula used `3`" in bundle["text/html"]
    failed = Formula('x = "<i>" + 1;').evaluate(now=NOW)
    html = failed._repr_mimebundle_()["text/html"]
    assert "AutoScalingFormulaEvaluationError" in html
    assert "<i>" not in html
    assert isinstance(msgspec.msgpack.decode(msgspec.msgpack.encode(run.clamps)), list)
    assert isinstance(run, AutoScaleRun)
