"""Names and values on the wire: times, durations, what has to be given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from batchlab.core.model import FOREVER
from batchlab.rest.wire import UNLIMITED, write_datetime, write_duration
from helpers.rest import JOB, POOL, Desk


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 220_000, tzinfo=UTC), "2026-01-02T03:04:05.22Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC), "2026-01-02T03:04:05.000001Z"),
        (datetime(2026, 1, 2, 3, 4, 50, tzinfo=timezone(timedelta(hours=2))),
         "2026-01-02T01:04:50Z"),
    ],
)  # fmt: skip
def test_time_has_no_zeros_at_the_end(moment: datetime, text: str) -> None:
    assert write_datetime(moment) == text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-01-06T09:00:00.1234567Z", "2026-01-06T09:00:00.123456Z"),
        ("2026-01-06T09:00:00.2200000Z", "2026-01-06T09:00:00.22Z"),
        ("2026-01-06T09:00:00+02:00", "2026-01-06T07:00:00Z"),
        ("2026-01-06T09:00:00.5-05:30", "2026-01-06T14:30:00.5Z"),
        ("2026-01-06T09:00:00", "2026-01-06T09:00:00Z"),
    ],
)
def test_times_of_dotnet_are_read(desk: Desk, sent: str, shown: str) -> None:
    specification = {"poolInfo": {"poolId": "p"}}
    body = {"id": "s", "schedule": {"doNotRunUntil": sent}, "jobSpecification": specification}
    assert desk.post("/jobschedules", body).status == 201
    found = desk.get("/jobschedules/s").content
    assert found["schedule"]["doNotRunUntil"] == shown
    assert found["executionInfo"]["nextRunTime"] == shown


@pytest.mark.parametrize("sent", [UNLIMITED, "P10675199DT2H48M5.477581S", "P10675199D"])
def test_files_that_are_kept_for_ever_are_never_deleted(desk: Desk, sent: str) -> None:
    constraints = {"constraints": {"retentionTime": sent}}
    desk.furnish()
    prepared = {"jobPreparationTask": {"commandLine": "true"} | constraints}
    released = {"jobReleaseTask": {"commandLine": "true", "retentionTime": sent}}
    assert desk.post("/jobs", JOB | {"id": "k"} | prepared | released).status == 201
    assert (
        desk.post("/jobs/k/tasks", {"id": "t", "commandLine": "true"} | constraints).status == 201
    )
    desk.lab.jobs["k"].tasks.wait()
    desk.lab.advance("400d")
    job = desk.get("/jobs/k").content
    assert job["jobPreparationTask"]["constraints"]["retentionTime"] == UNLIMITED
    assert job["jobReleaseTask"]["retentionTime"] == UNLIMITED
    assert desk.get("/jobs/k/tasks/t").content["constraints"]["retentionTime"] == UNLIMITED
    assert desk.get("/jobs/k/tasks/t/files/stdout.txt").status == 200
    (node,) = desk.get("/pools/p/nodes").content["value"]
    files = desk.get(f"/pools/p/nodes/{node['id']}/files", "recursive=true").content["value"]
    assert any("jobpreparation" in file["name"] for file in files)


def test_longest_duration_is_written_as_dotnet_does() -> None:
    assert write_duration(FOREVER) == UNLIMITED
    assert write_duration(FOREVER - timedelta(days=1)) == "P10675198DT2H48M5.47758S"


@pytest.mark.parametrize(
    ("method", "path", "body", "missing"),
    [
        ("POST", "/pools", {"id": "q"}, "vmSize"),
        ("POST", "/pools", {"id": "q", "vmSize": None}, "vmSize"),
        (
            "POST",
            "/jobs",
            {
                "id": "k",
                "poolInfo": {
                    "autoPoolSpecification": {
                        "poolLifetimeOption": "job",
                        "pool": {"targetDedicatedNodes": 1},
                    }
                },
            },
            "vmSize",
        ),
        ("PUT", "/jobs/j", {"priority": 5}, "poolInfo"),
        ("PUT", "/jobs/j", {}, "poolInfo"),
        ("PUT", "/jobschedules/s", {"metadata": []}, "jobSpecification"),
    ],
)
def test_what_the_service_requires_is_required(
    desk: Desk, method: str, path: str, body: dict[str, Any], missing: str
) -> None:
    desk.furnish()
    before = desk.get("/jobs/j").content
    answer = desk.ask(method, path, body)
    assert (answer.status, answer.code) == (400, "MissingRequiredProperty")
    assert {"key": "PropertyName", "value": missing} in answer.content["values"]
    assert desk.get("/jobs/j").content == before


# -- properties that a lab does not use, inside those that it does -----------------------------

CONTAINER = {"imageName": "busybox", "workingDirectory": "taskWorkingDirectory"}
IMAGE = {
    "imageReference": {"publisher": "a", "offer": "b", "sku": "c", "version": "latest"},
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}


def auto_pool(**more: Any) -> dict[str, Any]:
    pool = {"vmSize": "standard_d2s_v3", "virtualMachineConfiguration": IMAGE} | more
    return {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}


def test_change_of_a_pool_keeps_what_is_inside(desk: Desk) -> None:
    desk.post("/pools", POOL | {"startTask": {"commandLine": "a", "containerSettings": CONTAINER}})
    start = {"commandLine": "b", "containerSettings": CONTAINER | {"imageName": "other"}}
    for method, path, more in [
        ("PATCH", "/pools/p", {}),
        ("POST", "/pools/p/updateproperties",
         {"metadata": [], "applicationPackageReferences": []}),
    ]:  # fmt: skip
        assert desk.ask(method, path, {"startTask": start} | more).status in (200, 204)
        found = desk.get("/pools/p").content["startTask"]
        assert found["containerSettings"] == start["containerSettings"]
        assert found["commandLine"] == "b"
        assert desk.ask("PATCH", "/pools/p", {"startTask": {"commandLine": "c"}}).status == 200
        assert "containerSettings" not in desk.get("/pools/p").content["startTask"]


def test_change_of_a_pool_keeps_what_a_lab_does_not_use(desk: Desk) -> None:
    desk.post("/pools", POOL | {"virtualMachineConfiguration": IMAGE})
    network = {"networkConfiguration": {"enableAcceleratedNetworking": True,
                                        "dynamicVNetAssignmentScope": "none"}}  # fmt: skip
    assert desk.ask("PATCH", "/pools/p", network).status == 200
    pool = desk.get("/pools/p").content
    assert pool["networkConfiguration"] == network["networkConfiguration"]
    assert pool["virtualMachineConfiguration"]["nodeAgentSKUId"] == IMAGE["nodeAgentSKUId"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_change_of_a_job_keeps_what_is_inside_its_auto_pool(desk: Desk, method: str) -> None:
    assert desk.post("/jobs", {"id": "j", "poolInfo": auto_pool()}).status == 201
    before = desk.get("/jobs/j").content["poolInfo"]
    assert desk.ask(method, "/jobs/j", {"poolInfo": auto_pool(), "priority": 3}).status == 200
    job = desk.get("/jobs/j").content
    assert (job["poolInfo"], job["priority"]) == (before, 3)
    pool = job["poolInfo"]["autoPoolSpecification"]["pool"]
    assert pool["virtualMachineConfiguration"] == IMAGE


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_change_of_a_schedule_keeps_what_is_inside(desk: Desk, method: str) -> None:
    schedule = {"schedule": {"recurrenceInterval": "PT1H"}}
    first = {"jobSpecification": {"poolInfo": auto_pool()}}
    assert desk.post("/jobschedules", {"id": "s"} | schedule | first).status == 201
    manager = {"id": "m", "commandLine": "true", "containerSettings": CONTAINER}
    other = {"poolInfo": auto_pool(taskSlotsPerNode=2), "jobManagerTask": manager}
    body = {"jobSpecification": other} | (schedule if method == "PUT" else {})
    assert desk.ask(method, "/jobschedules/s", body).status == 200
    found = desk.get("/jobschedules/s").content["jobSpecification"]
    pool = found["poolInfo"]["autoPoolSpecification"]["pool"]
    assert pool["virtualMachineConfiguration"] == IMAGE
    assert pool["taskSlotsPerNode"] == 2
    assert found["jobManagerTask"]["containerSettings"] == CONTAINER
