"""Azure in a box without sockets: its hosts on a simulated lab, and a store in memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

import batchlab as bl
from batchlab.azure.arm_applications import ArmApplications
from batchlab.azure.arm_pool_requests import ArmPools
from batchlab.azure.hosts import Hosts, Proxy
from batchlab.azure.identity import Login, ManagedIdentity
from batchlab.azure.management import Management
from batchlab.azure.names import LOGIN, MANAGEMENT, Account
from batchlab.azure.tokens import BATCH, TokenIssuer
from batchlab.rest.messages import Response
from batchlab.rest.service import Service


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: Any

    @property
    def code(self) -> str:
        return self.content["error"]["code"]

    @property
    def reason(self) -> str:
        """The message, with its details."""
        error = self.content["error"]
        details = [one["message"] for one in error.get("details", ())]
        return " ".join([error["message"], *details])


def read(response: Response) -> Answer:
    body = response.body
    assert isinstance(body, bytes)
    assert response.length in (None, len(body)), "the length is that of the body"
    kind = response.headers.get("Content-Type", "")
    content = msgspec.json.decode(body) if kind.startswith("application/json") else body.decode()
    return Answer(response.status, response.headers, content or None)


class Store:
    """What `azurite.Azurite` does for packages, in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.key = "c3RvcmU="

    def upload_url(self, container: str, blob: str, ends: datetime) -> str:
        return f"https://batchlab.blob.core.windows.net/{container}/{blob}?sig=x"

    def put(self, url: str, data: bytes) -> None:
        self.blobs[url.partition("?")[0].split("/", 3)[3]] = data

    def read(self, container: str, blob: str) -> bytes | None:
        return self.blobs.get(f"{container}/{blob}")

    def delete(self, container: str, blob: str) -> None:
        del self.blobs[f"{container}/{blob}"]


class Box:
    """All hosts, asked directly."""

    def __init__(self, **settings: Any) -> None:
        self.lab = bl.SimulatedLab(boot="1s", **settings)
        connection = self.lab._connection
        self.account = Account(connection.account)
        self.tokens = TokenIssuer()
        self.store = Store()
        self.identity, self.login = ManagedIdentity(self.tokens), Login(self.tokens)
        self.proxy = Proxy(self.identity)
        service = Service(
            connection, b"key", tokens=lambda token: self.tokens.is_good(token, BATCH)
        )
        pools = ArmPools(service, connection, self.account)
        applications = ArmApplications(connection, self.account, self.store)
        self.management = Management(
            connection, self.account, ("a2V5", self.store.key), pools, applications,
            has_storage=True,
        )  # fmt: skip
        self.hosts = Hosts(service, self.account, self.management, self.login, self.tokens)

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *why: object) -> None:
        self.lab.close()

    def send(
        self, host: str, method: str, path: str, body: bytes = b"", query: str = "",
        **headers: str,
    ) -> Answer:  # fmt: skip
        """Ask a host, as a client with these headers does."""
        named = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        refused = self.hosts.refuse(method, path, query, named, scheme="https")
        return read(refused or self.hosts.answer(method, path, query, named, body, scheme="https"))

    def ask(
        self, method: str, path: str, content: Any = None, query: str = "", **headers: str
    ) -> Answer:
        """Ask the management plane, with a token; a path without a slash is below the account."""
        token, _ = self.tokens.issue("https://management.azure.com/")
        body = b"" if content is None else msgspec.json.encode(content)
        whole = path if path.startswith("/") else f"{self.account.path}/{path}"
        headers = {"Authorization": f"Bearer {token}"} | headers
        return self.send(MANAGEMENT, method, whole, body, query, **headers)

    def log_in(self, tenant: str, version: str = "/v2.0", **form: str) -> Answer:
        """Ask for a token as a service principal."""
        body = urlencode(form).encode()
        return self.send(LOGIN, "POST", f"/{tenant}/oauth2{version}/token", body)
