"""The names that the service gives: variables, constants, words, and how they are spelt.

Azure's own documents spell service names in more than one way (``$targetDedicatedNodes``), so
they are known without regard to case and printed in one canonical form. The names a user gives
to variables keep their case: ``$hours`` and ``$Hours`` are two variables.
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
"""Names of API versions before 2017, still understood."""

SETTABLE = (DEDICATED, LOW_PRIORITY, "$TargetDedicated", "$TargetLowPriority", DEALLOCATION)
"""The service variables that a formula may set."""

SAMPLED = {
    "$CPUPercent": "mean CPU use of the nodes, in percent",
    "$ActiveTasks": "tasks that are ready to run but not running",
    "$RunningTasks": "tasks that are running",
    "$PendingTasks": "active and running tasks together",
    "$SucceededTasks": "tasks that finished well",
    "$FailedTasks": "tasks that failed",
    "$TaskSlotsPerNode": "task slots of one node",
    "$CurrentDedicatedNodes": "dedicated nodes now",
    "$CurrentLowPriorityNodes": "low-priority nodes now, preempted ones included",
    "$PreemptedNodeCount": "low-priority nodes that are preempted",
    "$UsableNodeCount": "nodes that can run tasks",
    "$SampleNodeCount": "nodes that gave samples",
    "$WallClockSeconds": "seconds of wall clock",
    "$MemoryBytes": "memory in use, in MB",
    "$DiskBytes": "disk in use, in GB",
    "$DiskReadBytes": "bytes read from disk",
    "$DiskWriteBytes": "bytes written to disk",
    "$DiskReadOps": "disk reads",
    "$DiskWriteOps": "disk writes",
    "$NetworkInBytes": "bytes received",
    "$NetworkOutBytes": "bytes sent",
}
"""The service variables that are sampled, and what they count. A formula cannot set them."""

WITHDRAWN = frozenset(
    {"$SampleNodeCount", "$WallClockSeconds", "$MemoryBytes", "$DiskBytes", "$DiskReadBytes",
     "$DiskWriteBytes", "$DiskReadOps", "$DiskWriteOps", "$NetworkInBytes", "$NetworkOutBytes"}
)  # fmt: skip
"""Variables that Azure withdrew on 31 March 2024; they work here."""

_CANONICAL = {
    name.lower(): name
    for name in (*SETTABLE, *SAMPLED, *OLD_NAMES, *INTERVALS, *DEALLOCATION_WORDS)
}

_SERVICE = frozenset(_CANONICAL.values())


def canonical(name: str) -> str:
    """Spell a service name as the service does; leave the name of a user variable alone."""
    return _CANONICAL.get(name.lower(), name)


def is_service(name: str) -> bool:
    """Whether a name, in canonical spelling, is the service's own."""
    return name in _SERVICE


def nearest(name: str, others: Iterable[str] = ()) -> str:
    """Say which known name was probably meant, as a hint; empty when none is near.

    `others` are names to be thought of besides the service's.
    """
    if len(name) > 64:  # a comparison costs the square of the length
        return ""
    known = {**_CANONICAL, **{other.lower(): other for other in others}}
    for spelling in (name.lower(), "$" + name.lower(), name.lower().lstrip("$")):
        if known.get(spelling, name) != name:
            return f"did you mean {known[spelling]}?"
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return f"did you mean {known[near[0]]}?" if near else ""
