"""`batchlab serve`: what it prints works, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.batch import models as m
from azure.core.credentials import AzureNamedKeyCredential
from typer.testing import CliRunner

from batchlab.cli import app


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [["--simulated", "--boot", "0s"], ["--account", "ada"]])
def test_lab_served_until_it_is_interrupted(
    options: list[str], number: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "batchlab", "serve", *options]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        found = re.search(r"Endpoint: (\S+)\nAccount:  (\S+)\nKey:      (\S+)\n", said)
        assert found
        credential = AzureNamedKeyCredential(found[2], found[3])
        with BatchClient(endpoint=found[1], credential=credential) as client:
            client.create_pool(m.BatchPoolCreateOptions(id="p", vm_size="small"))
            assert [pool.id for pool in client.list_pools()] == ["p"]
        process.send_signal(number)
        assert process.stdout.read() == "Stopped.\n"
        assert process.wait(30) == 0
    left = {path.name for path in tmp_path.iterdir()} - {"dask-scratch-space"}  # empty, Dask's
    assert left == set()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--simulated", "--processes"], "choose one of"),
        (["--boot", "0s"], "--boot needs --simulated"),
        (["--scheduler", "tcp://x:1", "--journal", "f"], "--journal is for a lab of its own"),
        (["--simulated", "--key", "no key"], "must be text in base 64"),
        (["--simulated", "--account", "NO"], "lower-case"),
    ],
)
def test_lab_asked_for_wrongly_it_is_refused(options: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["serve", *options], env={"COLUMNS": "200"})
    assert result.exit_code != 0
    assert reason in result.output
