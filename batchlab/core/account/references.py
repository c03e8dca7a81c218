"""The application packages and certificates that a pool references must exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from batchlab.core.account import applications, certificates
from batchlab.core.model import ApplicationPackageReference, CertificateReference

if TYPE_CHECKING:
    from batchlab.core.state.state import State

__all__ = ["check"]


def check(
    state: State,
    packages: Sequence[ApplicationPackageReference] | None,
    certs: Sequence[CertificateReference] | None,
) -> None:
    """Refuse references to something that does not exist."""
    if packages:
        applications.check_references(state, packages)
    if certs:
        certificates.check_references(state, certs)
