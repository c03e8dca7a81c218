"""Real stores on this machine: moto's S3 server and Azurite, each in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from helpers.ports import free_port

# Azurite's well-known account, which is the same everywhere.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Server:
    """A store: `options` for fsspec, `kill` to take it away."""

    def __init__(self, process: subprocess.Popen[bytes], options: dict[str, str]) -> None:
        self.process = process
        self.options = options

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(command: list[str], port: int, options: dict[str, str]) -> Iterator[Server]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, f"{command[0]} has ended"
                assert time.monotonic() < deadline, f"{command[0]} does not answer"
                time.sleep(0.05)
        yield Server(process, options)
    finally:
        process.kill()
        process.wait()


def s3() -> AbstractContextManager[Server]:
    """An S3 server, or a skip that says what is missing."""
    for module in ("moto", "s3fs"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install 'batchlab[test]'")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    options = {"key": "key", "secret": "secret", "endpoint_url": f"http://127.0.0.1:{port}"}
    return running(command, port, options)


def azure() -> AbstractContextManager[Server]:
    """A server of Azure blobs, or a skip that says what is missing."""
    if importlib.util.find_spec("adlfs") is None:
        pytest.skip("adlfs is not installed: pip install 'batchlab[test]'")
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not on the PATH: npm install azurite")
    port = free_port()
    command = [
        program, "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--blobHost",
        "127.0.0.1", "--blobPort", str(port),
    ]  # fmt: skip
    return running(command, port, azure_options(port))


def azure_options(port: int, key: str = KEY) -> dict[str, str]:
    return {
        "connection_string": f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};"
        f"AccountKey={key};BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    }
