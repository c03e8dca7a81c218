"""Help for the tests of the REST API: requests without a socket, and waiting for clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

import batchlab as bl
from batchlab.rest.messages import Response
from batchlab.rest.service import Service
from helpers.wire_words import check_error, check_failures

VERSION = "api-version=2025-06-01"
KEY = "c2VjcmV0"
POOL = {"id": "p", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 1}
POLLING = {"polling_interval": 0.05}
JOB = {"id": "j", "poolInfo": {"poolId": "p"}}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: Any
    raw: bytes

    @property
    def code(self) -> str:
        return self.content["code"]

    @property
    def values(self) -> list[dict[str, str]]:
        return self.content.get("values", [])


class Desk:
    """A service on a simulated lab, asked directly; any bearer token will do."""

    def __init__(self, lab: bl.SimulatedLab | None = None, **settings: Any) -> None:
        self.lab = lab or bl.SimulatedLab(boot="1s")
        self.service = Service(self.lab._connection, b"secret", bearer=True, **settings)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *why: object) -> None:
        self.lab.close()

    def ask(
        self, method: str, path: str, content: Any = None, query: str = "", *,
        version: str = "", **headers: str,
    ) -> Answer:  # fmt: skip
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = b"" if content is None else msgspec.json.encode(content)
        spoken = f"api-version={quote(version, safe='')}" if version else VERSION
        return read(
            self.service.handle(
                method, path, "&".join([spoken, *([query] if query else [])]),
                {"Authorization": "Bearer x", "Host": "lab:1"} | named, body,
            )
        )  # fmt: skip

    def get(self, path: str, query: str = "", **headers: str) -> Answer:
        return self.ask("GET", path, None, query, **headers)

    def post(self, path: str, content: Any = None, **headers: str) -> Answer:
        return self.ask("POST", path, content, **headers)

    def furnish(self, *task_ids: str, command: str = "/bin/sh -c 'echo hi'") -> None:
        """A pool, a job, some tasks."""
        assert self.post("/pools", POOL).status == 201
        assert self.post("/jobs", JOB).status == 201
        for task_id in task_ids:
            task = {"id": task_id, "commandLine": command}
            assert self.post("/jobs/j/tasks", task).status == 201


def read(response: Response) -> Answer:
    raw = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    kind = response.headers.get("Content-Type", "")
    content = msgspec.json.decode(raw) if raw and kind.startswith("application/json") else None
    if response.status >= 400 and content is not None:
        check_error(content)
    else:
        check_failures(content)
    return Answer(response.status, response.headers, content, raw)


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


class Command(NamedTuple):
    """`batchlab serve`, running: what it printed."""

    process: subprocess.Popen[str]
    url: str
    account: str
    key: str
    said: str

    def client(self, **settings: Any) -> Any:
        credential = AzureNamedKeyCredential(self.account, self.key)
        return BatchClient(endpoint=self.url, credential=credential, **settings)


def banner_of(process: subprocess.Popen[str]) -> str:
    """What a command that serves a lab prints until it is ready."""
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


@contextmanager
def served(*options: str, **environment: str) -> Iterator[Command]:
    """Run `batchlab serve` until it is ready; end it, if it has not been, with SIGTERM."""
    command = [sys.executable, "-m", "batchlab", "serve", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            said = banner_of(process)
            found = re.search(r"Endpoint: (\S+)\nAccount:  (\S+)\nKey:      (.+)\n", said)
            assert found, said
            url, account, key = found.groups()
            yield Command(process, url, account, key, said)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
