"""Properties that the lab does not use: they are stored and returned unchanged.

The image of a virtual machine, its network, its disks: a lab ignores them, but clients check that
they read what they wrote. The service keeps them, as JSON, under the resource and its creation
time, so that a later resource with the same id does not get them; so they last as long as the lab,
also in a journal. Secrets are never stored.

All endpoints in a process share what is stored. An endpoint in another process knows what was
stored before it began.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, proxy

import msgspec

from batchlab.core.account.kept_properties import MOST
from batchlab.core.messages.inputs import KeepProperties
from batchlab.core.messages.questions import ListKeptProperties
from batchlab.rest.defaults import fill
from batchlab.rest.messages import Wire
from batchlab.rest.wire import Unknown

if TYPE_CHECKING:
    from batchlab.drivers.ports import Connection

__all__ = ["SECRETS", "UnknownProperties", "merge", "unknown_properties_of"]

SECRETS = frozenset({
    "password", "accountkey", "saskey", "sastoken", "sshprivatekey", "privatekey", "clientsecret",
    "protectedsettings",
})  # fmt: skip


class UnknownProperties:
    """The stored properties, by kind and ids.

    Parameters
    ----------
    connection : Connection
        The lab's; not kept alive.
    """

    def __init__(self, connection: Connection) -> None:
        self._lab = proxy(connection)
        self._trees: dict[tuple[str, ...], tuple[datetime, Unknown]] = {}
        for kept in connection.ask(ListKeptProperties()):
            tree = _with_numbers(msgspec.json.decode(kept.properties))
            self._trees[kept.key] = kept.created, tree
        self._kinds: set[str] = set()

    def put(
        self, key: tuple[str, ...], created: datetime, unknown: Unknown, given: Iterable[str] = ()
    ) -> None:
        """Store the unknown properties of a resource that was just created or changed.

        `given` are the properties that were changed: what was stored inside them is dropped.
        """
        known, changed = self._of(key, created), set(given)
        found = {name: value for name, value in known.items() if name not in changed}
        found |= fill(_without_secrets(unknown), key[-2])
        before = self._trees.pop(_fold(key), None)
        if found:
            while len(self._trees) >= MOST:
                self._trees.pop(next(iter(self._trees)), None)
            self._trees[_fold(key)] = created, found
        if found or before:
            text = msgspec.json.encode(_without_numbers(found)).decode() if found else ""
            self._lab.request(KeepProperties(key=_fold(key), created=created, properties=text))
            self._kinds.add(key[-2])

    def add_to(self, key: tuple[str, ...], created: datetime, resource: Wire) -> Wire:
        """Add the unknown properties of a resource to it."""
        if self._trees:
            merge(resource, self._of(key, created))
        return resource

    def find(self, key: tuple[str, ...]) -> tuple[datetime, Unknown] | None:
        """The stored properties of a resource, with its creation time."""
        return self._trees.get(_fold(key))

    def has_any(self, kind: str) -> bool:
        """Whether a resource of a kind ever had stored properties."""
        return kind in self._kinds

    def _of(self, key: tuple[str, ...], created: datetime) -> Unknown:
        known = self._trees.get(_fold(key))
        return known[1] if known is not None and known[0] == created else {}


_OF_LABS: WeakKeyDictionary[Connection, UnknownProperties] = WeakKeyDictionary()


def unknown_properties_of(connection: Connection) -> UnknownProperties:
    """The stored properties of a lab."""
    known = _OF_LABS.get(connection)
    if known is None:
        known = _OF_LABS[connection] = UnknownProperties(connection)
    return known


def _fold(key: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.lower() for part in key)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_secrets(inner)
            for key, inner in value.items()
            if not (isinstance(key, str) and key.lower() in SECRETS)
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def merge(into: Any, rest: Unknown) -> None:
    """Add the properties of a tree to a resource, where it has no such ones."""
    for key, value in rest.items():
        if isinstance(key, int):
            if isinstance(into, list) and key < len(into):
                merge(into[key], value)
        elif isinstance(into, dict):
            if key not in into:
                if not _numbered(value):
                    into[key] = value
            elif isinstance(value, dict):
                merge(into[key], value)


_NUMBER = re.compile(r"\[\d+\]")
"""The key of an item of a list, as a name in JSON."""


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            f"[{key}]" if isinstance(key, int) else key: _without_numbers(inner)
            for key, inner in value.items()
        }
    return [_without_numbers(inner) for inner in value] if isinstance(value, list) else value


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            int(key[1:-1]) if _NUMBER.fullmatch(key) else key: _with_numbers(inner)
            for key, inner in value.items()
        }
    return [_with_numbers(inner) for inner in value] if isinstance(value, list) else value


def _numbered(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(key, int) for key in value)
