"""Properties that the lab does not use: they are stored and returned unchanged.

The image of a virtual machine, its network, its disks: a lab ignores them, but clients check that
they read what they wrote. They are stored outside the core, under the resource and its creation
time, so that a later resource with the same id does not get them. If there are too many, the
oldest are dropped. Secrets are never stored.

All endpoints of a lab share the stored properties, even an endpoint started after another one has
stopped. They last as long as the `Lab` in the process that serves it: two programs that serve the
lab of the same cluster do not share them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

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


MOST = 100_000
"""The maximum number of resources whose unknown properties are stored."""


class UnknownProperties:
    """The stored properties, by kind and ids."""

    def __init__(self) -> None:
        self._trees: dict[tuple[str, ...], tuple[datetime, Unknown]] = {}
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
        self._trees.pop(_fold(key), None)
        if found:
            while len(self._trees) >= MOST:
                self._trees.pop(next(iter(self._trees)), None)
            self._trees[_fold(key)] = created, found
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
    return _OF_LABS.setdefault(connection, UnknownProperties())


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


def _numbered(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(key, int) for key in value)
