"""The secret contents of certificates: kept by a driver for its nodes, and never shown.

A pfx and its password are passed to the driver together with the request that adds the
certificate, and from there to the nodes that need them. They never enter the core, so they appear
in no journal and no view, and their `repr` does not show them. They stay in the driver's memory
until the lab is closed. A lab that is opened again from its journal knows its certificates, but
not their contents: until these are added again, nodes that need them cannot start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from batchlab.core.messages.facts import NodeStartFailed
from batchlab.core.messages.inputs import CreateCertificate
from batchlab.core.messages.outputs import RunKind
from batchlab.core.model import CertificateFormat, CertificateReference, read_thumbprint
from batchlab.errors import Conflict

__all__ = ["CertificateContents", "NodeCertificate", "Vault"]


class CertificateContents(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as given: the file, and the password of a pfx."""

    data: bytes
    certificate_format: CertificateFormat
    password: str | None = None

    def __repr__(self) -> str:
        return f"CertificateContents({self.certificate_format}, not shown)"


class NodeCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate on a node: its visibility and its contents."""

    reference: CertificateReference
    contents: CertificateContents

    def is_for(self, kind: RunKind) -> bool:
        """Whether runs of this kind can see it: start tasks, or all runs of jobs."""
        wanted = "starttask" if kind == "starttask" else "task"
        return wanted in self.reference.visibility

    def files(self) -> dict[str, bytes]:
        """The files of the certificate, by name."""
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
        """Keep the contents of a new certificate."""
        self._contents[read_thumbprint(thumbprint)] = contents

    def add(
        self, add: Callable[[CreateCertificate], None], request: CreateCertificate,
        contents: CertificateContents,
    ) -> None:  # fmt: skip
        """Add a certificate, or only the contents of one that has lost them."""
        try:
            add(request)
        except Conflict as error:
            known = read_thumbprint(request.thumbprint) in self._contents
            if known or error.code != "CertificateExists":
                raise
        self.keep(request.thumbprint, contents)

    def lacking(
        self, node_id: str, boot: int, references: Iterable[CertificateReference]
    ) -> NodeStartFailed | None:
        """The report of a node that needs contents that are not here; None if it needs none."""
        for reference in references:
            if reference.thumbprint not in self._contents:
                message = (
                    f"the contents of certificate {reference.thumbprint} were not kept when the "
                    "lab was opened again: add the certificate again, then reboot the node"
                )
                return NodeStartFailed(
                    node_id=node_id, boot=boot, code="CertificateNotFound", message=message
                )
        return None

    def forget(self, thumbprint: str) -> None:
        """Forget a deleted certificate."""
        self._contents.pop(thumbprint, None)

    def of(self, references: Iterable[CertificateReference]) -> tuple[NodeCertificate, ...]:
        """Return the certificates that are referenced."""
        return tuple(
            NodeCertificate(reference=reference, contents=self._contents[reference.thumbprint])
            for reference in references
            if reference.thumbprint in self._contents
        )
