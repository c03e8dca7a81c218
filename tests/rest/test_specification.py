"""Properties that no version of the API has are refused, and the table is that of the SDK."""

from __future__ import annotations

import inspect
from typing import Any

import azure.batch._operations._operations as sdk_operations
import azure.batch.models._models as sdk_models
import pytest
from azure.batch import _configuration as sdk_configuration

from batchlab.rest.routes import OPERATIONS
from batchlab.rest.specification import ANSWERS, BODIES, TYPES
from helpers.rest import JOB, POOL, Desk
from helpers.specification import merged, read_release

NODE = "tvmps_x"
VALID: dict[str, tuple[str, str, dict[str, Any]]] = {
    "create_pool": ("POST", "/pools", POOL | {"id": "q"}),
    "update_pool": ("PATCH", "/pools/p", {"metadata": []}),
    "replace_pool_properties": (
        "POST", "/pools/p/updateproperties", {"metadata": [], "applicationPackageReferences": []},
    ),
    "resize_pool": ("POST", "/pools/p/resize", {"targetDedicatedNodes": 2}),
    "enable_pool_auto_scale": (
        "POST", "/pools/p/enableautoscale", {"autoScaleFormula": "$TargetDedicatedNodes=1"},
    ),
    "evaluate_pool_auto_scale": ("POST", "/pools/p/evaluateautoscale", {"autoScaleFormula": "1"}),
    "remove_nodes": ("POST", "/pools/p/removenodes", {"nodeList": [NODE]}),
    "create_job": ("POST", "/jobs", JOB | {"id": "k"}),
    "update_job": ("PATCH", "/jobs/j", {"priority": 5}),
    "replace_job": ("PUT", "/jobs/j", {"poolInfo": {"poolId": "p"}}),
    "disable_job": ("POST", "/jobs/j/disable", {"disableTasks": "requeue"}),
    "terminate_job": ("POST", "/jobs/j/terminate", {"terminateReason": "x"}),
    "create_task": ("POST", "/jobs/j/tasks", {"id": "t", "commandLine": "true"}),
    "create_task_collection": ("POST", "/jobs/j/addtaskcollection", {"value": []}),
    "replace_task": ("PUT", "/jobs/j/tasks/a", {"constraints": {}}),
    "create_job_schedule": (
        "POST", "/jobschedules",
        {"id": "s", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}}},
    ),
    "update_job_schedule": ("PATCH", "/jobschedules/s", {"metadata": []}),
    "replace_job_schedule": (
        "PUT", "/jobschedules/s", {"jobSpecification": {"poolInfo": {"poolId": "p"}}},
    ),
    "reboot_node": ("POST", f"/pools/p/nodes/{NODE}/reboot", {"nodeRebootOption": "requeue"}),
    "reimage_node": ("POST", f"/pools/p/nodes/{NODE}/reimage", {"nodeReimageOption": "requeue"}),
    "disable_node_scheduling": ("POST", f"/pools/p/nodes/{NODE}/disablescheduling", {}),
    "add_certificate": ("POST", "/certificates", {"data": ""}),
}  # fmt: skip
"""A body of each operation."""


@pytest.fixture
def busy(desk: Desk) -> Desk:
    desk.furnish("a")
    return desk


def state(desk: Desk) -> list[Any]:
    return [
        desk.get(path).content.get("value")
        for path in ("/pools", "/jobs", "/jobs/j/tasks", "/jobschedules", "/pools/p/nodes")
    ]


def reason(answer: Any) -> str:
    assert (answer.status, answer.code) == (400, "InvalidRequestBody"), answer.content
    return {one["key"]: one["value"] for one in answer.content["values"]}["Reason"]


@pytest.mark.parametrize("operation", VALID)
def test_unknown_property_is_refused_and_nothing_changes(busy: Desk, operation: str) -> None:
    method, path, body = VALID[operation]
    before = state(busy)
    answer = busy.ask(method, path, body | {"xyzzy": 1})
    kind = BODIES[operation]
    assert reason(answer) == f"The property 'xyzzy' does not exist on type '{kind}'"
    assert state(busy) == before


@pytest.mark.parametrize(
    ("path", "extra", "kind", "cure"),
    [
        ("/pools", {"targetDedicatedNode": 3}, "BatchPoolCreateOptions", "targetDedicatedNodes"),
        ("/pools", {"target_dedicated_nodes": 3}, "BatchPoolCreateOptions",
         "targetDedicatedNodes"),
        ("/pools", {"TargetDedicatedNodes": 3}, "BatchPoolCreateOptions", "targetDedicatedNodes"),
        ("/pools", {"targetDedicated": 3}, "BatchPoolCreateOptions", "targetDedicatedNodes"),
        ("/pools", {"maxTasksPerNode": 3}, "BatchPoolCreateOptions", "taskSlotsPerNode"),
        ("/pools", {"startTasks": {"commandLine": "x"}}, "BatchPoolCreateOptions", "startTask"),
        ("/pools", {"interNodeCommunication": "Enabled"}, "BatchPoolCreateOptions",
         "enableInterNodeCommunication"),
        ("/pools", {"startTask": {"commandline": "x"}}, "BatchStartTask", "commandLine"),
        ("/pools", {"virtualMachineConfiguration": {"imageReference": {"offers": "x"}}},
         "BatchVmImageReference", "offer"),
        ("/pools", {"networkConfiguration": {"subnetID": "x"}}, "NetworkConfiguration",
         "subnetId"),
        ("/pools", {"mountConfiguration": [{"nfsMountConfiguration": {"sources": "x"}}]},
         "NfsMountConfiguration", "source"),
        ("/jobs/j/tasks", {"constraint": {"maxTaskRetryCount": 3}}, "BatchTaskCreateOptions",
         "constraints"),
        ("/jobs/j/tasks", {"dependson": {"taskIds": ["a"]}}, "BatchTaskCreateOptions",
         "dependsOn"),
        ("/jobs/j/tasks", {"maxTaskRetryCount": 3}, "BatchTaskCreateOptions", "constraints"),
        ("/jobs/j/tasks", {"runElevated": True}, "BatchTaskCreateOptions", "userIdentity"),
        ("/jobs/j/tasks", {"resourceFiles": [{"blobSource": "x", "filePath": "y"}]},
         "ResourceFile", "httpUrl"),
        ("/jobs/j/tasks", {"dependsOn": {"taskIdRanges": [{"from": 1, "end": 2}]}},
         "BatchTaskIdRange", ""),
        ("/jobs", {"poolInfo": {"autoPoolSpecification": {
            "poolLifetimeOption": "job", "pool": {"vmSize": "small", "targetNodes": 1}}}},
         "BatchPoolSpecification", ""),
    ],
)  # fmt: skip
def test_misspelt_property_is_refused_with_the_right_name(
    busy: Desk, path: str, extra: dict[str, Any], kind: str, cure: str
) -> None:
    needed = {"/pools": POOL, "/jobs": JOB, "/jobs/j/tasks": {"commandLine": "true"}}[path]
    found = reason(busy.post(path, needed | {"id": "new"} | extra))
    assert f" does not exist on type '{kind}'" in found
    assert f"'{cure}'" in found or not cure, found
    assert busy.get(f"{path}/new").status == 404


def test_collection_with_an_unknown_property_adds_no_task(busy: Desk) -> None:
    good, bad = {"id": "x", "commandLine": "true"}, {"id": "y", "command": "true"}
    answer = busy.post("/jobs/j/addtaskcollection", {"value": [good, bad]})
    assert "use 'commandLine'" in reason(answer)
    assert busy.get("/jobs/j/tasks/x").status == 404


def test_body_of_the_management_api_is_recognised(desk: Desk) -> None:
    scale = {"fixedScale": {"targetDedicatedNodes": 1}}
    body = {"properties": {"vmSize": "standard_a1_v2", "scaleSettings": scale}}
    found = reason(desk.ask("POST", "/pools", {"name": "p"} | body))
    assert found.startswith("The property 'properties' does not exist on type")
    assert "management API" in found
    assert "instead of 'scaleSettings' use 'targetDedicatedNodes'" in found


@pytest.mark.parametrize(
    ("path", "extra", "what"),
    [
        ("/pools", {"startTask": "true"}, "of type 'BatchPoolCreateOptions' must be an object"),
        ("/pools", {"networkConfiguration": [1]}, "'networkConfiguration' of type"),
        ("/pools", {"mountConfiguration": {}}, "must be a list"),
        ("/pools", {"metadata": [None]}, "must be an object"),
        ("/pools", {"virtualMachineConfiguration": {"licenseType": 5}}, "must be text"),
        ("/pools", {"resourceTags": ["a"]}, "must be an object"),
        ("/pools", {"resizeTimeout": 900}, "must be text"),
        ("/jobs/j/tasks", {"requiredSlots": True}, "must be a number"),
        ("/jobs/j/tasks", {"environmentSettings": [{"name": ["x"], "value": "y"}]},
         "must be text"),
        ("/jobs/j/tasks", {"constraints": "none"}, "must be an object"),
        ("/jobs", {"usesTaskDependencies": 1}, "must be true or false"),
    ],
)  # fmt: skip
def test_value_of_a_wrong_json_type_is_refused(
    busy: Desk, path: str, extra: dict[str, Any], what: str
) -> None:
    needed = {"/pools": POOL, "/jobs": JOB, "/jobs/j/tasks": {"commandLine": "true"}}[path]
    assert what in reason(busy.post(path, needed | {"id": "new"} | extra))
    assert busy.get(f"{path}/new").status == 404


def test_what_may_have_any_names_accepts_any(desk: Desk) -> None:
    extension = {"name": "x", "publisher": "y", "type": "z", "settings": {"any": [{"thing": 1}]}}
    extra = {
        "virtualMachineConfiguration": {"extensions": [extension]},
        "resourceTags": {"cost centre": "7"},
    }
    assert desk.post("/pools", POOL | extra | {"odata.type": "x"}).status == 201
    pool = desk.get("/pools/p").content
    assert {name: pool[name] for name in extra} == extra


# -- the table ----------------------------------------------------------------------------------


def test_every_operation_with_a_body_has_its_type() -> None:
    answers = {route.answer.__name__ for route in OPERATIONS}
    assert set(BODIES) <= answers
    assert set(BODIES.values()) | set(ANSWERS.values()) <= set(TYPES)
    parts = {about.kind for properties in TYPES.values() for about in properties.values()}
    assert parts - set(TYPES) <= {
        "str", "int", "float", "bool", "time", "duration", "map", "any",
    }  # fmt: skip
    for properties in TYPES.values():
        for about in properties.values():
            assert not about.now or about.now in properties


def test_table_agrees_with_the_sdk_that_is_installed() -> None:
    release = read_release(
        {
            "azure/batch/models/_models.py": inspect.getsource(sdk_models),
            "azure/batch/_operations/_operations.py": inspect.getsource(sdk_operations),
            "azure/batch/_configuration.py": inspect.getsource(sdk_configuration),
        }
    )
    month = release.version[:7]
    assert {BODIES[name] for name in VALID} - {"BatchCertificate"} <= set(release.types)
    for name, properties in merged([release]):
        ours = {
            key: about
            for key, about in TYPES[name].items()
            if about.since <= month and not (about.until and about.until <= month)
        }
        assert set(ours) == set(properties), name
        for key, kinds in properties.items():
            kind = kinds[release.version]
            assert ours[key].several == (kind[0] == "["), key
            assert ours[key].kind == kind.strip("[]") or ours[key].kind == "any", key
