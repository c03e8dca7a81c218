"""Other clients, unmodified: the SDK before this one, and that for JavaScript.

Each is installed once, into the cache of pytest; where that cannot be done its test is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def simulated_endpoint() -> Iterator[Any]:
    with bl.SimulatedLab(boot="1s") as lab, lab.serve(speed=20.0) as endpoint:
        yield endpoint


def installed(place: Path, proof: str, *commands: list[str], what: str) -> None:
    """Have something installed at a place, or skip the test and say what for."""
    if (place / proof).exists():
        return
    for command in commands:
        try:
            done = subprocess.run(
                command, cwd=place, capture_output=True, text=True, timeout=110, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{what} cannot be installed: {error}")
        if done.returncode:
            pytest.skip(f"{what} cannot be installed: {done.stderr[-300:]}")
    (place / proof).touch()


def run(endpoint: Any, *command: str, **environment: str) -> None:
    arguments = [*command, endpoint.url, endpoint.account, endpoint.key]
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=100,
        check=False,
    )
    assert done.stdout.strip() == "done", done.stderr


@pytest.mark.timeout(300)
def test_sdk_14_runs_its_quick_start(
    simulated_endpoint: Any, request: pytest.FixtureRequest
) -> None:
    place = request.config.cache.mkdir("azure-batch-14.2")
    python = place / "bin" / "python"
    installed(
        place, "ready", [sys.executable, "-m", "venv", str(place)],
        [str(python), "-m", "pip", "install", "-q", "azure-batch==14.2.0"],
        what="azure-batch 14.2.0",
    )  # fmt: skip
    run(simulated_endpoint, str(python), str(HERE / "older_sdk.py"), PYTHONPATH="")


@pytest.mark.timeout(300)
def test_javascript_client_runs_its_quick_start(
    simulated_endpoint: Any, request: pytest.FixtureRequest
) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("@azure/batch needs node and npm, which are not here")
    place = request.config.cache.mkdir("azure-batch-javascript")
    installed(
        place, "ready", [npm, "init", "-y"],
        [npm, "install", "--no-audit", "--no-fund", "@azure/batch@10"],
        what="@azure/batch",
    )  # fmt: skip
    run(simulated_endpoint, node, str(HERE / "javascript_client.js"),
        NODE_PATH=str(place / "node_modules"))  # fmt: skip
