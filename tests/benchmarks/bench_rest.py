"""The REST API beside a server that answers from memory, and what one GET of a task costs.

5,000 tasks are added with the SDK's `create_tasks` and listed: by a lab that is served by a
process of its own, and by a server that has all answers ready, so that what is left is the SDK's
own time. Goal: at most 1 ms of ours for the GET of a task among 10,000, on simulated and on light
nodes, measured without a socket.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from compare import alternate, report

import batchlab as bl
from batchlab.rest.auth import read_key, signature
from batchlab.rest.service import Service

TASKS, MANY, PAGE = 5_000, 10_000, 1_000
ROUNDS = 3
KEY = "c2VjcmV0"
VERSION = "api-version=2025-06-01"


def main() -> None:
    listed: dict[str, list[float]] = {"batchlab": [], "memory": []}

    def measured(name: str, *command: str) -> float:
        with started(*command) as url:
            added, seconds = add_and_list(url)
        listed[name].append(seconds)
        return added

    results = alternate({
        "memory": lambda: measured("memory", str(Path(__file__)), "memory"),
        "batchlab": lambda: measured("batchlab", "-m", "batchlab", "serve", "--key", KEY),
    }, ROUNDS)  # fmt: skip
    report(f"{TASKS:,} tasks added with the SDK's create_tasks", results, "s", "memory")
    report("the same tasks listed with the SDK's list_tasks", listed, "s", "memory")
    print(f"\nGET of a task among {MANY:,}, our own time   (goal: 1 ms)")
    for title, lab in (("simulated", bl.SimulatedLab()), ("light nodes", bl.Lab())):
        with lab:
            print(f"  {title:12} {own_time(lab):6.3f} ms")


def add_and_list(url: str) -> tuple[float, float]:
    """How long it takes to add the tasks, and to list them."""
    from azure.batch import BatchClient
    from azure.batch import models as m
    from azure.core.credentials import AzureNamedKeyCredential

    with BatchClient(url, AzureNamedKeyCredential("batchlab", KEY)) as client:
        client.create_job(
            m.BatchJobCreateOptions(id="j", pool_info=m.BatchPoolInfo(pool_id="nowhere"))
        )
        tasks = [
            m.BatchTaskCreateOptions(id=f"t{n}", command_line=f"/bin/sh -c 'echo {n}'")
            for n in range(TASKS)
        ]
        begin = time.perf_counter()
        client.create_tasks("j", tasks)
        added = time.perf_counter()
        assert len(list(client.list_tasks("j"))) == TASKS
        return added - begin, time.perf_counter() - added


def own_time(lab: Any) -> float:
    """Milliseconds of one GET, with its signature, in the median."""
    service = Service(lab._connection, read_key(KEY), clock=lambda: 1_800_000_000.0)
    job = lab.create_job("many", "nowhere")
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="true") for n in range(MANY)])
    headers = {"ocp-date": "Fri, 15 Jan 2027 08:00:00 GMT"}
    taken = []
    for number in range(0, MANY, MANY // 500):
        path = f"/jobs/many/tasks/t{number}"
        query = {"api-version": VERSION.partition("=")[2]}
        signed = signature("batchlab", read_key(KEY), "GET", path, query, headers)
        given = headers | {"Authorization": f"SharedKey batchlab:{signed}"}
        begin = time.perf_counter()
        response = service.handle("GET", path, VERSION, given)
        taken.append((time.perf_counter() - begin) * 1000)
        assert response.status == 200
    return statistics.median(taken)


@contextmanager
def started(*command: str) -> Iterator[str]:
    """Run a server; give its address."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield re.split(r"\s+", server.stdout.readline())[1]
        finally:
            server.terminate()
            server.stdout.read()


def from_memory() -> None:
    """Answer what the SDK asks here, without a look at it."""
    results = [{"status": "success", "taskId": f"t{n}"} for n in range(100)]
    added = json.dumps({"value": results}).encode()
    with bl.SimulatedLab() as lab:
        service = Service(lab._connection, b"k", bearer=True)
        job = lab.create_job("j", "nowhere")
        job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="true") for n in range(PAGE)])
        found = service.handle("GET", "/jobs/j/tasks", VERSION, {"Authorization": "Bearer x"})
        page = json.loads(found.body)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if "addtaskcollection" in self.path:
                self.answer(200, added)
            else:
                self.answer(201, b"")

        def do_GET(self) -> None:
            number = int((re.findall(r"skiptoken=(\d+)", self.path) or ["0"])[0])
            self.answer(200, pages[number])

        def answer(self, status: int, body: bytes) -> None:
            head = (
                f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            self.wfile.write(head.encode() + body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{server.server_port}"
    pages = []
    for number in range(TASKS // PAGE):
        more = number < TASKS // PAGE - 1
        link = f"{base}/jobs/j/tasks?{VERSION}&$skiptoken={number + 1}"
        pages.append(json.dumps(page | ({"odata.nextLink": link} if more else {})).encode())
    print(f"Endpoint: {base}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    from_memory() if sys.argv[1:] == ["memory"] else main()
