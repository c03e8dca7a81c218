"""Containers: their settings both ways, what became of them, and pools that run none."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from helpers.rest import JOB, POOL, Desk

IMAGE = {"containerSettings": {"imageName": "ubuntu"}}
EMPTY = {"commandLine": ""} | IMAGE


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("opened", [lambda: bl.SimulatedLab(boot="1s"), bl.Lab])
@pytest.mark.code("ContainerPoolNotSupported")
def test_task_with_the_entry_point_of_an_image_is_accepted_and_fails(
    opened: Any, blank: str
) -> None:
    with Desk(opened()) as desk:
        desk.furnish()
        task = {"id": "t", "commandLine": blank} | IMAGE
        assert desk.post("/jobs/j/tasks", task).status == 201
        added = desk.post("/jobs/j/addtaskcollection", {"value": [task | {"id": "u"}]})
        assert added.content["value"][0]["taskId"] == "u"
        desk.lab.jobs["j"].tasks.wait(timeout=60)
        for seen in desk.get("/jobs/j/tasks").content["value"]:
            assert seen["commandLine"] == ""
            assert seen["executionInfo"]["result"] == "failure"
            assert "exitCode" not in seen["executionInfo"]
            failure = seen["executionInfo"]["failureInfo"]
            assert failure["code"] == "ContainerPoolNotSupported"
            assert failure["category"].lower() == "usererror"
            (detail,) = failure["details"]
            assert "container configuration" in detail["value"]


def test_start_and_preparation_tasks_fail_alike(desk: Desk) -> None:
    start = {"startTask": EMPTY | {"waitForSuccess": True}}
    assert desk.post("/pools", POOL | start).status == 201
    assert desk.post("/pools", POOL | {"id": "q"}).status == 201
    job = {"id": "k", "poolInfo": {"poolId": "q"}, "jobPreparationTask": EMPTY}
    assert desk.post("/jobs", job).status == 201
    desk.post("/jobs/k/tasks", {"id": "t", "commandLine": "true"})
    desk.lab.advance("5m")
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert node["state"] == "starttaskfailed"
    assert node["startTask"]["commandLine"] == ""
    (row,) = desk.get("/jobs/k/jobpreparationandreleasetaskstatus").content["value"]
    for about in (node["startTaskInfo"], row["jobPreparationTaskExecutionInfo"]):
        assert about["failureInfo"]["code"] == "ContainerPoolNotSupported"


@pytest.mark.parametrize(
    "task", [{"commandLine": ""}, IMAGE, {"commandLine": ""} | {"containerSettings": None}]
)
def test_an_empty_command_without_an_image_is_refused(desk: Desk, task: dict[str, Any]) -> None:
    desk.furnish()
    assert desk.post("/jobs/j/tasks", {"id": "t"} | task).code == "MissingRequiredProperty"
    assert desk.post("/jobs", JOB | {"id": "k", "jobPreparationTask": task}).status == 400


REGISTRY = {"username": "ann", "password": "hidden-word", "registryServer": "own.io"}
MACHINE = {
    "virtualMachineConfiguration": {
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
        "containerConfiguration": {
            "type": "dockerCompatible",
            "containerImageNames": ["own.io/a"],
            "containerRegistries": [REGISTRY],
        },
    }
}
SETTINGS = {
    "imageName": "own.io/a",
    "containerRunOptions": "--network host",
    "registry": REGISTRY,
    "workingDirectory": "containerImageDefault",
    "containerHostBatchBindMounts": [{"source": "JobPrep", "isReadOnly": True}],
}


def without_password(settings: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in REGISTRY.items() if name != "password"}
    return settings | {"registry": shown}


def test_task_runs_in_its_container_and_says_which(desk: Desk) -> None:
    start = {"startTask": {"commandLine": "", "containerSettings": SETTINGS}}
    desk.post("/pools", POOL | MACHINE | start)
    desk.post("/jobs", JOB)
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "", "containerSettings": SETTINGS})
    desk.lab.jobs["j"].tasks.wait()
    task = desk.get("/jobs/j/tasks/t").content
    assert task["containerSettings"] == without_password(SETTINGS)
    assert task["commandLine"] == ""
    assert task["executionInfo"]["exitCode"] == 0
    assert task["executionInfo"]["containerInfo"]["state"] == "exited"
    assert len(task["executionInfo"]["containerInfo"]["containerId"]) == 64
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert node["startTaskInfo"]["containerInfo"]["state"] == "exited"
    pool = desk.get("/pools/p").content
    assert "hidden-word" not in str([pool, task, node])
    machine = pool["virtualMachineConfiguration"]
    assert machine["nodeAgentSKUId"] == "batch.node.ubuntu 22.04"
    assert machine["containerConfiguration"]["type"] == "dockerCompatible"
    assert machine["containerConfiguration"]["containerImageNames"] == ["own.io/a"]


def test_a_command_with_an_image_fails_where_the_pool_runs_no_containers(desk: Desk) -> None:
    desk.furnish()
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "/bin/sh -c 'echo hi'"} | IMAGE)
    desk.lab.jobs["j"].tasks.wait()
    info = desk.get("/jobs/j/tasks/t").content["executionInfo"]
    assert info["failureInfo"]["code"] == "ContainerPoolNotSupported"
    assert "containerInfo" not in info
