"""Pools in the management plane's shape, and in that of the Batch service.

The two shapes have the same facts under different names: there, what runs on the nodes is a
"deployment", the size is a choice between two "scale settings", switches are words, and references
are paths. Both ways are here; what neither needs to touch passes as it is. The Batch service
checks a pool, carries out what is asked, and shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from batchlab.errors import invalid

__all__ = ["pool_of_arm", "pool_to_arm"]

Wire = dict[str, Any]
_SPELT = {
    name.lower(): name
    for name in ("Admin", "NonAdmin", "Pool", "Task", "Spread", "Pack", "Steady", "Resizing",
                 "Stopping", "Classic", "Simplified", "Default", "CurrentUser", "LocalMachine",
                 "Requeue", "Terminate", "TaskCompletion", "RetainedData", "None", "CreationTime")
}  # fmt: skip
_SPELT_NAMES = frozenset({
    "scope", "elevationLevel", "nodeFillType", "allocationState", "storeLocation",
    "targetNodeCommunicationMode", "currentNodeCommunicationMode", "nodeDeallocationOption",
    "jobDefaultOrder",
})  # fmt: skip
"""Properties whose values the management plane spells with capitals."""
_RENAMED = {
    "nodeAgentSkuId": "nodeAgentSKUId", "inboundNatPools": "inboundNATPools",
    "dynamicVnetAssignmentScope": "dynamicVNetAssignmentScope", "userName": "username",
}  # fmt: skip
"""Names in the management plane, and their names in the service, wherever they are."""
_BACK = {service: arm for arm, service in _RENAMED.items()} | {"virtualMachineImageId": "id"}
_FIXED = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
_SAME = ("displayName", "vmSize", "creationTime", "lastModified", "allocationState",
         "allocationStateTransitionTime", "currentDedicatedNodes", "currentLowPriorityNodes",
         "taskSlotsPerNode", "taskSchedulingPolicy", "startTask", "userAccounts", "metadata",
         "networkConfiguration", "mountConfiguration", "targetNodeCommunicationMode",
         "currentNodeCommunicationMode", "upgradePolicy", "resourceTags",
         "applicationLicenses")  # fmt: skip
_NEVER_GIVEN = frozenset({
    "provisioningState", "provisioningStateTransitionTime", "creationTime", "lastModified",
    "allocationState", "allocationStateTransitionTime", "currentDedicatedNodes",
    "currentLowPriorityNodes", "currentNodeCommunicationMode", "resizeOperationStatus",
    "autoScaleRun",
})  # fmt: skip
"""What only the service says; a client may send back what it has read."""
_USERS = frozenset({"userIdentity", "cifsMountConfiguration"})
"""Where the name of a user is spelt otherwise; in a registry it is not."""


# -- to the service -----------------------------------------------------------------------------


def pool_of_arm(properties: Wire) -> Wire:
    """A pool as the Batch service knows it; errors name the properties of the client."""
    found = {name: value for name, value in properties.items() if name not in _NEVER_GIVEN}
    machine = _object(found.pop("deploymentConfiguration", None), "deploymentConfiguration")
    found |= {name: value for name, value in machine.items() if value is not None}
    slots = found.pop("maxTasksPerNode", None)
    if slots is not None:
        found.setdefault("taskSlotsPerNode", slots)
    between = found.pop("interNodeCommunication", None)
    if between is not None:
        known = {"enabled": True, "disabled": False}
        if str(between).lower() not in known:
            raise invalid("interNodeCommunication", between, "must be Enabled or Disabled")
        found["enableInterNodeCommunication"] = known[str(between).lower()]
    found |= _scale_of_arm(found.pop("scaleSettings", None))
    for name, called, read in _REFERENCES:
        if found.get(name) is not None:
            given = _list(found.pop(name), name)
            found[called] = [read(_object(one, f"{name}[{index}]"))
                             for index, one in enumerate(given)]  # fmt: skip
    pool: Wire = _walk(found, _RENAMED, str.lower)
    return pool


def _scale_of_arm(settings: Any) -> Wire:
    """The size of a pool, or the formula for it, as the Batch service knows them."""
    scale = _object(settings, "scaleSettings")
    fixed, auto = scale.get("fixedScale"), scale.get("autoScale")
    if fixed is not None and auto is not None:
        raise invalid("scaleSettings", "...", "give either fixedScale or autoScale")
    if auto is not None:
        about = _object(auto, "scaleSettings.autoScale")
        found = {
            "enableAutoScale": True, "autoScaleFormula": about.get("formula"),
            "autoScaleEvaluationInterval": about.get("evaluationInterval"),
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}
    about = _object(fixed, "scaleSettings.fixedScale")
    return {name: about[name] for name in (*_FIXED, "nodeDeallocationOption")
            if about.get(name) is not None}  # fmt: skip


def _package_of_arm(one: Wire) -> Wire:
    found = {"applicationId": _last(one.get("id"))}
    return found | ({"version": one["version"]} if one.get("version") else {})


def _certificate_of_arm(one: Wire) -> Wire:
    algorithm, _, thumbprint = _last(one.get("id")).partition("-")
    rest = {name: value for name, value in one.items() if name != "id"}
    visible = rest.get("visibility")
    if isinstance(visible, list):
        rest["visibility"] = [str(value).lower() for value in visible]
    return {"thumbprint": thumbprint, "thumbprintAlgorithm": algorithm} | rest


_REFERENCES: tuple[tuple[str, str, Callable[[Wire], Wire]], ...] = (
    ("applicationPackages", "applicationPackageReferences", _package_of_arm),
    ("certificates", "certificateReferences", _certificate_of_arm),
)


# -- from the service ---------------------------------------------------------------------------


def pool_to_arm(pool: Wire, account_path: str, version: str = "") -> Wire:
    """A pool of the Batch service as a resource of a version of the management plane."""
    path = f"{account_path}/pools/{pool['id']}"
    found = {name: pool[name] for name in _SAME if name in pool}
    size = found.get("vmSize", "")
    found["vmSize"] = size.upper() if size.startswith("standard_") else size.capitalize()
    if version and version < "2021-01-01":
        found["maxTasksPerNode"] = found.pop("taskSlotsPerNode")
    policy = found.get("taskSchedulingPolicy", {})
    if version and version < "2025-06-01" and policy.get("jobDefaultOrder") == "none":
        found["taskSchedulingPolicy"] = {"nodeFillType": policy["nodeFillType"]}
    deleting = pool.get("state") == "deleting"
    found["provisioningState"] = "Deleting" if deleting else "Succeeded"
    found["provisioningStateTransitionTime"] = pool.get("stateTransitionTime")
    between = pool.get("enableInterNodeCommunication", False)
    found["interNodeCommunication"] = "Enabled" if between else "Disabled"
    machine = {
        name: pool[name]
        for name in ("virtualMachineConfiguration", "cloudServiceConfiguration")
        if name in pool
    }
    if machine:
        found["deploymentConfiguration"] = machine
    found |= _scale(pool)
    applications = [
        {"id": f"{account_path}/applications/{one['applicationId']}"}
        | ({"version": one["version"]} if one.get("version") else {})
        for one in pool.get("applicationPackageReferences", ())
    ]
    if applications:
        found["applicationPackages"] = applications
    certificates = [
        _certificate_to_arm(one, path) for one in pool.get("certificateReferences", ())
    ]
    if certificates:
        found["certificates"] = certificates
    resource = {
        "id": path, "name": pool["id"], "type": "Microsoft.Batch/batchAccounts/pools",
        "etag": f'W/"{pool.get("eTag", "")}"', "properties": _walk(found, _BACK, _spelt),
    }  # fmt: skip
    return resource | ({"identity": _identity(pool["identity"])} if "identity" in pool else {})


def _identity(identity: Wire) -> Wire:
    """Which identities nodes have: a list in the service, an object here."""
    named = {
        one["resourceId"]: {key: value for key, value in one.items() if key != "resourceId"}
        for one in identity.get("userAssignedIdentities", ())
    }
    return {"type": identity.get("type"), "userAssignedIdentities": named}


def _scale(pool: Wire) -> Wire:
    """Scale settings, with how the last resize or evaluation went."""
    found: Wire = {}
    if pool.get("enableAutoScale"):
        auto = {"formula": pool.get("autoScaleFormula"),
                "evaluationInterval": pool.get("autoScaleEvaluationInterval")}  # fmt: skip
        found["scaleSettings"] = {"autoScale": auto}
        run = pool.get("autoScaleRun")
        if run:
            said = {"evaluationTime": run.get("timestamp"), "results": run.get("results"),
                    "error": run.get("error")}  # fmt: skip
            found["autoScaleRun"] = {key: value for key, value in said.items() if value}
    else:
        fixed = {name: pool[name] for name in _FIXED if name in pool}
        found["scaleSettings"] = {"fixedScale": fixed}
    status = {name: pool[name] for name in _FIXED if name in pool}
    status |= {"nodeDeallocationOption": "requeue",
               "startTime": pool.get("allocationStateTransitionTime")}  # fmt: skip
    errors = [_error(one) for one in pool.get("resizeErrors", ())]
    if errors:
        status["errors"] = errors
    if errors or "fixedScale" in found["scaleSettings"] or pool["allocationState"] != "steady":
        found["resizeOperationStatus"] = status
    return found


def _error(one: Wire) -> Wire:
    message = one.get("message", "")
    return {
        "code": one.get("code", ""),
        "message": message.get("value", "") if isinstance(message, dict) else message,
    }


def _certificate_to_arm(one: Wire, path: str) -> Wire:
    name = f"{one.get('thumbprintAlgorithm', 'sha1')}-{one['thumbprint']}"
    rest = {key: value for key, value in one.items() if not key.startswith("thumbprint")}
    return {"id": f"{path}/certificates/{name}"} | rest


# -- both ways ----------------------------------------------------------------------------------


def _walk(value: Any, names: dict[str, str], spell: Callable[[str], str], within: str = "") -> Any:
    """Rename properties at any depth, and spell the values that the two sides spell otherwise."""
    if isinstance(value, list):
        return [_walk(inner, names, spell, within) for inner in value]
    if not isinstance(value, dict):
        return value
    found: Wire = {}
    name: str
    for name, inner in value.items():
        is_user = name.lower() == "username"
        called = name if is_user and within not in _USERS else names.get(name, name)
        if name == "id" and within == "imageReference":
            called = "virtualMachineImageId"
        spelt = isinstance(inner, str) and name in _SPELT_NAMES
        found[called] = spell(inner) if spelt else _walk(inner, names, spell, name)
    return found


def _spelt(value: str) -> str:
    return _SPELT.get(value.lower(), value)


def _last(path: Any) -> str:
    """The name at the end of a path."""
    return str(path or "").rstrip("/").rpartition("/")[2]


def _object(value: Any, name: str) -> Wire:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, value, "must be an object")
    return value


def _list(value: Any, name: str) -> Iterable[Any]:
    if not isinstance(value, list):
        raise invalid(name, value, "must be a list")
    return value
