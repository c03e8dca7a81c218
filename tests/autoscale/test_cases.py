"""Every case of ``cases/*.json``: what is given, a formula, what comes out.

A file is a list of groups ``{comment, given, cases}``. `given` may hold ``now``, ``samples`` (by
variable: pairs, or ``{"newest", "every", "values"}`` with the newest value first), ``current``
(the two targets), ``seed``, and ``before``, put in front of each ``expression``.

A case has a ``formula``, or an ``expression`` whose ``value`` is compared as it is shown. Its
outcome is ``results`` (the whole string), ``value``, or ``error``: a code, for an evaluation
(with the results it leaves) or for the text, where ``at`` is its line and column. ``says`` are
pieces of the error's message, ``hint`` a piece of its hint; ``variables`` are compared as shown.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchlab.autoscale import Formula, FormulaError
from batchlab.autoscale.problems import Source

FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def gather() -> list[Any]:
    found = []
    for file in FILES:
        for group in json.loads(file.read_text(encoding="utf-8")):
            for case in group["cases"]:
                given = {**group.get("given", {}), **case.get("given", {})}
                found.append(pytest.param(given, case, id=f"{file.stem}: {case['name']}"))
    return found


CASES = gather()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def samples_of(given: dict[str, Any], now: datetime) -> dict[str, Any]:
    samples = {}
    for name, history in given.get("samples", {}).items():
        if isinstance(history, dict):
            newest, every = history.get("newest", 60), history.get("every", 30)
            pairs = [
                (now - timedelta(seconds=newest + every * back), value)
                for back, value in enumerate(history["values"] * history.get("times", 1))
            ][::-1]
        else:
            pairs = [(moment(when), value) for when, value in history]
        samples[name] = pairs
    return samples


@pytest.mark.rule(11, 12, 84, 85, 86, 87, 88, 89, 90, 91)
@pytest.mark.parametrize(("given", "case"), CASES)
def test_case(given: dict[str, Any], case: dict[str, Any]) -> None:
    text = case.get("formula")
    if text is None:
        text = f"{given.get('before', '')}x = {case['expression']}"
    text *= case.get("repeat", 1)
    if "at" in case:
        check_refused_text(text, case)
        return
    now = moment(given.get("now", "2024-05-06T09:00:00Z"))  # a Monday
    dedicated, low_priority = given.get("current", (0, 0))
    run = Formula(text).evaluate(
        samples_of(given, now),
        now=now,
        current_dedicated=dedicated,
        current_low_priority=low_priority,
        seed=given.get("seed"),
    )
    if "error" in case:
        assert run.error is not None, run.results
        assert run.error.code == case["error"]
        said = run.error.values["Message"]
        assert all(piece in said for piece in case.get("says", ())), said
        assert case.get("hint", "") in run.error.hint
        line, column = run.error.line, run.error.column
        assert said.startswith(f"Line {line}, Col {column}: ")
        assert "^" in run.error.excerpt
        current = f"$TargetDedicatedNodes={dedicated};$TargetLowPriorityNodes={low_priority};"
        assert run.results == current + "$NodeDeallocationOption=requeue"
        return
    assert run.error is None, str(run.error)
    if "results" in case:
        assert run.results == case["results"]
    shown = dict(part.split("=", 1) for part in run.results.split(";"))
    wanted = case.get("variables", {})
    if "value" in case:
        wanted = {"x": case["value"]}
    assert {name: shown[name] for name in wanted} == wanted
    assert "results" in case or wanted, "a case says what comes out"


def check_refused_text(text: str, case: dict[str, Any]) -> None:
    with pytest.raises(FormulaError) as caught:
        Formula(text)
    error = caught.value
    assert error.code == case["error"]
    assert [error.line, error.column] == case["at"], error.message
    assert all(piece in error.message for piece in case.get("says", ())), error.message
    assert case.get("hint", "") in error.hint, error.message
    assert set(case.get("expected", ())) <= set(error.expected), error.expected
    # The mark stands under the place, whatever the excerpt left out.
    source, mark = error.excerpt.split("\n")
    place = source[mark.index("^") :][:1]
    lines = Source(text).text.split("\n")
    assert place == lines[error.line - 1][error.column - 1 :][:1].replace("\t", " ")


def test_cases_are_many_and_their_names_tell_them_apart() -> None:
    names = [case.id for case in CASES]
    assert len(names) >= 250
    assert len(set(names)) == len(names)
