"""Cards of applications, their packages and certificates. Views contain no secrets."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from batchlab.colours import VERMILLION
from batchlab.core.messages.views import (
    ApplicationPackageView,
    ApplicationView,
    CertificateView,
    PoolView,
)
from batchlab.handles.applications import (
    Application,
    ApplicationPackage,
    ApplicationPackages,
    Applications,
)
from batchlab.handles.certificates import Certificate, Certificates
from batchlab.html import ROWS, card, code, none, state, table, time_text

__all__ = [
    "application_card",
    "applications_card",
    "certificate_card",
    "certificates_card",
    "package_card",
    "packages_card",
    "reference_line",
]

_COLOUR = VERMILLION


def application_card(application: Application) -> Markup:
    """An application with its packages."""
    view = application.view()
    pairs = [
        ("Name", view.display_name or ""),
        ("Default version", view.default_version or "none"),
        ("Updates allowed", "yes" if view.allow_updates else "no"),
    ]
    grid = _packages(application.packages.views())
    return card("Application", view.id, pairs, grid, colour=_COLOUR)


def applications_card(applications: Applications) -> Markup:
    """A table of applications."""
    views = applications.views()
    rows = [_application_row(view) for view in views[:ROWS]]
    columns = ("application", "name", "versions", "default")
    grid = table("", columns, rows, left_out=len(views) - len(rows))
    shown = grid if views else none("applications")
    return card("Applications", applications.narrowed, [], shown, colour=_COLOUR)


def package_card(package: ApplicationPackage) -> Markup:
    """One version of an application."""
    view = package.view()
    pairs = [
        ("Application", view.application_id),
        ("State", state(view.state)),
        ("Size", f"{view.content_length:,} bytes, {view.format}"),
        ("Uploaded", time_text(view.last_activation_time)),
        ("Location", code(view.storage_url)),
    ]
    return card("Application package", view.version, pairs, colour=_COLOUR)


def packages_card(packages: ApplicationPackages) -> Markup:
    """A table of the packages of an application."""
    return card("Application packages", packages.narrowed, [], _packages(packages.views()),
                colour=_COLOUR)  # fmt: skip


def certificate_card(certificate: Certificate) -> Markup:
    """The public part of a certificate."""
    view = certificate.view()
    error = view.delete_certificate_error
    pairs = [
        ("State", state(view.state)),
        ("Format", view.certificate_format),
        ("Since", time_text(view.state_transition_time)),
        ("Deletion error", f"{error.message} ({_users(error.values)})" if error else ""),
    ]
    return card("Certificate", view.thumbprint, pairs, colour=_COLOUR)


def certificates_card(certificates: Certificates) -> Markup:
    """A table of certificates."""
    views = certificates.views()
    rows = [_certificate_row(view) for view in views[:ROWS]]
    columns = ("thumbprint", "format", "state")
    grid = table("", columns, rows, left_out=len(views) - len(rows))
    shown = grid if views else none("certificates")
    return card("Certificates", certificates.narrowed, [], shown, colour=_COLOUR)


def reference_line(view: PoolView) -> str:
    """The package references of a pool in one line."""
    return ", ".join(
        f"{reference.application_id} {reference.version or '(default)'}"
        for reference in view.application_package_references
    )


def _packages(views: Sequence[ApplicationPackageView]) -> Markup:
    if not views:
        return none("packages")
    rows = [
        (view.version, f"{view.content_length:,}", time_text(view.last_activation_time))
        for view in views[:ROWS]
    ]
    columns = ("version", "bytes", "uploaded")
    return table("", columns, rows, left_out=len(views) - len(rows), numbers=("bytes",))


def _application_row(view: ApplicationView) -> tuple[str, ...]:
    versions = ", ".join(view.versions)
    return view.id, view.display_name or "", versions, view.default_version or ""


def _certificate_row(view: CertificateView) -> tuple[str, ...]:
    return code(view.thumbprint), view.certificate_format, state(view.state)


def _users(values: dict[str, str]) -> str:
    return "; ".join(f"{name}: {ids}" for name, ids in values.items())
