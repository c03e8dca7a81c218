"""Applications and their packages: versions of programs that nodes unpack before they run tasks.

The core knows names, versions and the location of contents, but never the contents. A reference
without a version means the application's default version when a node starts or a task runs. A pool
is refused if a package it references does not exist; a node that starts later, when the package is
gone, becomes ``unusable``. A task is never refused for this reason: it fails on its node before
its command starts (``ApplicationPackageError``).

If ``allow_updates`` is off, existing versions can be neither replaced nor deleted, but new
versions can be added. The default version always exists; it is cleared when its package is
deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from batchlab.core.messages import inputs, views
from batchlab.core.messages.outputs import ApplicationChanged, PackageToInstall
from batchlab.core.model import ApplicationPackageReference
from batchlab.core.model.ids import fold
from batchlab.core.model.moments import moment
from batchlab.core.state.holdings import ApplicationRecord, PackageRecord
from batchlab.errors import Conflict, NotFound, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State

MOST_APPLICATIONS = 20
MOST_PACKAGES = 40


def find(state: State, application_id: str) -> ApplicationRecord:
    """The application with this id, or `NotFound`."""
    application = state.applications.get(fold(application_id))
    if application is None:
        raise NotFound("ApplicationNotFound", f"there is no application {application_id!r}")
    return application


def find_package(state: State, application_id: str, version: str) -> PackageRecord:
    """The package with this version, or `NotFound`."""
    application = find(state, application_id)
    package = application.packages.get(fold(version))
    if package is None:
        raise NotFound(
            "ResourceNotFound",
            f"application {application.id!r} has no version {version!r}; existing versions: "
            f"{_versions(application)}",
        )
    return package


def _versions(application: ApplicationRecord) -> str:
    return ", ".join(known.version for known in application.packages.values()) or "none"


# -- requests -----------------------------------------------------------------------------------


def create_application(state: State, request: inputs.CreateApplication) -> None:
    """Add an application without packages."""
    key = fold(request.application_id)
    known = state.applications.get(key)
    if known:
        raise Conflict("ResourceAlreadyExists", f"there is already an application {known.id!r}")
    if len(state.applications) >= MOST_APPLICATIONS:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"the account has {MOST_APPLICATIONS} applications, its maximum: delete one first",
        )
    state.applications[key] = ApplicationRecord(
        key=key,
        id=request.application_id,
        display_name=request.display_name,
        allow_updates=request.allow_updates,
    )
    state.tell(
        ApplicationChanged(at=state.now, application_id=request.application_id, state="active")
    )


def update_application(state: State, request: inputs.UpdateApplication) -> None:
    """Change the given properties."""
    application = find(state, request.application_id)
    default = request.default_version
    if default and fold(default) not in application.packages:
        reason = f"must be the version of an existing package: {_versions(application)}"
        raise invalid("default_version", default, reason, owner="Application.update")
    if request.display_name is not None:
        application.display_name = request.display_name
    if request.allow_updates is not None:
        application.allow_updates = request.allow_updates
    if default is not None:
        application.default = application.packages[fold(default)] if default else None
    state.tell(ApplicationChanged(at=state.now, application_id=application.id, state="active"))


def delete_application(state: State, request: inputs.DeleteApplication) -> None:
    """Delete an application that has no packages."""
    application = find(state, request.application_id)
    if application.packages:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"application {application.id!r} still has packages ({len(application.packages)}): "
            "delete them first",
        )
    del state.applications[application.key]
    state.tell(ApplicationChanged(at=state.now, application_id=application.id, state="deleted"))


def create_package(state: State, request: inputs.CreateApplicationPackage) -> None:
    """Add a version, or replace its contents."""
    application = find(state, request.application_id)
    key = fold(request.version)
    known = application.packages.get(key)
    if known:
        _refuse_fixed(application, known, "replaced")
    elif len(application.packages) >= MOST_PACKAGES:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"application {application.id!r} has {MOST_PACKAGES} packages, its maximum: delete "
            "one first",
        )
    package = PackageRecord(
        application=application,
        version=known.version if known else request.version,
        location=request.location,
        digest=request.digest,
        content_length=request.content_length,
        activated=state.now,
    )
    application.packages[key] = package
    if application.default is known and known:
        application.default = package
    _tell(state, package, "active")


def delete_package(state: State, request: inputs.DeleteApplicationPackage) -> None:
    """Delete a version; nodes that have it keep it."""
    package = find_package(state, request.application_id, request.version)
    application = package.application
    _refuse_fixed(application, package, "deleted")
    del application.packages[fold(package.version)]
    if application.default is package:
        application.default = None
    _tell(state, package, "deleted")


def _refuse_fixed(application: ApplicationRecord, package: PackageRecord, done: str) -> None:
    if not application.allow_updates:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"version {package.version!r} of application {application.id!r} cannot be {done}: "
            "its allow_updates is False. Add another version",
        )


def _tell(state: State, package: PackageRecord, current: str) -> None:
    state.tell(
        ApplicationChanged(at=state.now, application_id=package.application.id, state=current,
                           version=package.version)
    )  # fmt: skip


# -- references ---------------------------------------------------------------------------------


def check_references(state: State, references: Sequence[ApplicationPackageReference]) -> None:
    """Refuse references of a pool to packages that do not exist."""
    for reference in references:
        application = state.applications.get(reference.application_id)
        if application is None:
            reason = f"there is no application {reference.application_id!r}"
        elif reference.version is None and application.default is None:
            reason = (
                f"the reference to application {application.id!r} has no version, and the "
                "application has no default version"
            )
        elif reference.version and fold(reference.version) not in application.packages:
            reason = f"application {application.id!r} has no version {reference.version!r}"
        else:
            continue
        raise Conflict("InvalidApplicationPackageReferences", reason)


def wanted(
    state: State, references: Sequence[ApplicationPackageReference]
) -> tuple[PackageToInstall, ...]:
    """The packages that references mean now; a package that does not exist has no location."""
    return tuple(_resolve(state, reference) for reference in references)


def _resolve(state: State, reference: ApplicationPackageReference) -> PackageToInstall:
    application = state.applications.get(reference.application_id)
    package = None
    if application is not None:
        named = reference.version
        package = application.packages.get(fold(named)) if named else application.default
    if application is None or package is None:
        return PackageToInstall(
            application_id=application.id if application else reference.application_id,
            version=reference.version or "",
            by_default=reference.version is None,
        )
    return PackageToInstall(
        application_id=application.id,
        version=package.version,
        location=package.location,
        digest=package.digest,
        by_default=reference.version is None,
    )


# -- views --------------------------------------------------------------------------------------


def view(application: ApplicationRecord) -> views.ApplicationView:
    """View of an application."""
    return views.ApplicationView(
        id=application.id,
        display_name=application.display_name,
        allow_updates=application.allow_updates,
        default_version=application.default.version if application.default else None,
        versions=tuple(package.version for package in application.packages.values()),
    )


def package_view(package: PackageRecord) -> views.ApplicationPackageView:
    """View of a package."""
    return views.ApplicationPackageView(
        application_id=package.application.id,
        version=package.version,
        state="active",
        format="zip",
        content_length=package.content_length,
        last_activation_time=moment(package.activated),
        storage_url=package.location,
    )
