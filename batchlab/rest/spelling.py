"""What is said to users of Python, as users of the wire spell it.

Properties are in camel case, ``name=True`` is ``name: true``, None is null, and types have JSON's
names. A part of a sentence that shows a call of Python cannot be translated, and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from batchlab.core.messages.inputs import Request
from batchlab.core.model.base import Model
from batchlab.core.model.values import View
from batchlab.rest.wire import camel

__all__ = ["in_python", "spelled"]

_PART = re.compile(r"(?<=[.:;?!]) ")
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)")
_KEYWORD = re.compile(r"\b([a-z]\w*)=(?!=)(\.\.\.)?")
_OWNER = re.compile(r"\b[A-Z]\w+\.(?=[a-z])")
_WORD = re.compile(r"\b[a-z]\w*_\w+\b")
_OTHERS = {
    r"\bTrue\b": "true",
    r"\bFalse\b": "false",
    r"\bNone\b(?! of\b)": "null",
    r"\ba datetime or text like\b": "a time like",
    r"\ba datetime\b": "a time",
    r", a number of seconds or a timedelta\b": "",
    r"\bnot str\b": "not text",
    r"\bnot (?:int|float)\b": "not a number",
    r"\bnot bool\b": "not true or false",
    r"\bnot dict\b": "not an object",
    r"\bnot (?:list|tuple)\b": "not a list",
}
_PYTHON = re.compile(
    r"\b(?:True|False|NoneType|dict|str|int|float|bool|tuple|datetime|timedelta)\b"
    r"|\bNone\b(?! of\b)|\b\w+=\S|\w\(|\w\['|\blab\."
)


def spelled(text: str) -> str:
    """Translate a text: ``set enable_auto_scale=True`` to ``set enableAutoScale: true``."""
    parts = [_translated(part) for part in _PART.split(text)]
    kept = [part for part in parts if not in_python(part)]
    said = " ".join(kept)
    return said if len(kept) == len(parts) else said.rstrip(":;,. ")


def _translated(text: str) -> str:
    text = _OWNER.sub("", text)
    text = _KEYWORD.sub(lambda found: found[1] + ("" if found[2] else ": "), text)
    text = _WORD.sub(lambda found: camel(found[0]) if found[0] in _names() else found[0], text)
    for pattern, word in _OTHERS.items():
        text = re.sub(pattern, word, text)
    return text


def in_python(text: str) -> bool:
    """Whether a text has names, values or calls of Python, other than in quotes."""
    words, text = _names(), _QUOTED.sub("", text)
    return bool(_PYTHON.search(text)) or any(word in words for word in _WORD.findall(text))


@cache
def _names() -> frozenset[str]:
    """Every property whose name has several words."""
    bases: list[type[msgspec.Struct]] = [Model, Request, View]
    found = {name for base in bases for cls in _below(base) for name in cls.__struct_fields__}
    return frozenset(name for name in found if "_" in name)


def _below(cls: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    yield cls
    for part in cls.__subclasses__():
        yield from _below(part)
