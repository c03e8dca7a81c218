"""Tokens like those of Microsoft Entra, which only the lab that has issued them accepts.

They are signed with a key that exists only in memory, so they end with the process. What a client
reads in them (tenant, identity, end) is there as in a real one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from batchlab.azure.names import CLIENT, IDENTITY, PRINCIPAL, TENANT

__all__ = ["BATCH", "LIFE_S", "MANAGEMENT", "TokenIssuer"]

LIFE_S = 24 * 3600
_EARLY_S = 300
"""How far a clock may be behind."""
BATCH = frozenset({"https://batch.core.windows.net"})
MANAGEMENT = frozenset({"https://management.azure.com", "https://management.core.windows.net"})


class TokenIssuer:
    """What issues tokens and checks them.

    Parameters
    ----------
    clock : callable, optional
        The time, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def issue(self, audience: str) -> tuple[str, int]:
        """Return a token for a service, and when it ends, in seconds since 1970."""
        now = int(self._clock())
        claims = {
            "aud": audience, "iss": f"https://sts.windows.net/{TENANT}/", "iat": now,
            "nbf": now - _EARLY_S, "exp": now + LIFE_S, "appid": CLIENT, "idtyp": "app",
            "oid": PRINCIPAL, "sub": PRINCIPAL, "tid": TENANT, "ver": "1.0", "xms_mirid": IDENTITY,
        }  # fmt: skip
        text = f"{_part({'typ': 'JWT', 'alg': 'HS256'})}.{_part(claims)}"
        return f"{text}.{self._signature(text)}", now + LIFE_S

    def is_good(self, token: str, audiences: frozenset[str]) -> bool:
        """Whether a token was issued here, for one of these services, and has not ended."""
        text, _, signature = token.strip().rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(text).encode()):
            return False
        claims = msgspec.json.decode(_bytes(text.rpartition(".")[2]))
        return claims["aud"].rstrip("/").lower() in audiences and claims["exp"] > self._clock()

    def _signature(self, text: str) -> str:
        return _text(hmac.new(self._key, text.encode(), hashlib.sha256).digest())


def _part(content: dict[str, Any]) -> str:
    return _text(msgspec.json.encode(content))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
