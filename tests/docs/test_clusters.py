"""The guide to clusters can be followed: its code blocks run, section by section, as written.

A block whose first line says ``file=NAME`` is that file. One that says ``needs=...`` wants what is
not here, and is only checked. All others run in order: those in ``sh`` in Bash, those in
``python`` in one interpreter for each section, as in a notebook.
"""

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from helpers import gateways, slurm, ssh
from helpers.storage_servers import free_port
from helpers.waiting import until
from hosts import network

PAGE = Path(__file__).parents[2] / "docs/clusters.md"
BLOCK = re.compile(r"^```(\w+)(?: (file|needs)=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = dict(
    section.split("\n", 1) for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
)
BLOCKS = {title: BLOCK.findall(text) for title, text in SECTIONS.items()}
LEFT_OUT_OF_CI = ("SLURM, with a scheduler of its own",)  # CI has SLURM in another section
INSTALLED = re.compile(r"^pip install .*\n", re.MULTILINE)
PATIENCE_S = 100

NOTEBOOK = """
import json, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    try:
        exec(json.loads(line), names)
        print(json.dumps(""), flush=True)
    except BaseException:
        print(json.dumps(traceback.format_exc()), flush=True)
"""


def can_run(title):
    return any(language in ("sh", "python") and not role for language, role, *_ in BLOCKS[title])


def needs(title):
    return {name for _, role, name, _ in BLOCKS[title] if role == "needs"}


# -- every block ------------------------------------------------------------------------------


def test_page_has_a_block_for_each_fence():
    assert 2 * sum(map(len, BLOCKS.values())) == PAGE.read_text().count("```")


@pytest.mark.parametrize(
    ("language", "text"),
    [(language, text) for blocks in BLOCKS.values() for language, _, _, text in blocks],
)
def test_block_is_valid(language, text):
    if language == "python":
        ast.parse(text)
    elif language == "sh":
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    elif language == "yaml":
        assert yaml.safe_load(text)["kind"]
    else:
        assert language in ("ini", "dockerfile")


def test_units_of_systemd_are_valid(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    units = []
    for _, role, name, text in BLOCKS["systemd"]:
        if role == "file":
            units.append(tmp_path / name)
            units[-1].write_text(text.replace("/opt/batchlab/bin/dask", sys.executable))
    assert len(units) == 2
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, units)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


# -- the sections -----------------------------------------------------------------------------


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Reader:
    """Follows a section of the page in a home of their own.

    Parameters
    ----------
    home : Path
    environment : dict
        What is needed in addition, such as for SLURM's commands.
    instead : dict
        What stands in the page for what is here.
    """

    def __init__(self, home, environment, instead):
        self._home = home
        self._environment = os.environ | environment | {
            "HOME": str(home),
            "PATH": f"{home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "3s",
        }  # fmt: skip
        self._instead = {"8786": str(free_port())} | instead
        self._started = []
        self._notebook = self._start([sys.executable, "-c", NOTEBOOK], stdout=subprocess.PIPE)

    def _start(self, command, **streams):
        process = subprocess.Popen(
            command, cwd=self._home, env=self._environment, stdin=subprocess.PIPE, text=True,
            start_new_session=True, **streams,
        )  # fmt: skip
        self._started.append(process)
        return process

    def follow(self, language, role, name, text):
        for said, meant in self._instead.items():
            text = text.replace(said, meant)
        if role == "file":
            (self._home / name).write_text(text)
        elif language == "sh":
            with (self._home / "sh.log").open("w") as log:
                shell = self._start(["bash", "-euo", "pipefail"], stdout=log, stderr=log)
                shell.communicate(INSTALLED.sub("", text), timeout=PATIENCE_S)
            assert shell.returncode == 0, (self._home / "sh.log").read_text()
        else:
            port = self._instead["8786"]
            if f"127.0.0.1:{port}" in text or f"localhost:{port}" in text:
                until(lambda: listens(int(port)))  # what a command before has started
            self._notebook.stdin.write(json.dumps(text) + "\n")
            self._notebook.stdin.flush()
            while True:  # lines before the last are what the block prints
                line = self._notebook.stdout.readline()
                assert line, "the interpreter has ended"
                if line.startswith('"'):
                    break
            assert json.loads(line) == "", json.loads(line)

    def end(self):
        self._notebook.stdin.close()
        for process in reversed(self._started):
            for how in (signal.SIGINT, signal.SIGKILL):
                try:
                    os.killpg(process.pid, how)
                    process.wait(10)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            process.wait()
        self._notebook.stdout.close()


@pytest.fixture
def follow(tmp_path):
    readers = []

    def follow(title, environment=MappingProxyType({}), instead=MappingProxyType({})):
        reader = Reader(tmp_path, environment, instead)
        readers.append(reader)
        for language, role, name, text in BLOCKS[title]:
            if role != "needs" and language != "ini":
                reader.follow(language, role, name, text)

    yield follow
    for reader in readers:
        reader.end()


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "title",
    [
        pytest.param(
            title,
            marks=pytest.mark.slow if title in LEFT_OUT_OF_CI else pytest.mark.ci("clusters"),
        )
        for title in BLOCKS
    ],
)
def test_section_can_be_followed(title, follow, tmp_path, tmp_path_factory):
    if not can_run(title):
        pytest.skip(f"needs {' and '.join(needs(title)) or 'no commands'}")
    if "SLURM" in title:
        skip_if(slurm.obstacle())
        with slurm.slurm(tmp_path_factory.mktemp("slurm")) as running:
            follow(title, running.environment)
            slurm.wait(lambda: not running.jobs(), "the end of all jobs")
    elif title == "SSH":
        skip_if(ssh.obstacle() or network.obstacle())
        with three_machines(tmp_path_factory.mktemp("ssh"), tmp_path):
            follow(title)
    elif title == "dask-gateway":
        skip_if(gateways.obstacle())
        with gateways.gateway(tmp_path_factory.mktemp("gateway")) as running:
            follow(
                title, {"DASK_GATEWAY__PROXY_ADDRESS": running.proxy_address},
                {"https://gateway.example.com": running.address},
            )  # fmt: skip
    else:
        follow(title)


def skip_if(reason):
    if reason:
        pytest.skip(reason)


@contextlib.contextmanager
def three_machines(folder, home):
    """Hosts with the names of the page, which SSH reaches from this home."""
    keys = ssh.Keys(folder / "keys")
    hosts = network.Network(folder)
    try:
        with contextlib.ExitStack() as servers:
            config = ""
            for name in ("head", "node1", "node2"):
                host = hosts.host()
                before = ("ip", "netns", "exec", host.name)
                port = servers.enter_context(keys.server(host.address, before=before))
                config += keys.client_config(name, host.address, port)
            for path, text in {
                ".ssh/config": config,
                "bin/ssh": f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/.ssh/config "$@"\n',
            }.items():
                (home / path).parent.mkdir()
                (home / path).write_text(text)
                (home / path).chmod(0o700)
            yield
    finally:
        hosts.close()
