"""A pool of the management plane is a pool of the lab, there and back."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.azure.arm_pools import pool_of_arm
from batchlab.azure.names import IDENTITY
from helpers.azure import Box

MACHINE = {
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server",
            "version": "latest",
        },
        "nodeAgentSkuId": "batch.node.ubuntu 24.04",
    },
}  # fmt: skip
FIXED = {"fixedScale": {"targetDedicatedNodes": 1}}
SMALL = {"vmSize": "STANDARD_D2S_V3", "deploymentConfiguration": MACHINE}


def test_pool_of_a_template_gets_what_it_says(box: Box) -> None:
    """As in the portal: `properties` around it, and scale settings."""
    properties = {"vmSize": "standard_a1_v2", "scaleSettings": FIXED}
    answer = box.ask("PUT", "pools/p", {"properties": properties})
    assert answer.status == 200
    pool = box.lab.pools["p"]
    assert (pool.vm_size, pool.target_dedicated_nodes) == ("standard_a1_v2", 1)


def test_everything_in_a_pool_is_read_back_as_it_was_given(box: Box) -> None:
    given: dict[str, Any] = {
        "displayName": "d", "vmSize": "STANDARD_D2S_V3", "interNodeCommunication": "Enabled",
        "taskSlotsPerNode": 2, "taskSchedulingPolicy": {"nodeFillType": "Pack"},
        "deploymentConfiguration": MACHINE,
        "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 1, "targetLowPriorityNodes": 2,
                                         "resizeTimeout": "PT8M"}},
        "startTask": {
            "commandLine": "/bin/sh -c true", "maxTaskRetryCount": 2, "waitForSuccess": True,
            "environmentSettings": [{"name": "A", "value": "1"}],
            "resourceFiles": [{"httpUrl": "https://example.com/f", "filePath": "f"}],
            "userIdentity": {"autoUser": {"scope": "Pool", "elevationLevel": "Admin"}},
        },
        "metadata": [{"name": "a", "value": "b"}],
        "userAccounts": [{"name": "joe", "elevationLevel": "NonAdmin"}],
        "networkConfiguration": {"endpointConfiguration": {"inboundNatPools": [{
            "name": "ssh", "protocol": "TCP", "backendPort": 22, "frontendPortRangeStart": 15000,
            "frontendPortRangeEnd": 15100,
        }]}},
        "targetNodeCommunicationMode": "Simplified",
    }  # fmt: skip
    users = [{**given["userAccounts"][0], "password": "secret"}]
    answer = box.ask("PUT", "pools/p", {"properties": {**given, "userAccounts": users}})
    assert answer.status == 200, answer.content
    shown = box.ask("GET", "pools/p")
    assert shown.headers["ETag"] == shown.content["etag"]
    assert shown.content["id"] == f"{box.account.path}/pools/p"
    properties = shown.content["properties"]

    def has(found: Any, wanted: Any, where: str = "") -> None:
        if isinstance(wanted, dict):
            for name, value in wanted.items():
                has(found[name], value, f"{where}.{name}")
        elif isinstance(wanted, list):
            assert len(found) == len(wanted), where
            for one, other in zip(found, wanted, strict=True):
                has(one, other, where)
        else:
            same = found.lower() == wanted.lower() if where == ".vmSize" else found == wanted
            assert same, where

    has(properties, given)
    assert properties["provisioningState"] == "Succeeded"
    assert properties["allocationState"] == "Resizing"
    assert properties["resizeOperationStatus"]["targetDedicatedNodes"] == 1
    assert b"secret" not in repr(shown.content).encode()
    again = box.ask("PUT", "pools/q", {"properties": properties | {"userAccounts": users}})
    assert again.status == 200, "what was read can be sent back"


def test_pool_with_a_formula(box: Box) -> None:
    auto = {"formula": "$TargetDedicatedNodes = 2", "evaluationInterval": "PT5M"}
    body = {"properties": {"vmSize": "small", "scaleSettings": {"autoScale": auto}}}
    properties = box.ask("PUT", "pools/p", body).content["properties"]
    assert properties["scaleSettings"] == {"autoScale": auto}
    assert "$TargetDedicatedNodes=2" in properties["autoScaleRun"]["results"]
    answer = box.ask("POST", "pools/p/disableAutoScale")
    fixed = answer.content["properties"]["scaleSettings"]["fixedScale"]
    assert fixed["targetDedicatedNodes"] == 2


def test_references_are_paths(box: Box) -> None:
    box.lab.create_application("app").create_package("1", b"zip")
    packages = [{"id": f"{box.account.path}/pools/p/applications/app", "version": "1"}]
    body = {"properties": {"vmSize": "small", "applicationPackages": packages}}
    shown = box.ask("PUT", "pools/p", body).content["properties"]["applicationPackages"]
    assert shown == [{"id": f"{box.account.path}/applications/app", "version": "1"}]
    (reference,) = box.lab.pools["p"].application_package_references
    assert (reference.application_id, reference.version) == ("app", "1")
    certificates = [{"id": "/x/certificates/sha1-ab12", "storeName": "MY",
                     "visibility": ["RemoteUser"]}]  # fmt: skip
    assert pool_of_arm({"certificates": certificates})["certificateReferences"] == [
        {"thumbprint": "ab12", "thumbprintAlgorithm": "sha1", "storeName": "MY",
         "visibility": ["remoteuser"]}
    ]  # fmt: skip


def test_user_is_spelt_otherwise_except_in_a_registry() -> None:
    registry = {"username": "u", "registryServer": "r"}
    machine = {"containerConfiguration": {"type": "DockerCompatible",
                                          "containerRegistries": [registry]}}  # fmt: skip
    found = pool_of_arm({
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "startTask": {"userIdentity": {"userName": "joe"}},
    })  # fmt: skip
    assert found["startTask"]["userIdentity"] == {"username": "joe"}
    container = found["virtualMachineConfiguration"]["containerConfiguration"]
    assert container["containerRegistries"] == [registry]


@pytest.mark.parametrize(("properties", "code", "named"), [
    ({"vmSize": "potato"}, "InvalidPropertyValue", "vmSize"),
    ({}, "MissingRequiredProperty", "vmSize"),
    ({"vmSize": "small", "interNodeCommunication": "maybe"}, "InvalidPropertyValue", "maybe"),
    ({"vmSize": "small", "scaleSettings": 3}, "InvalidPropertyValue", "scaleSettings"),
    ({"vmSize": "small", "scaleSettings": {"fixedScale": {}, "autoScale": {}}},
     "InvalidPropertyValue", "either"),
    ({"vmSize": "small", "scaleSettings": {"autoScale": {}}}, "MissingRequiredProperty", ""),
    ({"vmSize": "small", "applicationPackages": "x"}, "InvalidPropertyValue", "list"),
    ({"vmSize": "small", "applicationPackages": [3]}, "InvalidPropertyValue", "object"),
    ({"vmSize": "small", "deploymentConfiguration": []}, "InvalidPropertyValue", "object"),
    ({"vmSize": "small", "vmSizes": "x"}, "InvalidRequestBody", "vmSizes"),
    ({"vmSize": "small", "networkConfiguration": {"subnetId": "/x"}},
     "InvalidPropertyValue", "subnetId"),
    ([], "InvalidPropertyValue", "properties"),
    ("x", "InvalidPropertyValue", "properties"),
])  # fmt: skip
def test_wrong_pool_is_refused_and_does_not_exist(
    box: Box, properties: Any, code: str, named: str
) -> None:
    answer = box.ask("PUT", "pools/p", {"properties": properties})
    assert (answer.status, answer.code) == (400, code), answer.content
    assert named in answer.reason or answer.content["error"].get("target") == named
    assert len(box.lab.pools) == 0


def test_id_of_a_pool_is_decoded_once(box: Box) -> None:
    body = {"properties": {"vmSize": "small"}}
    for name in ("a%2Fb", "a%2541", "a%3Fb", "a b"):
        answer = box.ask("PUT", f"pools/{name}", body)
        assert answer.status in (400, 404), name
    assert box.ask("PUT", "pools/a%2Db", body).content["name"] == "a-b"
    assert list(box.lab.pools) == ["a-b"]


@pytest.mark.code("InvalidRequestContent")
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"3"])
def test_body_that_is_no_object_is_refused(box: Box, body: bytes) -> None:
    token, _ = box.tokens.issue("https://management.azure.com/")
    answer = box.send("management.azure.com", "PUT", f"{box.account.path}/pools/p", body,
                      Authorization=f"Bearer {token}")  # fmt: skip
    assert (answer.status, answer.code) == (400, "InvalidRequestContent")


def test_pool_that_exists_is_not_made_again(box: Box) -> None:
    body = {"properties": {"vmSize": "small"}}
    assert box.ask("PUT", "pools/p", body).status == 200
    again = box.ask("PUT", "pools/P", body)
    assert (again.status, again.code) == (409, "PoolExists")
    assert box.ask("PUT", "pools/p", body, **{"If-None-Match": "*"}).status == 412


def test_pool_may_have_the_identity_of_this_lab_and_no_other(box: Box) -> None:
    identity = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY.lower(): {}}}
    body = {"properties": {"vmSize": "small"}, "identity": identity}
    answer = box.ask("PUT", "pools/p", body)
    assert list(answer.content["identity"]["userAssignedIdentities"]) == [IDENTITY]
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {"/other": {}}}
    refused = box.ask("PUT", "pools/q", body)
    assert (refused.status, refused.code) == (400, "InvalidPropertyValue")
    assert IDENTITY in refused.reason
    assert list(box.lab.pools) == ["p"]


def test_pool_changes_its_size_and_its_formula(box: Box) -> None:
    box.ask("PUT", "pools/p", {"properties": SMALL | {"scaleSettings": FIXED}})
    box.lab.pools["p"].wait("steady")

    def change(properties: dict[str, Any]) -> dict[str, Any]:
        answer = box.ask("PATCH", "pools/p", {"properties": properties})
        assert answer.status == 200, answer.content
        return answer.content["properties"]

    same = change({"scaleSettings": FIXED, "metadata": [{"name": "a", "value": "b"}]})
    assert (same["allocationState"], same["metadata"]) == ("Steady", [{"name": "a", "value": "b"}])
    larger = change({"scaleSettings": {"fixedScale": {"targetDedicatedNodes": 3}}})
    assert larger["allocationState"] == "Resizing"
    assert larger["resizeOperationStatus"]["targetDedicatedNodes"] == 3
    assert box.ask("POST", "pools/p/stopResize").content["properties"]["allocationState"] in (
        "Stopping", "Steady",
    )  # fmt: skip
    box.lab.pools["p"].wait("steady")
    auto = {"formula": "$TargetDedicatedNodes = 1", "evaluationInterval": "PT10M"}
    assert change({"scaleSettings": {"autoScale": auto}})["scaleSettings"] == {"autoScale": auto}
    box.lab.pools["p"].wait("steady")
    fixed = change({"scaleSettings": {"fixedScale": {"targetDedicatedNodes": 0}}})
    assert fixed["scaleSettings"]["fixedScale"]["targetDedicatedNodes"] == 0
    box.lab.pools["p"].wait("steady")
    broken = {"autoScale": {"formula": "$Nothing", "evaluationInterval": "PT10M"}}
    assert "Undefined symbol" in repr(change({"scaleSettings": broken})["autoScaleRun"]["error"])
    often = {"autoScale": {"formula": "$TargetDedicatedNodes=1", "evaluationInterval": "PT1S"}}
    wrong = box.ask("PATCH", "pools/p", {"properties": {"scaleSettings": often}})
    assert (wrong.status, wrong.code) == (400, "InvalidPropertyValue")
    assert box.ask("PATCH", "pools/none", {"properties": {}}).code == "PoolNotFound"


def test_client_learns_when_a_pool_is_gone(box: Box) -> None:
    box.ask("PUT", "pools/p", {"properties": SMALL | {"scaleSettings": FIXED}})
    box.lab.pools["p"].wait("steady")
    answer = box.ask("DELETE", "pools/p", None, "api-version=2024-07-01")
    assert answer.status == 202
    where = answer.headers["Location"].removeprefix("https://management.azure.com")
    assert box.ask("DELETE", "pools/p").status == 202, "it is being deleted"
    assert box.ask("GET", where.partition("?")[0]).status == 202
    assert box.ask("GET", "pools/p").content["properties"]["provisioningState"] == "Deleting"
    box.lab.advance("5m")
    assert box.ask("GET", where.partition("?")[0]).status == 200
    assert box.ask("DELETE", "pools/p").status == 204
    assert box.ask("GET", "pools/p").code == "PoolNotFound"


def test_list_of_pools_comes_in_pages(box: Box) -> None:
    for number in range(3):
        box.lab.create_pool(f"p{number}")
    assert len(box.ask("GET", "pools").content["value"]) == 3
    first = box.ask("GET", "pools", None, "api-version=2024-07-01&maxresults=2").content
    assert [row["name"] for row in first["value"]] == ["p0", "p1"]
    path, _, query = first["nextLink"].removeprefix("https://management.azure.com").partition("?")
    second = box.ask("GET", path, None, query).content
    assert [row["name"] for row in second["value"]] == ["p2"]
    assert "nextLink" not in second
    assert box.ask("GET", "pools", None, "maxresults=x").status == 400


def test_size_may_say_how_nodes_are_to_leave_later(box: Box) -> None:
    scale = {"fixedScale": {"targetDedicatedNodes": 1, "nodeDeallocationOption": "TaskCompletion"}}
    answer = box.ask("PUT", "pools/p", {"properties": SMALL | {"scaleSettings": scale}})
    assert answer.status == 200, answer.content
    assert box.lab.pools["p"].target_dedicated_nodes == 1


def test_empty_start_task_removes_it_and_nothing_else(box: Box) -> None:
    box.lab.create_application("tool").create_package("1", b"PK\x05\x06" + b"\0" * 18)
    package = {"id": f"{box.account.path}/applications/tool", "version": "1"}
    given = SMALL | {
        "startTask": {"commandLine": "true"}, "metadata": [{"name": "a", "value": "b"}],
        "applicationPackages": [package],
    }  # fmt: skip
    box.ask("PUT", "pools/p", {"properties": given})
    answer = box.ask("PATCH", "pools/p", {"properties": {"startTask": {}}})
    assert answer.status == 200, answer.content
    found = answer.content["properties"]
    assert "startTask" not in found
    assert (found["metadata"], found["applicationPackages"]) == (given["metadata"], [package])


def test_image_of_a_subscription_is_refused_by_its_name_here(box: Box) -> None:
    image = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/x/images/y"
    machine = MACHINE["virtualMachineConfiguration"] | {"imageReference": {"id": image}}
    body = {"properties": SMALL | {"deploymentConfiguration": {
        "virtualMachineConfiguration": machine}}}  # fmt: skip
    answer = box.ask("PUT", "pools/p", body)
    assert (answer.status, answer.code) == (400, "InvalidPropertyValue")
    assert "no such image" in answer.reason
