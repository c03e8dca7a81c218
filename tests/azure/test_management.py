"""The subscription, its group and its accounts, as clients look them up."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab.azure.names import IDENTITY, SUBSCRIPTION, TENANT
from helpers.azure import Box

HERE = f"/subscriptions/{SUBSCRIPTION}"
PLACE = f"{HERE}/providers/Microsoft.Batch/locations/westeurope"


def test_client_finds_the_account_from_the_subscription(box: Box) -> None:
    (tenant,) = box.ask("GET", "/tenants").content["value"]
    assert tenant["tenantId"] == TENANT
    (subscription,) = box.ask("GET", "/subscriptions").content["value"]
    assert box.ask("GET", subscription["id"]).content == subscription
    (group,) = box.ask("GET", f"{HERE}/resourceGroups").content["value"]
    assert box.ask("GET", group["id"]).content == group
    assert box.ask("HEAD", group["id"]).status == 204
    listed = f"{group['id']}/providers/Microsoft.Batch/batchAccounts"
    (account,) = box.ask("GET", listed).content["value"]
    assert box.ask("GET", f"{HERE}/providers/microsoft.batch/batchaccounts").content["value"] == [
        account
    ]
    assert account["properties"]["accountEndpoint"] == box.account.batch_host
    assert box.ask("GET", account["id"].upper()).content == account
    assert box.ask("POST", f"{account['id']}/listKeys").content["primary"] == "a2V5"
    store = account["properties"]["autoStorage"]["storageAccountId"]
    assert box.ask("GET", store).content["id"] == store
    keys = box.ask("POST", f"{store}/listKeys").content["keys"]
    assert [one["value"] for one in keys] == [box.store.key] * 2
    assert box.ask("GET", IDENTITY).content["properties"]["tenantId"] == TENANT


def test_quotas_are_those_of_the_lab() -> None:
    with Box(quotas=bl.Quotas(dedicated_core_quota=8, pool_quota=3)) as box:
        found = box.ask("PUT", box.account.path, {"location": "westeurope"}).content["properties"]
    assert (found["dedicatedCoreQuota"], found["poolQuota"]) == (8, 3)
    assert found["lowPriorityCoreQuota"] > 1000, "no quota is a large one"


def test_places_have_quotas_sizes_and_names(box: Box) -> None:
    assert box.ask("GET", f"{PLACE}/quotas").content == {"accountQuota": 1}
    sizes = box.ask("GET", f"{PLACE}/virtualMachineSkus").content["value"]
    by_name = {size["name"]: size for size in sizes}
    capabilities = {one["name"]: one["value"] for one in
                    by_name["Standard_D4s_v5"]["capabilities"]}  # fmt: skip
    assert capabilities["vCPUs"] == "4"
    free = box.ask("POST", f"{PLACE}/checkNameAvailability", {"name": "other"})
    assert free.content == {"nameAvailable": True}
    taken = box.ask("POST", f"{PLACE}/checkNameAvailability", {"name": "batchlab"})
    assert taken.content["reason"] == "AlreadyExists"
    provider = box.ask("POST", f"{HERE}/providers/Microsoft.Batch/register").content
    assert provider["registrationState"] == "Registered"


@pytest.mark.parametrize(("path", "code"), [
    ("/subscriptions/other", "SubscriptionNotFound"),
    (f"{HERE}/resourceGroups/other", "ResourceGroupNotFound"),
    (f"{HERE}/resourceGroups/batchlab/providers/Microsoft.Batch/batchAccounts/other",
     "ResourceNotFound"),
    (f"{HERE}/resourceGroups/batchlab/providers/Microsoft.Storage/storageAccounts/other",
     "ResourceNotFound"),
    (f"{HERE}/resourceGroups/batchlab/providers/Microsoft.Network/virtualNetworks/v",
     "ResourceNotFound"),
    ("/", "ResourceNotFound"),
])  # fmt: skip
def test_what_is_not_here_is_not_found(box: Box, path: str, code: str) -> None:
    answer = box.ask("GET", path)
    assert (answer.status, answer.code) == (404, code)
    assert "batchlab" in answer.reason or SUBSCRIPTION in answer.reason


@pytest.mark.parametrize(("method", "path", "status"), [
    ("DELETE", "", 409), ("POST", "/regenerateKeys", 409), ("POST", "", 405),
    ("POST", "/syncAutoStorageKeys", 204), ("GET", "/supportedImages", 200),
])  # fmt: skip
def test_account_is_the_lab(box: Box, method: str, path: str, status: int) -> None:
    assert box.ask(method, box.account.path + path).status == status
