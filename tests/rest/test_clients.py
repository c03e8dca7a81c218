"""Other clients, unmodified: the SDK before this one, that for JavaScript, and `az batch`.

The first two are installed once, into the cache of pytest; a client that is not to be had is
skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from helpers.environments import NotMade, environment, install
from helpers.waiting import until

pytestmark = pytest.mark.ci("clients")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def simulated_endpoint() -> Iterator[Any]:
    with bl.SimulatedLab(boot="1s") as lab, lab.serve(speed=20.0) as endpoint:
        yield endpoint


@pytest.fixture
def lab_endpoint() -> Iterator[Any]:
    with bl.Lab(processes=False) as lab, lab.serve() as endpoint:
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
        timeout=250,
        check=False,
    )
    assert done.stdout.strip() == "done", done.stderr


@pytest.mark.timeout(300)
def test_sdk_14_runs_its_quick_start(
    simulated_endpoint: Any, request: pytest.FixtureRequest
) -> None:
    place = request.config.cache.mkdir("azure-batch-14.2")
    python = place / "bin/python"
    if not (place / "ready").exists():
        try:
            install(environment(place), "azure-batch==14.2.0")
        except NotMade as error:
            pytest.skip(f"azure-batch 14.2.0 cannot be installed: {error}")
        (place / "ready").touch()
    run(simulated_endpoint, str(python), str(HERE / "older_sdk.py"), PYTHONPATH="")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("release", ["2.0.1", "5.1.1", "9.0.0"])
def test_older_sdk_runs_its_quick_start(
    lab_endpoint: Any, request: pytest.FixtureRequest, tmp_path: Path, release: str
) -> None:
    place = request.config.cache.mkdir(f"azure-batch-{release}")
    if not (place / "ready").exists():
        try:
            install(environment(place), f"azure-batch=={release}", "msrestazure", "setuptools<81")
        except NotMade as error:
            pytest.skip(f"azure-batch {release} cannot be installed: {error}")
        (place / "ready").touch()
    source = tmp_path / "in.txt"
    source.write_text("read\n", encoding="utf-8")
    run(lab_endpoint, str(place / "bin/python"), str(HERE / "oldest_sdk.py"), str(source),
        PYTHONPATH="")  # fmt: skip


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


@pytest.mark.timeout(300)
def test_az_batch_runs_its_quick_start(simulated_endpoint: Any, tmp_path: Path) -> None:
    az = shutil.which("az")
    if az is None:
        pytest.skip("az batch needs the Azure CLI, which is not here")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "AZURE_BATCH_ACCOUNT": simulated_endpoint.account,
        "AZURE_BATCH_ACCESS_KEY": simulated_endpoint.key,
        "AZURE_BATCH_ENDPOINT": simulated_endpoint.url,
        "AZURE_CONFIG_DIR": str(tmp_path / "az"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
    }

    def batch(command: str, *more: str) -> str:
        done = subprocess.run(
            [az, "batch", *command.split(), *more], capture_output=True, text=True,
            env=environment, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    batch(
        "pool create --id az --vm-size standard_d2s_v3 --target-dedicated-nodes 1 "
        "--image canonical:ubuntu-24_04-lts:server",
        "--node-agent-sku-id", "batch.node.ubuntu 24.04",
    )  # fmt: skip
    batch("job create --id az --pool-id az")
    batch("task create --job-id az --task-id t --command-line", "/bin/sh -c 'echo hello'")
    show = "task show --job-id az --task-id t --query state -o tsv"
    until(lambda: batch(show).strip() == "completed")
    to = tmp_path / "stdout.txt"
    batch(f"task file download --job-id az --task-id t --file-path stdout.txt --destination {to}")
    assert to.read_text() == "hello\n"
    batch("pool resize --pool-id az --target-dedicated-nodes 2")
    batch("job delete --job-id az --yes")
    batch("pool delete --pool-id az --yes")
