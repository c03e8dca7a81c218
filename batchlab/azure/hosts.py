"""Which request goes where: by the host name that the client has called, and nowhere else.

The first server is the proxy, without TLS. It connects a client to Azure's host names, which are
all on this machine, and refuses every other; the token service of this machine is there, too. The
second server has TLS, and speaks for these host names: Batch, the management plane, the login.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl

from batchlab.azure import answers
from batchlab.azure.identity import Login, ManagedIdentity
from batchlab.azure.management import Management
from batchlab.azure.names import MANAGEMENT, Account, service_of
from batchlab.azure.tokens import MANAGEMENT as MANAGEMENT_AUDIENCES
from batchlab.azure.tokens import TokenIssuer
from batchlab.rest.messages import Response
from batchlab.rest.server import Answering

__all__ = ["SERVED", "Hosts", "Proxy"]

logger = logging.getLogger("batchlab")
SERVED = ("management", "login", "batch")
"""The services behind the second server."""
_PORTS = ("", "443")


class Proxy:
    """The proxy and the token service of this machine.

    Parameters
    ----------
    identity : ManagedIdentity

    Attributes
    ----------
    ports : dict
        The ports of this machine behind Azure's services, by their names; see `names`.
    """

    def __init__(self, identity: ManagedIdentity) -> None:
        self._identity = identity
        self.ports: dict[str, int] = {}

    def refuse(
        self, method: str, path: str, query: str, headers: Mapping[str, str], *,
        scheme: str = "http", caller: str = "",
    ) -> Response | None:  # fmt: skip
        """Refuse what is neither for Azure nor for the token service."""
        if method == "CONNECT":
            return self._refuse_host(path)
        if "://" in path:
            return _no(403, f"only HTTPS goes through this proxy, not {path.partition('?')[0]}")
        return None

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"",
        *, scheme: str = "http",
    ) -> Response:  # fmt: skip
        """Connect a client, or answer for the token service."""
        if method == "CONNECT":
            return Response(tunnel=self.ports[service_of(path.partition(":")[0])])
        return self._identity.answer(method, path, query, answers.named(headers), body)

    def _refuse_host(self, target: str) -> Response | None:
        host, _, port = target.partition(":")
        service = service_of(host)
        if service and port not in _PORTS:
            return _no(403, f"only port 443 of {host} leads to this lab, not {port}")
        if not service:
            return _no(403, f"{target} is not one of Azure's names that lead to this lab: put "
                            "its host into NO_PROXY to reach it directly")  # fmt: skip
        if service in self.ports:
            return None
        reasons = {"blob": "Azurite is not installed (npm install -g azurite)",
                   **dict.fromkeys(SERVED, "the lab is not open yet")}  # fmt: skip
        reason = reasons.get(service, "of storage, only blobs are here")
        return _no(502, f"nothing answers for {host}: {reason}")


class Hosts:
    """Everything behind Azure's host names but blobs.

    Parameters
    ----------
    service : Answering
        The Batch service.
    account : Account
    management : Management
    login : Login
    tokens : TokenIssuer
    """

    def __init__(
        self, service: Answering, account: Account, management: Management, login: Login,
        tokens: TokenIssuer,
    ) -> None:  # fmt: skip
        self._service = service
        self._account = account
        self._management = management
        self._login = login
        self._tokens = tokens

    def refuse(
        self, method: str, path: str, query: str, headers: Mapping[str, str], *,
        scheme: str = "http", caller: str = "",
    ) -> Response | None:  # fmt: skip
        """Return the answer to a request that may not be made, or None."""
        named = answers.named(headers)
        host = answers.host_of(named)
        service = service_of(host)
        if service == "batch":
            if not host.startswith(f"{self._account.name}."):
                said = (
                    f"there is no Batch account {host!r}; this lab's is {self._account.batch_host}"
                )
                return answers.error(404, "ResourceNotFound", said)
            return self._service.refuse(method, path, query, headers, scheme=scheme, caller=caller)
        if service not in ("management", "login"):
            return answers.error(421, "MisdirectedRequest", f"nothing answers for {host!r} here")
        if "origin" in named:
            return answers.error(403, "Forbidden", "a web page may not call this service")
        kind, _, token = named.get("authorization", "").partition(" ")
        if service == "management" and not (
            kind.lower() == "bearer" and self._tokens.is_good(token, MANAGEMENT_AUDIENCES)
        ):
            said = (
                "The access token is missing, has ended, is not for this service or not from the "
                "token service of this lab: get a new one."
            )
            challenge = {"WWW-Authenticate": f'Bearer realm="https://{MANAGEMENT}"'}
            return answers.error(401, "InvalidAuthenticationToken", said, headers=challenge)
        return None

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"",
        *, scheme: str = "http",
    ) -> Response:  # fmt: skip
        """Answer a request that may be made."""
        named = answers.named(headers)
        service = service_of(answers.host_of(named))
        if service == "batch":
            return self._service.answer(method, path, query, headers, body, scheme=scheme)
        try:
            if service == "login":
                return self._login.answer(method, path, query, named, body)
            given = dict(parse_qsl(query, keep_blank_values=True))
            return self._management.answer(method, path, given, named, body)
        except Exception as problem:
            logger.exception("%s failed at %s %s", service, method, path)
            said = f"an internal error of batchlab: {type(problem).__name__}"
            return answers.error(500, "InternalServerError", said)


def _no(status: int, reason: str) -> Response:
    body = f"batchlab: {reason}\n".encode()
    return Response(status, {"Content-Type": "text/plain; charset=utf-8"}, body, len(body))
