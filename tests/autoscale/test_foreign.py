"""Text from other languages, programs and web pages gets the hint that helps."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.autoscale import Formula, FormulaError

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
CASES = Path(__file__).parent / "cases"


def hints(text: str) -> list[str]:
    """The hint of a text that is no formula, or those of the errors that lint finds."""
    try:
        found = Formula(text).lint()
    except FormulaError as error:
        return [error.hint]
    return [each.hint for each in found if each.severity == "error"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (r"x = time(\"2026-01-01T00:00:00Z\")", 'write " for \\"'),
        (r"$TargetDedicatedNodes = 5;\n$x = 1;", r"line break for \n"),
        (r"$TargetDedicatedNodes = 5;\r\n$x = 1;", r"line break for \r"),
        (r"$TargetDedicatedNodes = 5;\t$x = 1;", "delete this backslash"),
        (r"\$TargetDedicatedNodes = 5;", r"write $ for \$"),
        (r"x = \$PendingTasks", r"write $ for \$"),
        (r"x = time(\'2026\')", r"write ' for \'"),
        ("x = 1 + \\\n2", "may simply go on"),
        ('x = time(""2026-01-01T00:00:00Z"")', "quotes are doubled"),
        ('x = time(""Thu, 13 Oct 2016 19:18:47 GMT"")', "quotes are doubled"),
        ("x = time('2026')", "double quotes"),
        ("x = time(`2026`)", "double quotes"),
        ("x = time(\u20182026\u2019)", "use straight ones"),
        ("x = time(\u201c2026\u201d)", "use straight ones"),
        ("x = time(\u00ab2026\u00bb)", "use straight ones"),
        ("'$TargetDedicatedNodes = 5;'", "without the quotes"),
        ('{"autoScaleFormula": "x = 1"}', "without the JSON"),
        ('"autoScaleFormula": "x = 1"', "without the JSON"),
        ("```\nx = 1;\n```", "without the marks"),
        ("x = {maxNodes}", "placeholder"),
        ("x = {{poolCreationTime}}", "placeholder"),
        ("x = ${var.max}", "placeholder"),
        ("x = %s", "placeholder"),
        ("x = <count>", "placeholder"),
        ("x = {0}", "placeholder"),
        ("x = a &lt; 5", "write < for &lt;"),
        ("x = a &amp;&amp; b", "write && for &amp;&amp;"),
        ("x = time(&quot;2026&quot;)", "write \" for &quot;"),
        ("x\u200b= 5", "invisible character"),
        ("x =\u202f5", "plain space"),
        ("x = 1\uff1b", "wide ;"),
        ("x = 5 \u2014 1", "plain -"),
        ("x = a \u2265 b", "write >="),
        ("x = a \u2264 b", "write <="),
        ("x = a \u2260 b", "write !="),
        ("x = a \u00d7 b", "write *"),
        ("x = a \u00f7 b", "write /"),
    ],
)  # fmt: skip
def test_pasted_text_gets_the_hint_that_helps(text: str, hint: str) -> None:
    (found,) = hints(text)
    assert hint in found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x := 5", "assign with a single ="),
        ("$TargetDedicatedNodes: 5", "assign with a single ="),
        ("x = a <> b", "write != for <>"),
        ("x = 1 => 2", "write >= for =>"),
        ("x = 1 =< 2", "write <= for =<"),
        ("x = a !== b", "compare with !="),
        ("x = a === b", "compare with =="),
        ("x = 2 ** 3", "no power operator"),
        ("x = 2 ^ 3", "no power operator"),
        ("x = 7 % 2", "no remainder operator"),
        ("x = 70%;", "write 70 for 70 %"),
        ("x = p < 70% ? 1 : 2", "write 70 for 70 %"),
        ("x++", "there is no ++"),
        ("++x", "there is no ++"),
        ("x--;", "there is no --"),
        ("x += 1", "x = x + 1"),
        ("x -= 1", "x = x - 1"),
        ("x *= 2", "there is no *="),
        ("x /= 2", "there is no /="),
        ("x %= 2", "there is no %="),
        ("x = +5", "no plus sign"),
        ("x = 5m", "5 * TimeInterval_Minute"),
        ("x = 5 min;", "5 * TimeInterval_Minute"),
        ("x = $PendingTasks.GetSample(10 seconds)", "5 * TimeInterval_Second"),
        ("x = 5 TimeInterval_Minute", "5 * TimeInterval_Minute"),
        ("x = 1.5f", "no suffix"),
        ("x = 1_000", "without separators"),
        ("x = 5.;", "after the decimal point"),
        ("x = a ?? 0", "no ??"),
        ("x = v[0]", "val(v, 0)"),
        ("x = $PendingTasks.GetSample(5)[0]", "val(v, 0)"),
        ("x = a ? 1;", "condition ? then : otherwise"),
        ("x = a and b", "&&"),
        ("x = a or b", "||"),
        ("x = a & b", "&&"),
        ("x = a | b", "||"),
        ("x = not a", "write !"),
        ("x = ~a", "write !"),
        ("x = a is 5", "=="),
        ("x = a mod 2", "no remainder operator"),
        ("if (a) { x = 1; }", "there is no if"),
        ("elif (a) x = 1", "there is no elif"),
        ("else x = 1", "there is no else"),
        ("x = if a then b", "there is no if"),
        ("x = 1 if a else 2", "there is no if"),
        ("switch (a) { }", "there is no switch"),
        ("foreach (a) x = 1", "no loops"),
        ("var x = 5", "no declaration"),
        ("let x = 5", "no declaration"),
        ("double x = 5", "no declaration"),
        ("def f(x): 5", "cannot define functions"),
        ("x = 1, y = 2", "end a statement with ;"),
        ("x = (1 + 2;", "not closed"),
        ("x = 1);", "never opened"),
        ("x = 1;; y = 2", "cannot be empty"),
        ("x = 1; <!-- one -->", "comments start with //"),
    ],
)
def test_syntax_of_another_language_gets_the_hint_that_helps(text: str, hint: str) -> None:
    (found,) = hints(text)
    assert hint in found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("$PendingTasks.GetAverage()", "write avg($PendingTasks.GetSample(window))"),
        ("$PendingTasks.Average()", "write avg($PendingTasks.GetSample(window))"),
        ("$PendingTasks.Sum()", "write sum($PendingTasks.GetSample(window))"),
        ("$PendingTasks.Max(TimeInterval_Hour)", "write max($PendingTasks.GetSample(window))"),
        ("$PendingTasks.GetMin()", "write min($PendingTasks.GetSample(window))"),
        ("$PendingTasks.Last()", "write val($PendingTasks.GetSample(1), 0)"),
        ("$PendingTasks.GetLatest()", "write val($PendingTasks.GetSample(1), 0)"),
        ("$PendingTasks.GetSamples(5)", "did you mean GetSample?"),
        ("$PendingTasks.GetSamplesPercent(TimeInterval_Hour)", "did you mean GetSamplePercent?"),
        ("$PendingTasks.GetSample(5).GetAverage()", "write avg($PendingTasks.GetSample(5))"),
        ("$PendingTasks.GetSample(5).Sum()", "write sum($PendingTasks.GetSample(5))"),
        ("$PendingTasks.GetSample(5).Count()", "write len($PendingTasks.GetSample(5))"),
        ("$PendingTasks.GetSample(5).Length", "write len($PendingTasks.GetSample(5))"),
        ("$PendingTasks.Count", "write Count()"),
        ("PendingTasks.GetSample(5)", "did you mean $PendingTasks?"),
        ("PendingTasks", "did you mean $PendingTasks?"),
        ("$PendingTask", "did you mean $PendingTasks?"),
        ("$ActiveTask", "did you mean $ActiveTasks?"),
        ("CPUPercent", "did you mean $CPUPercent?"),
        ("ceiling(2.5)", "did you mean ceil?"),
        ("average(1, 2)", "did you mean avg?"),
        ("mean(1, 2)", "did you mean avg?"),
        ("count(1, 2)", "did you mean len?"),
        ("int(2.5)", "did you mean trunc?"),
        ("stddev(1, 2)", "did you mean std?"),
        ("abs(-1)", "max(x, -x)"),
        ("pow(2, 3)", "multiply"),
        ("sqrt(2)", "no square root"),
        ("median(1)", "percentile(v, 50)"),
        ("mod(7, 2)", "floor(a / b)"),
        ("clamp(1, 2, 3)", "max(low, min(high, x))"),
        ("if(1, 2, 3)", "condition ? then : otherwise"),
        ("Math.max(1, 2)", "write max(...), without Math."),
        ("Math.Ceiling(1.5)", "write ceil(...), without Math."),
        ("Math.Abs(1)", "max(x, -x)"),
        ("np.mean(1)", "write avg(...), without np."),
        ("Math.PI", "functions stand alone"),
        ("now()", "write time()"),
        ("now", "time()"),
        ("utcnow()", "write time()"),
        ("DateTime.UtcNow", "time()"),
        ("true", "write 1"),
        ("False", "write 0"),
        ("null", "write 0"),
        ("TimeInterval_Minutes", "did you mean TimeInterval_Minute?"),
        ("5 * TimeInterval_Seconds", "did you mean TimeInterval_Second?"),
        ("TimeInterval_Hours", "did you mean TimeInterval_Hour?"),
        ("TimeInterval_Min", "did you mean TimeInterval_Minute?"),
        ("TimeIntervalMinute", "did you mean TimeInterval_Minute?"),
        ("TimeInterval.Minute", "TimeInterval_Minute"),
        ("minutes(5)", "5 * TimeInterval_Minute"),
        ("time().DayOfWeek", "write .weekday"),
        ("time().hours", "write .hour"),
        ("time().hour()", "without parentheses"),
        ("time().AddMinutes(5)", "time() + 5 * TimeInterval_Minute"),
        ("exit()", "write stop()"),
        ("TimeInterval_Minute(5)", "5 * TimeInterval_Minute"),
        ("TimeSpan.FromMinutes(5)", "5 * TimeInterval_Minute"),
        ("$PendingTasks.Average", "write avg($PendingTasks.GetSample(window))"),
    ],
)
def test_name_of_another_language_gets_the_hint_that_helps(text: str, hint: str) -> None:
    (found,) = hints(f"x = {text}")
    assert hint in found
    run = Formula(f"x = {text}").evaluate({"$PendingTasks": [(NOW, 4.0)]}, now=NOW)
    assert run.error is not None
    assert run.error.hint == found


def valid_texts() -> list[str]:
    texts = []
    for file in sorted(CASES.glob("*.json")):
        for group in json.loads(file.read_text(encoding="utf-8")):
            for case in group["cases"]:
                given = {**group.get("given", {}), **case.get("given", {})}
                if "error" not in case:
                    text = case.get("formula")
                    if text is None:
                        text = f"{given.get('before', '')}x = {case['expression']}"
                    texts.append(text * case.get("repeat", 1))
    return texts


def test_formula_that_is_valid_has_no_error_in_lint() -> None:
    texts = valid_texts()
    assert len(texts) > 200
    for text in texts:
        assert hints(text) == [], text


@pytest.mark.parametrize("text", ["$TargetDedicatedNodes.GetSample(1)", "requeue.GetSample(1)"])
def test_name_that_is_right_is_not_suggested_for_itself(text: str) -> None:
    (found,) = hints(f"x = {text}")
    assert "did you mean" not in found


@pytest.mark.parametrize("name", bl.formulas.__all__)
def test_ready_made_formula_is_clean(name: str) -> None:
    assert getattr(bl.formulas, name)().lint() == ()


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\ny = 2",
        "x = 5\nm = 3",
        "x = 5\nmin = 3",
        "set = 1\ny = 2",
        "x = time()\n$y = 2",
        'x = "a?b("\ny = 2',
        "// is it (so?\nx = 1\ny = 2",
    ],
)
def test_missing_semicolon_is_not_taken_for_anything_else(text: str) -> None:
    (found,) = hints(text)
    assert "semicolon is missing before" in found
