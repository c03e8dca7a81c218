"""Bodies of requests by the types of the specification: full ones, and random ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from batchlab.rest.specification import TYPES, Property

IMAGE_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/"
    "Microsoft.Compute/galleries/y/images/i/versions/1.0.0"
)
URL = "https://account.blob.core.windows.net/container"
VALUES: dict[str, Any] = {
    "vmSize": "standard_d2s_v3",
    "poolId": "p",
    "commandLine": "/bin/sh -c 'echo a'",
    "displayName": "A name: é",
    "priority": 7,
    "maxTaskRetryCount": 2,
    "maxWallClockTime": "PT1H30M",
    "retentionTime": "P1DT2H",
    "resizeTimeout": "PT10M",
    "targetDedicatedNodes": 1,
    "targetDedicated": 1,
    "targetLowPriorityNodes": 0,
    "maxTasksPerNode": 4,
    "taskSlotsPerNode": 4,
    "requiredSlots": 2,
    "maxParallelTasks": 5,
    "nodeFillType": "Pack",
    "jobDefaultOrder": "creationtime",
    "elevationLevel": "admin",
    "scope": "pool",
    "onAllTasksComplete": "noaction",
    "onTaskFailure": "performexitoptionsjobaction",
    "jobAction": "terminate",
    "dependencyAction": "satisfy",
    "poolLifetimeOption": "job",
    "nodeDeallocationOption": "requeue",
    "uploadCondition": "TaskCompletion",
    "filePath": "in.txt",
    "fileMode": "0750",
    "filePattern": "*.txt",
    "httpUrl": f"{URL}/in.txt",
    "blobSource": f"{URL}/in.txt",
    "containerUrl": f"{URL}?sv=1&sig=x",
    "recurrenceInterval": "PT2H",
    "startWindow": "PT1H",
    "doNotRunUntil": "2026-02-01T10:00:00Z",
    "doNotRunAfter": "2027-02-01T10:00:00.5Z",
    "publisher": "canonical",
    "offer": "0001-com-ubuntu-server-jammy",
    "sku": "22_04-lts",
    "version": "latest",
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    "uid": 1001,
    "gid": 1001,
    "numberOfInstances": 1,
    "coordinationCommandLine": "/bin/true",
    "start": 1,
    "end": 2,
    "code": 3,
    "taskIds": ["a"],
    "disableTasks": "requeue",
    "workingDirectory": "taskWorkingDirectory",
    "type": "dockerCompatible",
    "settings": {"any": [{"thing": None}]},
    "resourceTags": {"cost centre": "7"},
    "visibility": ["task"],
    "access": ["job"],
    "thumbprint": "0123456789abcdef0123456789abcdef01234567",
    "thumbprintAlgorithm": "sha1",
    "autoPoolIdPrefix": "auto",
    "runExclusive": False,
    "dynamicVNetAssignmentScope": "none",
    "caching": "readwrite",
    "storageAccountType": "premium_lrs",
}
"""Sensible values, by the names of properties."""
SPECIAL: dict[tuple[str, str], Any] = {
    ("BatchMetadataItem", "value"): "v",
    ("BatchJobReleaseTask", "maxWallClockTime"): "PT10M",
    ("EnvironmentSetting", "name"): "NAME",
    ("BatchPoolSpecification", "displayName"): "A pool",
    ("BatchTaskContainerSettings", "imageName"): "busybox",
    ("BatchContainerConfiguration", "containerImageNames"): ["busybox"],
    ("ContainerHostBatchBindMountEntry", "source"): "VfsMounts",
    ("UserAccount", "name"): "ada",
    ("BatchJobManagerTask", "id"): "manager",
    ("BatchJobPreparationTask", "id"): "prepare",
    ("BatchJobReleaseTask", "id"): "release",
    ("BatchUefiSettings", "secureBootEnabled"): True,
    ("BatchInboundNatPool", "protocol"): "tcp",
    ("NetworkSecurityGroupRule", "access"): "allow",
    ("VMExtension", "type"): "script",
}
LEFT_OUT = {
    # the alternative to another property
    "enableAutoScale", "autoScaleFormula", "autoScaleEvaluationInterval", "username",
    "autoStorageContainerName", "storageContainerUrl", "blobPrefix", "multiInstanceSettings",
    "stats", "cloudServiceConfiguration",
    # a lab has no such thing, or not at once
    "subnetId", "virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId",
    "applicationPackageReferences", "certificateReferences", "windowsConfiguration",
    "windowsUserConfiguration", "dependsOn", "affinityInfo", "exactVersion",
    "identityReference", "ipAddressIds",
    "publicIPs", "serviceArtifactReference", "diskEncryptionSet", "customerManagedKey",
}  # fmt: skip
SECRETS = {"password", "accountKey", "sasKey", "sshPrivateKey", "protectedSettings"}


def has(about: Property, month: str) -> bool:
    """Whether a version has a property."""
    return about.since <= month and not (about.until and about.until <= month)


def full(kind: str, month: str, without: frozenset[str] | set[str] = frozenset()) -> Any:
    """A body with nearly every property that a type has in a version."""
    found = {}
    for name, about in TYPES[kind].items():
        if has(about, month) and name not in LEFT_OUT and name not in without:
            value = _value(kind, name, about, month)
            found[name] = [value] if about.several and not isinstance(value, list) else value
    return found


def _value(kind: str, name: str, about: Property, month: str) -> Any:
    if (kind, name) in SPECIAL:
        return SPECIAL[kind, name]
    if name in VALUES:
        return VALUES[name]
    if about.kind in TYPES:
        return full(about.kind, month)
    plain = {"int": 5, "float": 1.5, "bool": True, "time": "2026-02-01T10:00:00Z",
             "duration": "PT20M", "map": {}, "any": {"a": 1}}  # fmt: skip
    return plain.get(about.kind, f"{name} 1")


def differences(sent: Any, got: Any, path: str = "") -> Iterator[str]:
    """What of a body does not come back, except secrets."""
    if isinstance(sent, dict) and isinstance(got, dict):
        for name, value in sent.items():
            if name in SECRETS:
                if name in got:
                    yield f"{path}.{name} is shown"
            elif name not in got:
                yield f"{path}.{name} is missing"
            else:
                yield from differences(value, got[name], f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        for index, (one, other) in enumerate(zip(sent, got, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif path.endswith(".osDisk.caching"):  # returned in the service's spelling
        if got != {"readwrite": "ReadWrite"}.get(sent, sent):
            yield f"{path}: {sent!r} became {got!r}"
    elif sent != got:
        yield f"{path}: {sent!r} became {got!r}"


# -- random bodies ------------------------------------------------------------------------------

ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([
        "", " ", "p", "j", "a", "P", "PT5M", "P1Y", "-1", "--1", "true", "\x00", "é", "😀", "/",
        "..", "a" * 70,
        "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "P10675199DT2H48M5.4775807S", "P99999999999D", "PT0S", "PT0.0000001S", "-PT5M",
        "$TargetDedicatedNodes=1", "1e400", "٣", 2**31, -(2**31), 2**63, 1e308, "Infinity",
    ]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["id", "name", "value", "x", "odata.type"]), inner,
                      max_size=3),
    max_leaves=5,
)  # fmt: skip
"""Values that hardly any property may have."""
MISSPELT = [
    "x",
    "Id",
    "ids",
    "startTasks",
    "properties",
    "start_task",
    "",
    "é",
    "odata.a",
]


def bodies(kind: str, depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies of a type: valid, nearly valid, and not at all."""

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        known = TYPES[kind]
        wanted = draw(st.lists(st.sampled_from(sorted(known)), max_size=6, unique=True))
        needed = [
            name
            for name in (
                "id",
                "vmSize",
                "commandLine",
                "poolInfo",
                "name",
                "value",
                "jobSpecification",
                "schedule",
                "pool",
            )
            if name in known
        ]
        found = {}
        for name in dict.fromkeys([*(needed if draw(st.integers(0, 9)) else []), *wanted]):
            found[name] = draw(_random(kind, name, known[name], depth))
        if not draw(st.integers(0, 14)):
            found[draw(st.sampled_from(MISSPELT))] = draw(ODD)
        return found

    return build()


def _random(kind: str, name: str, about: Property, depth: int) -> st.SearchStrategy[Any]:
    usual: st.SearchStrategy[Any]
    if name in ("id", "poolId", "jobId"):
        usual = st.sampled_from(["p", "q", "j", "k", "s", "a", "b"])
    elif about.kind in TYPES:
        usual = bodies(about.kind, depth - 1) if depth else st.just({})
    else:
        usual = st.just(_value(kind, name, about, "2025-06"))
    if about.several:
        usual = st.lists(usual, max_size=2).map(
            lambda items: items[0] if items and isinstance(items[0], list) else items
        )
    return st.integers(0, 11).flatmap(lambda number: usual if number else ODD)
