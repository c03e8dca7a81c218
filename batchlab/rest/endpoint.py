"""The endpoint of a served lab: its URL, account and key, and how clients use them."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from batchlab.core.messages.questions import ListPools
from batchlab.core.model.ranges import is_number
from batchlab.display import page_before
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, invalid
from batchlab.extras import extra
from batchlab.rest.auth import read_key
from batchlab.rest.callers import Ways
from batchlab.rest.https import read_certificate

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from batchlab.rest.server import Answering

__all__ = ["AzureFront", "Endpoint", "random_key"]

TICK_S = 0.05
"""How often the clock of a simulated lab is advanced."""
KEY_VARIABLE = "AZURE_BATCH_ACCESS_KEY"
_PYTHON = """\
import os

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

client = BatchClient(
    endpoint="{url}",
    credential=AzureNamedKeyCredential("{account}", os.environ["{key}"]),
)"""
_AZ = """\
# the account's key is in {key}
export AZURE_BATCH_ACCOUNT={account} AZURE_BATCH_ENDPOINT={url}
az batch pool list"""
_JAVASCRIPT = """\
import {{ BatchServiceClient, BatchSharedKeyCredentials }} from "@azure/batch";

const credentials = new BatchSharedKeyCredentials("{account}", process.env.{key});
const client = new BatchServiceClient(credentials, "{url}");"""
_KEY_SHOWN = "{key} must have the account's key, which endpoint.key shows."

_TRUST = {
    "python": '# for a self-signed certificate, add connection_verify="{cert}"',
    "az": "# for a self-signed certificate, also export REQUESTS_CA_BUNDLE={cert}",
    "javascript": "// for a self-signed certificate, run node with NODE_EXTRA_CA_CERTS={cert}",
}


class AzureFront(Protocol):
    """What else of Azure is on this machine: see `batchlab.azure.cloud`."""

    key: str
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        """The URL of the Batch account."""
        ...

    @property
    def proxy(self) -> str:
        """The URL of the proxy that leads to it."""
        ...

    @property
    def bundle(self) -> Path:
        """The certificates to trust."""
        ...

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that lead clients here."""
        ...

    def is_token(self, token: str) -> bool:
        """Whether a token is good for the Batch service."""
        ...

    def front(self, service: Answering, connection: Connection) -> Answering:
        """What answers behind the proxy."""
        ...

    def put_before(self, front: Callable[[Answering], Answering]) -> None:
        """Let something else answer at the address of the proxy first."""
        ...

    def opened(self, port: int) -> None:
        """Lead clients to this port."""
        ...

    def close(self) -> None:
        """End everything."""
        ...


class Endpoint:
    """The Azure Batch REST API of a lab, returned by `Lab.serve`. Also a context manager.

    Anyone with the key may do everything that you may do, including running commands. Unless you
    pass one, each endpoint gets a new key. Displaying an endpoint does not show its key, because
    displays are stored in notebooks; `key` does.

    Attributes
    ----------
    url : str
    account : str
    key : str
        In Base64, as in Azure.
    page_url : str or None
        The address of the page for browsers, with its token, which displays do not show either.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        bearer: bool = False,
        speed: float = 1.0,
        cert: str | os.PathLike[str] | None = None,
        cert_key: str | os.PathLike[str] | None = None,
        behind_proxy: bool = False,
        allow_elevated: bool = True,
        page: bool = True,
        page_token: str | None = None,
        manage: bool = False,
        azure: AzureFront | None = None,
    ) -> None:
        # Only serving needs Tornado.
        from batchlab.rest.server import listen  # noqa: PLC0415
        from batchlab.rest.service import Service  # noqa: PLC0415

        connection.ask(ListPools())  # refused by a lab that is closed
        self.account = connection.account
        if azure is not None:
            key = azure.key
        self.key = random_key() if key is None else key
        self._azure = azure
        service: Answering = Service(
            connection, _key_bytes(self.key), bearer=bearer, behind_proxy=behind_proxy, host=host,
            tokens=None if azure is None else azure.is_token, allow_elevated=allow_elevated,
        )  # fmt: skip
        self._page: Any = None

        def before(behind: Answering) -> Answering:
            ways = Ways(host, behind_proxy=behind_proxy)
            about: dict[str, Any] = {"token": page_token, "manage": manage}
            self._page = page_before(behind, connection, ways, **about)
            front: Answering = self._page
            return front

        if page and azure is not None:
            azure.put_before(before)
        elif page:
            service = before(service)
        tls = read_certificate(cert, cert_key, "serve")
        self._cert = None if cert is None else Path(cert).absolute()
        pace = 0.0 if connection.speed else _check_speed(speed)
        if azure is None:
            self._server = listen(service, host, port, tls)
            shown = (
                f"[{host}]"
                if ":" in host
                else {"0.0.0.0": "127.0.0.1", "": "127.0.0.1"}.get(host, host)
            )
            self.url = f"{'https' if tls else 'http'}://{shown}:{self._server.port}"
        else:
            self._server = listen(azure.front(service, connection), host, 0, azure.tls)
            azure.opened(self._server.port)
            self.url = azure.url
        self._stopped = threading.Event()
        self._pacer: threading.Thread | None = None
        if pace:
            self._pace(connection, pace)
        connection.before_close(lambda: self._stop("the lab is closed"))

    def client(self, **settings: Any) -> Any:
        """Create an azure-batch SDK client for this endpoint.

        Parameters
        ----------
        **settings
            Further keyword arguments for the client, such as ``connection_verify="cert.pem"`` for
            a self-signed certificate.

        Raises
        ------
        NotInstalled
            ``OperationInvalidForCurrentState``: azure-batch 15 is not installed.
        """
        with extra("sdk", "A client needs azure-batch 15"):
            from azure.batch import BatchClient  # noqa: PLC0415
            from azure.core.credentials import AzureNamedKeyCredential  # noqa: PLC0415
        credential = AzureNamedKeyCredential(self.account, self.key)
        if self._azure is not None:
            way = {"https": self._azure.proxy}
            settings = {"proxies": way, "connection_verify": str(self._azure.bundle)} | settings
        return BatchClient(endpoint=self.url, credential=credential, **settings)

    @property
    def page_url(self) -> str | None:
        """The address of the page on which the lab can be watched, with its token.

        Anyone who has it may watch: give it only to those who may see the lab's files. None if
        there is no page.
        """
        if self._page is None:
            return None
        base = self.url if self._azure is None else self._azure.proxy
        return f"{base}/?token={self._page.token}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that clients need, with what is secret in them.

        With ``lab.serve(azure=True)``, they lead to Azure's host names, tokens and blobs on this
        machine.
        """
        if self._azure is not None:
            return self._azure.variables
        return {
            "AZURE_BATCH_ACCOUNT": self.account, "AZURE_BATCH_ENDPOINT": self.url,
            KEY_VARIABLE: self.key,
        }  # fmt: skip

    @property
    def snippets(self) -> dict[str, str]:
        """Code to connect a client, for ``python``, ``az`` and ``javascript``.

        It reads the key from the environment variable ``AZURE_BATCH_ACCESS_KEY``.
        """
        texts = {"python": _PYTHON, "az": _AZ, "javascript": _JAVASCRIPT}
        if self._cert is not None:
            texts = {name: f"{_TRUST[name]}\n{text}" for name, text in texts.items()}
        known = {
            "url": self.url, "account": self.account, "key": KEY_VARIABLE, "cert": self._cert,
        }  # fmt: skip
        return {name: text.format(**known) for name, text in texts.items()}

    def stop(self) -> None:
        """Stop serving; the lab goes on. Calling it twice is harmless."""
        self._stop("the lab is no longer served")

    def _stop(self, why: str) -> None:
        self._stopped.set()
        if self._page is not None:
            self._page.close(why)
        self._server.stop()
        if self._azure is not None:
            self._azure.close()
        if self._pacer is not None and self._pacer is not threading.current_thread():
            self._pacer.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = " (stopped)" if self._stopped.is_set() else ""
        head = f"Azure Batch at {self.url}, account {self.account}{state}"
        about = _KEY_SHOWN.format(key=KEY_VARIABLE)
        return f"{head}\n\n{self.snippets['python']}\n\n{about}"

    def _repr_html_(self) -> str:
        from batchlab.html import card, details, tag  # noqa: PLC0415 - for notebooks only

        titles = {"az": "az batch", "javascript": "JavaScript"}
        texts = {name: tag("pre", text) for name, text in self.snippets.items()}
        more = [details(title, texts[name]) for name, title in titles.items()]
        state = "stopped" if self._stopped.is_set() else "serving"
        pairs = [("Endpoint", self.url), ("Account", self.account), ("State", state)]
        if self._page is not None:
            pairs.append(("Page", "for browsers, at the address that endpoint.page_url shows"))
        about = tag("p", _KEY_SHOWN.format(key=KEY_VARIABLE))
        return str(card("Azure Batch", "", pairs, texts["python"], about, *more))

    def _pace(self, connection: Any, speed: float) -> None:
        """Keep the clock of a simulated lab running, because REST clients do not advance it."""

        def run() -> None:
            last = time.monotonic()
            with contextlib.suppress(BatchError):  # the lab is closed
                while not self._stopped.wait(TICK_S):
                    now = time.monotonic()
                    connection.advance((now - last) * speed)
                    last = now

        self._pacer = threading.Thread(target=run, name="batchlab-clock", daemon=True)
        self._pacer.start()


def random_key() -> str:
    """Return a new key, in Base64."""
    return base64.b64encode(secrets.token_bytes(64)).decode()


def _key_bytes(key: Any) -> bytes:
    try:
        return read_key(key)
    except (TypeError, ValueError):
        reason = "must be Base64 text, like Azure's keys"
        raise invalid("key", "(not shown)", reason, owner="serve") from None


def _check_speed(speed: Any) -> float:
    if is_number(speed) and 0 < speed <= 1_000_000:
        return float(speed)
    raise invalid("speed", speed, "must be a number greater than zero", owner="serve")
