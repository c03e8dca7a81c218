"""Azurite behind the name of the storage account, and its end with the lab."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

import batchlab as bl
from batchlab.azure import azurite
from helpers.rest import banner_of
from helpers.waiting import until

pytestmark = [
    pytest.mark.ci("clients"),
    pytest.mark.skipif(azurite.program() is None, reason="Azurite is not on the PATH"),
]


def started() -> list[psutil.Process]:
    """The processes that this one has started."""
    return psutil.Process().children(recursive=True)


def test_blobs_are_behind_their_name_and_end_with_the_lab() -> None:
    before = started()
    with bl.SimulatedLab() as lab, lab.serve(azure=True) as endpoint:
        variables = endpoint.environment
        way: dict[str, Any] = {
            "proxies": {"https": variables["HTTPS_PROXY"]},
            "connection_verify": variables["REQUESTS_CA_BUNDLE"],
        }
        text = variables["AZURE_STORAGE_CONNECTION_STRING"]
        with BlobServiceClient.from_connection_string(text, **way) as client:
            container = client.create_container("data")
            container.upload_blob("large", os.urandom(3_000_000))
            assert container.download_blob("large").size == 3_000_000
            assert client.url == "https://batchlab.blob.core.windows.net/"
            stranger = text.replace(variables["AZURE_STORAGE_KEY"], "a2V5")
            with (
                BlobServiceClient.from_connection_string(stranger, **way) as other,
                pytest.raises(HttpResponseError),
            ):
                list(other.list_containers())
        running = [one for one in started() if one not in before]
        assert any("azurite" in " ".join(one.cmdline()) for one in running)
        assert not list(endpoint._azure.folder.glob("????????????????.pem")), "read, and deleted"
    _, alive = psutil.wait_procs(running, timeout=30)
    assert alive == []
    until(lambda: not [one for one in threading.enumerate()
                       if one.name.startswith("batchlab-rest")])  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_a_lab_however_that_ends(number: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "batchlab", "serve", "--azure", "--simulated"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as process:
        said = banner_of(process)
        assert "Blobs:    https://batchlab.blob.core.windows.net\n" in said
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("azurite" in " ".join(one.cmdline()) for one in children)
        process.send_signal(number)
        process.wait(60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    if number != signal.SIGKILL:
        assert not list(tmp_path.glob("batchlab-azure-*"))


def test_program_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert azurite.program() is None
    (tmp_path / "azurite").symlink_to(shutil.which("true", path="/usr/bin:/bin") or "")
    assert azurite.program() == str(tmp_path / "azurite")
