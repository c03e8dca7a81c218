"""What all resources of the management plane have: versions, errors with details, lists."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from batchlab.azure.names import SUBSCRIPTION
from helpers.azure import Box

PLACE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Batch/locations/westeurope"
POOL = {"properties": {"vmSize": "STANDARD_A1_V2"}}
APPLICATION = {"properties": {"displayName": "d"}}


def details(answer: Any) -> dict[str, str]:
    return {one["code"]: one["message"] for one in answer.content["error"]["details"]}


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("pools/p", POOL, {"properties": {"metadata": [{"name": "a", "value": "b"}]}}),
        ("applications/a", APPLICATION, {"properties": {"displayName": "e"}}),
    ],
)
def test_resource_is_changed_only_in_the_version_that_is_required(
    box: Box, path: str, body: Any, change: Any
) -> None:
    made = box.ask("PUT", path, body, If_None_Match="*")
    assert made.status == 200
    etag = made.content["etag"]
    assert etag.startswith('W/"0x')
    assert made.headers["ETag"] == etag == box.ask("GET", path).headers["ETag"]
    again = box.ask("PUT", path, body, If_None_Match="*")
    assert (again.status, again.code) == (412, "ConditionNotMet")
    refused = box.ask("PATCH", path, change, If_Match='W/"0x1"')
    assert (refused.status, refused.code) == (412, "ConditionNotMet")
    assert box.ask("GET", path).content["etag"] == etag
    changed = box.ask("PATCH", path, change, If_Match=etag)
    assert changed.status == 200
    assert changed.content["etag"] != etag


def test_pool_says_when_it_was_changed(box: Box) -> None:
    answer = box.ask("PUT", "pools/p", POOL)
    assert parsedate_to_datetime(answer.headers["Last-Modified"]) == box.lab.now


def test_error_has_what_is_particular_in_details(box: Box) -> None:
    formula = {"scaleSettings": {"autoScale": {"formula": "$TargetDedicatedNodes = 0"}}}
    box.ask("PUT", "pools/p", {"properties": POOL["properties"] | formula})
    answer = box.ask("POST", "pools/p/stopResize")
    assert (answer.status, answer.code) == (409, "OperationInvalidForCurrentState")
    assert answer.content["error"]["target"] == "BatchAccount"
    text, request, moment = answer.content["error"]["message"].split("\n")
    assert text.endswith("not valid for the current state of the resource.")
    assert (request[:10], moment[:5]) == ("RequestId:", "Time:")
    assert "AutoScale" in details(answer)["Reason"]
    answer = box.ask("PUT", "pools/q", {"properties": {"interNodeCommunication": "x"}})
    assert details(answer)["PropertyName"] == "interNodeCommunication"
    assert details(answer)["PropertyValue"] == "x"


def test_pool_is_shown_with_the_names_of_the_version(box: Box) -> None:
    body = {"properties": {"vmSize": "Standard_D2s_v3", "maxTasksPerNode": 3}}
    box.ask("PUT", "pools/p", body, "api-version=2020-09-01")
    old = box.ask("GET", "pools/p", None, "api-version=2020-09-01").content["properties"]
    new = box.ask("GET", "pools/p", None, "api-version=2025-06-01").content["properties"]
    assert (old["maxTasksPerNode"], new["taskSlotsPerNode"]) == (3, 3)
    assert "taskSlotsPerNode" not in old
    assert old["taskSchedulingPolicy"] == {"nodeFillType": "Spread"}
    assert new["taskSchedulingPolicy"] == {"nodeFillType": "Spread", "jobDefaultOrder": "None"}
    assert new["vmSize"] == "STANDARD_D2S_V3"
    status = new["resizeOperationStatus"]
    assert (status["nodeDeallocationOption"], status["targetDedicatedNodes"]) == ("Requeue", 0)


def test_account_has_the_tags_that_it_was_given(box: Box) -> None:
    path = box.account.path
    first = box.ask("GET", path)
    assert box.ask("PATCH", path, {"tags": {"a": "b"}}).content["tags"] == {"a": "b"}
    assert box.ask("GET", path).content["tags"] == {"a": "b"}
    assert box.ask("GET", path).headers["ETag"] != first.headers["ETag"]
    assert box.ask("PATCH", path, {"properties": {}}).content["tags"] == {"a": "b"}
    assert box.ask("PATCH", path, {"tags": {"a": 1}}).status == 400
    assert box.ask("PUT", path, {"location": "westeurope"}).content["tags"] == {}


def test_pools_cannot_be_in_a_subscription(box: Box) -> None:
    body = {"properties": {"poolAllocationMode": "UserSubscription"}}
    answer = box.ask("PUT", box.account.path, body)
    assert (answer.status, answer.code) == (400, "InvalidRequestBody")
    assert details(answer)["Reason"].startswith("keyVaultReference must be set")
    body["properties"]["keyVaultReference"] = {"id": "/x", "url": "https://x/"}
    assert "BatchService" in details(box.ask("PUT", box.account.path, body))["Reason"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ab", "Invalid"), ("a" * 25, "Invalid"), ("Upper", "Invalid"), ("a@b", "Invalid"),
        ("batchlab", "AlreadyExists"), ("another", None),
    ],
)  # fmt: skip
def test_name_of_an_account_is_checked(box: Box, name: str, reason: str | None) -> None:
    found = box.ask("POST", f"{PLACE}/checkNameAvailability", {"name": name}).content
    assert (found["nameAvailable"], found.get("reason")) == (reason is None, reason)
    assert ("message" in found) == (reason is not None)


def test_lists_of_what_is_not_there_are_empty(box: Box) -> None:
    names = (
        "privateEndpointConnections", "detectors", "networkSecurityPerimeterConfigurations",
        "outboundNetworkDependenciesEndpoints",
    )  # fmt: skip
    for name in names:
        assert box.ask("GET", name).content == {"value": []}
    (link,) = box.ask("GET", "privateLinkResources").content["value"]
    assert box.ask("GET", link["id"]).content == link


def test_operations_are_listed_for_roles(box: Box) -> None:
    rows = box.ask("GET", "/providers/Microsoft.Batch/operations").content["value"]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    assert "Microsoft.Batch/batchAccounts/pools/read" in names
    assert {row["isDataAction"] for row in rows} == {True, False}
    assert all(row["display"].keys() >= {"provider", "resource", "operation"} for row in rows)
