"""Certificates that a pool wants to find on its nodes."""

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
    """Return a SHA-1 thumbprint in lower case, without spaces and colons, or refuse it."""
    thumbprint = value.replace(" ", "").replace(":", "").lower()
    if not _THUMBPRINT.fullmatch(thumbprint):
        raise invalid("thumbprint", value, "must be the 40 hex digits of a SHA-1 thumbprint",
                      owner=owner)  # fmt: skip
    return thumbprint


class CertificateReference(Model, frozen=True, kw_only=True):
    """A certificate that is to be on the nodes of a pool. It, or its thumbprint, says the same.

    Azure retired certificates of Batch accounts in February 2024; new work there uses Key Vault.

    Parameters
    ----------
    thumbprint : str
    thumbprint_algorithm : {"sha1"}, default "sha1"
    store_location : {"currentuser", "localmachine"}, default "currentuser"
    store_name : str, default "My"
        Both are for Windows: they are kept and have no effect.
    visibility : list of {"starttask", "task", "remoteuser"}, default all of them
        Who finds it in the ``certs`` directory of a run: start tasks; tasks with their
        preparation and release. Remote users do not exist here.
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
            raise invalid("store_name", self.store_name, "name a store, such as 'My'",
                          owner="CertificateReference")  # fmt: skip
        msgspec.structs.force_setattr(self, "thumbprint", thumbprint)


def _check_distinct(references: Sequence[CertificateReference], name: str, owner: str) -> None:
    """Refuse two references to the same certificate."""
    seen: dict[str, None] = {}
    for index, reference in enumerate(references):
        if reference.thumbprint in seen:
            raise invalid(f"{name}[{index}]", reference.thumbprint, "is there twice", owner=owner)
        seen[reference.thumbprint] = None


DistinctCertificates = Annotated[tuple[CertificateReference, ...], _check_distinct]
