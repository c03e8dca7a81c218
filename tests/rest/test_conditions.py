"""Conditions on versions, at each operation whose method in the SDK takes them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import azure.batch._operations._operations as sdk
import pytest

from helpers.rest import JOB, POOL, Desk

OLD, NEW = "Sat, 21 Nov 1999 18:52:40 GMT", "Sat, 21 Nov 2099 18:52:40 GMT"
SCHEDULE = {"id": "s", "schedule": {"recurrenceInterval": "PT1H"}, "jobSpecification": {
    "poolInfo": {"poolId": "p"}}}  # fmt: skip
BODIES: dict[str, Any] = {
    "update_pool": {"metadata": []},
    "enable_pool_auto_scale": {"autoScaleFormula": "$TargetDedicatedNodes = 1;"},
    "resize_pool": {"targetDedicatedNodes": 2},
    "remove_nodes": {"nodeList": ["none"]},
    "update_job": {"priority": 5},
    "replace_job": {"poolInfo": {"poolId": "p"}},
    "disable_job": {"disableTasks": "requeue"},
    "replace_task": {"constraints": {"maxTaskRetryCount": 1}},
    "update_job_schedule": {"metadata": []},
    "replace_job_schedule": SCHEDULE,
}
"""What an operation is sent: it would do something."""


def conditional(header: str) -> list[tuple[str, str, str]]:
    """Name, method and address of all operations of the SDK that send a header."""
    found = []
    for node in ast.parse(inspect.getsource(sdk)).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("build_batch_"):
            text = ast.unparse(node)
            if f"'{header}'" not in text:
                continue
            method = re.search(r"HttpRequest\(method='(\w+)'", text)
            url = re.search(r"_url = '([^']+)'", text)
            name = node.name.removeprefix("build_batch_").removesuffix("_request")
            found.append((name.removesuffix("_internal"), method[1], url[1]))
    return found


TAGGED = conditional("If-Match")
DATED = conditional("If-Modified-Since")


@pytest.fixture(scope="module")
def busy() -> Iterator[Desk]:
    """A pool, a job with a task that has ended, a schedule: nothing here changes them."""
    with Desk() as desk:
        desk.furnish("t")
        assert desk.post("/jobschedules", SCHEDULE).status == 201
        desk.lab.jobs["j"].tasks.wait()
        yield desk


def address(url: str) -> str:
    return url.format(poolId="p", jobId="j", taskId="t", jobScheduleId="s")


def versions(desk: Desk) -> list[str]:
    paths = ("/pools/p", "/jobs/j", "/jobs/j/tasks/t", "/jobschedules/s")
    return [desk.get(path).content["eTag"] for path in paths]


def test_operations_that_take_conditions_are_as_many_as_were_counted() -> None:
    assert (len(TAGGED), len(DATED)) == (28, 32)


@pytest.mark.parametrize(("name", "method", "url"), TAGGED)
def test_operation_of_another_version_is_refused(
    busy: Desk, name: str, method: str, url: str
) -> None:
    path, before = address(url), versions(busy)
    for conditions in ({"If_Match": "0x1"}, {"If_None_Match": "*"}, {"If_Modified_Since": NEW},
                       {"If_Unmodified_Since": OLD}):  # fmt: skip
        answer = busy.ask(method, path, BODIES.get(name), **conditions)
        unchanged = method in ("GET", "HEAD") and conditions.keys() & {
            "If_None_Match", "If_Modified_Since",
        }  # fmt: skip
        assert answer.status == (304 if unchanged else 412), conditions
        if answer.status == 412 and method != "HEAD":
            assert answer.code == "ConditionNotMet"
    assert versions(busy) == before


@pytest.mark.parametrize(("name", "method", "url"), [one for one in DATED if one not in TAGGED])
def test_file_of_another_time_is_refused(busy: Desk, name: str, method: str, url: str) -> None:
    (node,) = busy.lab.pools["p"].nodes
    of_task = busy.get("/jobs/j/tasks/t").content["nodeInfo"]["taskRootDirectory"]
    file = "stdout.txt" if "/tasks/" in url else f"{of_task}/stdout.txt"
    path = url.format(
        jobId="j", taskId="t", poolId="p", nodeId=node, filePath=quote(file, safe="")
    )
    assert busy.ask(method, path, If_Modified_Since=NEW).status == 304
    assert busy.ask(method, path, If_Unmodified_Since=OLD).status == 412
    both = busy.ask(method, path, If_Modified_Since=OLD, If_Unmodified_Since=NEW)
    assert both.status == 200


@pytest.mark.parametrize(("name", "method", "url"), TAGGED)
def test_operation_of_the_version_there_is_is_done(
    desk: Desk, name: str, method: str, url: str
) -> None:
    assert desk.post("/pools", POOL).status == 201
    if name == "stop_pool_resize":
        assert desk.lab.pools["p"].allocation_state == "resizing"
    else:
        desk.lab.pools["p"].wait("steady")
    assert desk.post("/jobs", JOB).status == 201
    ended = {"id": "t", "commandLine": "/bin/sh -c 'exit 3'"}
    assert desk.post("/jobs/j/tasks", ended).status == 201
    assert desk.post("/jobschedules", SCHEDULE).status == 201
    if name == "reactivate_task":
        desk.lab.jobs["j"].tasks.wait()
    if name in ("enable_job", "enable_job_schedule"):
        desk.post(f"/{'jobs/j' if name == 'enable_job' else 'jobschedules/s'}/disable",
                  {"disableTasks": "requeue"})  # fmt: skip
        desk.lab.advance("1m")
    path = address(url)
    body = BODIES.get(name)
    if name == "remove_nodes":
        body = {"nodeList": list(desk.lab.pools["p"].nodes)}
    thing = re.match(r"/\w+/\w+(/tasks/\w+)?", path)[0]
    tag = desk.get(thing).headers["ETag"]
    answer = desk.ask(method, path, body, If_Match=tag, If_Unmodified_Since=NEW)
    assert answer.status in (200, 202, 204), answer
