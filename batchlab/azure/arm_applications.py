"""Applications in the management plane: a client uploads a package to the storage account itself.

A new version has a URL for its contents and is pending until the client, after the upload, says
that it is active. Then the lab takes the contents from the storage account, and has the package.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from batchlab.azure.answers import ArmRefused, check_etag, error, etag_of, json, nothing
from batchlab.azure.azurite import Azurite
from batchlab.azure.names import Account
from batchlab.core.messages.inputs import CreateApplication
from batchlab.core.messages.view_fields import ApplicationProperties
from batchlab.core.model import check_version
from batchlab.drivers.ports import Connection
from batchlab.errors import Conflict, NotFound, invalid
from batchlab.handles.applications import Application, ApplicationPackage, Applications
from batchlab.handles.verbs import ask_for
from batchlab.rest.messages import Response
from batchlab.rest.wire import write_datetime

if TYPE_CHECKING:
    from batchlab.azure.management import ArmCall

__all__ = ["ArmApplications"]

Wire = dict[str, Any]
_KIND = "Microsoft.Batch/batchAccounts/applications"
_UPLOAD = timedelta(hours=4)


class ArmApplications:
    """Applications and their versions.

    Parameters
    ----------
    connection : Connection
    account : Account
    store : Azurite, optional
        Where packages are uploaded; without one they cannot be.
    """

    def __init__(self, connection: Connection, account: Account, store: Azurite | None) -> None:
        self._connection = connection
        self._applications = Applications(connection)
        self._account = account
        self._store = store
        self._pending: dict[tuple[str, str], str] = {}

    def routes(self) -> Iterator[tuple[str, str, Callable[[ArmCall], Response]]]:
        """The methods and paths, below that of the account, and what answers."""
        one = "/applications/{application}"
        version = f"{one}/versions/{{version}}"
        yield "GET", "/applications", self._list
        yield "GET", one, lambda call: _one(self._shown(self._find(call)))
        yield "PUT", one, self._create
        yield "PATCH", one, self._change
        yield "DELETE", one, self._delete
        yield "GET", f"{one}/versions", self._versions
        yield "GET", version, self._version
        yield "PUT", version, self._upload
        yield "POST", f"{version}/activate", self._activate
        yield "DELETE", version, self._delete_version

    # -- applications ---------------------------------------------------------------------------

    def _list(self, call: ArmCall) -> Response:
        return json({"value": [self._shown(one) for one in self._applications.values()]})

    def _create(self, call: ArmCall) -> Response:
        """PUT: make it, or give an existing one these properties."""
        name, given = call.names["application"], call.properties
        found = self._applications.get(name)
        check_etag(call.headers, None if found is None else self._shown(found)["etag"])
        if found is None:
            ask_for(self._connection, CreateApplication, "applications", application_id=name,
                    display_name=given.get("displayName"),
                    allow_updates=given.get("allowUpdates", True))  # fmt: skip
            given = {key: value for key, value in given.items() if key == "defaultVersion"}
        self._update(self._find(call), given)
        return _one(self._shown(self._find(call)))

    def _change(self, call: ArmCall) -> Response:
        check_etag(call.headers, self._shown(self._find(call))["etag"])
        self._update(self._find(call), call.properties)
        return _one(self._shown(self._find(call)))

    def _update(self, application: Application, given: Wire) -> None:
        if given:
            application.update(
                display_name=given.get("displayName"), allow_updates=given.get("allowUpdates"),
                default_version=given.get("defaultVersion"),
            )  # fmt: skip

    def _delete(self, call: ArmCall) -> Response:
        application = self._applications.get(call.names["application"])
        if application is None:
            return nothing(204)
        application.delete()
        return nothing(200)

    def _find(self, call: ArmCall) -> Application:
        return self._applications[call.names["application"]]

    def _shown(self, application: Application) -> Wire:
        view: ApplicationProperties = application.view()
        about = {"displayName": view.display_name, "allowUpdates": view.allow_updates,
                 "defaultVersion": view.default_version}  # fmt: skip
        found = {
            "id": f"{self._account.path}/applications/{application.id}", "name": application.id,
            "type": _KIND,
            "properties": {name: value for name, value in about.items() if value is not None},
        }  # fmt: skip
        return found | {"etag": etag_of(found)}

    # -- versions -------------------------------------------------------------------------------

    def _versions(self, call: ArmCall) -> Response:
        application = self._find(call)
        rows = [self._shown_version(application.id, one.version, one)
                for one in application.packages.values()]  # fmt: skip
        known = {row["name"].lower() for row in rows}
        rows += [
            self._shown_version(application.id, version)
            for name, version in self._pending
            if name == application.id.lower() and version not in known
        ]
        return json({"value": rows})

    def _version(self, call: ArmCall) -> Response:
        application, version = self._find(call), call.names["version"]
        package = application.packages.get(version)
        if package is None and self._key(call) not in self._pending:
            raise NotFound("ResourceNotFound", f"{application.id!r} has no version {version!r}")
        return _one(self._shown_version(application.id, version, package))

    def _upload(self, call: ArmCall) -> Response:
        """PUT: where to upload the contents; nothing changes until they are activated."""
        application, version = self._find(call), call.names["version"]
        check_version(version, owner="Application.create_package")
        store = self._needs_store()
        if not application.allow_updates and version in application.packages:
            said = f"application {application.id!r} does not allow updates of {version!r}"
            raise Conflict("OperationInvalidForCurrentState", said)
        blob = f"{version}-{secrets.token_hex(8)}"
        container = f"app-{application.id.lower().replace('_', '-')}"[:63].rstrip("-")
        self._pending[self._key(call)] = f"{container}/{blob}"
        ends = datetime.now(UTC) + _UPLOAD
        about = self._shown_version(application.id, version)
        about["properties"] |= {
            "storageUrl": store.upload_url(container, blob, ends),
            "storageUrlExpiry": write_datetime(ends),
        }
        return _one(about)

    def _activate(self, call: ArmCall) -> Response:
        application, version = self._find(call), call.names["version"]
        if str(call.json.get("format", "")).lower() != "zip":
            raise invalid("format", call.json.get("format"), "must be zip")
        store = self._needs_store()
        place = self._pending.get(self._key(call))
        if place is None:
            package = application.packages.get(version)
            if package is None:
                raise NotFound(
                    "ResourceNotFound", f"there is no version {version!r}: PUT it first"
                )
            return _one(self._shown_version(application.id, version, package))
        data = store.read(*place.split("/"))
        if data is None:
            raise Conflict(
                "ApplicationPackageBlobNotFound", "upload the package to its storageUrl first"
            )
        package = application.create_package(version, data)
        del self._pending[self._key(call)]
        store.delete(*place.split("/"))
        return _one(self._shown_version(application.id, version, package))

    def _delete_version(self, call: ArmCall) -> Response:
        application = self._find(call)
        pending = self._pending.pop(self._key(call), None)
        package = application.packages.get(call.names["version"])
        if package is None:
            return nothing(200 if pending else 204)
        package.delete()
        return nothing(200)

    def _needs_store(self) -> Azurite:
        if self._store is None:
            said = "a package is uploaded to blobs, which need Azurite: npm install -g azurite"
            raise ArmRefused(error(409, "OperationInvalidForCurrentState", said))
        return self._store

    def _key(self, call: ArmCall) -> tuple[str, str]:
        return call.names["application"].lower(), call.names["version"].lower()

    def _shown_version(
        self, application_id: str, version: str, package: ApplicationPackage | None = None
    ) -> Wire:
        about: Wire = {"state": "Pending" if package is None else "Active"}
        if package is not None:
            about["format"] = "zip"
            about["lastActivationTime"] = write_datetime(package.last_activation_time)
        path = f"{self._account.path}/applications/{application_id}/versions/{version}"
        found = {"id": path, "name": version, "type": f"{_KIND}/versions", "properties": about}
        return found | {"etag": etag_of(found)}


def _one(resource: Wire) -> Response:
    """A response with one resource and its version."""
    return json(resource, 200, {"ETag": resource["etag"]})
