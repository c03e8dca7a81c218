"""`batchlab serve --azure`: a command that is led to the lab, and terminals that join it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from batchlab.cli import app, serve_command
from helpers.rest import banner_of
from helpers.waiting import until
from helpers.watchers import TOKEN, cookie_of, visit

SERVE = [sys.executable, "-m", "batchlab", "serve", "--azure", "--simulated", "--boot", "1s"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a user with an empty home, and without Azurite."""
    (tmp_path / "tmp").mkdir()
    places = [place for place in os.environ["PATH"].split(os.pathsep)
              if shutil.which("azurite", path=place) is None]  # fmt: skip
    return os.environ | {
        "XDG_DATA_HOME": str(tmp_path / "data"), "TMPDIR": str(tmp_path / "tmp"),
        "PATH": os.pathsep.join(places), "SHELL": "/bin/bash",
    }  # fmt: skip


def left(tmp_path: Path) -> set[str]:
    """The names of all files that are there now."""
    return {path.name for path in tmp_path.rglob("*") if path.is_file()}


@contextmanager
def serving(
    environment: dict[str, str], *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A lab being served, and what it has printed."""
    with subprocess.Popen(
        [*SERVE, *options], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process, banner_of(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)


def run(*words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVE, *words], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def test_command_is_led_to_the_lab_and_ends_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    code = (
        "import os, sys, urllib3\n"
        "pool = urllib3.ProxyManager(os.environ['HTTPS_PROXY'],"
        " ca_certs=os.environ['SSL_CERT_FILE'])\n"
        "found = pool.request('GET', os.environ['AZURE_BATCH_ENDPOINT'] + '/pools')\n"
        "print(found.status, sys.argv[1:])\n"
        "sys.exit(7)"
    )
    done = run("--", sys.executable, "-c", code, "--port", "-x", environment=environment)
    assert done.stdout == "400 ['--port', '-x']\n", done.stderr
    assert done.returncode == 7
    watched = r"^Watch it at http://127\.0\.0\.1:\d+/\?token=[\w-]{16,}$"
    assert re.search(watched, done.stderr, re.MULTILINE)
    assert left(tmp_path) == {"authority.pem"}


@pytest.mark.parametrize(("command", "code", "said"), [
    (["true"], 0, ""), (["sh", "-c", "kill -9 $$"], 137, ""),
    (["/none"], 1, "No such file or directory"),
])  # fmt: skip
def test_exit_code_is_that_of_the_command(
    command: list[str], code: int, said: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run("--", *command, environment=environment)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == {"authority.pem"}


def test_ctrl_c_ends_the_command_and_the_lab(tmp_path: Path, environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [*SERVE, "--", "sh", "-c", "echo started; exec sleep 600"], stdout=subprocess.PIPE,
        text=True, env=environment, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert left(tmp_path) == {"authority.pem"}


@pytest.mark.ci("processes")
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_ctrl_c_at_any_moment_leaves_nothing(
    share: float, tmp_path: Path, environment: dict[str, str]
) -> None:
    begun = time.monotonic()
    with serving(environment):
        took = time.monotonic() - begun
    with subprocess.Popen(
        SERVE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(took * share)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert left(tmp_path) <= {"authority.pem"}


@pytest.mark.ci("processes")
def test_another_terminal_joins_the_lab(tmp_path: Path, environment: dict[str, str]) -> None:
    none = run("--env", environment=environment)
    assert none.returncode == 1
    assert "no lab is served with --azure" in none.stderr
    with serving(environment) as (process, said):
        found = re.search(r"^Proxy: +(http://127\.0\.0\.1:(\d+))$", said, re.MULTILINE)
        assert found, said
        joined = subprocess.run(
            ["bash", "-c", 'eval "$("$@")" && env', "-", *SERVE, "--env"],
            capture_output=True, text=True, env=environment, check=True, timeout=60,
        ).stdout.splitlines()  # fmt: skip
        assert f"HTTPS_PROXY={found[1]}" in joined
        assert "AZURE_BATCH_ACCOUNT=batchlab" in joined
        fish = run("--env", "--shell", "fish", "--port", found[2], environment=environment)
        assert f"set -gx HTTPS_PROXY '{found[1]}'" in fish.stdout
        other = run("--env", "--port", "1", environment=environment)
        assert "on port 1" in other.stderr
        wrong = run("--env", "--shell", "cmd", environment=environment)
        assert (wrong.returncode, "must be one of" in wrong.stderr) == (1, True)
        (kept,) = (tmp_path / "data/batchlab/served").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert list((tmp_path / "tmp").glob("batchlab-azure-*"))
        process.send_signal(signal.SIGKILL)
        process.wait()
    until(lambda: not list((tmp_path / "tmp").iterdir()))
    assert run("--env", environment=environment).returncode == 1
    assert not kept.exists(), "the lab was killed, and its file is of no use"


def test_banner_has_the_variables_once_and_how_to_join(environment: dict[str, str]) -> None:
    with serving(environment, "--shell", "bash", "--page-token", TOKEN) as (_, said):
        block = said.partition("\nWatch it at ")[2].partition("\n\n")[2].partition("\n\n")[0]
        proxy = re.search(r"^Proxy:    (\S+)$", said, re.MULTILINE)[1]
        assert f"\nWatch it at {proxy}/ with the token as given\n" in said
        assert visit(proxy, Cookie=cookie_of(proxy)).status == 200
        command = re.search(r'In another terminal: eval "\$\(batchlab (.*)\)"\n', said)
        assert command, said
        joined = subprocess.run(
            [sys.executable, "-m", "batchlab", *command[1].split()],
            capture_output=True, text=True, env=environment, check=True,
        )  # fmt: skip
        assert joined.stdout == f"{block}\n"
    assert "Azurite is not installed" in said
    assert said.count("AZURE_CLIENT_ID") == 1
    assert "serve with --shell fish or --shell powershell" in said
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_unknown_shell_is_refused_before_anything_is_served(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run("--shell", "cmd", environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be one of bash, fish, powershell" in done.stderr
    assert left(tmp_path) == set()


def test_port_that_is_taken_is_refused_and_nothing_left(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]), environment=environment)
    assert done.returncode == 1
    assert re.fullmatch(r"batchlab: InvalidPropertyValue: serve.port is \d+: .*\n", done.stderr)
    assert left(tmp_path) == {"authority.pem"}


@pytest.mark.parametrize(("options", "reason"), [
    (["--env"], "require --azure"), (["--shell", "bash"], "require --azure"),
    (["--", "true"], "require --azure"), (["--azure", "--host", "0.0.0.0"], "this machine only"),
    (["--azure", "--cert", "x.pem"], "certificates of its own"),
    (["--azure", "--account", "NO"], "lower-case"), (["--azure", "--key", "no key"], "Base64"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused(
    options: list[str], reason: str, environment: dict[str, str]
) -> None:
    before = dict(os.environ)
    own = {"COLUMNS": "200", "XDG_DATA_HOME": environment["XDG_DATA_HOME"],
           "PATH": environment["PATH"]}  # fmt: skip
    result = CliRunner().invoke(app, ["serve", "--simulated", *options], env=own)
    assert result.exit_code != 0
    assert reason in result.output
    assert dict(os.environ) == before


def test_elevation_is_confirmed_at_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert serve_command._confirmed_elevation() is False, "there is no terminal"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    asked = []

    def confirm(question: str, *, default: bool) -> bool:
        asked.append(question)
        return not default

    monkeypatch.setattr(serve_command.typer, "confirm", confirm)
    assert serve_command._confirmed_elevation() is True
    assert "root" in asked[0]
