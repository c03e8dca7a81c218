"""Rich bodies of all kinds, in many versions: what is read back is what was written."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.rest.specification import TYPES
from helpers.bodies import differences, full
from helpers.rest import Desk

VERSIONS = [
    "2017-01-01.4.0", "2017-05-01.5.0", "2018-08-01.7.0", "2019-08-01.10.0", "2020-09-01.12.0",
    "2022-10-01.16.0", "2024-07-01.20.0", "2025-06-01",
]  # fmt: skip


def create(desk: Desk, version: str, path: str, body: Any) -> Any:
    """POST a resource; give what GET then shows."""
    answer = desk.ask("POST", path, body, version=version)
    assert answer.status == 201, answer.content
    return get(desk, version, f"{path}/{body['id']}")


def get(desk: Desk, version: str, path: str) -> Any:
    answer = desk.ask("GET", path, version=version)
    assert answer.status == 200, answer.content
    return answer.content


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


def test_pool_is_read_as_it_was_written(desk: Desk, version: str) -> None:
    body = full("BatchPoolCreateOptions", version[:7]) | {"id": "pool"}
    assert len(body) > 12
    assert [*differences(body, create(desk, version, "/pools", body))] == []


def test_pool_is_read_as_it_was_changed(desk: Desk, version: str) -> None:
    create(desk, version, "/pools", {"id": "p", "vmSize": "small"})
    fixed = {"vmSize", "enableInterNodeCommunication", "taskSlotsPerNode", "taskSchedulingPolicy",
             "userAccounts"}  # fmt: skip
    for method, path, kind in [
        ("POST", "/pools/p/updateproperties", "BatchPoolReplaceOptions"),
        ("PATCH", "/pools/p", "BatchPoolUpdateOptions"),
    ]:
        needed = {"applicationPackageReferences": [], "certificateReferences": []}
        if version >= "2025-06":
            del needed["certificateReferences"]
        more = {} if method == "PATCH" else needed
        body = full(kind, version[:7], fixed)
        assert desk.ask(method, path, body | more, version=version).status in (200, 204)
        assert [*differences(body, get(desk, version, "/pools/p"))] == []


@pytest.mark.parametrize("kind", ["fixed", "auto"])
def test_job_is_read_as_it_was_written_and_changed(desk: Desk, version: str, kind: str) -> None:
    month = version[:7]
    desk.post("/pools", {"id": "p", "vmSize": "small"})
    info = full("BatchPoolInfo", month, {"poolId" if kind == "auto" else "autoPoolSpecification"})
    body = full("BatchJobCreateOptions", month) | {"id": "job", "poolInfo": info}
    assert len(body) > 11
    found = create(desk, version, "/jobs", body)
    assert [*differences(body, found)] == []
    change = full("BatchJobUpdateOptions", month) | {"poolInfo": info, "priority": 9}
    answer = desk.ask("PATCH", "/jobs/job", change, version=version)
    assert answer.status == 200, answer.content
    found = get(desk, version, "/jobs/job")
    assert [*differences(body | change, found)] == []
    whole = found | {"poolInfo": info, "priority": 8}  # with the passwords, which are not shown
    assert desk.ask("PUT", "/jobs/job", whole, version=version).status == 200
    assert [*differences(body | change | {"priority": 8}, get(desk, version, "/jobs/job"))] == []


def test_schedule_is_read_as_it_was_written_and_changed(desk: Desk, version: str) -> None:
    month = version[:7]
    specification = full("BatchJobSpecification", month)
    specification["poolInfo"] = full("BatchPoolInfo", month, {"poolId"})
    body = full("BatchJobScheduleCreateOptions", month)
    body |= {"id": "s", "jobSpecification": specification}
    found = create(desk, version, "/jobschedules", body)
    assert [*differences(body, found)] == []
    for method in ("PUT", "PATCH"):
        change = {name: body[name] for name in ("schedule", "jobSpecification", "metadata")}
        change["metadata"] = [{"name": "by", "value": method}]
        assert desk.ask(method, "/jobschedules/s", change, version=version).status == 200
        assert [*differences(body | change, get(desk, version, "/jobschedules/s"))] == []


def test_tasks_are_read_as_they_were_written(desk: Desk, version: str) -> None:
    month = version[:7]
    users = {"userAccounts": [{"name": "ada", "password": "x"}]}
    desk.post("/pools", {"id": "p", "vmSize": "small", "taskSlotsPerNode": 4} | users)
    job = {"id": "j", "poolInfo": {"poolId": "p"}, "onTaskFailure": "performexitoptionsjobaction",
           "usesTaskDependencies": True}  # fmt: skip
    desk.post("/jobs", job)
    body = full("BatchTaskCreateOptions", month) | {"id": "t"}
    needs = {"taskIds": ["a", "b"], "taskIdRanges": [{"start": 1, "end": 5}]}
    body |= {"dependsOn": needs, "affinityInfo": {"affinityId": "TVM:x"}}
    assert len(body) > 10
    found = create(desk, version, "/jobs/j/tasks", body)
    assert [*differences(body, found)] == []
    several = [body | {"id": name} for name in ("x", "y")]
    answer = desk.ask("POST", "/jobs/j/addtaskcollection", {"value": several}, version=version)
    assert [one["status"].lower() for one in answer.content["value"]] == ["success"] * 2
    for task in several:
        assert [*differences(task, get(desk, version, f"/jobs/j/tasks/{task['id']}"))] == []
    change = {"constraints": {"maxTaskRetryCount": 5, "retentionTime": "PT3H"}}
    assert desk.ask("PUT", "/jobs/j/tasks/t", change, version=version).status == 200
    assert [*differences(change, get(desk, version, "/jobs/j/tasks/t"))] == []


def test_bodies_use_every_property_but_a_few() -> None:
    """The examples would prove little if they were thin."""
    body = full("BatchPoolCreateOptions", "2025-06")
    assert not set(TYPES["BatchPoolCreateOptions"]) - set(body) - {
        "enableAutoScale", "autoScaleFormula", "autoScaleEvaluationInterval",
        "applicationPackageReferences", "certificateReferences", "cloudServiceConfiguration",
        "applicationLicenses", "resourceTags", "targetNodeCommunicationMode", "maxTasksPerNode",
        "targetDedicated",
    }  # fmt: skip
    machine = set(TYPES["VirtualMachineConfiguration"]) - set(body["virtualMachineConfiguration"])
    assert machine == {"windowsConfiguration", "serviceArtifactReference"}
