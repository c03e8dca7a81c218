"""Applications and their packages: versions of programs that nodes unpack."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from pathlib import Path
from typing import Any

from batchlab.core.answers.pages import matching
from batchlab.core.messages.inputs import (
    CreateApplicationPackage,
    DeleteApplication,
    DeleteApplicationPackage,
    UpdateApplication,
)
from batchlab.core.messages.questions import (
    GetApplication,
    GetApplicationPackage,
    ListApplicationPackages,
    ListApplications,
)
from batchlab.core.messages.view_fields import ApplicationPackageProperties, ApplicationProperties
from batchlab.core.messages.views import ApplicationPackageView, ApplicationView
from batchlab.core.model import check_version
from batchlab.core.model.ids import fold
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, invalid
from batchlab.handles.base import Handle
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.storage import translate_storage_errors
from batchlab.handles.verbs import ask_for, verb
from batchlab.storage.faults import StorageFailed

__all__ = ["Application", "ApplicationPackage", "ApplicationPackages", "Applications"]

_CHUNK = 2**20


class Application(Handle, ApplicationProperties, init=False):
    """A program for nodes, in versions. Properties query the service."""

    __slots__ = ()

    def view(self) -> ApplicationView:
        """All properties at one moment, as an immutable snapshot."""
        view: ApplicationView = self._connection.ask(GetApplication(application_id=self._id))
        return view

    @property
    def packages(self) -> ApplicationPackages:
        """Its packages, by version."""
        return ApplicationPackages(self._connection, self._id)

    @verb
    def create_package(
        self, version: str, package: bytes | str | os.PathLike[str]
    ) -> ApplicationPackage:
        """Add or replace a version; nodes that already have it take up the new one on reboot.

        Parameters
        ----------
        version : str
            1 to 64 letters, digits, hyphens, underscores and dots.
        package : bytes or path
            A zip archive. As in Azure, it is not checked until a node unpacks it: a broken one
            makes the nodes of a pool ``unusable`` and a task fail.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: the version exists and `allow_updates` is False,
            or there are 40 packages.
        NotFound
            ``ApplicationNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: an invalid version, or a file that cannot be read.
        """
        owner = "Application.create_package"
        if not isinstance(version, str):
            raise invalid("version", version, "must be text", owner=owner)
        check_version(version, owner=owner)
        digest, length = _measure(package, owner)
        container = self._connection.storage.container(_container(self.view().id))
        blob = f"{version}-{uuid.uuid4().hex}.zip"
        with translate_storage_errors():
            container.create()
            container.write(blob, bytes(package) if isinstance(package, bytearray) else package)
        known = self.packages.get(version)
        replaced = known.storage_url if known else None
        request = CreateApplicationPackage(
            application_id=self._id,
            version=version,
            location=container.url_of(blob),
            digest=digest,
            content_length=length,
        )
        try:
            self._connection.request(request)
        except BatchError:
            _delete_blob(self._connection, request.location)
            raise
        if replaced:
            _delete_blob(self._connection, replaced)
        return ApplicationPackage(self._connection, self._id, version)

    @verb
    def update(
        self,
        *,
        display_name: str | None = None,
        allow_updates: bool | None = None,
        default_version: str | None = None,
    ) -> None:
        """Change the given properties, keep the rest.

        Parameters
        ----------
        display_name : str, optional
        allow_updates : bool, optional
            If False, existing versions cannot be replaced or deleted; new ones can be added.
        default_version : str, optional
            An existing version; ``""`` for none.

        Raises
        ------
        NotFound
            ``ApplicationNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: a property has a wrong value, or the version does not exist.
        """
        ask_for(self._connection, UpdateApplication, "Application.update",
                application_id=self._id, display_name=display_name, allow_updates=allow_updates,
                default_version=default_version)  # fmt: skip

    @verb
    def delete(self) -> None:
        """Delete it.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: it still has packages.
        """
        ask_for(self._connection, DeleteApplication, "Application.delete",
                application_id=self._id)  # fmt: skip


class ApplicationPackage(Handle, ApplicationPackageProperties, init=False):
    """One version of an application: a zip archive that nodes unpack."""

    __slots__ = ("_application_id",)

    def __init__(self, connection: Connection, application_id: str, id: str) -> None:  # noqa: A002
        super().__init__(connection, id)
        self._application_id = application_id

    @property
    def application_id(self) -> str:
        """The id of its application."""
        return self._application_id

    @property
    def version(self) -> str:
        """Its version."""
        return self._id

    def _key(self) -> tuple[str, ...]:
        return fold(self._application_id), fold(self._id)

    def view(self) -> ApplicationPackageView:
        """All properties at one moment, as an immutable snapshot."""
        question = GetApplicationPackage(application_id=self._application_id, version=self._id)
        view: ApplicationPackageView = self._connection.ask(question)
        return view

    @verb
    def delete(self) -> None:
        """Delete it with its contents; nodes that have unpacked it keep their copy.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: `allow_updates` of its application is False.
        """
        url = self.storage_url
        ask_for(self._connection, DeleteApplicationPackage, "ApplicationPackage.delete",
                application_id=self._application_id, version=self._id)  # fmt: skip
        _delete_blob(self._connection, url)

    def __repr__(self) -> str:
        return f"ApplicationPackage({self._application_id!r}, {self._id!r})"


class Applications(Handles[Application]):
    """The applications of a lab by id, in order of creation."""

    __slots__ = ()
    _kind = "application"
    _view_type = ApplicationView

    def views(self) -> list[ApplicationView]:
        """An immutable snapshot of each application, all of the same moment."""
        views: list[ApplicationView] = self._connection.ask(ListApplications())
        return matching(views, self._where)

    def _handle(self, id: str) -> Application:  # noqa: A002
        return Application(self._connection, id)

    def _summary(self) -> str:
        return "\n".join(
            f"{view.id}  {', '.join(view.versions) or 'no packages'}"
            + (f" (default {view.default_version})" if view.default_version else "")
            for view in self.views()
        ) or "no applications"  # fmt: skip


class ApplicationPackages(Handles[ApplicationPackage]):
    """The packages of an application by version, in order of creation."""

    __slots__ = ("_application_id",)
    _kind = "application package"
    _view_type = ApplicationPackageView
    _name = "version"

    def __init__(self, connection: Connection, application_id: str) -> None:
        super().__init__(connection)
        self._application_id = application_id

    def views(self) -> list[ApplicationPackageView]:
        """An immutable snapshot of each package, all of the same moment."""
        question = ListApplicationPackages(application_id=self._application_id)
        views: list[ApplicationPackageView] = self._connection.ask(question)
        return matching(views, self._where)

    def _handle(self, id: str) -> ApplicationPackage:  # noqa: A002
        return ApplicationPackage(self._connection, self._application_id, id)

    def _summary(self) -> str:
        lines = [f"{v.version}  {v.content_length:,} bytes" for v in self.views()]
        return "\n".join(lines) or f"application {self._application_id!r} has no packages"


def _delete_blob(connection: Connection, url: str) -> None:
    """Delete contents that are no longer needed, if the storage can be reached."""
    folder, _, blob = url.rpartition("/")
    with contextlib.suppress(StorageFailed):
        connection.storage.resolve(folder).delete(blob)


def _container(application_id: str) -> str:
    """Return the name of the container for an application's packages, as Azure names it."""
    import hashlib  # noqa: PLC0415 - slow, rarely needed

    key = fold(application_id)
    plain = re.sub("[^a-z0-9]+", "-", key).strip("-")[:20]
    mark = hashlib.sha256(key.encode()).hexdigest()[:12]
    return "-".join(filter(None, ("app", plain, mark)))


def _measure(package: Any, owner: str) -> tuple[str, int]:
    """Return the digest and the length of an archive."""
    import hashlib  # noqa: PLC0415 - slow, rarely needed

    if isinstance(package, (bytes, bytearray)):
        return hashlib.sha256(package).hexdigest(), len(package)
    if not isinstance(package, (str, os.PathLike)):
        reason = "must be bytes or the path of a zip archive"
        raise invalid("package", type(package).__name__, reason, owner=owner)
    digest, length = hashlib.sha256(), 0
    try:
        with Path(package).expanduser().open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                length += len(chunk)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise invalid("package", str(package), f"cannot be read: {reason}", owner=owner) from None
    return digest.hexdigest(), length
