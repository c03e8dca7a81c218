"""References to the application packages that a pool or a task needs on its nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from batchlab.core.model.base import Model
from batchlab.core.model.ids import check_id
from batchlab.errors import invalid

MOST_REFERENCES = 10
"""How many application packages a pool or a task may reference."""
_VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


def check_version(value: str, name: str = "version", owner: str = "") -> None:
    """Refuse an invalid version of an application package."""
    if not _VERSION.fullmatch(value):
        reason = "must be 1 to 64 letters, digits, hyphens, underscores or dots, not a dot first"
        raise invalid(name, value, reason, owner=owner)


Version = Annotated[str, check_version]


class ApplicationPackageReference(Model, frozen=True, kw_only=True):
    """An application package needed on a node. An application or its id works as well.

    Parameters
    ----------
    application_id : str
        The long form ``/subscriptions/.../applications/ID`` is accepted too.
    version : str, optional
        The application's default version if omitted.
    """

    application_id: str
    version: Version | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, str):
            return cls(application_id=value)
        if hasattr(type(value), "default_version"):  # an application
            return cls(application_id=value.id)
        application_id = getattr(value, "application_id", None)
        if isinstance(application_id, str):
            return cls(application_id=application_id, version=value.version)
        return None

    def __post_init__(self) -> None:
        name = self.application_id
        if name.startswith("/") and "/applications/" in name.lower():
            name = name.rpartition("/")[2]
        check_id(name, "application_id", "ApplicationPackageReference")
        msgspec.structs.force_setattr(self, "application_id", name.lower())


def _check_distinct(
    references: Sequence[ApplicationPackageReference], name: str, owner: str
) -> None:
    """Refuse more than ten references, and duplicates."""
    if len(references) > MOST_REFERENCES:
        raise invalid(name, f"{len(references)} references", f"at most {MOST_REFERENCES} are "
                      "allowed", owner=owner)  # fmt: skip
    seen: dict[tuple[str, str], None] = {}
    for index, reference in enumerate(references):
        key = (reference.application_id, (reference.version or "").lower())
        if key in seen:
            raise invalid(f"{name}[{index}]", " ".join(key).strip(), "is a duplicate", owner=owner)
        seen[key] = None


DistinctPackages = Annotated[tuple[ApplicationPackageReference, ...], _check_distinct]
