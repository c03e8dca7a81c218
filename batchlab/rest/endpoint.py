"""A lab that is served: its address, its account, its key, and how clients are told of them."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from batchlab.core.model.ranges import is_number, is_whole
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, invalid
from batchlab.extras import extra
from batchlab.rest.auth import read_key

if TYPE_CHECKING:
    import ssl

__all__ = ["Endpoint"]

TICK_S = 0.05
"""How often the clock of a simulated lab is moved on."""
_PYTHON = """\
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

client = BatchClient(
    endpoint="{url}",
    credential=AzureNamedKeyCredential("{account}", "{key}"),
)"""
_AZ = """\
export AZURE_BATCH_ACCOUNT={account} AZURE_BATCH_ENDPOINT={url}
export AZURE_BATCH_ACCESS_KEY={key}
az batch pool list"""
_JAVASCRIPT = """\
import {{ BatchServiceClient, BatchSharedKeyCredentials }} from "@azure/batch";

const credentials = new BatchSharedKeyCredentials("{account}", "{key}");
const client = new BatchServiceClient(credentials, "{url}");"""

_TRUST = {
    "python": '# connection_verify="{cert}" too, if nobody else signed the certificate',
    "az": "# export REQUESTS_CA_BUNDLE={cert} too, if nobody else signed the certificate",
    "javascript": "// NODE_EXTRA_CA_CERTS={cert} for node, if nobody else signed the certificate",
}


class Endpoint:
    """The Azure Batch REST API of a lab; made by `Lab.serve`. Also a context manager.

    Whoever has the key may do everything that the lab's owner may, run commands above all. It is
    made anew each time unless one is given, and shown where the endpoint is shown.

    Attributes
    ----------
    url : str
    account : str
    key : str
        In base 64, as Azure has it.
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
    ) -> None:
        # Tornado is imported by those who serve.
        from batchlab.rest.server import Server  # noqa: PLC0415
        from batchlab.rest.service import Service  # noqa: PLC0415

        self.account = connection.account
        self.key = _random_key() if key is None else key
        service = Service(connection, _key_bytes(self.key), bearer=bearer)
        tls = _tls(cert, cert_key)
        self._cert = None if cert is None else Path(cert).absolute()
        try:
            self._server = Server(service, host, _check_port(port), tls)
        except (OSError, UnicodeError, OverflowError) as error:
            name, value = ("port", port) if port else ("host", host)
            raise invalid(name, value, f"cannot be listened at: {error}", owner="serve") from None
        shown = (
            f"[{host}]"
            if ":" in host
            else {"0.0.0.0": "127.0.0.1", "": "127.0.0.1"}.get(host, host)
        )
        self.url = f"{'https' if tls else 'http'}://{shown}:{self._server.port}"
        self._stopped = threading.Event()
        self._pacer: threading.Thread | None = None
        if not connection.speed:
            self._pace(connection, _check_speed(speed))
        connection.before_close(self.stop)

    def client(self, **settings: Any) -> Any:
        """A client of the SDK azure-batch for it.

        Parameters
        ----------
        **settings
            Further keywords for the client, such as ``connection_verify="cert.pem"`` for an
            endpoint with a certificate that nobody else signed.

        Raises
        ------
        NotInstalled
            ``OperationInvalidForCurrentState``: azure-batch 15 is not installed.
        """
        with extra("sdk", "A client needs azure-batch 15"):
            from azure.batch import BatchClient  # noqa: PLC0415
            from azure.core.credentials import AzureNamedKeyCredential  # noqa: PLC0415
        credential = AzureNamedKeyCredential(self.account, self.key)
        return BatchClient(endpoint=self.url, credential=credential, **settings)

    @property
    def snippets(self) -> dict[str, str]:
        """What to paste into a client: by ``python``, ``az`` and ``javascript``."""
        texts = {"python": _PYTHON, "az": _AZ, "javascript": _JAVASCRIPT}
        if self._cert is not None:
            texts = {name: f"{_TRUST[name]}\n{text}" for name, text in texts.items()}
        known = {
            "url": self.url, "account": self.account, "key": self.key, "cert": self._cert,
        }  # fmt: skip
        return {name: text.format(**known) for name, text in texts.items()}

    def stop(self) -> None:
        """Stop serving; the lab goes on. Harmless twice."""
        self._stopped.set()
        self._server.stop()
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
        return f"{head}\n\n{self.snippets['python']}"

    def _repr_html_(self) -> str:
        from batchlab.widgets.html import card, details, tag  # noqa: PLC0415 - for notebooks only

        titles = {"az": "az batch", "javascript": "JavaScript"}
        texts = {name: tag("pre", text) for name, text in self.snippets.items()}
        more = [details(title, texts[name]) for name, title in titles.items()]
        state = "stopped" if self._stopped.is_set() else "serving"
        pairs = [("Endpoint", self.url), ("Account", self.account), ("State", state)]
        return str(card("Azure Batch", "", pairs, texts["python"], *more))

    def _pace(self, connection: Any, speed: float) -> None:
        """Have the clock of a simulated lab run: nobody waits there for it to be moved."""

        def run() -> None:
            last = time.monotonic()
            with contextlib.suppress(BatchError):  # the lab is closed
                while not self._stopped.wait(TICK_S):
                    now = time.monotonic()
                    connection.advance((now - last) * speed)
                    last = now

        self._pacer = threading.Thread(target=run, name="batchlab-clock", daemon=True)
        self._pacer.start()


def _tls(cert: Any, key: Any) -> ssl.SSLContext | None:
    """Read a certificate and its private key, from one file or two."""
    if cert is None and key is None:
        return None
    if cert is None:
        raise invalid("cert_key", key, "is the key of `cert`: give that too", owner="serve")
    import ssl  # noqa: PLC0415 - for those who want it

    for name, value in (("cert", cert), ("cert_key", key)):
        if value is not None and not isinstance(value, (str, os.PathLike)):
            raise invalid(name, value, "must be a path", owner="serve")
        if value is not None and not os.access(value, os.R_OK):
            raise invalid(name, str(value), "is no file that can be read", owner="serve")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")  # else it would ask at the terminal
    except (OSError, ValueError) as error:
        reason = (
            f"must be a certificate in PEM, with its key, and that without a password: {error}"
        )
        raise invalid("cert", str(cert), reason, owner="serve") from None
    return context


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def _key_bytes(key: Any) -> bytes:
    try:
        return read_key(key)
    except (TypeError, ValueError):
        reason = "must be text in base 64, as Azure's keys are"
        raise invalid("key", "(not shown)", reason, owner="serve") from None


def _check_port(port: Any) -> int:
    if is_whole(port) and 0 <= port <= 65535:
        return port
    raise invalid("port", port, "must be 0 (any that is free) to 65535", owner="serve")


def _check_speed(speed: Any) -> float:
    if is_number(speed) and 0 < speed <= 1_000_000:
        return float(speed)
    raise invalid("speed", speed, "must be a number above 0", owner="serve")
