"""What a pool references must be there: its application packages and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from batchlab.core import applications, certificates
from batchlab.core.specs import ApplicationPackageReference, CertificateReference
from batchlab.core.specs.applications import check_package_references
from batchlab.core.specs.certificates import check_certificate_references

if TYPE_CHECKING:
    from batchlab.core.machine import Core

__all__ = ["check"]


def check(
    core: Core,
    packages: Sequence[ApplicationPackageReference] | None,
    certs: Sequence[CertificateReference] | None,
    owner: str,
) -> None:
    """Refuse too many references, and those that lead nowhere."""
    if packages:
        check_package_references(packages, owner)
        applications.check_references(core, packages)
    if certs:
        check_certificate_references(certs, owner)
        certificates.check_references(core, certs)
