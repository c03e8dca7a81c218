"""Records of what else an account has: applications with packages, certificates, node users."""

from __future__ import annotations

from batchlab.core.state import phases
from batchlab.core.state.base import Record
from batchlab.core.state.deadlines import Deadline


class ApplicationRecord(Record, eq=False, kw_only=True):
    """One application, its packages by version, and its default version."""

    key: str
    id: str
    display_name: str | None
    allow_updates: bool
    packages: dict[str, PackageRecord] = {}
    default: PackageRecord | None = None


class PackageRecord(Record, eq=False, kw_only=True):
    """One version of an application."""

    application: ApplicationRecord
    version: str
    location: str
    digest: str
    content_length: int
    activated: float


class CertificateRecord(Record, eq=False, kw_only=True):
    """The public part of one certificate."""

    thumbprint: str
    thumbprint_algorithm: str
    certificate_format: str
    public_data: str
    phase: phases.Phase
    previous: str | None = None
    previous_since: float | None = None


class NodeUserRecord(Record, eq=False, kw_only=True):
    """A user of one node, until its `deadline`."""

    name: str
    is_admin: bool
    deadline: Deadline
