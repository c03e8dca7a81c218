"""Which properties exist: the types of the public specification, in all versions since 2017-01.

``specification.txt`` has a block per type: its newest name, and its properties by their kinds.
The service refuses a property that a type does not have, so that a typo is not just ignored. A
property that some version has is accepted in every version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, NamedTuple

from batchlab.errors import InvalidRequest

__all__ = [
    "ANSWERS",
    "BODIES",
    "RENAMED",
    "REQUIRED",
    "SETTINGS",
    "TYPES",
    "Property",
    "mistyped",
    "nonexistent",
]


class Property(NamedTuple):
    """A property: its kind and versions, and its name of today if it had another one.

    `kind` is a type, or one of ``str``, ``int``, ``float``, ``bool``, ``time``, ``duration``,
    ``map`` (an object with any names) and ``any``. Versions are months: ``2017-05``.
    """

    kind: str
    several: bool = False
    since: str = ""
    until: str = ""
    now: str = ""


BODIES: Mapping[str, str] = {
    "add_certificate": "BatchCertificate",
    "create_job": "BatchJobCreateOptions",
    "create_job_schedule": "BatchJobScheduleCreateOptions",
    "create_node_user": "BatchNodeUserCreateOptions",
    "create_pool": "BatchPoolCreateOptions",
    "create_task": "BatchTaskCreateOptions",
    "create_task_collection": "BatchTaskGroup",
    "deallocate_node": "BatchNodeDeallocateOptions",
    "disable_job": "BatchJobDisableOptions",
    "disable_node_scheduling": "BatchNodeDisableSchedulingOptions",
    "enable_pool_auto_scale": "BatchPoolEnableAutoScaleOptions",
    "evaluate_pool_auto_scale": "BatchPoolEvaluateAutoScaleOptions",
    "reboot_node": "BatchNodeRebootOptions",
    "reimage_node": "BatchNodeReimageOptions",
    "remove_nodes": "BatchNodeRemoveOptions",
    "replace_job": "BatchJob",
    "replace_job_schedule": "BatchJobSchedule",
    "replace_node_user": "BatchNodeUserReplaceOptions",
    "replace_pool_properties": "BatchPoolReplaceOptions",
    "replace_task": "BatchTask",
    "resize_pool": "BatchPoolResizeOptions",
    "terminate_job": "BatchJobTerminateOptions",
    "update_job": "BatchJobUpdateOptions",
    "update_job_schedule": "BatchJobScheduleUpdateOptions",
    "update_pool": "BatchPoolUpdateOptions",
    "upload_node_logs": "UploadBatchServiceLogsOptions",
}
"""The types of bodies, by operation."""
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "BatchJob": ("poolInfo",),
    "BatchJobSchedule": ("jobSpecification",),
    "BatchPoolCreateOptions": ("vmSize",),
    "BatchPoolEvaluateAutoScaleOptions": ("autoScaleFormula",),
    "BatchPoolReplaceOptions": (
        "certificateReferences", "applicationPackageReferences", "metadata",
    ),
    "BatchPoolSpecification": ("vmSize",),
}  # fmt: skip
"""Properties that bodies must have, beside those that the core requires.

A version that has such a property no longer does not require it.
"""
ANSWERS: Mapping[str, str] = {
    "jobpreparationandreleasetaskstatuslist": "BatchJobPreparationAndReleaseTaskStatus",
    "jobs": "BatchJob",
    "jobschedules": "BatchJobSchedule",
    "nodes": "BatchNode",
    "poolnodecounts": "BatchPoolNodeCounts",
    "pools": "BatchPool",
    "subtaskinfo": "BatchSubtask",
    "tasks": "BatchTask",
}
"""The types of answers, by the kind of resource in ``odata.metadata``."""
_CURES = {
    "scaleSettings": "'targetDedicatedNodes' and 'targetLowPriorityNodes', or 'enableAutoScale' "
    "with 'autoScaleFormula'",
    "deploymentConfiguration": "'virtualMachineConfiguration'",
    "interNodeCommunication": "'enableInterNodeCommunication' with true or false",
    "applicationPackages": "'applicationPackageReferences'",
    "certificates": "'certificateReferences'",
    "runElevated": "'userIdentity' with an elevated 'autoUser'",
}
"""What to use for a property of the management API, or of versions before 2017."""


def _read(text: str) -> Iterator[tuple[str, dict[str, Property]]]:
    words = re.compile(r"(\w+)(?:\[([\d-]*):([\d-]*)\])?(?:=(\w+))?")
    block: dict[str, Property] = {}
    kind = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        given = line.split()
        if not line.startswith(" "):
            block = {}
            yield line, block
            continue
        if not line.startswith("    "):
            kind = given.pop(0)
        for word in given:
            match = words.fullmatch(word)
            assert match is not None, word
            name, since, until, now = (part or "" for part in match.groups())
            block[name] = Property(kind.strip("[]"), kind[0] == "[", since, until, now)


TYPES: Mapping[str, Mapping[str, Property]] = dict(
    _read(files("batchlab.rest").joinpath("specification.txt").read_text(encoding="utf-8"))
)
"""The types, by their newest names."""


RENAMED: Mapping[Any, frozenset[str]] = {
    name: frozenset(known[name].now for known in TYPES.values() if name in known)
    for kind in TYPES.values()
    for name, about in kind.items()
    if about.now and name != "name"
}
"""The names of today of properties that had another name: ``targetDedicated``."""


def _reachable(names: list[str]) -> Iterator[str]:
    seen = set(names)
    while names:
        name = names.pop()
        yield name
        parts = {known.kind for known in TYPES[name].values() if known.kind in TYPES} - seen
        seen |= parts
        names += parts


SETTINGS = frozenset(
    name
    for kind in _reachable([BODIES[name] for name in BODIES if not name.startswith("replace_")])
    for name in TYPES[kind]
)
"""The names of properties that a client can set; all others are only in answers."""


# -- refusals -----------------------------------------------------------------------------------


def nonexistent(name: str, kind: str, month: str, given: Mapping[str, Any]) -> InvalidRequest:
    """Build the error for a property that a type does not have, with the nearest that it has."""
    if name == "properties" and isinstance(given[name], dict):
        cure = ". This is a body of the management API: send the content of 'properties' itself"
        cures = [f"'{old}' use {_CURES[old]}" for old in given[name] if old in _CURES]
        cure += f"; instead of {' and instead of '.join(cures)}" if cures else ""
    else:
        cure = _cure(name, kind, month)
    shown = name if len(name) <= 100 else name[:97] + "..."
    return _refusal(f"The property '{shown}' does not exist on type '{kind}'{cure}")


def _cure(name: str, kind: str, month: str) -> str:
    known = TYPES[kind]
    old = known.get(name)
    if old is not None:
        return f" since version {old.until}; use '{old.now}'"
    if name in _CURES and _CURES[name].split("'")[1] in known:
        return f"; use {_CURES[name]}"
    valid = {
        other.lower(): other
        for other, about in known.items()
        if not about.now or month < about.until
    }
    for part in valid.values():
        if name in TYPES.get(known[part].kind, ()):
            return f"; it is a property of '{part}'"
    near = get_close_matches(name.lower().replace("_", "")[:100], valid, n=1)
    return f"; use '{valid[near[0]]}'" if near else ""


def mistyped(name: str, kind: str, what: str) -> InvalidRequest:
    """Build the error for a value of a wrong JSON type."""
    return _refusal(f"The value of property '{name}' of type '{kind}' must be {what}")


def _refusal(reason: str) -> InvalidRequest:
    return InvalidRequest(
        "InvalidRequestBody",
        f"The specified request body is not syntactically valid: {reason}",
        {"Reason": reason},
    )
