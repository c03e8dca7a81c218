"""Who asks: each request is signed with the account's key, and is not older than 15 minutes.

The algorithm is Azure's shared key: a text made of the method, some headers, the path as it stands
on the wire and the query, signed with HMAC-SHA256. Behind a proxy that takes a part of the path
away the client has signed the whole of it, so the proxy's prefix is put before it again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from batchlab.errors import Forbidden

__all__ = ["MAX_AGE_S", "check", "read_key", "signature"]

MAX_AGE_S = 15 * 60
_SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type",
    "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


def check(
    account: str, key: bytes, now: float, method: str, path: str, query: Mapping[str, str],
    headers: Mapping[str, str],
) -> None:  # fmt: skip
    """Refuse a request that is not signed with the account's key, or is too old.

    Parameters
    ----------
    account : str
    key : bytes
    now : float
        The wall clock, in seconds since 1970.
    method, path : str
        As they stand on the wire.
    query, headers : mapping
        Decoded first values of the parameters; headers under names in lower case.

    Raises
    ------
    Forbidden
        ``AuthenticationFailed``.
    """
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    name, _, given = rest.strip().partition(":")
    if scheme.lower() != "sharedkey":
        raise _refusal("the request needs a header Authorization with a shared key")
    expected = signature(account, key, method, path, query, headers)
    # Both are compared whatever the other says, in the same time for any wrong value.
    signed = hmac.compare_digest(given.encode(), expected.encode())
    named = hmac.compare_digest(name.lower().encode(), account.encode())
    if not (signed and named):
        raise _refusal("the account, its key or the signature is wrong")
    _check_date(headers.get("ocp-date") or headers.get("date", ""), now)


def signature(
    account: str, key: bytes, method: str, path: str, query: Mapping[str, str],
    headers: Mapping[str, str],
) -> str:  # fmt: skip
    """Return what a request signed with the key has."""
    lines = [method.upper()]
    for name in _SIGNED:
        hidden = name == "date" and "ocp-date" in headers
        lines.append("" if hidden else headers.get(name, ""))
    lines += [
        f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("ocp-")
    ]
    text = "\n".join(lines) + f"\n/{account}{path}"
    text += "".join(f"\n{name}:{value}" for name, value in sorted(query.items()) if value)
    digest = hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def read_key(key: str) -> bytes:
    """Return the bytes of a key in base 64; ValueError if it is none."""
    try:
        found = base64.b64decode(key, validate=True)
    except binascii.Error:
        found = b""
    if not found:
        raise ValueError("not base 64")
    return found


def _check_date(text: str, now: float) -> None:
    try:
        sent = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        raise _refusal("the request needs a header ocp-date or Date, such as "
                       "'Sat, 21 Nov 2026 18:52:40 GMT'") from None  # fmt: skip
    if abs(now - sent) > MAX_AGE_S:
        raise _refusal("the date of the request is more than 15 minutes away from now")


def _refusal(detail: str) -> Forbidden:
    return Forbidden(
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header "
        "is formed correctly including the signature.",
        {"AuthenticationErrorDetail": detail},
    )
