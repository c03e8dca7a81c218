"""What the service shows although the client did not give it.

Most defaults are those of our fields, and need no entry here. `DEFAULTS` has the others: a field
that is None for us, but not on the wire. `fill` adds to the properties that the lab does not use
(see `unknown_properties`). `SILENT` has the opposite: defaults that are not shown.
"""

from __future__ import annotations

from typing import Any

from batchlab.core.messages import views
from batchlab.core.model import (
    RETENTION,
    AutoUserSpecification,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    PoolSpec,
    ResourceFile,
    StartTask,
    TaskConstraints,
    UserIdentity,
)
from batchlab.rest.messages import Wire
from batchlab.rest.wire import UNLIMITED

__all__ = ["DEFAULTS", "SILENT", "fill"]

DEFAULTS: dict[tuple[type, str], Any] = {
    (JobConstraints, "max_wall_clock_time"): UNLIMITED,
    (TaskConstraints, "max_wall_clock_time"): UNLIMITED,
    (TaskConstraints, "retention_time"): RETENTION,
    (TaskConstraints, "max_task_retry_count"): 0,
} | dict.fromkeys(
    (
        (commanded, "user_identity")
        for commanded in (
            views.TaskView, StartTask, JobPreparationTask, JobReleaseTask, JobManagerTask
        )
    ),
    UserIdentity(auto_user=AutoUserSpecification()),
)  # fmt: skip
SILENT: dict[tuple[type, str], Any] = {
    (ResourceFile, "file_mode"): "0770",
    (PoolSpec, "id"): "",  # the specification of an auto pool
}
_IMAGE = {"version": "latest"}
_OTHERS: dict[str, Wire] = {
    "dataDisks": {"caching": "none", "storageAccountType": "standard_lrs"},
    "osDisk": {"ephemeralOSDiskSettings": {}, "caching": "None"},
    "networkSecurityGroupRules": {"sourcePortRanges": ["*"]},
}
_SPELT = {
    ("policy", "nodePlacementConfiguration"): ("Regional", "Zonal"),
    ("provision", "publicIPAddressConfiguration"): (
        "BatchManaged", "UserManaged", "NoPublicIPAddresses",
    ),
    ("caching", "osDisk"): ("None", "ReadOnly", "ReadWrite"),
    ("securityType", "securityProfile"): ("trustedlaunch", "confidentialvm"),
}  # fmt: skip
"""Values that the service returns in its own spelling, by property and owner."""
_NETWORK = {"dynamicVNetAssignmentScope": "none", "enableAcceleratedNetworking": False}


def fill(tree: Any, name: Any, owner: Any = None) -> Any:
    """Properties that the lab does not use, with their defaults, as a new tree.

    Parameters
    ----------
    tree : any
        A tree of properties, as in `unknown_properties`.
    name, owner : str
        The property that has the tree, or the kind of its resource; and the one that has that.
    """
    if isinstance(tree, list):
        return [fill(item, name, owner) for item in tree]
    if not isinstance(tree, dict):
        return _spelt(tree, name, owner)
    inner = {key: fill(value, key, name) for key, value in tree.items()}
    return _defaults(name, owner, tree) | inner


def _spelt(value: Any, name: Any, owner: Any) -> Any:
    for spelling in _SPELT.get((name, owner), ()):
        if isinstance(value, str) and value.lower() == spelling.lower():
            return spelling
    return value


def _defaults(name: Any, owner: Any, tree: Wire) -> Wire:
    if name == "imageReference":  # other images than those of the marketplace have no versions
        return _IMAGE if "publisher" in tree else {}
    if name == "networkConfiguration":  # that of a job has other properties
        return _NETWORK if owner == "pool" else {}
    if name == "managedDisk" and owner == "osDisk":
        return {"storageAccountType": "standard_lrs"}
    return _OTHERS.get(name, {})
