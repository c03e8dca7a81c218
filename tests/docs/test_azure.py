"""The guide to Azure's clients can be followed: its blocks run as written, section by section.

A block that says ``file=NAME`` is that file; one that says ``needs=...`` is only checked. What a
section installs is kept in pytest's cache. All other commands of a section run in one shell, in
the lab that `batchlab serve --azure` serves for it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.engines import image_of, real_image
from helpers.environments import NotMade, environment, install

PAGE = Path(__file__).parents[2] / "docs/azure.md"
BLOCK = re.compile(r"^```(\w+)(?: (file|needs)=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = dict(
    section.split("\n", 1) for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
)
BLOCKS = {title: BLOCK.findall(text) for title, text in SECTIONS.items()}
INSTALLED = re.compile(r"^(pip|npm) install (.*)\n", re.MULTILINE)
SAID = {
    "Other sites": "pypi.org,files.pythonhosted.org,registry.npmjs.org\n",
    "az": '"standard_d2s_v3"',
    "azure-batch for Python": "['p']\n['p']\n['p']\n",
    "Older azure-batch": "[]\n[]\n",
    "azure-mgmt-batch": "PoolProvisioningState.SUCCEEDED\nPackageState.ACTIVE\n",
    "Templates of azure-batch-cli-extensions": "3\n",
    "Snakemake": "",
    "Airflow": "",
    "JavaScript": "Succeeded\n[ 'p' ]\n",
    "Java, and Nextflow": "batchlab.westeurope.batch.azure.com/pools 400\n"
    "management.azure.com/subscriptions 401\n",
}  # fmt: skip
"""What a section prints that can run."""
REALLY = ("Snakemake",)
"""Whose tasks really run; the others' are simulated."""


def test_page_has_a_block_for_each_fence() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert 2 * len(BLOCK.findall(text)) == text.count("```")
    assert {title for title, blocks in BLOCKS.items() if blocks} == set(SAID)


@pytest.mark.parametrize(
    ("language", "name", "text"),
    [(language, name, text) for language, _, name, text in BLOCK.findall(PAGE.read_text())],
)
def test_block_is_valid(language: str, name: str, text: str) -> None:
    if language == "python" and name != "Snakefile":
        ast.parse(text)
    elif language == "json":
        json.loads(text)
    elif language == "sh":
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    else:
        assert name


def blob_server() -> str:
    program = shutil.which("azurite")
    if program is None:
        pytest.skip("azurite is not on the PATH: npm install azurite")
    return str(Path(program).parent)


def installed(title: str, request: pytest.FixtureRequest) -> Path:
    """The folder with the programs that a section installs."""
    wanted = [(how, what.split()) for _, role, _, text in BLOCKS[title] if not role
              for how, what in INSTALLED.findall(text)]  # fmt: skip
    folder = request.config.cache.mkdir("docs-azure-" + re.sub(r"\W+", "-", title))
    for how, words in wanted:
        names = [word.strip('"') for word in words]
        if how == "npm":
            npm = shutil.which("npm")
            if npm is None:
                pytest.skip("npm is not installed")
            if not (folder / "node_modules").exists():
                (folder / "package.json").write_text("{}")
                command = [npm, "install", "--no-audit", "--no-fund", *names]
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    pytest.skip(f"{names} cannot be installed: {done.stderr[-300:]}")
            continue
        if names == ["azure-cli"] and (az := shutil.which("az")):
            return Path(az).parent
        try:
            if not (folder / "ready").exists():
                install(environment(folder), *names)
                (folder / "ready").touch()
        except NotMade as error:
            pytest.skip(f"{names} cannot be installed: {error}")
    return folder / "bin"


def follow(
    title: str, folder: Path, request: pytest.FixtureRequest, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Do what a section says, in a folder."""
    programs = installed(title, request)
    for _, role, name, text in BLOCKS[title]:
        if role == "file":
            (folder / name).write_text(text)
    commands = "".join(INSTALLED.sub("", text) for language, role, _, text in BLOCKS[title]
                       if language == "sh" and not role)  # fmt: skip
    if (programs.parent / "node_modules").exists():
        (folder / "node_modules").symlink_to(programs.parent / "node_modules")
    places = [str(programs), blob_server(), str(Path(sys.executable).parent), os.environ["PATH"]]
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given |= {
        "PATH": os.pathsep.join(places), "XDG_DATA_HOME": str(folder / "data"),
        "AIRFLOW_HOME": str(folder / "airflow"), "TMPDIR": str(folder),
        "NO_PROXY": "pypi.org,files.pythonhosted.org", "PYTHONWARNINGS": "ignore",
    } | variables  # fmt: skip
    how = [] if title in REALLY else ["--simulated", "--boot", "1s", "--speed", "10"]
    return subprocess.run(
        [sys.executable, "-m", "batchlab", "serve", "--azure", *how, "--",
         "bash", "-e", "-o", "pipefail", "-c", commands],
        cwd=folder, env=given, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip


def check(title: str, folder: Path, request: pytest.FixtureRequest, **variables: str) -> Any:
    done = follow(title, folder, request, **variables)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert SAID[title] in done.stdout
    assert not list(folder.glob("batchlab-azure-*"))
    return done


@pytest.mark.ci("clients")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("title", "program"), [
    ("az", "az"), ("Java, and Nextflow", "javac"), ("Other sites", "sh"),
])  # fmt: skip
def test_section_can_be_followed(
    title: str, program: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    check(title, tmp_path, request)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("title", [
    title for title in SAID
    if title not in ("Java, and Nextflow", "Other sites", "Airflow", "Snakemake")
])  # fmt: skip
def test_section_that_installs_its_client_can_be_followed(
    title: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    check(title, tmp_path, request)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("by_key", ["", "1"])
def test_airflow_comes_with_a_token_and_with_a_key(
    by_key: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    check("Airflow", tmp_path, request, BY_KEY=by_key)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_snakemake_runs_its_rules_and_reports_one_that_fails(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_image()
    programs = installed("Snakemake", request)
    install(programs / "python", "pip")
    said = subprocess.run(
        [programs / "snakemake", "--version"], capture_output=True, text=True, check=True
    )
    request.addfinalizer(image_of(programs.parent, f"snakemake/snakemake:v{said.stdout.strip()}"))
    (tmp_path / "good").mkdir()
    done = check("Snakemake", tmp_path / "good", request)
    assert "4 of 4 steps (100%) done" in done.stdout + done.stderr
    broken = [(language, role, name, text.replace("echo b", "exit 3 #"))
              for language, role, name, text in BLOCKS["Snakemake"]]  # fmt: skip
    monkeypatch.setitem(BLOCKS, "Snakemake", broken)
    (tmp_path / "broken").mkdir()
    failed = follow("Snakemake", tmp_path / "broken", request)
    assert failed.returncode == 1
    assert "FailureExitCode" in failed.stdout + failed.stderr
    assert "1 of 4 steps" in failed.stdout + failed.stderr
