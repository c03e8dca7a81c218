"""Who may watch: those who have the token, or the cookie that it was exchanged for.

The cookie is made from the token, so it stays good when a lab is served again with the same token.
It has a name of its own for each token, because the servers of one machine share their cookies.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from batchlab.errors import invalid

__all__ = ["Access", "check_token"]

_VALID = re.compile(r"[A-Za-z0-9_-]{16,200}")


def check_token(token: Any) -> str:
    """Return the token to use: what is given, or a random one.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: it could be guessed, or does not fit into an address.
    """
    if token is None:
        return secrets.token_urlsafe(24)
    if isinstance(token, str) and _VALID.fullmatch(token):
        return token
    reason = "must have 16 to 200 letters, digits, - or _"
    raise invalid("page_token", "(not shown)", reason, owner="serve")


class Access:
    """The check of who watches.

    Parameters
    ----------
    token : str
    """

    def __init__(self, token: str) -> None:
        self._token = token

    @cached_property
    def _cookie(self) -> tuple[str, str]:
        """Its name and its value; slow to make, because guesses by way of them do not count."""
        salt = b"batchlab page"
        made = hashlib.scrypt(self._token.encode(), salt=salt, n=2**14, r=8, p=1, dklen=38)
        return f"batchlab-{_text(made[32:])}", _text(made[:32])

    def is_token(self, given: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def has_cookie(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser has the cookie; names of headers in lower case."""
        own, expected = self._cookie
        found = False
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == own:
                found |= hmac.compare_digest(value.encode("utf-8", "replace"), expected.encode())
        return found

    def set_cookie(self, prefix: str, *, secure: bool) -> str:
        """The header that gives a browser the cookie, below a prefix of the address."""
        rest = "; Secure" if secure else ""
        path = re.sub(r"[^A-Za-z0-9/_.~%-]", "", prefix)
        name, value = self._cookie
        return f"{name}={value}; Path={path}/; HttpOnly; SameSite=Strict{rest}"


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
