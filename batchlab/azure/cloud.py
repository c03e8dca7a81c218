"""The box itself: what it starts, in which order, and how it ends.

The proxy and the token service are there before the lab, so that nodes that start with it inherit
the variables that lead to them. The lab's endpoint then opens the server behind the proxy.
"""

from __future__ import annotations

import base64
import os
import secrets
import ssl
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from batchlab.azure.arm_applications import ArmApplications
from batchlab.azure.arm_pool_requests import ArmPools
from batchlab.azure.authority import Authority
from batchlab.azure.azurite import Azurite, program
from batchlab.azure.hosts import SERVED, Hosts, Proxy
from batchlab.azure.identity import HERE, PATH, Login, ManagedIdentity
from batchlab.azure.management import Management
from batchlab.azure.names import (
    CLIENT,
    GROUP,
    IDENTITY,
    REGION,
    SUBSCRIPTION,
    TENANT,
    Account,
    service_of,
)
from batchlab.azure.tokens import BATCH, TokenIssuer
from batchlab.core.tasks.environment import PASSED_ON
from batchlab.drivers.dask import guards
from batchlab.drivers.ports import Connection
from batchlab.errors import invalid
from batchlab.extras import extra
from batchlab.private_files import write_private
from batchlab.rest.endpoint import random_key
from batchlab.rest.server import Answering, listen

__all__ = ["Cloud", "data_folder", "open_cloud"]

_HERE = ("localhost", "127.0.0.1", "::1")
_NOT_NODES = frozenset({
    "AZURE_CLIENT_SECRET", "AZURE_BATCH_ACCESS_KEY", "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING", "AZURE_CONFIG_DIR",
})  # fmt: skip
_ROOTS = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


def data_folder() -> Path:
    """Where this user's data of batchlab is.

    Raises
    ------
    NotInstalled
        ``OperationInvalidForCurrentState``: platformdirs is not installed.
    """
    with extra("azure", "Serving Azure's host names needs platformdirs"):
        from platformdirs import user_data_path  # noqa: PLC0415
    return user_data_path("batchlab")


class Cloud:
    """Azure's host names, token services and blobs on this machine.

    Parameters
    ----------
    account_name : str
        The account of the lab.
    key : str
        Its key, in Base64.
    port : int, default 0
        The port of the proxy; 0 for any free one.

    Attributes
    ----------
    account : Account
    key : str
    tls : ssl.SSLContext
        For the server behind the proxy; it has a certificate for each name.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: the port is taken, or the authority cannot be kept.
    NotInstalled
        ``OperationInvalidForCurrentState``: the extra ``azure`` is not installed.
    """

    def __init__(self, account_name: str, key: str, port: int = 0) -> None:
        folder = data_folder()
        self.account = Account(account_name)
        self.key = key
        self._tokens = TokenIssuer()
        self._identity = ManagedIdentity(self._tokens)
        self._login = Login(self._tokens)
        self._proxy = Proxy(self._identity)
        self._azurite: Azurite | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        with ExitStack() as stack:
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="batchlab-azure-"))
            self.folder = Path(made)
            guards.guard(made)  # deletes it if this process is killed: it has secrets
            stack.callback(guards.dismiss, made)
            given = os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",")
            others = [name for name in map(str.strip, given) if name not in ("", "*", *_HERE)]
            self._direct = ",".join([*_HERE, *others])
            self._authority = Authority(folder)
            self._trust()
            self.tls = self._context(self.account.batch_host)
            self.tls.sni_callback = self._by_name
            self._server = listen(self._proxy, "127.0.0.1", port)
            stack.callback(self._server.stop)
            command = program()
            if command is not None:
                self._azurite = self._store(command)
                stack.callback(self._azurite.close)
                self._proxy.ports["blob"] = self._azurite.port
            self._stack = stack.pop_all()

    @property
    def port(self) -> int:
        """The port of the proxy."""
        return self._server.port

    @property
    def proxy(self) -> str:
        """The URL of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL of the Batch account."""
        return f"https://{self.account.batch_host}"

    @property
    def has_storage(self) -> bool:
        """Whether there are blobs."""
        return self._azurite is not None

    @property
    def authority(self) -> Path:
        """The certificate of the authority, in PEM."""
        return self.folder / "authority.pem"

    @property
    def bundle(self) -> Path:
        """The certificates of the authority and of those that this machine trusts, in PEM."""
        return self.folder / "bundle.pem"

    def is_token(self, token: str) -> bool:
        """Whether a token is good for the Batch service."""
        return self._tokens.is_good(token, BATCH)

    def front(self, service: Answering, connection: Connection) -> Answering:
        """What answers behind the proxy, for the Batch service of a lab."""
        storage = self._azurite.key if self._azurite else ""
        management = Management(
            connection, self.account, (self.key, storage),
            ArmPools(service, connection, self.account),
            ArmApplications(connection, self.account, self._azurite),
            has_storage=self.has_storage,
        )  # fmt: skip
        return Hosts(service, self.account, management, self._login, self._tokens)

    def opened(self, port: int) -> None:
        """Lead clients to the server behind the proxy, which has this port."""
        self._proxy.ports |= dict.fromkeys(SERVED, port)

    def put_before(self, front: Callable[[Answering], Answering]) -> None:
        """Let something else answer at the address of the proxy first."""
        self._server.service = front(self._proxy)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that lead clients here."""
        endpoint, secret, direct = f"{self.proxy}{PATH}", self._identity.secret, self._direct
        found = {
            "HTTPS_PROXY": self.proxy, "https_proxy": self.proxy,
            "NO_PROXY": direct, "no_proxy": direct,
            **dict.fromkeys(_ROOTS, str(self.bundle)),
            "NODE_EXTRA_CA_CERTS": str(self.authority),
            "IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": secret,
            "MSI_ENDPOINT": f"{endpoint}/{secret}", "MSI_SECRET": secret,
            "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": self._login.secret,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_RESOURCE_GROUP": GROUP,
            "AZURE_LOCATION": REGION, "AZURE_IDENTITY_ID": IDENTITY,
            "AZURE_BATCH_ACCOUNT": self.account.name, "AZURE_BATCH_ENDPOINT": self.url,
            "AZURE_BATCH_ACCESS_KEY": self.key,
            "AZURE_CONFIG_DIR": str(self.folder / "az"), "AZURE_CORE_COLLECT_TELEMETRY": "no",
        }  # fmt: skip
        if self._azurite is not None:
            name, key = self.account.storage, self._azurite.key
            text = f"AccountName={name};AccountKey={key};EndpointSuffix=core.windows.net"
            found |= {
                "AZURE_STORAGE_ACCOUNT": name, "AZURE_STORAGE_KEY": key,
                "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=https;{text}",
            }  # fmt: skip
        return found

    @property
    def node_variables(self) -> dict[str, str]:
        """Those of them for nodes and their tasks, in containers as well: no keys."""
        found = {name: value for name, value in self.variables.items() if name not in _NOT_NODES}
        return found | {PASSED_ON: " ".join(found)}

    def close(self) -> None:
        """End everything. Calling it twice is harmless."""
        self._stack.close()

    # -- certificates ---------------------------------------------------------------------------

    def _trust(self) -> None:
        """Write what clients need to trust: the authority, and what they trust anyway."""
        self.authority.write_bytes(self._authority.pem)
        self.bundle.write_bytes(self._authority.pem + _roots(os.environ))

    def _context(self, name: str) -> ssl.SSLContext:
        known = self._contexts.get(name)
        if known is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            path = self._certificate(name)
            context.load_cert_chain(path)
            path.unlink()
            known = self._contexts[name] = context
        return known

    def _by_name(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        """Give a connection the certificate of the name that its client calls."""
        if name is not None and service_of(name) in SERVED:
            if len(self._contexts) > 100:  # of names that strangers make up
                self._contexts.clear()
            connection.context = self._context(name)
        return None

    def _certificate(self, *names: str) -> Path:
        """A file with a certificate and its key, which only this user can read."""
        path = self.folder / f"{secrets.token_hex(8)}.pem"
        write_private(path, self._authority.issue(*names))
        return path

    def _store(self, command: str) -> Azurite:
        path = self._certificate(self.account.blob_host, "127.0.0.1")
        key = base64.b64encode(secrets.token_bytes(64)).decode()
        try:
            return Azurite(command, self.account, key, path, self.authority, os.environ)
        finally:
            path.unlink()


def open_cloud(
    azure: bool | Cloud, account: str, key: str | None, port: int, other: Mapping[str, Any]
) -> Cloud:  # fmt: skip
    """Open what ``serve(azure=True)`` asks for, or take what is open already.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: what is asked for besides does not go with it.
    """
    if isinstance(azure, Cloud):
        return azure
    if azure is not True:
        raise invalid("azure", azure, "must be True or False", owner="serve")
    for name, allowed, reason in (
        ("host", HERE, "serves Azure's names to this machine only"),
        ("cert", (None,), "has certificates of its own"),
        ("cert_key", (None,), "has certificates of its own"),
        ("bearer", (False,), "accepts the tokens of its own token service"),
        ("behind_proxy", (False,), "is its own proxy"),
    ):
        if other[name] not in allowed:
            raise invalid(name, other[name], f"azure=True {reason}", owner="serve")
    return Cloud(account, random_key() if key is None else key, port)


def _roots(environment: Mapping[str, str]) -> bytes:
    """The certificates that programs of this user trust, as far as they are known."""
    default = ssl.get_default_verify_paths()
    places = [environment.get(name) for name in _ROOTS]
    places += [default.cafile, default.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt"]
    for place in filter(None, places):
        try:
            return b"\n" + Path(place).read_bytes()
        except OSError:
            continue
    return b""
