"""Requests on pools in the management plane, carried out by the Batch service.

Each is one or several requests to the service, in its own words, so what is refused there is
refused here, with the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from batchlab.azure.answers import ArmRefused, batch_error, check_etag, json, nothing
from batchlab.azure.arm_pools import pool_of_arm, pool_to_arm
from batchlab.azure.names import CLIENT, IDENTITY, PRINCIPAL, Account
from batchlab.drivers.ports import Connection
from batchlab.errors import invalid
from batchlab.rest.messages import Response
from batchlab.rest.server import Answering
from batchlab.rest.unknown_properties import unknown_properties_of

if TYPE_CHECKING:
    from batchlab.azure.management import ArmCall

__all__ = ["ArmPools"]

Wire = dict[str, Any]
VERSION = "api-version=2025-06-01"
RETRY_S = "1"
_NEVER_CHANGED = frozenset({"vmSize", "displayName"})
_REPLACED = ("applicationPackageReferences", "certificateReferences", "metadata")
_CERTIFIED = "api-version=2024-02-01.19.0"
"""A version that still has certificates."""
_SIZES = ("targetDedicatedNodes", "targetLowPriorityNodes")
_SCALE = (*_SIZES, "resizeTimeout", "nodeDeallocationOption", "enableAutoScale",
          "autoScaleFormula", "autoScaleEvaluationInterval")  # fmt: skip


class ArmPools:
    """Pools in the management plane.

    Parameters
    ----------
    service : Answering
        The Batch service.
    connection : Connection
        Of the same lab.
    account : Account
    """

    def __init__(self, service: Answering, connection: Connection, account: Account) -> None:
        self._service = service
        self._connection = connection
        self._account = account

    def routes(self) -> Iterator[tuple[str, str, Callable[[ArmCall], Response]]]:
        """The methods and paths, below that of the account, and what answers."""
        yield "GET", "/pools", self._list
        yield "GET", "/pools/{pool}", lambda call: json(*self._shown(call))
        yield "PUT", "/pools/{pool}", self._create
        yield "PATCH", "/pools/{pool}", self._change
        yield "DELETE", "/pools/{pool}", self._delete
        yield "GET", "/pooloperationresults/delete-{pool}", self._deleted
        for verb in ("stopresize", "disableautoscale"):
            yield "POST", f"/pools/{{pool}}/{verb}", partial(self._do, verb=verb)

    # -- reading --------------------------------------------------------------------------------

    def _list(self, call: ArmCall) -> Response:
        rows: list[Wire] = []
        path, query = "/pools", ""
        while True:
            found = self._ask("GET", path, query=query)
            rows += found["value"]
            _, _, query = found.get("odata.nextLink", "").partition("?")
            if not query:
                break
        most = call.query.get("maxresults", "")
        if most and not (most.isdecimal() and most.isascii() and 0 < len(most) < 10):
            raise invalid("maxresults", most, "must be a number of pools")
        skip = call.query.get("$skiptoken", "0")
        start = int(skip) if skip.isdecimal() and skip.isascii() and len(skip) < 10 else 0
        end = start + int(most) if most else len(rows)
        content: Wire = {"value": [self._to_arm(call, row) for row in rows[start:end]]}
        if end < len(rows):
            base = f"https://management.azure.com{self._account.path}/pools"
            version = call.query.get("api-version", "")
            content["nextLink"] = (
                f"{base}?api-version={version}&maxresults={most}&$skiptoken={end}"
            )
        return json(content)

    def _shown(self, call: ArmCall) -> tuple[Wire, int, dict[str, str]]:
        pool = self._ask("GET", _path(call.names["pool"]))
        found = self._to_arm(call, pool)
        changed = format_datetime(datetime.fromisoformat(pool["lastModified"]), usegmt=True)
        return found, 200, {"ETag": found["etag"], "Last-Modified": changed}

    def _to_arm(self, call: ArmCall, pool: Wire) -> Wire:
        return pool_to_arm(pool, self._account.path, call.query.get("api-version", ""))

    # -- changing -------------------------------------------------------------------------------

    def _create(self, call: ArmCall) -> Response:
        pool_id = call.names["pool"]
        self._check(call)
        pool = {"id": pool_id} | pool_of_arm(call.properties)
        pool.pop("nodeDeallocationOption", None)  # it is for later resizes
        identity = self._identity(call.json.get("identity"))
        self._ask("POST", "/pools", pool)
        if identity:
            created = datetime.fromisoformat(self._ask("GET", _path(pool_id))["creationTime"])
            kept = unknown_properties_of(self._connection)
            kept.put(("pool", pool_id), created, {"identity": identity})
        return json(*self._shown(call))

    def _check(self, call: ArmCall) -> None:
        """Refuse a conditional request if the condition is not met."""
        response = self._send("HEAD", _path(call.names["pool"]))
        check_etag(call.headers, response.headers.get("ETag"))

    def _identity(self, given: Any) -> Wire | None:
        """The identity of a pool's nodes, as the service shows it; all tasks have it anyway."""
        if given is None:
            return None
        named = given.get("userAssignedIdentities") or {} if isinstance(given, dict) else None
        if not isinstance(named, dict):
            raise invalid("identity", given, "must be an object with userAssignedIdentities")
        if str(given.get("type", "None")).lower() == "none":
            return None
        for name in named:
            if name.lower() != IDENTITY.lower():
                reason = f"there is no such managed identity; this lab's is {IDENTITY}"
                raise invalid("userAssignedIdentities", name, reason)
        about = {"resourceId": IDENTITY, "clientId": CLIENT, "principalId": PRINCIPAL}
        return {"type": "UserAssigned", "userAssignedIdentities": [about]}

    def _change(self, call: ArmCall) -> Response:
        pool_id = call.names["pool"]
        before = self._ask("GET", _path(pool_id))
        self._check(call)
        wanted = pool_of_arm(call.properties)
        wanted = {name: value for name, value in wanted.items()
                  if name not in _NEVER_CHANGED or value != before.get(name)}  # fmt: skip
        scale = {name: wanted.pop(name) for name in _SCALE if name in wanted}
        if wanted.get("startTask") == {}:
            del wanted["startTask"]
            self._remove_start_task(pool_id, before)
        if wanted:
            self._ask("PATCH", _path(pool_id), wanted)
        if scale:
            self._scale(pool_id, scale, before)
        return json(*self._shown(call))

    def _remove_start_task(self, pool_id: str, before: Wire) -> None:
        """What an empty start task means here; the service knows it by its absence."""
        others = {name: before.get(name, []) for name in _REPLACED}
        self._ask("POST", f"{_path(pool_id)}/updateproperties", others, _CERTIFIED)

    def _scale(self, pool_id: str, scale: Wire, before: Wire) -> None:
        """Give a pool another size, or a formula, or none."""
        path = _path(pool_id)
        if scale.pop("enableAutoScale", False):
            self._ask("POST", f"{path}/enableautoscale", scale)
            return
        if before.get("enableAutoScale"):
            self._ask("POST", f"{path}/disableautoscale")
        elif all(before.get(name, 0) == scale.get(name, before.get(name, 0)) for name in _SIZES):
            return
        self._ask("POST", f"{path}/resize", scale)

    def _do(self, call: ArmCall, verb: str) -> Response:
        pool_id = call.names["pool"]
        self._ask("POST", f"{_path(pool_id)}/{verb}")
        return json(*self._shown(call))

    def _delete(self, call: ArmCall) -> Response:
        pool_id = call.names["pool"]
        if not self._exists(pool_id):
            return nothing(204)
        try:
            self._ask("DELETE", _path(pool_id))
        except ArmRefused as refused:
            if b"PoolBeingDeleted" not in bytes(refused.answer.body):  # type: ignore[arg-type]
                raise
        return self._deleting(call)

    def _deleted(self, call: ArmCall) -> Response:
        """Whether a pool is gone: a client asks here until it is."""
        return self._deleting(call) if self._exists(call.names["pool"]) else nothing(200)

    def _deleting(self, call: ArmCall) -> Response:
        """A pool is being deleted: where to ask whether it is gone."""
        base = f"https://management.azure.com{self._account.path}"
        version = call.query.get("api-version", "")
        where = f"{base}/poolOperationResults/delete-{call.names['pool']}?api-version={version}"
        return nothing(202, {"Location": where, "Retry-After": RETRY_S})

    # -- the service ----------------------------------------------------------------------------

    def _exists(self, pool_id: str) -> bool:
        return self._send("HEAD", _path(pool_id)).status == 200

    def _ask(self, method: str, path: str, content: Wire | None = None, query: str = "") -> Any:
        """Ask the service; what it refuses is refused with its code, text and reason."""
        response = self._send(method, path, content, query)
        body = response.body if isinstance(response.body, bytes) else b""
        found = msgspec.json.decode(body) if body else {}
        if response.status < 400:
            return found
        raise ArmRefused(batch_error(response.status, found))

    def _send(
        self, method: str, path: str, content: Wire | None = None, query: str = ""
    ) -> Response:
        body = b"" if content is None else msgspec.json.encode(content)
        headers = {"host": self._account.batch_host}
        given = query or VERSION
        return self._service.answer(method, path, given, headers, body, scheme="https")


def _path(pool_id: str) -> str:
    return f"/pools/{quote(pool_id, safe='')}"
