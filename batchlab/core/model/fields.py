"""Properties that several classes share, declared once: name, type, range and meaning.

A subclass of `Fields` has annotations, defaults, and a numpydoc section that documents them. The
description that a user writes and the view of it are structs that derive from it and get its
fields; a handle derives from it as well and gets its properties. Each may add others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import cleandoc
from typing import Any, NamedTuple, dataclass_transform

import msgspec

__all__ = ["Described", "Fields", "FieldsMeta", "describe", "described", "names_of"]


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Fields:
    """Base of classes that only declare properties."""

    __slots__ = ()


def _parts(cls: type) -> Iterator[type]:
    """The classes that declare the properties of a class, most general first."""
    for part in reversed(cls.__mro__):
        if all(issubclass(base, Fields) for base in part.__mro__[:-1]) and part is not object:
            yield part


class FieldsMeta(msgspec.StructMeta):
    """Metaclass of structs that have their own fields, then those of their `Fields` bases."""

    def __new__(  # noqa: D102
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any
    ) -> FieldsMeta:
        own: dict[str, Any] = namespace.get("__annotations__", {})
        found = dict(own)
        parts = [part for base in bases if base.__base__ is not msgspec.Struct
                 for part in _parts(base)]  # fmt: skip
        for part in parts:
            for field, hint in vars(part).get("__annotations__", {}).items():
                found.setdefault(field, hint)
                if field in vars(part):
                    namespace.setdefault(field, vars(part)[field])
        namespace["__annotations__"] = found
        if parts and namespace.get("__doc__"):
            namespace["__doc__"] = _joined(namespace["__doc__"], parts)
        cls = super().__new__(mcls, name, bases, namespace, **config)
        cls.__annotations__ = own  # the types of the others are looked up where they are written
        return cls


def names_of(cls: type) -> tuple[str, ...]:
    """The properties that a class gets from its `Fields` bases."""
    return tuple(dict.fromkeys(
        name for part in _parts(cls) for name in vars(part).get("__annotations__", ())
    ))  # fmt: skip


# -- documentation ------------------------------------------------------------------------------

_SECTION = re.compile(r"^ *(?:Attributes|Parameters)\n *-+\n", re.MULTILINE)
_NEXT = re.compile(r"\n *\n *\w+\n *-+\n")


class Described(NamedTuple):
    """The documentation of a property: its type and default, and its meaning."""

    kind: str
    text: str


@cache
def described(cls: type) -> dict[str, Described]:
    """The documentation of each property of a class and of its `Fields` bases."""
    found: dict[str, Described] = {}
    for part in [cls] if issubclass(cls, msgspec.Struct) else _parts(cls):
        found |= _entries(part.__doc__)
    return found


def describe(doc: str, cls: type, names: Mapping[str, str], *, change: bool = False) -> str:
    """A docstring with a section of parameters: those of a class that it says nothing of itself.

    Parameters
    ----------
    doc : str
    cls : type
        Whose properties they are.
    names : mapping
        The parameters, and what the class calls each.
    change : bool, default False
        Whether what is left out stays, so that no default counts.
    """
    own, about = _entries(doc), described(cls)
    lines = ["Parameters", "----------"]
    for name, called in names.items():
        kind, text = own.get(name) or about[called]
        if change:
            kind = kind.partition(", default ")[0].removesuffix(", optional") + ", optional"
        lines += [f"{name} : {kind}", *(f"    {line}" for line in text.splitlines())]
    summary, heading, rest = cleandoc(doc).partition("\n\nRaises\n")
    summary = _SECTION.split(summary, maxsplit=1)[0].rstrip()
    return f"{summary}\n\n" + "\n".join(lines) + heading + rest


@cache
def _entries(doc: str | None) -> dict[str, Described]:
    found: dict[str, Described] = {}
    names: list[str] = []
    for line in cleandoc("\n" + _section(doc)).splitlines():
        if line.startswith(" "):
            for name in names:
                kind, text = found[name]
                found[name] = Described(kind, f"{text}\n{line.strip()}".strip("\n"))
        else:
            listed, _, kind = line.partition(" : ")
            names = listed.split(", ")
            found |= dict.fromkeys(names, Described(kind, ""))
    return found


def _section(doc: str | None) -> str:
    """The section of a docstring that describes properties, unchanged."""
    rest = _SECTION.split(doc or "", maxsplit=1)[1:]
    return _NEXT.split(rest[0], maxsplit=1)[0].strip("\n") if rest else ""


def _joined(doc: str, parts: list[type]) -> str:
    """A docstring with the properties of these classes appended."""
    sections = [section for part in parts if (section := _section(part.__doc__).rstrip())]
    own = _section(doc).rstrip()
    about = doc.rstrip() if own else f"{doc.rstrip()}\n\n    Parameters\n    ----------"
    return "\n".join([about, *sections, "    "])
