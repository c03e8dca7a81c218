"""What is secret about certificates: kept by a driver for its nodes, shown to nobody.

A pfx and its password go from the user to the driver beside the request that adds the certificate,
and from there to the nodes that need them. They never enter the core, so neither a journal nor a
view has them, and their `repr` keeps them back. They live in the driver's memory, as long as the
lab.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from batchlab.core.messages.outputs import RunKind
from batchlab.core.model import CertificateFormat, CertificateReference, read_thumbprint

__all__ = ["CertificateContents", "NodeCertificate", "Vault"]


class CertificateContents(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as it was given: the file, and the password of a pfx."""

    data: bytes
    certificate_format: CertificateFormat
    password: str | None = None

    def __repr__(self) -> str:
        return f"CertificateContents({self.certificate_format}, not shown)"


class NodeCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate on a node: who may see it, and what they see."""

    reference: CertificateReference
    contents: CertificateContents

    def is_for(self, kind: RunKind) -> bool:
        """Whether runs of this kind find it: start tasks, or all that belongs to a job."""
        wanted = "starttask" if kind == "starttask" else "task"
        return wanted in self.reference.visibility

    def files(self) -> dict[str, bytes]:
        """The files that stand for it, by name."""
        reference, contents = self.reference, self.contents
        name = f"{reference.thumbprint_algorithm}-{reference.thumbprint}"
        name = f"{name}.{contents.certificate_format}"
        files = {name: contents.data}
        if contents.certificate_format == "pfx":
            files[f"{name}.pw"] = (contents.password or "").encode()
        return files


class Vault:
    """The contents of all certificates of an account, by thumbprint."""

    def __init__(self) -> None:
        self._contents: dict[str, CertificateContents] = {}

    def keep(self, thumbprint: str, contents: CertificateContents) -> None:
        """Take the contents of a certificate that was added."""
        self._contents[read_thumbprint(thumbprint)] = contents

    def forget(self, thumbprint: str) -> None:
        """Let go of a certificate that was deleted."""
        self._contents.pop(thumbprint, None)

    def of(self, references: Iterable[CertificateReference]) -> tuple[NodeCertificate, ...]:
        """What references stand for."""
        return tuple(
            NodeCertificate(reference=reference, contents=self._contents[reference.thumbprint])
            for reference in references
            if reference.thumbprint in self._contents
        )
