"""References to the certificates that a pool needs on its nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.base import Model
from batchlab.errors import invalid

CertificateFormat = Literal["pfx", "cer"]
CertificateVisibility = Literal["starttask", "task", "remoteuser"]
StoreLocation = Literal["currentuser", "localmachine"]
ThumbprintAlgorithm = Literal["sha1"]
_THUMBPRINT = re.compile(r"[0-9a-f]{40}")


def read_thumbprint(value: str, owner: str = "") -> str:
    """Return a SHA-1 thumbprint in lower case without spaces or colons, or refuse it."""
    thumbprint = value.replace(" ", "").replace(":", "").lower()
    if not _THUMBPRINT.fullmatch(thumbprint):
        raise invalid("thumbprint", value, "must be the 40 hex digits of a SHA-1 thumbprint",
                      owner=owner)  # fmt: skip
    return thumbprint


class CertificateReference(Model, frozen=True, kw_only=True):
    """A certificate needed on the nodes of a pool. A `Certificate` or thumbprint works as well.

    Azure retired certificates of Batch accounts in February 2024; use Key Vault there instead.

    Parameters
    ----------
    thumbprint : str
    thumbprint_algorithm : {"sha1"}, default "sha1"
    store_location : {"currentuser", "localmachine"}, default "currentuser"
    store_name : str, default "My"
        For Windows only: both are stored but have no effect.
    visibility : list of {"starttask", "task", "remoteuser"}, default all of them
        Who finds it in the ``certs`` directory of a run: start tasks, or tasks (including job
        preparation and release tasks). A lab has no remote users.
    """

    thumbprint: str
    thumbprint_algorithm: ThumbprintAlgorithm = "sha1"
    store_location: StoreLocation = "currentuser"
    store_name: str = "My"
    visibility: tuple[CertificateVisibility, ...] = ("starttask", "task", "remoteuser")

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        thumbprint = value if isinstance(value, str) else getattr(value, "thumbprint", None)
        return cls(thumbprint=thumbprint) if isinstance(thumbprint, str) else None

    def __post_init__(self) -> None:
        thumbprint = read_thumbprint(self.thumbprint, "CertificateReference")
        if not self.store_name.strip():
            raise invalid("store_name", self.store_name, "give the name of a store, such as 'My'",
                          owner="CertificateReference")  # fmt: skip
        msgspec.structs.force_setattr(self, "thumbprint", thumbprint)


def _check_distinct(references: Sequence[CertificateReference], name: str, owner: str) -> None:
    """Refuse two references to the same certificate."""
    seen: dict[str, None] = {}
    for index, reference in enumerate(references):
        if reference.thumbprint in seen:
            raise invalid(f"{name}[{index}]", reference.thumbprint, "is a duplicate", owner=owner)
        seen[reference.thumbprint] = None


DistinctCertificates = Annotated[tuple[CertificateReference, ...], _check_distinct]
