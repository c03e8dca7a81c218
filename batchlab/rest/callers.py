"""Who may call: those with the key and, for development, programs on this machine with a token.

All of it is in the headers, so that the body of a stranger is never kept. A browser is not a
program on this machine: what a web page of another site sends has an `Origin` of that site, or, if
the site gave its own name the address of this machine, a `Host` of that site.

A proxy that serves the lab under a prefix says so in a header that anyone can send. It is read
only for a lab that is said to be behind a proxy, because the prefix is part of what is signed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from batchlab.rest import auth

__all__ = ["Callers", "Way", "Ways", "is_same"]


class Way(NamedTuple):
    """How a client reaches the service: the base of its URLs, and the prefix of a proxy."""

    base: str
    prefix: str


class Ways:
    """How clients reach a service, and whether what they call it can only be this machine.

    Parameters
    ----------
    host : str, optional
        The name or address that the server listens on; None if there is no server.
    behind_proxy : bool, default False
        Whether a proxy sets the headers ``X-Forwarded-Prefix``, ``-Proto``, ``-Host`` and
        ``-For``.
    """

    def __init__(self, host: str | None = None, *, behind_proxy: bool = False) -> None:
        self._behind_proxy = behind_proxy
        name = socket.gethostname().lower()
        own = {"localhost", name, name.partition(".")[0]}
        self._names = own | {host.lower()} if host is not None else None

    def way(self, scheme: str, headers: Mapping[str, str]) -> Way:
        """Return how a client reaches the service.

        Parameters
        ----------
        scheme : str
            The scheme of the connection.
        headers : mapping
            By names in lower case.
        """
        host, prefix = headers.get("host", "localhost"), ""
        if self._behind_proxy:
            prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
            host = headers.get("x-forwarded-host", host)
            said = headers.get("x-forwarded-proto", scheme).lower()
            scheme = said if said in ("http", "https") else scheme
        return Way(f"{scheme}://{host}{prefix}", prefix)

    def caller(self, address: str, headers: Mapping[str, str]) -> str:
        """The address of a client: that of the connection or, behind a proxy, what that says."""
        if not self._behind_proxy:
            return address
        # A client may send the header as well: only what the proxy has added last is true.
        return headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or address

    def is_safe(self, headers: Mapping[str, str], way: Way) -> bool:
        """Whether no web page can have given the name that a client calls to this machine."""
        return self._behind_proxy or way.base.startswith("https") or self._is_here(headers)

    def _is_here(self, headers: Mapping[str, str]) -> bool:
        """Whether the host is an address, or a name that no one else can give to this machine."""
        if self._names is None or "host" not in headers:
            return True  # every browser sends it
        name = _name(f"//{headers['host']}").rstrip(".")
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return name in self._names or name.endswith(".localhost")


class Callers:
    """The check of who calls.

    Parameters
    ----------
    account : str
    key : bytes
    bearer : bool, default False
        Whether any bearer token is accepted instead of a signature.
    tokens : callable, optional
        Whether a bearer token was issued for this service; one that was is accepted.
    ways : Ways, optional
        How clients reach the service.
    """

    def __init__(
        self, account: str, key: bytes, *, bearer: bool = False,
        tokens: Callable[[str], bool] | None = None, ways: Ways | None = None,
    ) -> None:  # fmt: skip
        self._tokens = tokens
        self._account = account
        self._key = key
        self._bearer = bearer
        self.ways = ways or Ways()

    def check(
        self, now: float, method: str, path: str, query: Mapping[str, str],
        headers: Mapping[str, str], way: Way,
    ) -> None:  # fmt: skip
        """Refuse a request of someone who may not call; see `auth.check`.

        Raises
        ------
        Forbidden
            ``AuthenticationFailed``.
        """
        origin = headers.get("origin")
        if origin is not None and not is_same(origin, way.base):
            raise auth.refusal("a web page of another site may not call the service")
        kind, _, token = headers.get("authorization", "").partition(" ")
        if self._tokens is not None and kind.lower() == "bearer":
            if not self._tokens(token):
                raise auth.refusal(
                    "the bearer token has ended, or it is not for Batch, or not from the token "
                    "service of this lab"
                )
            return
        if self._bearer and kind.lower() == "bearer":
            if not self.ways.is_safe(headers, way):
                raise auth.refusal(
                    "with a bearer token, the Host header must name this machine: call the "
                    "service by its address"
                )
            return
        auth.check(self._account, self._key, now, method, way.prefix + path, query, headers)


def is_same(origin: str, base: str) -> bool:
    """Whether an origin is that of the service's own URLs; a proxy may change the scheme."""
    try:
        return urlsplit(origin.lower()).netloc == urlsplit(base.lower()).netloc
    except ValueError:
        return False


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
