"""Structs that are pickled as one block of msgpack, and not checked when they are read.

A hundred thousand descriptions take hundredths of a second, where pickle needs one or two: it
writes each field of each by itself, and reading calls the class, which checks everything again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from batchlab.core.model.secrets import read_secret, reveal_secret

__all__ = ["packed"]

_encode = msgspec.msgpack.Encoder(enc_hook=reveal_secret).encode


def packed(struct: msgspec.Struct) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """How to pickle a struct whose fields have types that msgspec can read: a ``__reduce__``."""
    return _unpacked, (type(struct), _encode(struct))


def _unpacked(cls: type[msgspec.Struct], data: bytes) -> Any:
    return _decoder(cls)(data)


@cache
def _decoder(cls: type[msgspec.Struct]) -> Callable[[bytes], Any]:
    return msgspec.msgpack.Decoder(cls, dec_hook=read_secret).decode
