"""Formulas over REST: what the service answers when one fails, and on a pool without autoscale."""

import pytest

from helpers.rest import POOL, Desk

FORMULA = "$TargetDedicatedNodes = 0; $NodeDeallocationOption = taskcompletion;"
FOLLOWING = {
    "id": "auto", "vmSize": "standard_d2s_v3", "enableAutoScale": True,
    "autoScaleFormula": FORMULA, "autoScaleEvaluationInterval": "PT5M",
}  # fmt: skip
RESULTS = "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"


@pytest.mark.parametrize(
    ("formula", "code", "message", "value"),
    [
        (
            "$x",
            "AutoScalingFormulaEvaluationError",
            "The specified auto-scaling formula has evaluation error",
            "Line 1, Col 1: Undefined symbol: $x",
        ),
        (
            "x = 1 / 0;",
            "AutoScalingFormulaEvaluationError",
            "The specified auto-scaling formula has evaluation error",
            "Line 1, Col 7: division by zero",
        ),
        (
            "x = $PendingTasks.GetSample(TimeInterval_Hour);",
            "InsufficientSampleData",
            "Autoscale evaluation failed due to insufficient sample data",
            (
                "Line 1, Col 28: Insufficient data from data set: $PendingTasks wanted 70%, "
                "received 0%"
            ),
        ),
        (
            "x = $CPUPercent.GetSample(TimeInterval_Hour, 100);",
            "InsufficientSampleData",
            "Autoscale evaluation failed due to insufficient sample data",
            (
                "Line 1, Col 26: Insufficient data from data set: $CPUPercent wanted 100%, "
                "received 0%"
            ),
        ),
    ],
)
def test_error_of_a_formula_has_code_message_and_values_only(
    desk: Desk, formula: str, code: str, message: str, value: str
) -> None:
    assert desk.post("/pools", FOLLOWING).status == 201
    answer = desk.post("/pools/auto/evaluateautoscale", {"autoScaleFormula": formula})
    assert answer.status == 200
    assert answer.content["results"] == RESULTS
    assert answer.content["error"] == {
        "code": code,
        "message": message,
        "values": [{"name": "Message", "value": value}],
    }


def test_error_of_a_run_that_a_pool_shows_is_of_the_same_form(desk: Desk) -> None:
    assert desk.post("/pools", FOLLOWING | {"autoScaleFormula": "x = y;"}).status == 201
    run = desk.get("/pools/auto").content["autoScaleRun"]
    assert set(run) == {"timestamp", "results", "error"}
    assert set(run["error"]) == {"code", "message", "values"}
    python = desk.lab.pools["auto"].auto_scale_run.error
    assert python is not None
    assert "^" in python.excerpt


@pytest.mark.rule(83)
def test_formula_is_evaluated_only_on_a_pool_that_follows_one(desk: Desk) -> None:
    assert desk.post("/pools", POOL).status == 201
    refused = desk.post("/pools/p/evaluateautoscale", {"autoScaleFormula": FORMULA})
    assert (refused.status, refused.code) == (409, "OperationInvalidForCurrentState")
    assert desk.lab.pools["p"].evaluate_auto_scale(FORMULA).error is None
    assert desk.post("/pools/auto/evaluateautoscale", {"autoScaleFormula": FORMULA}).status == 404
    assert desk.post("/pools", FOLLOWING).status == 201
    passed = desk.post("/pools/auto/evaluateautoscale", {"autoScaleFormula": FORMULA})
    assert passed.status == 200
    assert "error" not in passed.content
    assert desk.post("/pools/auto/disableautoscale").status == 200
    assert desk.post("/pools/auto/evaluateautoscale", {"autoScaleFormula": FORMULA}).status == 409
