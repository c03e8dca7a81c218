"""What the management plane lists that is the same for every account: its operations, and what of
an account's network there is. A lab has no network of its own, so most of these lists are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from batchlab.azure.answers import json
from batchlab.azure.names import REGION, Account
from batchlab.rest.messages import Response

if TYPE_CHECKING:
    from batchlab.azure.management import ArmCall

__all__ = ["ArmLists", "operations"]

_KINDS = {
    "batchAccounts": ("Batch account", ("listkeys", "syncAutoStorageKeys")),
    "batchAccounts/pools": ("pool", ("stopResize", "disableAutoscale")),
    "batchAccounts/applications": ("application", ()),
    "batchAccounts/applications/versions": ("application package", ("activate",)),
}  # fmt: skip
_DATA = {"batchAccounts/jobs": "job", "batchAccounts/jobSchedules": "job schedule"}
_VERBS = {"read": "Gets or lists", "write": "Creates or updates", "delete": "Deletes"}
_EMPTY = (
    "privateEndpointConnections", "networkSecurityPerimeterConfigurations", "detectors",
    "outboundNetworkDependenciesEndpoints",
)  # fmt: skip


def operations() -> Response:
    """The operations that a role can allow."""
    rows = []
    for kind, name in _DATA.items():
        rows += [_row(f"{kind}/{verb}", f"{said} a {name}", data=True)
                 for verb, said in _VERBS.items()]  # fmt: skip
    for kind, (name, actions) in _KINDS.items():
        rows += [_row(f"{kind}/{verb}", f"{said} a {name}") for verb, said in _VERBS.items()]
        rows += [_row(f"{kind}/{action}/action", f"{action} of a {name}") for action in actions]
    return json({"value": rows})


def _row(name: str, about: str, *, data: bool = False) -> dict[str, Any]:
    display = {
        "provider": "Microsoft Batch", "resource": name.rpartition("/")[0], "operation": about,
        "description": about,
    }  # fmt: skip
    return {"name": f"Microsoft.Batch/{name}", "display": display, "isDataAction": data,
            "origin": "user,system"}  # fmt: skip


class ArmLists:
    """The lists of an account.

    Parameters
    ----------
    account : Account
    """

    def __init__(self, account: Account) -> None:
        name = account.name
        self._link = {
            "id": f"{account.path}/privateLinkResources/{name}", "name": name,
            "type": "Microsoft.Batch/batchAccounts/privateLinkResources",
            "properties": {
                "groupId": "batchAccount", "requiredMembers": ["batchAccount"],
                "requiredZoneNames": [f"privatelink.{REGION}.batch.azure.com"],
            },
        }  # fmt: skip
        self._name = name

    def routes(self) -> Iterator[tuple[str, str, Callable[[ArmCall], Response]]]:
        """The methods and paths, below that of the account, and what answers."""
        yield "GET", "/privatelinkresources", lambda call: json({"value": [self._link]})
        yield "GET", f"/privatelinkresources/{self._name}", lambda call: json(self._link)
        for name in _EMPTY:
            yield "GET", f"/{name.lower()}", lambda call: json({"value": []})
