"""Errors on the wire: Azure's texts, and values as the client wrote what is refused."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
import batchlab.rest
from batchlab import errors
from batchlab.core.model import PoolSpec, TaskSpec
from batchlab.core.model.values import FailureInfo, ResizeError, wall_clock_exceeded
from batchlab.core.tasks.failures import ENDED
from batchlab.errors import BatchError
from batchlab.rest.error_texts import TEXTS, text_of
from batchlab.rest.errors import error_content, failure_content
from batchlab.rest.spelling import in_python, spelled
from helpers.codes import INSIDE, PYTHON
from helpers.rest import JOB, POOL, Desk

TESTS = Path(__file__).parents[1]
PACKAGE = Path(batchlab.rest.__file__).parent


def calls(folder: Path, pattern: str) -> list[ast.Call]:
    trees = (
        ast.parse(path.read_text(encoding="utf-8"))
        for path in folder.rglob(pattern)
        if path.parent != TESTS / "azure"
    )  # Resource Manager has errors of its own
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def constants(nodes: list[ast.expr]) -> set[str]:
    return {one.value for node in nodes for one in ast.walk(node)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)}  # fmt: skip


def test_every_code_has_a_text() -> None:
    """Codes have tests that are marked with them; those of the REST API are found where raised."""
    codes = set[str]()
    for call in calls(TESTS, "test_*.py"):
        if ast.unparse(call.func) == "pytest.mark.code":
            codes |= constants(call.args)
    for call in calls(PACKAGE, "*.py"):
        name = ast.unparse(call.func).rpartition(".")[2]
        if name in {*errors.__all__, "VerbNotSupported", "InvalidRange", "__init__"}:
            codes |= constants(call.args[:1])
        codes |= constants([word.value for word in call.keywords if word.arg == "code"])
    assert len(codes) > 100
    assert codes - {*INSIDE, *PYTHON} <= TEXTS.keys()
    assert not TEXTS.keys() & {*INSIDE, *PYTHON}


def test_code_without_a_text_never_shows_what_python_says() -> None:
    for status in (400, 403, 404, 409, 413, 500, 503):
        assert text_of("SomethingElse", status) in TEXTS.values() or status == 403
    found = error_content(BatchError("SomethingElse", "pass pool_info=..."))
    assert "pool_info" not in str(found)


REFUSED: list[tuple[str, Any, dict[str, str]]] = [
    ("/jobs", JOB | {"onAllTasksComplete": "terminate"},
     {"PropertyName": "onAllTasksComplete", "PropertyValue": "terminate",
      "Reason": "must be one of 'noaction', 'terminatejob'"}),
    ("/jobs", JOB | {"priority": 5000},
     {"PropertyName": "priority", "PropertyValue": "5000", "Reason": "must be -1000 to 1000"}),
    ("/jobs", {"id": "j"}, {"PropertyName": "poolInfo"}),
    ("/jobs", JOB | {"jobPreparationTask": {}},
     {"PropertyName": "commandLine", "PropertyPath": "jobPreparationTask.commandLine"}),
    ("/jobs", JOB | {"jobPreparationTask": {"commandLine": "a", "id": "x"},
                     "jobManagerTask": {"commandLine": "b", "id": "X"}},
     {"PropertyName": "id", "PropertyPath": "jobManagerTask.id", "PropertyValue": "X",
      "Reason": "job manager, preparation and release tasks must have different ids"}),
    ("/pools", POOL | {"resizeTimeout": "PT4M"},
     {"PropertyName": "resizeTimeout", "PropertyValue": "PT4M",
      "Reason": "must be 5 minutes or more"}),
    ("/pools", POOL | {"resizeTimeout": "soon"},
     {"PropertyName": "resizeTimeout", "PropertyValue": "soon",
      "Reason": 'not a duration; use "90s", "5m", "1h30m", "PT5M"'}),
    ("/pools", POOL | {"startTask": {"commandLine": "x", "resourceFiles": [
        {"httpUrl": "https://h/a", "filePath": "a"},
        {"httpUrl": "https://h/b", "filePath": "../b"},
     ]}},
     {"PropertyName": "filePath", "PropertyPath": "startTask.resourceFiles[1].filePath",
      "PropertyValue": "../b", "Reason": "must be a path inside the task's working directory"}),
    ("/pools", POOL | {"enableAutoScale": True}, {"PropertyName": "autoScaleFormula"}),
    ("/pools", POOL | {"userAccounts": [{"name": "a", "password": "pw1"}] * 2},
     {"PropertyName": "userAccounts", "Reason": "two users have this name"}),
    ("/pools/none/resize", {}, {"PropertyName": "targetDedicatedNodes and/or "
                                                "targetLowPriorityNodes"}),
    ("/jobs/none/terminate", {"terminateReason": "a\0b"},
     {"PropertyName": "terminateReason", "PropertyValue": "a\0b",
      "Reason": "must not contain a NUL character"}),
    ("/jobs/none/disable", {"disableTasks": "never"},
     {"PropertyName": "disableTasks", "PropertyValue": "never",
      "Reason": "must be one of 'requeue', 'terminate', 'wait'"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "values"), REFUSED)
def test_property_is_named_and_shown_as_it_was_sent(
    desk: Desk, path: str, body: Any, values: dict[str, str]
) -> None:
    answer = desk.post(path, body)
    assert answer.status == 400
    assert {pair["key"]: pair["value"] for pair in answer.values} == values
    assert "pw1" not in answer.raw.decode()


def test_what_is_not_there_or_there_already_has_a_text_only(desk: Desk) -> None:
    desk.furnish("t")
    text = desk.get("/pools/none").content["message"]["value"].partition("\n")[0]
    assert text == "The specified pool does not exist."
    text = desk.post("/jobs", JOB).content["message"]["value"].partition("\n")[0]
    assert text == "The specified job already exists."
    for path in ("/jobs/x", "/jobs/j/tasks/x", "/jobschedules/x", "/applications/x"):
        assert desk.get(path).values == []
    assert desk.post("/pools", POOL).values == []


def test_query_and_headers_are_named(desk: Desk) -> None:
    assert desk.get("/jobs", "maxresults=-5").values == [
        {"key": "QueryParameterName", "value": "maxresults"},
        {"key": "QueryParameterValue", "value": "-5"},
        {"key": "Reason", "value": "MaxResults cannot be less than 1"},
    ]
    desk.post("/jobs", JOB)
    answer = desk.get("/jobs/j", If_Modified_Since="tomorrow")
    assert answer.code == "InvalidHeaderValue"
    assert answer.values[:2] == [
        {"key": "HeaderName", "value": "If-Modified-Since"},
        {"key": "HeaderValue", "value": "tomorrow"},
    ]
    response = desk.service.handle("GET", "/jobs", "", {"Authorization": "Bearer x"})
    assert (
        b"A query parameter that's mandatory for this request is not specified." in response.body
    )
    for header, text in (
        ("", b"An HTTP header that's mandatory for this request is not specified."),
        ("Basic x", b"The authentication information was not provided in the correct format."),
        ("SharedKey a:b", b"Server failed to authenticate the request."),
    ):
        response = desk.service.handle("GET", "/jobs", "", {"Authorization": header})
        assert text in response.body


def test_state_that_refuses_says_why_without_python(desk: Desk) -> None:
    desk.furnish()
    answer = desk.post("/pools/p/evaluateautoscale", {"autoScaleFormula": "1"})
    assert answer.code == "OperationInvalidForCurrentState"
    (reason,) = answer.values
    assert reason["key"] == "Reason"
    assert "not enabled" in reason["value"]


def test_task_of_a_collection_has_its_own_values(desk: Desk) -> None:
    desk.furnish("there")
    wires = [
        {"id": "there", "commandLine": "true"}, {"id": "a b", "commandLine": "true"},
        {"id": "c", "commandLine": "true", "constraints": {"maxTaskRetryCount": -7}},
    ]  # fmt: skip
    rows = desk.post("/jobs/j/addtaskcollection", {"value": wires}).content["value"]
    assert [row["status"] for row in rows] == ["clienterror"] * 3
    assert rows[0]["error"] == {
        "code": "TaskExists",
        "message": {"lang": "en-US", "value": "The specified task already exists."},
    }
    assert {"key": "PropertyValue", "value": "a b"} in rows[1]["error"]["values"]
    values = {pair["key"]: pair["value"] for pair in rows[2]["error"]["values"]}
    assert values["PropertyPath"] == "constraints.maxTaskRetryCount"
    assert values["PropertyValue"] == "-7"


def test_formula_that_cannot_be_read_has_a_message_only(desk: Desk) -> None:
    answer = desk.post("/pools", POOL | {"enableAutoScale": True, "autoScaleFormula": "$x = ("}
                       | {"targetDedicatedNodes": None})  # fmt: skip
    assert answer.code == "AutoScalingFormulaSyntaxError"
    (value,) = answer.values
    assert value["key"] == "Message"
    assert value["value"].startswith("Line 1, Col ")


def test_failure_inside_a_resource_has_azures_text() -> None:
    assert failure_content(ENDED)["message"] == "Task Was Ended by User Request"
    found = failure_content(wall_clock_exceeded(5))
    assert found["message"] == "The task was ended by user request"
    (detail,) = found["details"]
    assert (detail["name"], in_python(detail["value"])) == ("Message", False)
    assert "maxWallClockTime of 5s" in detail["value"]
    assert "max_wall_clock_time" in wall_clock_exceeded(5).message
    quota = ResizeError(code="AccountCoreQuotaReached", message="the quota of 4 cores is used up")
    assert failure_content(quota) == {
        "code": "AccountCoreQuotaReached",
        "message": "The specified account has reached core quota",
        "values": [{"name": "Message", "value": "the quota of 4 cores is used up"}],
    }
    other = FailureInfo(category="UserError", code="BlobNotFound", message="It is not there")
    assert failure_content(other)["message"] == "It is not there"


def test_task_over_its_wall_clock_says_so_in_the_details(desk: Desk) -> None:
    desk.furnish()
    limited = {"commandLine": "sleep 100", "constraints": {"maxWallClockTime": "PT5S"}}
    desk.post("/jobs/j/tasks", {"id": "t"} | limited)
    desk.lab.advance("2m")
    failure = desk.get("/jobs/j/tasks/t").content["executionInfo"]["failureInfo"]
    assert (failure["code"], failure["message"]) == (
        "TaskEnded", "The task was ended by user request"
    )  # fmt: skip
    assert "max_wall_clock_time" in desk.lab.jobs["j"].tasks["t"].failure_info.message


def test_release_has_no_retries_in_the_status(desk: Desk) -> None:
    node_tasks = {"jobPreparationTask": {"commandLine": "true"},
                  "jobReleaseTask": {"commandLine": "true"}}  # fmt: skip
    desk.post("/pools", POOL)
    desk.post("/jobs", JOB | node_tasks)
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "true"})
    desk.lab.advance("1m")
    desk.post("/jobs/j/terminate")
    desk.lab.advance("1m")
    (row,) = desk.get("/jobs/j/jobpreparationandreleasetaskstatus").content["value"]
    assert row["jobPreparationTaskExecutionInfo"]["retryCount"] == 0
    assert row["jobReleaseTaskExecutionInfo"]["exitCode"] == 0
    assert "retryCount" not in row["jobReleaseTaskExecutionInfo"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("requires enable_auto_scale=True", "requires enableAutoScale: true"),
        ("PoolSpec.vm_size is required: pass vm_size=...", "vmSize is required: pass vmSize"),
        ("None of the tasks was added", "None of the tasks was added"),
        ("must be text, not None", "must be text, not null"),
        ("node 'tvm_1' is up", "node 'tvm_1' is up"),
        (
            "there is no such size: did you mean 'a'? lab.vm_sizes lists them",
            "there is no such size: did you mean 'a'?",
        ),
        ("it is over: use lab.pools['p'] instead", "it is over"),
    ],
)
def test_sentence_for_python_is_spelled_as_on_the_wire(text: str, told: str) -> None:
    assert spelled(text) == told
    assert not in_python(told)


def test_sentence_with_a_call_of_python_is_recognised() -> None:
    for text in (
        "use lab.pools['p']",
        "write PoolInfo(x)",
        "pool_info is wrong",
        "a=1",
        "not dict",
    ):
        assert in_python(text), text


@pytest.mark.parametrize("spec", [PoolSpec, TaskSpec])
def test_message_for_python_stays_in_python(spec: Any) -> None:
    with pytest.raises(BatchError) as caught:
        spec(id="a b", **({"command_line": "x"} if spec is TaskSpec else {}))
    assert caught.value.message.startswith(f"{spec.__name__}.id is 'a b': ")
    assert caught.value.values["PropertyValue"] == "a b"


def test_property_that_is_not_enabled_for_the_account_is_forbidden_as_in_azure() -> None:
    with Desk(bl.SimulatedLab(not_enabled=["max_parallel_tasks"])) as desk:
        found = desk.post("/jobs", JOB | {"maxParallelTasks": 3})
        assert (found.status, found.content["code"]) == (403, "Forbidden")
        assert found.content["message"]["value"].startswith("Access is Forbidden\n")
        reason = "Property maxParallelTasks is not enabled for current account"
        assert found.content["values"] == [{"key": "Reason", "value": reason}]
        assert desk.post("/jobs", JOB | {"allowTaskPreemption": True}).status == 201


@pytest.mark.parametrize("wrong", ["max_parallel_tasks", ["priority"], [3], 3])
def test_list_of_properties_that_are_not_enabled_is_checked(wrong: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="'allow_task_preemption'") as caught:
        bl.SimulatedLab(not_enabled=wrong)
    assert caught.value.code == "InvalidPropertyValue"
