"""Azurite, the emulator of Azure's blobs, behind the host name of the storage account.

It speaks TLS itself, with a certificate for that name, so a client's bytes pass through the proxy
as they are. Its blobs are in memory, and end with it. It ends with this process.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchlab.azure.names import Account
from batchlab.errors import LabFailed
from batchlab.extras import extra
from batchlab.programs import end_program, start_program

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Azurite", "program"]

START_S = 60.0
_STEP_S = 0.05
_PROGRAMS = ("azurite-blob", "azurite")


def program() -> str | None:
    """The path of Azurite on this machine, or None."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


class Azurite:
    """A running Azurite.

    Parameters
    ----------
    command : str
        The program.
    account : Account
    certificate : path
        The certificate of its host name with the private key, in PEM; read when it starts.
    authority : path
        The certificate of the authority that issued it.
    environment : mapping
        Of the process.

    Attributes
    ----------
    port : int
    key : str
        The key of the storage account.

    Raises
    ------
    LabFailed
        ``InternalError``: it does not start.
    """

    def __init__(
        self, command: str, account: Account, key: str, certificate: Path, authority: Path,
        environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.key = key
        self._account = account
        self._authority = authority
        self.port = _free_port()
        words = [command, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--silent",
                 "--skipApiVersionCheck", "--inMemoryPersistence", "--oauth", "basic",
                 "--cert", str(certificate), "--key", str(certificate)]  # fmt: skip
        if Path(command).name == "azurite":
            words += [word for name in ("queue", "table")
                      for word in (f"--{name}Port", str(_free_port()))]  # fmt: skip
        self._process = start_program(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=certificate.parent,
            env={**environment, "AZURITE_ACCOUNTS": f"{account.storage}:{key}"},
        )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it. Calling it twice is harmless."""
        end_program(self._process, 5)

    def _wait(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if self._process.poll() is not None:
                break
            time.sleep(_STEP_S)
        raise LabFailed("InternalError", "Azurite was found but does not start: try it by itself")

    # -- its blobs ------------------------------------------------------------------------------

    def upload_url(self, container: str, blob: str, ends: datetime) -> str:
        """The URL where a blob may be written until a time; its container is created."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas  # noqa: PLC0415

        self._create(container)
        signature = generate_blob_sas(
            self._account.storage, container, blob, account_key=self.key, expiry=ends,
            permission=BlobSasPermissions(read=True, write=True, create=True),
        )  # fmt: skip
        return f"https://{self._account.blob_host}/{container}/{blob}?{signature}"

    def read(self, container: str, blob: str) -> bytes | None:
        """The contents of a blob, or None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415

        with self._client(container, blob) as client, contextlib.suppress(ResourceNotFoundError):
            data: bytes = client.download_blob().readall()
            return data
        return None

    def delete(self, container: str, blob: str) -> None:
        """Delete a blob."""
        with self._client(container, blob) as client:
            client.delete_blob()

    def _create(self, container: str) -> None:
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415
        from azure.storage.blob import ContainerClient  # noqa: PLC0415

        with (
            ContainerClient(container_name=container, **self._way) as client,
            contextlib.suppress(ResourceExistsError),
        ):
            client.create_container()

    def _client(self, container: str, blob: str) -> Any:
        with extra("azure", "A package of an application needs azure-storage-blob"):
            from azure.storage.blob import BlobClient  # noqa: PLC0415
        return BlobClient(container_name=container, blob_name=blob, **self._way)

    @property
    def _way(self) -> dict[str, Any]:
        """How this process reaches it: directly, whatever its environment says of proxies."""
        return {
            "account_url": f"https://127.0.0.1:{self.port}/{self._account.storage}",
            "credential": {"account_name": self._account.storage, "account_key": self.key},
            "connection_verify": str(self._authority), "proxies": {}, "use_env_settings": False,
        }  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
