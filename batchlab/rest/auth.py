"""Authentication: requests are signed with the account's key and at most 15 minutes old.

The algorithm is Azure's shared key: a text made of the method, some headers, the encoded path and
the query is signed with HMAC-SHA256. If a proxy removes a prefix from the path, it is added again,
because the client has signed the whole path.

Headers are signed as they are sent. A client that signs a length of ``0`` must therefore also send
it: Azure refuses those clients of JavaScript and .NET that only sign it, when they delete
something. The names of query parameters may be signed in lower case, as the documentation has it,
or as they are sent, as the SDKs for Python and JavaScript do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from batchlab.errors import BatchError, Forbidden, InvalidRequest

__all__ = ["MAX_AGE_S", "check", "read_key", "signature", "unauthenticated"]

MAX_AGE_S = 15 * 60
_SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type",
    "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


def check(
    account: str, key: bytes, now: float, method: str, path: str, query: Mapping[str, str],
    headers: Mapping[str, str],
) -> None:  # fmt: skip
    """Refuse a request that is not signed with the account's key or is too old.

    Parameters
    ----------
    account : str
    key : bytes
    now : float
        The wall clock, in seconds since 1970.
    method, path : str
        Not decoded.
    query, headers : mapping
        Decoded first values of the parameters; names of headers in lower case.

    Raises
    ------
    Forbidden
        ``AuthenticationFailed``.
    InvalidRequest
        ``MissingRequiredHeader`` or ``InvalidAuthenticationInfo``.
    """
    header = headers.get("authorization", "")
    scheme, _, rest = header.partition(" ")
    name, _, given = rest.strip().partition(":")
    if scheme.lower() != "sharedkey" or not given:
        raise unauthenticated(header)
    lower = {parameter.lower(): value for parameter, value in query.items()}
    expected = [signature(account, key, method, path, form, headers) for form in (query, lower)]
    # All are always compared, in constant time.
    signed = sum(hmac.compare_digest(given.encode(), form.encode()) for form in expected)
    named = hmac.compare_digest(name.lower().encode(), account.encode())
    if not (signed and named):
        raise refusal("the account, its key or the signature is wrong")
    _check_date(headers.get("ocp-date") or headers.get("date", ""), now)


def signature(
    account: str, key: bytes, method: str, path: str, query: Mapping[str, str],
    headers: Mapping[str, str],
) -> str:  # fmt: skip
    """Return the signature of a request with this key."""
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
    """Return the bytes of a key in Base64; raise ValueError if it is not valid."""
    try:
        found = base64.b64decode(key, validate=True)
    except binascii.Error:
        found = b""
    if not found:
        raise ValueError("not valid Base64")
    return found


def _check_date(text: str, now: float) -> None:
    try:
        sent = parsedate_to_datetime(text)
        # Without a zone it is UTC, whatever the zone of this machine.
        sent_s = sent.replace(tzinfo=sent.tzinfo or UTC).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        raise refusal("the request needs an ocp-date or Date header, such as "
                       "'Sat, 21 Nov 2026 18:52:40 GMT'") from None  # fmt: skip
    if abs(now - sent_s) > MAX_AGE_S:
        raise refusal("the date of the request differs from the current time by more than "
                       "15 minutes")  # fmt: skip


def unauthenticated(header: str) -> BatchError:
    """Build the error for an Authorization header that is missing, or has no shared key."""
    if not header:
        values = {"HeaderName": "Authorization"}
        text = "the request needs an Authorization header with a shared key"
        return InvalidRequest("MissingRequiredHeader", text, values)
    if header.lower().startswith("bearer "):
        return refusal("this service accepts no bearer tokens: use a shared key")
    detail = "the Authorization header must be 'SharedKey ACCOUNT:SIGNATURE'"
    values = {"AuthenticationErrorDetail": detail}
    return InvalidRequest("InvalidAuthenticationInfo", detail, values)


def refusal(detail: str) -> Forbidden:
    """Build the error for a request that is not authenticated, with the reason."""
    return Forbidden(
        "AuthenticationFailed",
        detail,
        {"AuthenticationErrorDetail": detail},
    )
