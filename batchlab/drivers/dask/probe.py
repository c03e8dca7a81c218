"""What is at the address of a scheduler: checked before Dask tries to connect to it.

Dask does not say why it cannot connect, and waits forever for a server that speaks something
else. A scheduler begins to speak as soon as it is connected to, over TLS after the handshake. Most
other servers wait for a request, so they are asked in the languages that people confuse with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distributed.comm.addressing import parse_address, parse_host_port
from distributed.core import rpc
from distributed.security import Security

from batchlab.errors import (
    BatchError,
    Forbidden,
    InvalidRequest,
    NotFound,
    NotInstalled,
    invalid,
)

__all__ = ["check_scheduler", "gateway_cluster", "read_security", "require_gateway"]

ANSWER_S = 3.0
"""How long a scheduler may take for its first words."""
MOST_FRAMES = 2**16
"""Dask begins each message with the number of its frames, in eight bytes."""

_FILES = {
    "tls_ca_file": "the certificate of the authority that signed the cluster's certificates",
    "tls_client_cert": "the certificate of this client",
    "tls_client_key": "its private key",
}
_HOW = "Lab(address, security={'tls_ca_file': ..., 'tls_client_cert': ..., 'tls_client_key': ...})"


def read_security(security: Any) -> Any:
    """Return the `distributed.Security` that a user gave, from a mapping if it is one.

    Raises `InvalidRequest` ``InvalidPropertyValue``.
    """
    if security is None or hasattr(security, "get_connection_args"):
        return security
    if not isinstance(security, Mapping):
        reason = f"must be a distributed.Security, or a mapping of paths: {_HOW}"
        raise invalid("security", security, reason, owner="Lab")
    for name, path in security.items():
        if name not in _FILES:
            reason = f"must be one of {', '.join(_FILES)}"
            raise invalid("security", name, reason, owner="Lab")
        is_text = isinstance(path, str) and "\n" in path  # the certificate itself
        if not is_text and not (isinstance(path, (str, os.PathLike)) and os.path.isfile(path)):
            reason = f"is not a file on this machine; it must be {_FILES[name]}"
            raise invalid(f"security[{name!r}]", str(path), reason, owner="Lab")
    paths = {name: os.fspath(path) for name, path in security.items()}
    make: Any = Security  # untyped
    return make(require_encryption=True, **paths)


def check_scheduler(address: str, security: Any, patience_s: float) -> None:
    """Refuse an address at which no scheduler answers, with the reason and what to do.

    Parameters
    ----------
    address : str
    security : distributed.Security, optional
        From Dask's configuration if None.
    patience_s : float
        How long a scheduler that is just starting may take to listen.

    Raises
    ------
    InvalidRequest
        ``InvalidUri``: not an address; ``InvalidPropertyValue``: certificates are missing or
        cannot be used.
    NotFound
        ``ResourceNotFound``: the name is unknown, nothing listens, or it is not a scheduler.
    Forbidden
        ``AuthorizationFailure``: the certificates are not accepted.
    """
    try:
        protocol, place = parse_address(address)
        if protocol not in ("tcp", "tls"):
            return  # Dask knows more of it
        host, port = parse_host_port(place)
    except ValueError as error:
        why = "its port is not a number" if "int()" in str(error) else error
        raise InvalidRequest("InvalidUri", f"{address!r} is not an address: {why}") from None
    if not host or not 0 < port < 65536:
        reason = "an address has a host and a port, such as tcp://host:8786"
        raise InvalidRequest("InvalidUri", f"{address!r} is not an address: {reason}")
    if protocol == "tcp" and getattr(security, "require_encryption", False):
        raise invalid(
            "cluster", address, f"with security, the scheduler speaks TLS: use tls://{host}:{port}",
            owner="Lab",
        )  # fmt: skip
    context = _context(address, security) if protocol == "tls" else None
    _Probe(address, host, port, context).run(patience_s)
    kind = _kind(address, context)
    if kind:
        raise NotFound(
            "ResourceNotFound",
            f"there is no Dask scheduler at {address}, but a {kind}: use the address of the "
            "scheduler, which its log names",
        )


def _kind(address: str, context: ssl.SSLContext | None) -> str:
    """Return what a server of Dask is that is no scheduler; empty if it is one."""
    ask: Any = rpc  # untyped

    async def identity() -> dict[str, Any]:
        options = {} if context is None else {"ssl_context": context}
        async with ask(address, timeout=ANSWER_S, connection_args=options) as server:
            found: dict[str, Any] = await asyncio.wait_for(server.identity(), ANSWER_S)
            return found

    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop in this one
        try:
            found = thread.submit(lambda: asyncio.run(identity())).result()
        except Exception:  # the client that is started next says it better
            return ""
    return "" if "workers" in found else str(found.get("type", "server")).lower()


def _context(address: str, security: Any) -> ssl.SSLContext:
    """Return how to speak TLS; refuse to do it without certificates."""
    make: Any = Security  # untyped
    try:
        arguments = (security or make()).get_connection_args("client")
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = f"the certificates cannot be used: {error}"
        raise invalid("security", security, reason, owner="Lab") from None
    context = arguments.get("ssl_context")
    if not isinstance(context, ssl.SSLContext):
        raise invalid(
            "security", security,
            f"{address} uses TLS, which needs certificates: {_HOW}, or a distributed.Security",
            owner="Lab",
        )  # fmt: skip
    return context


class _Probe:
    """One look at an address."""

    def __init__(self, address: str, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._place = (host, port)
        self._context = context

    def run(self, patience_s: float) -> None:
        """Refuse the address unless a scheduler answers."""
        with self._connected(patience_s) as link:
            try:
                start: bytes = link.recv(60)
            except TimeoutError:
                start = b""
            except ssl.SSLError as error:
                raise self._refused_by(error) from None
            except OSError as error:
                raise self._nothing(f"it closes the connection: {error.strerror}") from None
        if len(start) < 8 or int.from_bytes(start[:8], "little") >= MOST_FRAMES:
            raise self._other(start)

    def _connected(self, patience_s: float) -> Any:
        """Connect; a scheduler that is just starting may not listen yet."""
        end = time.monotonic() + patience_s
        while True:
            left_s = max(0.1, end - time.monotonic())
            try:
                link = socket.create_connection(self._place, left_s)
            except socket.gaierror as error:
                reason = f"the name {self._place[0]!r} is not known here ({error.strerror})"
                raise self._nothing(f"{reason}: check it, or use an IP address") from None
            except TimeoutError:
                raise self._nothing(
                    f"there was no reply within {patience_s:g} s: check the address, and whether "
                    "a firewall or a missing VPN or tunnel is in between"
                ) from None
            except OSError as error:
                if time.monotonic() < end:
                    time.sleep(0.1)
                    continue
                raise self._nothing(
                    f"{error.strerror}: check the port, and whether the scheduler runs"
                ) from None
            link.settimeout(ANSWER_S)
            return link if self._context is None else self._secured(link, self._context)

    def _secured(self, link: Any, context: ssl.SSLContext) -> Any:
        try:
            return context.wrap_socket(link, server_hostname=self._place[0])
        except ssl.SSLCertVerificationError as error:
            raise self._refused_by(error) from None
        except TimeoutError:
            raise self._other(b"") from None
        except OSError as error:
            if isinstance(error, ssl.SSLError) and error.reason not in _NOT_TLS:
                raise self._refused_by(error) from None
            plain = f"tcp://{self._place[0]}:{self._place[1]}"
            reason = f"it does not speak TLS: if it is a scheduler, its address is {plain}"
            raise self._nothing(reason) from None

    def _other(self, said: bytes) -> BatchError:
        """Return what the server is that does not speak like a scheduler."""
        if said:
            text = said.decode("ascii", "replace").splitlines()[0]
            return self._nothing(f"another program listens there, which says {text!r}")
        if self._context is None and self._speaks_tls():
            return invalid(
                "cluster", self._address,
                f"there it speaks TLS: use tls://{self._place[0]}:{self._place[1]}, with {_HOW}",
                owner="Lab",
            )  # fmt: skip
        if self._speaks_http():
            return self._nothing(
                "a web server listens there, perhaps the dashboard: the port of the scheduler is "
                "another one, usually 8786"
            )
        return self._nothing("something listens there, but does not speak like a scheduler")

    def _speaks_tls(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError), socket.create_connection(self._place, ANSWER_S) as link:
            try:
                context.wrap_socket(link).close()
            except ssl.SSLError as error:
                return error.reason not in _NOT_TLS
            return True
        return False

    def _speaks_http(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(self._place, ANSWER_S) as link:
            link.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return link.recv(5) == b"HTTP/"
        return False

    def _refused_by(self, error: ssl.SSLError) -> BatchError:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        return Forbidden(
            "AuthorizationFailure",
            f"the scheduler at {self._address} and this client do not accept each other's "
            f"certificates ({reason}): the authority in security must have signed both",
        )

    def _nothing(self, reason: str) -> NotFound:
        return NotFound(
            "ResourceNotFound", f"no Dask scheduler answers at {self._address}: {reason}"
        )


_NOT_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "PACKET_LENGTH_TOO_LONG",
            "RECORD_LAYER_FAILURE", "INVALID_SESSION_ID")  # fmt: skip


def require_gateway() -> Any:
    """Return the module of dask-gateway, which teaches Dask its addresses when it is imported."""
    try:
        return importlib.import_module("dask_gateway")
    except ImportError:
        raise NotInstalled(
            "OperationInvalidForCurrentState",
            "gateway:// addresses need dask-gateway: run pip install dask-gateway",
        ) from None


def gateway_cluster(address: str) -> Any:
    """Return the cluster behind an address of dask-gateway, from Dask's configuration.

    Raises `NotInstalled`, or `NotFound` ``ResourceNotFound``.
    """
    gateway = require_gateway()
    name = address.rpartition("/")[2]
    try:
        return gateway.Gateway(proxy_address=address.rpartition("/")[0]).connect(name)
    except Exception as error:
        raise NotFound(
            "ResourceNotFound",
            f"dask-gateway has no cluster for {address} ({error}): pass the cluster itself, "
            "Lab(gateway.connect(name)), or its certificates, Lab(address, security="
            "cluster.security)",
        ) from None
