"""Ids whose resource is ending or over: what they answer on the wire."""

from __future__ import annotations

import pytest

from helpers.rest import JOB, POOL, Desk

POOL_INFO = {"poolInfo": {"poolId": "p"}}


def test_ids_that_are_ending_or_over_say_so(desk: Desk) -> None:
    desk.post("/pools", POOL)
    desk.lab.advance("1m")
    preparing = {"jobPreparationTask": {"commandLine": "true"}}
    desk.post("/jobs", JOB | preparing | {"jobReleaseTask": {"commandLine": "sleep 60"}})
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "sleep 1000"})
    desk.lab.advance("30s")
    assert desk.post("/jobs", JOB).code == "JobExists"
    desk.ask("DELETE", "/jobs/j")
    assert desk.post("/jobs", JOB).code == "JobBeingDeleted"
    assert desk.post("/jobs/j/tasks", {"id": "x", "commandLine": "true"}).code == "JobBeingDeleted"
    assert desk.post("/pools", POOL).code == "PoolExists"
    desk.ask("DELETE", "/pools/p")
    assert desk.post("/pools", POOL).code == "PoolBeingDeleted"
    for verb, body in [("resize", {"targetDedicatedNodes": 2}), ("stopresize", None),
                       ("enableautoscale", {"autoScaleFormula": "$TargetDedicatedNodes = 1"}),
                       ("disableautoscale", None)]:  # fmt: skip
        assert desk.post(f"/pools/p/{verb}", body).code == "PoolBeingDeleted", verb
    assert desk.ask("PATCH", "/pools/p", {"metadata": []}).code == "PoolBeingDeleted"
    assert desk.post("/jobs", JOB | {"id": "k"}).code == "PoolBeingDeleted"
    desk.post("/jobs", {"id": "mover", "poolInfo": {"poolId": "elsewhere"}})
    desk.post("/jobs/mover/disable", {"disableTasks": "requeue"})
    assert (
        desk.ask("PATCH", "/jobs/mover", {"priority": 1, **POOL_INFO}).code == "PoolBeingDeleted"
    )
    mover = desk.get("/jobs/mover").content
    assert (mover["poolInfo"], mover["priority"]) == ({"poolId": "elsewhere"}, 0)
    over = {"id": "k", "poolInfo": {"poolId": "q"}}
    desk.post("/jobs", over)
    desk.post("/jobs/k/terminate")
    desk.lab.advance("1m")
    assert desk.post("/jobs", over).code == "JobCompleted"
    assert desk.post("/jobs/k/tasks", {"id": "x", "commandLine": "true"}).code == "JobCompleted"
    schedule = {"id": "k", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "q"}}}
    assert desk.post("/jobschedules", schedule).code == "JobWithSameIdExists"
    desk.post("/jobschedules", schedule | {"id": "s"})
    assert desk.post("/jobs", over | {"id": "s"}).code == "JobScheduleWithSameIdExists"


BODIES = {
    "/pools/none/resize": "targetDedicatedNodes and/or targetLowPriorityNodes",
    "/pools/none/removenodes": "nodeList",
    "/pools/none/evaluateautoscale": "autoScaleFormula",
    "/jobs/none/disable": "disableTasks",
    "/jobs/none/tasks": "id",
}


@pytest.mark.parametrize(("path", "name"), BODIES.items())
def test_body_is_checked_before_its_resource(desk: Desk, path: str, name: str) -> None:
    answer = desk.post(path, {})
    assert (answer.status, answer.code) == (400, "MissingRequiredProperty")
    assert {"key": "PropertyName", "value": name} in answer.content["values"]


@pytest.mark.parametrize(
    ("path", "name"), [("/jobs/none", "poolInfo"), ("/jobschedules/none", "jobSpecification")]
)
def test_body_that_replaces_a_resource_must_have_what_it_cannot_lack(
    desk: Desk, path: str, name: str
) -> None:
    for body in ({}, {name: None}):
        answer = desk.ask("PUT", path, body)
        assert (answer.status, answer.code) == (400, "MissingRequiredProperty")
        assert answer.values == [{"key": "PropertyName", "value": name}]


def test_whether_an_auto_pool_is_kept_can_be_patched(desk: Desk) -> None:
    auto = {"poolLifetimeOption": "job", "keepAlive": False, "pool": {"vmSize": "standard_d2s_v3"}}
    desk.post("/jobs", {"id": "j", "poolInfo": {"autoPoolSpecification": auto}})
    kept = {"poolInfo": {"autoPoolSpecification": auto | {"keepAlive": True}}}
    assert desk.ask("PATCH", "/jobs/j", kept).status == 200
    shown = desk.get("/jobs/j").content["poolInfo"]["autoPoolSpecification"]
    assert shown["keepAlive"] is True
    desk.post("/jobs/j/terminate")
    desk.lab.advance("5m")
    assert len(desk.get("/pools").content["value"]) == 1
