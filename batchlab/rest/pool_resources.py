"""What a pool can ask for that it does not get: Azure resources, Windows, rights on this machine.

A lab has no Azure subscription, so there are no virtual networks, public IP addresses, images of a
gallery, disk encryption sets or managed identities. A pool that names one would get another
network, image or identity than it asked for; like an account that lacks the resource, a lab
refuses it. Nodes run Linux commands, so a pool of Windows nodes is refused, too. Everything else
in a virtual machine's configuration is only stored; see `unknown_properties`.

Start tasks of real workloads install programs as administrators. On Azure, that is a virtual
machine of their own; on nodes of root, it is this machine. So a service can refuse them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from batchlab.core.messages.questions import GetPool
from batchlab.errors import Conflict, invalid
from batchlab.rest import resources
from batchlab.rest.auth import refusal
from batchlab.rest.images import runs_containers
from batchlab.rest.messages import RestCall, Wire

__all__ = ["WINDOWS_AGENT", "check_job", "check_pool"]

WINDOWS_AGENT = "batch.node.windows"
_RESOURCES = {
    "subnetId": "subnet", "ipAddressIds": "public IP address", "publicIPs": "public IP address",
    "virtualMachineImageId": "image", "sharedGalleryImageId": "image",
    "communityGalleryImageId": "image", "diskEncryptionSet": "disk encryption set",
    "userAssignedIdentities": "managed identity", "identityReference": "managed identity",
    "serviceArtifactReference": "service artifact",
}  # fmt: skip
"""Properties that name an Azure resource, and what that is."""
_GALLERY_IMAGE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/[^/]+"
    r"/images/[^/]+(?:/versions/[^/]+)?",
    re.IGNORECASE,
)
_WINDOWS_IMAGE = re.compile(r"windows|win-?\d\d|-ws20\d\d", re.IGNORECASE)


def check_pool(call: RestCall, pool: Any, pool_id: str = "") -> None:
    """Refuse the description of a pool that cannot exist here; `pool_id` if it is a change."""
    if not isinstance(pool, dict):
        return
    _refuse_windows(pool)
    _refuse_containers(pool)
    if not call.elevated_start_tasks:
        _refuse_elevated(call, pool, pool_id)
    for name, value in _named(pool):
        if name == "virtualMachineImageId":
            _refuse_image(call, value)
        _refuse(name, value)


def check_job(call: RestCall, job: Any) -> None:
    """Refuse a job, or the specification of jobs, whose pool or network cannot exist here."""
    if not isinstance(job, dict):
        return
    for name, value in _named(job.get("networkConfiguration")):
        _refuse(name, value)
    auto = _inner(job, "poolInfo", "autoPoolSpecification")
    check_pool(call, auto.get("pool"))


def _inner(value: Any, *names: str) -> Wire:
    """The object in an object; empty if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """The Azure resources that are named anywhere in a description."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name in _RESOURCES and inner not in (None, "", [], {}):
            yield name, inner
        else:
            yield from _named(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _named(inner)


def _refuse(name: str, value: Any) -> None:
    reason = f"there is no such {_RESOURCES[name]}: a lab has no Azure subscription"
    raise invalid(name, value, reason)


def _refuse_image(call: RestCall, image: Any) -> None:
    """Refuse an image: Azure looks it up as the caller, which only a token identifies."""
    if not isinstance(image, str) or not _GALLERY_IMAGE.fullmatch(image):
        form = (
            "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"
            "Microsoft.Compute/galleries/{galleryName}/images/{galleryImageName}"
        )
        reason = (
            "The specified resource id must be of the format "
            f"{form}/versions/{{galleryImageVersionName}} or {form}"
        )
        raise invalid("virtualMachineImageId", image, reason)
    if call.headers.get("authorization", "").lower().startswith("sharedkey"):
        raise refusal(
            "The specified type of authentication SharedKey is not allowed when external "
            "resources of type Compute are linked."
        )


def _refuse_elevated(call: RestCall, pool: Wire, pool_id: str) -> None:
    """Refuse a start task that runs as an administrator, by itself or by its user."""
    identity = _inner(pool, "startTask", "userIdentity")
    levels = [_inner(identity, "autoUser").get("elevationLevel")]
    if "username" in identity:
        given = pool.get("userAccounts")
        accounts = [one for one in given or () if isinstance(one, dict)]
        if pool_id and not accounts:
            accounts = resources.write(call.ask(GetPool(pool_id=pool_id)).user_accounts)
        levels += [
            one.get("elevationLevel")
            for one in accounts
            if one.get("name") == identity["username"]
        ]
    if any(str(level).lower() == "admin" for level in levels):
        raise Conflict(
            "OperationInvalidForCurrentState",
            "this lab runs as root, and an elevated start task would change the machine it runs "
            "on: serve the lab with --simulated or as another user, or say --allow-elevated",
        )


def _refuse_containers(pool: Wire) -> None:
    """Refuse containers on an image of the marketplace that has no runtime for them."""
    machine = _inner(pool, "virtualMachineConfiguration")
    image = _inner(machine, "imageReference")
    publisher, offer, sku = (str(image.get(part) or "") for part in ("publisher", "offer", "sku"))
    if machine.get("containerConfiguration") is None or runs_containers(publisher, offer):
        return
    reason = (
        f"The specified imageReference with publisher {publisher} offer {offer} sku {sku} does "
        "not support container feature."
    )
    raise invalid("containerConfiguration", "...", reason)


def _refuse_windows(pool: Wire) -> None:
    """Refuse Windows nodes, by whatever property asks for them, and users of Windows."""
    machine = _inner(pool, "virtualMachineConfiguration")
    image = _inner(machine, "imageReference")
    names = " ".join(str(image.get(part) or "") for part in ("publisher", "offer", "sku"))
    agent = str(machine.get("nodeAgentSKUId") or "")
    clouds = _inner(pool, "cloudServiceConfiguration")
    for name, value, is_windows in (
        ("osFamily", clouds.get("osFamily"), bool(clouds)),
        ("nodeAgentSKUId", agent, agent.lower().startswith(WINDOWS_AGENT)),
        ("imageReference", names, _WINDOWS_IMAGE.search(names)),
        ("windowsConfiguration", "...", machine.get("windowsConfiguration") is not None),
    ):
        if is_windows:
            reason = (
                "the nodes of a lab run Linux commands, so it has no Windows nodes: use a Linux "
                "image, such as canonical ubuntu-24_04-lts server with 'batch.node.ubuntu 24.04'"
            )
            raise invalid(name, value, reason)
    given = pool.get("userAccounts")
    for user in given if isinstance(given, list) else ():
        if isinstance(user, dict) and user.get("windowsUserConfiguration") is not None:
            reason = (
                f"The user configuration for user account '{user.get('name')}' has a mismatch "
                "with the OS (Windows/Linux) configuration specified in "
                "VirtualMachineConfiguration"
            )
            raise invalid("windowsUserConfiguration", "...", reason)
