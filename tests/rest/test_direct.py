"""Definitions in JSON that are posted to a lab without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl

POOL = {
    "id": "night", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 2,
    "startTask": {"commandLine": "/bin/true", "maxTaskRetryCount": 3},
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    },
}  # fmt: skip


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as opened:
        yield opened


@pytest.mark.parametrize("write", [dict, json.dumps, lambda body: json.dumps(body).encode()])
def test_definitions_are_created_as_azure_would(lab: bl.SimulatedLab, write: Any) -> None:
    assert lab.post("/pools", write(POOL)) == {}
    lab.post("/jobs", write({"id": "books", "poolInfo": {"poolId": "night"}}))
    lab.post("jobs/books/tasks", write({"id": "a", "commandLine": "sleep 3"}))
    lab.jobs["books"].tasks.wait()
    assert lab.pools["night"].start_task.max_task_retry_count == 3
    assert lab.jobs["books"].counts.succeeded == 1


def test_what_a_lab_does_not_use_is_kept_for_clients(lab: bl.SimulatedLab) -> None:
    lab.post("/pools", POOL)
    with lab.serve() as endpoint:
        found = endpoint.client().get_pool("night").virtual_machine_configuration
    assert found.node_agent_sku_id == "batch.node.ubuntu 24.04"


def test_each_task_of_a_collection_has_its_own_answer(lab: bl.SimulatedLab) -> None:
    lab.post("/jobs", {"id": "books", "poolInfo": {"poolId": "night"}})
    tasks = [{"id": name, "commandLine": "sleep 3"} for name in ("a", "b", "a")]
    answer = lab.post("/jobs/books/addtaskcollection", {"value": tasks})
    assert [one["status"] for one in answer["value"]] == ["Success", "Success", "clienterror"]
    assert answer["value"][2]["error"]["code"] == "TaskExists"


@pytest.mark.parametrize(
    ("path", "body", "code", "says"),
    [
        ("/pools", {**POOL, "maxTasksPerNod": 2}, "InvalidRequestBody", "maxTasksPerNod"),
        ("/pools", {"id": "night"}, "MissingRequiredProperty", "vmSize"),
        ("/pools", "{", "InvalidRequestBody", "not JSON"),
        ("/pools", [POOL], "InvalidRequestBody", "must be a JSON object"),
        ("/pools", {"id": 1j}, "InvalidRequestBody", "cannot be written as JSON"),
        ("/pools", {"id": object()}, "InvalidRequestBody", "cannot be written as JSON"),
        ("/nopools", POOL, "InvalidUri", "/nopools"),
        ("/pools?timeout=3", POOL, "InvalidPropertyValue", "must be a path"),
        (7, POOL, "InvalidPropertyValue", "must be a path"),
        ("/jobs/none/tasks", {"id": "a", "commandLine": "b"}, "JobNotFound", "none"),
    ],
)  # fmt: skip
def test_what_cannot_be_created_is_refused_in_words(
    lab: bl.SimulatedLab, path: Any, body: Any, code: str, says: str
) -> None:
    with pytest.raises(bl.BatchError) as caught:
        lab.post(path, body)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert not list(lab.pools)
    assert not list(lab.jobs)
