"""Full bodies of requests by the types of the specification; random ones: `random_requests`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    "publisher": "microsoft-dsvm",
    "offer": "ubuntu-hpc",
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
            value = value_of(kind, name, about, month)
            found[name] = [value] if about.several and not isinstance(value, list) else value
    return found


def value_of(kind: str, name: str, about: Property, month: str) -> Any:
    """A sensible value of a property in a version."""
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
