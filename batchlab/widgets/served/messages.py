"""What a page may send, checked before anything else sees it.

Anyone with the cookie can send any bytes. A message has one of these types, a question only
these properties, of these types and sizes; anything else is refused by what is wrong with it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from batchlab.errors import InvalidRequest
from batchlab.widgets.wire import Place

__all__ = ["Ask", "Asked", "Bye", "Follow", "Hello", "Message", "frame", "read"]

Name = Annotated[str, msgspec.Meta(max_length=4096)]
Text = Annotated[str, msgspec.Meta(max_length=32 * 1024)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Number = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


class _Query(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pool: Name | None = None
    job: Name | None = None
    show: Name | None = None
    search: Name | None = None
    sort: Name | None = None
    down: bool | None = None


class Asked(_Query, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A question of a display, or of the editor of a pool's formula."""

    what: Name
    task: Name | None = None
    node: Name | None = None
    path: Name | None = None
    directory: Name | None = None
    name: Name | None = None
    only_failed: bool | None = None
    begin: Count | None = msgspec.field(default=None, name="from")
    count: Count | None = None
    do: Name | None = None
    tasks: Annotated[list[tuple[Name, Name]], msgspec.Meta(max_length=10_000)] | None = None
    query: _Query | None = None
    text: Text | None = None
    at: Number | None = None
    interval: Number | None = None
    window: Number | None = None
    load: Number | None = None
    task_length: Number | None = None
    boot: Number | None = None


class Hello(msgspec.Struct, tag="hello", forbid_unknown_fields=True):
    """It wants the history from what it has."""

    have: Place


class Ask(msgspec.Struct, tag="ask", forbid_unknown_fields=True):
    """It wants one answer."""

    id: Count
    question: Asked


class Follow(msgspec.Struct, tag="follow", forbid_unknown_fields=True):
    """A viewer on it wants an answer whenever that changes; nothing without a question."""

    viewer: Annotated[str, msgspec.Meta(max_length=40)]
    key: Annotated[str, msgspec.Meta(max_length=8192)]
    question: Asked | None = None
    again: bool = False


class Bye(msgspec.Struct, tag="bye", forbid_unknown_fields=True):
    """A viewer on it has gone."""

    viewer: Annotated[str, msgspec.Meta(max_length=40)]


Message = Hello | Ask | Follow | Bye
_DECODER = msgspec.json.Decoder(Message)


def read(message: str | bytes) -> Message:
    """Read a message.

    Raises
    ------
    InvalidRequest
        ``InvalidRequestBody``, with what is wrong.
    """
    try:
        found: Message = _DECODER.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest("InvalidRequestBody", f"not a message of a page: {error}") from None
    return found


def frame(head: dict[str, Any], data: bytes | None = None) -> str | bytes:
    """A message for a page: JSON, or with data the length of the JSON, that, and the data."""
    said = msgspec.json.encode(head)
    return said.decode() if data is None else len(said).to_bytes(4, "little") + said + data
