"""What a pool references must be there: its application packages and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from batchlab.core.account import applications, certificates
from batchlab.core.model import ApplicationPackageReference, CertificateReference
from batchlab.core.model.applications import check_package_references
from batchlab.core.model.certificates import check_certificate_references

if TYPE_CHECKING:
    from batchlab.core.state.state import State

__all__ = ["check"]


def check(
    state: State,
    packages: Sequence[ApplicationPackageReference] | None,
    certs: Sequence[CertificateReference] | None,
    owner: str,
) -> None:
    """Refuse too many references, and those that lead nowhere."""
    if packages:
        check_package_references(packages, owner)
        applications.check_references(state, packages)
    if certs:
        check_certificate_references(certs, owner)
        certificates.check_references(state, certs)
