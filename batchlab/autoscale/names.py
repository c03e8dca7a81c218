"""The names of the service: variables, constants and words, and their spelling.

Azure's own documentation spells service names in more than one way (``$targetDedicatedNodes``), so
they are not case-sensitive and are printed in one canonical form. The names of user variables
are case-sensitive: ``$hours`` and ``$Hours`` are two variables.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from batchlab.autoscale.values import DEALLOCATION_WORDS, INTERVALS

__all__ = [
    "DEALLOCATION",
    "DEDICATED",
    "LOW_PRIORITY",
    "OLD_NAMES",
    "SAMPLED",
    "SETTABLE",
    "WITHDRAWN",
    "canonical",
    "is_service",
    "nearest",
]

DEDICATED = "$TargetDedicatedNodes"
LOW_PRIORITY = "$TargetLowPriorityNodes"
DEALLOCATION = "$NodeDeallocationOption"

OLD_NAMES = {
    "$TargetDedicated": DEDICATED,
    "$TargetLowPriority": LOW_PRIORITY,
    "$CurrentDedicated": "$CurrentDedicatedNodes",
}
"""Names from API versions before 2017, still accepted."""

SETTABLE = (DEDICATED, LOW_PRIORITY, "$TargetDedicated", "$TargetLowPriority", DEALLOCATION)
"""The service variables that a formula may set."""

SAMPLED = {
    "$CPUPercent": "average CPU usage of the nodes, in percent",
    "$ActiveTasks": "tasks that are ready to run but not running",
    "$RunningTasks": "tasks that are running",
    "$PendingTasks": "active and running tasks together",
    "$SucceededTasks": "tasks that succeeded",
    "$FailedTasks": "tasks that failed",
    "$TaskSlotsPerNode": "task slots per node",
    "$CurrentDedicatedNodes": "current dedicated nodes, including deallocated ones",
    "$CurrentLowPriorityNodes": "current low-priority nodes, including preempted ones",
    "$PreemptedNodeCount": "low-priority nodes that are preempted",
    "$UsableNodeCount": "nodes that can run tasks",
    "$SampleNodeCount": "nodes that provided samples",
    "$WallClockSeconds": "wall-clock seconds",
    "$MemoryBytes": "memory used, in MB",
    "$DiskBytes": "disk space used, in GB",
    "$DiskReadBytes": "bytes read from disk",
    "$DiskWriteBytes": "bytes written to disk",
    "$DiskReadOps": "disk reads",
    "$DiskWriteOps": "disk writes",
    "$NetworkInBytes": "bytes received",
    "$NetworkOutBytes": "bytes sent",
}
"""The sampled service variables and what they measure. A formula cannot set them."""

WITHDRAWN = frozenset(
    {"$SampleNodeCount", "$WallClockSeconds", "$MemoryBytes", "$DiskBytes", "$DiskReadBytes",
     "$DiskWriteBytes", "$DiskReadOps", "$DiskWriteOps", "$NetworkInBytes", "$NetworkOutBytes"}
)  # fmt: skip
"""Variables that Azure retired on 31 March 2024; they still work here."""

_CANONICAL = {
    name.lower(): name
    for name in (*SETTABLE, *SAMPLED, *OLD_NAMES, *INTERVALS, *DEALLOCATION_WORDS)
}

_SERVICE = frozenset(_CANONICAL.values())


def canonical(name: str) -> str:
    """Spell a service name as the service does; leave other names unchanged."""
    return _CANONICAL.get(name.lower(), name)


def is_service(name: str) -> bool:
    """Whether a name, in canonical spelling, belongs to the service."""
    return name in _SERVICE


def nearest(name: str, others: Iterable[str] = ()) -> str:
    """Suggest the known name that was probably meant, as a hint; empty if none is close.

    `others` are names to consider besides those of the service.
    """
    if len(name) > 64:  # the cost of a comparison grows with the square of the length
        return ""
    known = {**_CANONICAL, **{other.lower(): other for other in others}}
    for spelling in (name.lower(), "$" + name.lower(), name.lower().lstrip("$")):
        if known.get(spelling, name) != name:
            return f"did you mean {known[spelling]}?"
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return f"did you mean {known[near[0]]}?" if near and known[near[0]] != name else ""
