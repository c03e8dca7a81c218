"""``management.azure.com``: the subscription, its resource group and its accounts.

Clients ask which subscriptions there are, look up the Batch account and its keys, and some create
pools and applications here. All of it is the lab that is served: a pool made here is a pool there.
The names of resources are compared without case, as in Azure. What is not here, such as virtual
networks, is not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from batchlab.azure.answers import (
    ArmRefused,
    batch_error,
    check_etag,
    error,
    etag_of,
    json,
    nothing,
    read_object,
)
from batchlab.azure.arm_applications import ArmApplications
from batchlab.azure.arm_operations import ArmLists, operations
from batchlab.azure.arm_pool_requests import ArmPools
from batchlab.azure.names import (
    CLIENT,
    GROUP,
    IDENTITY,
    PRINCIPAL,
    REGION,
    SUBSCRIPTION,
    TENANT,
    Account,
)
from batchlab.core.messages.questions import GetQuotas
from batchlab.core.model.sizes import VM_SIZES, VmSize
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, InvalidRequest, invalid
from batchlab.rest.errors import error_content
from batchlab.rest.images import IMAGES
from batchlab.rest.messages import Response

__all__ = ["ArmCall", "Management"]

NO_LIMIT = 10**6
"""The quota of an account without one."""


class ArmCall(NamedTuple):
    """A request: its method, the names in its path, its query, headers and body."""

    method: str
    names: dict[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The object in the body."""
        return read_object(self.body)

    @property
    def properties(self) -> dict[str, Any]:
        """The properties in the body."""
        found = self.json.get("properties")
        if found is not None and not isinstance(found, dict):
            raise invalid("properties", found, "must be an object")
        return found or {}


Answer = Callable[[ArmCall], Response]


class Management:
    """The management plane of one lab.

    Parameters
    ----------
    connection : Connection
    account : Account
    keys : tuple of str
        The keys of the Batch account and of its storage account, in Base64.
    pools, applications
        What answers for these.
    has_storage : bool
        Whether there is a store behind the storage account.
    """

    def __init__(
        self, connection: Connection, account: Account, keys: tuple[str, str],
        pools: ArmPools, applications: ArmApplications, *, has_storage: bool,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._account = account
        self._key, self._storage_key = keys
        self._has_storage = has_storage
        self._tags: dict[str, str] = {}
        group = "/subscriptions/{subscription}/resourcegroups/{group}"
        batch = f"{group}/providers/microsoft.batch/batchaccounts"
        own = f"{batch}/{{account}}"
        store = "/providers/microsoft.storage/storageaccounts"
        here = "/subscriptions/{subscription}/providers/microsoft.batch"
        place = f"{here}/locations/{{location}}"
        self._routes = [
            (method, _pattern(template), answer)
            for method, template, answer in (
                ("GET", "/tenants", self._tenants),
                ("GET", "/providers/microsoft.batch/operations", lambda call: operations()),
                ("GET", "/subscriptions", self._subscriptions),
                ("GET", "/subscriptions/{subscription}", self._subscription),
                ("GET", "/subscriptions/{subscription}/locations", self._locations),
                ("GET", "/subscriptions/{subscription}/resourcegroups", self._groups),
                ("GET", "/subscriptions/{subscription}/providers/{provider}", self._provider),
                ("POST", "/subscriptions/{subscription}/providers/{provider}/register",
                 self._provider),
                ("GET", group, self._group),
                ("HEAD", group, self._group),
                ("PUT", group, self._group),
                ("GET", f"{here}/batchaccounts", self._accounts),
                ("GET", batch, self._accounts),
                ("GET", own, self._one),
                ("PUT", own, self._one),
                ("PATCH", own, self._one),
                ("DELETE", own, self._fixed),
                ("POST", f"{own}/listkeys", self._keys),
                ("POST", f"{own}/regeneratekeys", self._fixed),
                ("POST", f"{own}/syncautostoragekeys", lambda call: nothing(204)),
                ("GET", f"{own}/supportedimages", self._images),
                ("GET", f"{place}/quotas", lambda call: json({"accountQuota": 1})),
                ("GET", f"{place}/virtualmachineskus", self._sizes),
                ("GET", f"{place}/cloudserviceskus", lambda call: json({"value": []})),
                ("POST", f"{place}/checknameavailability", self._availability),
                ("GET", "/subscriptions/{subscription}" + store, self._stores),
                ("GET", group + store, self._stores),
                ("GET", f"{group}{store}/{{store}}", self._store),
                ("POST", f"{group}{store}/{{store}}/listkeys", self._store_keys),
                ("GET", IDENTITY.lower(), self._identity),
                *((method, own + template, answer)
                  for part in (pools, applications, ArmLists(account))
                  for method, template, answer in part.routes()),
            )
        ]  # fmt: skip

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str],
        body: bytes,
    ) -> Response:  # fmt: skip
        """Answer a request with a good token."""
        method, path = method.upper(), unquote(path).rstrip("/")
        others = []
        for verb, pattern, answer in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if verb != method:
                others.append(verb)
                continue
            try:
                self._check(match.groupdict())
                return answer(ArmCall(method, match.groupdict(), query, headers, body))
            except ArmRefused as refused:
                return refused.answer
            except BatchError as refused:
                return batch_error(refused.status, error_content(refused))
        if others:
            said = f"{method} is not supported here, only {', '.join(sorted(set(others)))}"
            return error(405, "MethodNotAllowed", said)
        said = f"there is no {path}: a lab has one Batch account, {self._account.path}"
        return error(404, "ResourceNotFound", said)

    def _check(self, names: Mapping[str, str]) -> None:
        """Refuse what is in another subscription, resource group or account."""
        for name, known, code in (
            ("subscription", SUBSCRIPTION, "SubscriptionNotFound"),
            ("group", GROUP, "ResourceGroupNotFound"),
            ("account", self._account.name, "ResourceNotFound"),
            ("store", self._account.storage, "ResourceNotFound"),
        ):
            given = names.get(name, known)
            if given.lower() != known.lower():
                said = f"{_WORDS[name]} {given!r} could not be found; this lab's is {known!r}"
                raise ArmRefused(error(404, code, said))

    # -- around the account ---------------------------------------------------------------------

    def _tenants(self, call: ArmCall) -> Response:
        tenant = {
            "id": f"/tenants/{TENANT}", "tenantId": TENANT, "countryCode": "NL",
            "displayName": "batchlab", "domains": ["batchlab.onmicrosoft.com"],
            "defaultDomain": "batchlab.onmicrosoft.com", "tenantCategory": "Home",
        }  # fmt: skip
        return json({"value": [tenant]})

    def _subscriptions(self, call: ArmCall) -> Response:
        return json({"value": [_SUBSCRIPTION], "count": {"type": "Total", "value": 1}})

    def _subscription(self, call: ArmCall) -> Response:
        return json(_SUBSCRIPTION)

    def _locations(self, call: ArmCall) -> Response:
        path = f"/subscriptions/{SUBSCRIPTION}/locations/{REGION}"
        return json({"value": [{
            "id": path, "name": REGION, "type": "Region", "displayName": "West Europe",
            "regionalDisplayName": "(Europe) West Europe", "metadata": {"regionType": "Physical"},
        }]})  # fmt: skip

    def _groups(self, call: ArmCall) -> Response:
        return json({"value": [_GROUP]})

    def _group(self, call: ArmCall) -> Response:
        return nothing(204) if call.method == "HEAD" else json(_GROUP)

    def _provider(self, call: ArmCall) -> Response:
        name = call.names["provider"]
        return json({
            "id": f"/subscriptions/{SUBSCRIPTION}/providers/{name}", "namespace": name,
            "registrationState": "Registered", "resourceTypes": [],
        })  # fmt: skip

    def _identity(self, call: ArmCall) -> Response:
        return json({
            "id": IDENTITY, "name": "batchlab", "location": REGION, "tags": {},
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
            "properties": {"clientId": CLIENT, "principalId": PRINCIPAL, "tenantId": TENANT},
        })  # fmt: skip

    # -- the account ----------------------------------------------------------------------------

    def _accounts(self, call: ArmCall) -> Response:
        return json({"value": [self._resource()]})

    def _one(self, call: ArmCall) -> Response:
        """GET, and PUT or PATCH: the account exists, and is as the lab is, with other tags."""
        if call.method != "GET":
            self._change(call)
        found = self._resource()
        return json(found, 200, {"ETag": etag_of(found).removeprefix("W/")})

    def _change(self, call: ArmCall) -> None:
        given, tags = call.properties, call.json.get("tags")
        if tags is not None and not (
            isinstance(tags, dict) and all(isinstance(value, str) for value in tags.values())
        ):
            raise invalid("tags", tags, "must be an object of texts")
        mode = str(given.get("poolAllocationMode") or "BatchService")
        if mode.lower() != "batchservice":
            reason = "the pools of a lab are not in your subscription: use BatchService"
            if not given.get("keyVaultReference"):
                reason = (
                    "keyVaultReference must be set if poolAllocationMode is specified as "
                    f"'{mode}' on a PUT request"
                )
            raise InvalidRequest("InvalidRequestBody", reason, {"Reason": reason})
        check_etag(call.headers, etag_of(self._resource()))
        if tags is not None or call.method == "PUT":
            self._tags = tags or {}

    def _fixed(self, call: ArmCall) -> Response:
        said = ("the account is the lab that is served: stop it to delete the account, serve it "
                "again for another key")  # fmt: skip
        return error(409, "OperationInvalidForCurrentState", said)

    def _keys(self, call: ArmCall) -> Response:
        name = self._account.name
        return json({"accountName": name, "primary": self._key, "secondary": self._key})

    def _resource(self) -> dict[str, Any]:
        quotas = self._connection.ask(GetQuotas())
        names = {
            "dedicatedCoreQuota": quotas.dedicated_core_quota,
            "lowPriorityCoreQuota": quotas.low_priority_core_quota,
            "poolQuota": quotas.pool_quota,
            "activeJobAndJobScheduleQuota": quotas.active_job_and_job_schedule_quota,
        }
        about: dict[str, Any] = {
            "accountEndpoint": self._account.batch_host,
            "nodeManagementEndpoint": f"1.{REGION}.service.batch.azure.com",
            "provisioningState": "Succeeded", "poolAllocationMode": "BatchService",
            "publicNetworkAccess": "Enabled", "dedicatedCoreQuotaPerVMFamilyEnforced": False,
            "dedicatedCoreQuotaPerVMFamily": [], "encryption": {"keySource": "Microsoft.Batch"},
            "allowedAuthenticationModes": ["SharedKey", "AAD", "TaskAuthenticationToken"],
        }  # fmt: skip
        about |= {name: NO_LIMIT if quota is None else quota for name, quota in names.items()}
        if self._has_storage:
            about["autoStorage"] = {
                "storageAccountId": self._account.storage_path,
                "lastKeySync": "2026-01-01T00:00:00Z", "authenticationMode": "StorageKeys",
            }  # fmt: skip
        return {
            "id": self._account.path, "name": self._account.name, "location": REGION,
            "type": "Microsoft.Batch/batchAccounts", "identity": {"type": "None"},
            "tags": self._tags, "properties": about,
        }  # fmt: skip

    def _images(self, call: ArmCall) -> Response:
        return json({"value": [
            {"nodeAgentSkuId": image.node_agent_sku_id, "osType": image.os_type.capitalize(),
             "verificationType": image.verification_type.capitalize(),
             "capabilities": list(image.capabilities),
             "imageReference": {name: getattr(image.image_reference, name) for name in
                                ("publisher", "offer", "sku", "version")}}
            for image in IMAGES
        ]})  # fmt: skip

    def _sizes(self, call: ArmCall) -> Response:
        rows = [_size(size) for name, size in VM_SIZES.items() if name.startswith("standard_")]
        return json({"value": rows})

    def _availability(self, call: ArmCall) -> Response:
        name, reason, said = str(call.json.get("name", "")), "Invalid", ""
        if not 3 <= len(name) <= 24:
            said = "Account name must be at least 3 characters and at most 24 characters."
        elif not re.fullmatch("[a-z0-9]+", name):
            said = "Account name can only contain lowercase letters and numbers."
        elif name == self._account.name:
            reason, said = "AlreadyExists", f"An account named '{name}' is already in use."
        if not said:
            return json({"nameAvailable": True})
        return json({"nameAvailable": False, "reason": reason, "message": said})

    # -- the storage account --------------------------------------------------------------------

    def _stores(self, call: ArmCall) -> Response:
        return json({"value": [self._store_resource()] if self._has_storage else []})

    def _store(self, call: ArmCall) -> Response:
        self._needs_storage()
        return json(self._store_resource())

    def _store_keys(self, call: ArmCall) -> Response:
        self._needs_storage()
        keys = [{"keyName": name, "value": self._storage_key, "permissions": "FULL"}
                for name in ("key1", "key2")]  # fmt: skip
        return json({"keys": keys})

    def _needs_storage(self) -> None:
        if not self._has_storage:
            said = "there is no storage account, because Azurite is not installed"
            raise ArmRefused(error(404, "ResourceNotFound", said))

    def _store_resource(self) -> dict[str, Any]:
        return {
            "id": self._account.storage_path, "name": self._account.storage, "location": REGION,
            "type": "Microsoft.Storage/storageAccounts", "kind": "StorageV2", "tags": {},
            "sku": {"name": "Standard_LRS", "tier": "Standard"},
            "properties": {
                "provisioningState": "Succeeded", "statusOfPrimary": "available",
                "primaryLocation": REGION, "supportsHttpsTrafficOnly": True,
                "primaryEndpoints": {"blob": f"https://{self._account.blob_host}/"},
            },
        }  # fmt: skip


_WORDS = {"subscription": "The subscription", "group": "Resource group",
          "account": "Batch account", "store": "Storage account"}  # fmt: skip
_SUBSCRIPTION = {
    "id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION, "tenantId": TENANT,
    "displayName": "batchlab", "state": "Enabled", "authorizationSource": "RoleBased",
    "managedByTenants": [],
    "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01",
                             "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
}  # fmt: skip
_GROUP = {
    "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}", "name": GROUP,
    "type": "Microsoft.Resources/resourceGroups", "location": REGION, "tags": {},
    "properties": {"provisioningState": "Succeeded"},
}  # fmt: skip


def _size(size: VmSize) -> dict[str, Any]:
    name = "_".join(part.capitalize() if part[0] != "v" else part for part in size.name.split("_"))
    family = re.sub(r"\d+", "", name.split("_")[1])
    values = {
        "vCPUs": size.cores, "vCPUsAvailable": size.cores, "MemoryGB": size.memory_gb,
        "MaxResourceVolumeMB": int(size.disk_gb * 1024), "GPUs": size.gpus,
        "LowPriorityCapable": True,
    }  # fmt: skip
    capabilities = [{"name": key, "value": str(value)} for key, value in values.items()]
    return {"name": name, "familyName": f"standard{family}Family", "capabilities": capabilities}


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", escaped), re.IGNORECASE)
