"""What may be given to a new lab, checked before anything starts.

What was not given (None) gets its default from the part that uses it.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from typing import Any, get_args

from batchlab.core.model import Quotas
from batchlab.core.model.containers import Engines
from batchlab.core.model.quotas import Restricted
from batchlab.core.model.ranges import is_number, is_whole
from batchlab.core.state.settings import ACCOUNT_URL, Settings
from batchlab.durations import parse_duration
from batchlab.errors import invalid
from batchlab.handles.verbs import Duration, given
from batchlab.storage.faults import StorageFailed
from batchlab.storage.locations import StorageLocation, read_location
from batchlab.storage.stores import BlobStore

__all__ = [
    "account_name",
    "account_settings",
    "engine_name",
    "journal_settings",
    "path_given",
    "positive",
    "storage_location",
    "truth",
    "whole",
]


def account_name(owner: str, account: Any) -> str:
    """The name of the account of a lab, which may not be given."""
    name = Settings().account_name if account is None else account
    plain = isinstance(name, str) and name.isascii() and name.isalnum() and name == name.lower()
    if not plain or len(name) > 24:
        reason = "must have 1 to 24 lower-case letters and digits"
        raise invalid("account", account, reason, owner=owner)
    return str(name)


def account_settings(
    owner: str, account: Any, quotas: Any, not_enabled: Any, **spans: Duration
) -> dict[str, Any]:
    """The fields of `Settings` that were given, and the account."""
    name = account_name(owner, account)
    if quotas is not None and not isinstance(quotas, Quotas):
        raise invalid("quotas", quotas, "must be a Quotas", owner=owner)
    if not_enabled is not None:
        known = get_args(Restricted)
        if (
            isinstance(not_enabled, str)
            or not isinstance(not_enabled, Collection)
            or any(each not in known for each in not_enabled)
        ):
            reason = f"must be a list of {' and '.join(map(repr, known))}"
            raise invalid("not_enabled", not_enabled, reason, owner=owner)
        not_enabled = tuple(dict.fromkeys(not_enabled))
    named = {"account_name": name, "account_url": ACCOUNT_URL.format(name)}
    given_s = {
        f"{name}_s": parse_duration(span, name=name, owner=owner).total_seconds()
        for name, span in spans.items()
        if span is not None
    }
    return given(quotas=quotas, not_enabled=not_enabled) | named | given_s


def journal_settings(owner: str, journal: Any, durability: Any, fresh: Any) -> dict[str, Any]:
    """How to keep the lab, as far as that was given."""
    from batchlab.drivers.durable import absolute  # noqa: PLC0415 - the core is large

    path = path_given("journal", journal, owner)
    if durability not in (None, "flush", "fsync"):
        reason = "must be 'flush' or 'fsync'"
        raise invalid("durability", durability, reason, owner=owner)
    chosen = given(durability=durability, fresh=truth("fresh", fresh, owner))
    if path is None:
        for name, value in chosen.items():
            raise invalid(name, value, "requires journal=...", owner=owner)
        return {}
    return {"journal": absolute(path), **chosen}


def storage_location(
    storage: Any, options: Any, owner: str, *, shared: Any = False
) -> StorageLocation | None:
    """Where the lab stores data, tried once; `shared` if other processes have to reach it."""
    if storage is None:
        if options is not None:
            raise invalid("storage_options", "...", "requires storage=...", owner=owner)
        return None
    location = read_location(storage, options, owner=owner)
    if shared and location.url.startswith("memory://"):
        reason = "nodes in other processes cannot access the memory of this process"
        raise invalid("storage", location.url, reason, owner=owner)
    try:
        BlobStore(location).prepare()
    except StorageFailed as error:
        raise invalid("storage", location.url, f"cannot be used: {error}", owner=owner) from None
    return location


def engine_name(containers: Any) -> Any:
    """Check the name of a container engine."""
    if containers is not None and containers not in get_args(Engines):
        reason = "must be " + " or ".join(map(repr, get_args(Engines)))
        raise invalid("containers", containers, reason, owner="Lab")
    return containers


def positive(name: str, value: Any) -> float | None:
    """Check a number greater than zero."""
    if value is None:
        return None
    if not is_number(value) or not 0 < value <= 1_000_000:
        raise invalid(name, value, "must be a number greater than zero", owner="Lab")
    return float(value)


def truth(name: str, value: Any, owner: str = "Lab") -> bool | None:
    """Check a truth value."""
    if value is None or isinstance(value, bool):
        return value
    raise invalid(name, value, "must be True or False", owner=owner)


def whole(name: str, value: Any) -> int:
    """Check a whole number, which has to be given."""
    if is_whole(value) and value >= 0:
        return value
    raise invalid(name, value, "must be a whole number, 0 or more", owner="SimulatedLab")


def path_given(name: str, value: Any, owner: str) -> str | None:
    """Check that a path is one that a file can have."""
    if value is None:
        return None
    with suppress(TypeError, UnicodeEncodeError):
        path = os.fspath(value)
        if isinstance(path, str) and path and "\0" not in path and os.fsencode(path):
            return path
    raise invalid(name, value, "must be a path", owner=owner)
