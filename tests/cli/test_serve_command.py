"""`batchlab serve`: what it prints works, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from azure.batch import models as m
from typer.testing import CliRunner

import batchlab as bl
from batchlab.cli import app, serve_command
from helpers.certificates import self_signed
from helpers.rest import banner_of, served
from helpers.waiting import until
from helpers.watchers import TOKEN, cookie_of, visit


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"dask-scratch-space"}  # empty, Dask's


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [
    ["--simulated", "--boot", "0s"],
    pytest.param(["--account", "ada"], marks=pytest.mark.ci("processes")),
])  # fmt: skip
def test_lab_served_until_it_is_interrupted(
    options: list[str], number: int, tmp_path: Path
) -> None:
    with served(*options, TMPDIR=str(tmp_path)) as lab:
        with lab.client() as client:
            client.create_pool(m.BatchPoolCreateOptions(id="p", vm_size="small"))
            assert [pool.id for pool in client.list_pools()] == ["p"]
        address = re.search(r"^Watch it at (\S+)$", lab.said, re.MULTILINE)[1]
        assert visit(lab.url, address.removeprefix(lab.url)).status == 303
        lab.process.send_signal(number)
        assert lab.process.stdout.read() == "Stopped.\n"
        assert lab.process.wait(60) == 0
    assert left_in(tmp_path) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "options", [[], pytest.param(["--processes"], marks=pytest.mark.ci("processes"))]
)
def test_lab_interrupted_twice_leaves_no_process_and_no_file(
    options: list[str], number: int, tmp_path: Path
) -> None:
    with served(*options, TMPDIR=str(tmp_path)) as lab:
        with lab.client() as client:
            client.create_pool(m.BatchPoolCreateOptions(
                id="p", vm_size="small", target_dedicated_nodes=1
            ))  # fmt: skip
            client.create_job(
                m.BatchJobCreateOptions(id="j", pool_info=m.BatchPoolInfo(pool_id="p"))
            )
            client.create_task("j", m.BatchTaskCreateOptions(id="t", command_line="sleep 3600"))
            until(lambda: client.get_task("j", "t").state == "running")
        service = psutil.Process(lab.process.pid)
        until(lambda: any(child.name() == "sleep" for child in service.children(recursive=True)))
        children = service.children(recursive=True)
        lab.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            lab.process.wait(0.1)
        lab.process.send_signal(number)
        assert lab.process.stdout.read() == "Stopped.\n"
        assert lab.process.wait(60) in (0, -number)  # the second may come when all is done
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert left_in(tmp_path) == set()


def test_journal_of_a_served_lab_shows_what_it_was(tmp_path: Path) -> None:
    journal = tmp_path / "today.journal"
    with served("--journal", str(journal)) as lab, lab.client() as client:
        client.create_pool(m.BatchPoolCreateOptions(
            id="p", vm_size="small", target_dedicated_nodes=1
        ))  # fmt: skip
        client.create_job(m.BatchJobCreateOptions(id="j", pool_info=m.BatchPoolInfo(pool_id="p")))
        command = "/bin/sh -c 'exit 3'"
        client.create_task("j", m.BatchTaskCreateOptions(id="t", command_line=command))
        until(lambda: client.get_task("j", "t").state == "completed")
    with bl.ReplayedLab(journal) as before:
        assert before.jobs["j"].tasks["t"].exit_code == 3
    assert lab.key.encode() not in journal.read_bytes()


@pytest.mark.ci("processes")
def test_token_that_is_given_is_neither_printed_nor_shown_to_tasks() -> None:
    secrets = {"BATCHLAB_PAGE_TOKEN": TOKEN, "BATCHLAB_KEY": "c2VjcmV0"}
    with served(**secrets) as lab:
        assert f"\nWatch it at {lab.url}/ with the token as given\n" in lab.said
        assert TOKEN not in lab.said
        page = visit(lab.url, Cookie=cookie_of(lab.url))
        assert (page.status, "page/page.js" in page.text) == (200, True)
        assert lab.key == "(as given)"
        with lab._replace(key=secrets["BATCHLAB_KEY"]).client() as client:
            client.create_pool(m.BatchPoolCreateOptions(
                id="p", vm_size="small", target_dedicated_nodes=1
            ))  # fmt: skip
            info = m.BatchPoolInfo(pool_id="p")
            client.create_job(m.BatchJobCreateOptions(id="j", pool_info=info))
            client.create_task("j", m.BatchTaskCreateOptions(id="t", command_line="env"))
            until(lambda: client.get_task("j", "t").state == "completed")
            seen = b"".join(client.download_task_file("j", "t", "stdout.txt")).decode()
    assert "AZ_BATCH_TASK_ID" in seen
    assert not [secret for secret in secrets if secret in seen]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", ""])
def test_banner_says_how_other_machines_come_to_the_page(host: str) -> None:
    with bl.SimulatedLab() as lab, lab.serve(page_token=TOKEN) as endpoint:
        said = serve_command._watch_at(endpoint, host, shows_token=True)
        assert said.startswith(f"\nWatch it at {endpoint.page_url}\n")
        assert ("On other machines" in said) == (host != "127.0.0.1")
        assert ("travels unencrypted" in said) == (host != "127.0.0.1")


def test_port_that_is_taken_is_refused_and_nothing_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "batchlab", "serve", "--port", port],
            env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(r"batchlab: InvalidPropertyValue: serve.port is \d+: .*\n", done.stderr)
    assert left_in(tmp_path) == set()


def test_lab_served_with_a_certificate_clients_come_by_https(tmp_path: Path) -> None:
    cert = self_signed(tmp_path)
    with served("--simulated", "--no-page", "--cert", str(cert)) as lab:
        assert "Watch it" not in lab.said
        assert lab.url.startswith("https://127.0.0.1:")
        with lab.client(connection_verify=str(cert)) as client:
            assert list(client.list_pools()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--simulated", "--processes"], "choose one of"),
        (["--boot", "0s"], "--boot requires --simulated"),
        (["--scheduler", "tcp://x:1", "--durability", "fsync"], "requires journal"),
        (["--simulated", "--key", "no key"], "must be Base64 text"),
        (["--simulated", "--account", "NO"], "lower-case"),
        (["--journal", "/"], "has other files"),
        (["--simulated", "--cert", "/none.pem"], "is not a readable file"),
        (["--simulated", "--cert-key", "/none.pem"], "give that too"),
    ],
)
def test_lab_asked_for_wrongly_it_is_refused(options: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["serve", *options], env={"COLUMNS": "200"})
    assert result.exit_code != 0
    assert reason in result.output


@pytest.mark.parametrize(("number", "isolated", "text"), [
    (0, False, "Warning: tasks run as the user root"),
    (0, True, "Tasks run as users of their own"),
    (4242, False, "Tasks run as the user 4242."),
])  # fmt: skip
def test_banner_says_as_which_user_tasks_run(
    number: int, isolated: bool, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: number)
    said = serve_command._runners(None, isolated=isolated)
    assert text in said
    assert ("--isolate-users" in said) == (number == 0 and not isolated)
    assert "worker" in serve_command._runners("tcp://a:1", isolated=False)


def test_banner_does_not_repeat_a_key_that_was_given() -> None:
    command = [sys.executable, "-m", "batchlab", "serve", "--simulated"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"BATCHLAB_KEY": "c2VjcmV0"}
    ) as process:
        said = banner_of(process)
        process.send_signal(signal.SIGTERM)
    assert "c2VjcmV0" not in said
    assert "Key:      (as given)" in said
    assert "AZURE_BATCH_ACCESS_KEY" in said
    assert "Tasks run" not in said  # there are none
