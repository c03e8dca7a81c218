"""Random requests to a served lab: ``python tests/chaos/fuzz.py --requests 100000 --seed 1``.

Requests of all operations and versions, by the types of the specification, go over sockets to a
`SimulatedLab`; some clients send at the same time. No answer may be an internal error or come
late, every refusal has to be an error as Azure writes them, and the invariants of the core are
checked now and then. At the end the lab's journal must lead to the state in which the lab was.
Prints how many answers had which status, and what was wrong.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec

import batchlab as bl
from batchlab.core import invariants
from batchlab.drivers.snapshots import recover
from helpers.digest import digest
from helpers.random_requests import VERSIONS, Sent, any_request
from helpers.wire_words import check_error, check_failures

LIMIT_S = 20.0
"""How long an answer may take."""
SPEED = 600.0
"""How fast the time of the lab goes."""
CHECK_EVERY = 40
"""After how many requests of each client the core is checked, and what is missing created."""
FURNITURE: list[tuple[str, dict[str, Any]]] = [
    ("/pools", {"id": "p", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 2,
                "taskSlotsPerNode": 4}),
    ("/jobs", {"id": "j", "poolInfo": {"poolId": "p"}}),
    ("/jobs", {"id": "k", "poolInfo": {"poolId": "p"}, "usesTaskDependencies": True}),
    ("/jobs/j/tasks", {"id": "a", "commandLine": "/bin/sh -c 'sleep 60'"}),
    ("/jobs/k/tasks", {"id": "b", "commandLine": "/bin/sh -c 'echo b'"}),
    ("/jobschedules", {"id": "s", "schedule": {"recurrenceInterval": "PT1H"},
                       "jobSpecification": {"poolInfo": {"poolId": "p"}}}),
]  # fmt: skip
"""What requests are about; created unless it exists, or is just being deleted."""
ENOUGH = 20
"""After so many wrong answers a client ends."""


class Client:
    """A client with one connection, and what it has seen."""

    def __init__(self, address: tuple[str, int], draw: random.Random) -> None:
        self.address, self.draw = address, draw
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()
        self.slowest = 0.0
        self.wrong: list[str] = []
        self.connection: socket.socket | None = None

    def send(self, sent: Sent) -> None:
        """Send a request, and check its answer."""
        begin = time.monotonic()
        try:
            status, headers, body = self._exchange(sent)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.statuses[status] += 1
            self._check(sent, status, headers, body)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__} {error}: {sent}"[:1500])
            self.close()

    def _check(self, sent: Sent, status: int, headers: Any, body: bytes) -> None:
        assert headers["request-id"], "no request-id"
        if status in (204, 304) or sent.method == "HEAD":
            assert not body
            return
        content, code = None, ""
        if body and headers["Content-Type"].startswith("application/json"):
            content = msgspec.json.decode(body)
            check_failures(content)
        if status >= 400:
            check_error(content)
            assert "RequestId:" in content["message"]["value"]
            code = content["code"]
            self.codes[code] += 1
        assert status < 500 or code == "TooManyEnableAutoScaleRequests", (status, body[:300])

    def _exchange(self, sent: Sent) -> tuple[int, Any, bytes]:
        if self.connection is None:
            self.connection = socket.create_connection(self.address, timeout=LIMIT_S)
        self.connection.sendall(self._encode(sent))
        answer = http.client.HTTPResponse(self.connection, method=sent.method)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, answer.headers, body

    def _encode(self, sent: Sent) -> bytes:
        query = "&".join(f"{name}={quote(value)}" for name, value in sent.query.items())
        head = f"{sent.method} {sent.path or '/'}?{query} HTTP/1.1\r\n"
        named = {"Host": f"{self.address[0]}:{self.address[1]}"}
        if self.draw.randrange(50):
            named["Authorization"] = "Bearer x"
        elif self.draw.randrange(2):
            named["Authorization"] = "SharedKey batchlab:bm8="
        named |= sent.headers
        if sent.body or sent.method in ("POST", "PUT", "PATCH"):
            named["Content-Length"] = str(len(sent.body))
        head += "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return f"{head}\r\n".encode() + sent.body

    def close(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Attack:
    """A served lab, and clients that send what they draw.

    Parameters
    ----------
    requests : int
        How many requests.
    seed : int
    clients : int
        How many send at the same time.
    """

    def __init__(self, requests: int, seed: int, clients: int) -> None:
        self.share = -(-requests // clients)
        self.draws = [random.Random(f"{seed} {number}") for number in range(clients)]
        self.nodes = ["node"]
        self.wrong: list[str] = []

    def run(self) -> dict[str, Any]:
        """Send all requests; return what came of them."""
        with tempfile.TemporaryDirectory(prefix="batchlab-requests-") as folder:
            journal = Path(folder) / "lab"
            with bl.SimulatedLab(boot="30s", journal=journal) as lab:
                clients, took = self._send_all(lab)
            ended = lab._connection.engine.core
            found = recover(journal)
            if found is None or digest(found.core) != digest(ended):
                self.wrong.append("the journal does not lead to the state of the lab")
        total: Counter[int] = sum((client.statuses for client in clients), Counter())
        codes: Counter[str] = sum((client.codes for client in clients), Counter())
        return {
            "requests": total.total(), "per second": round(total.total() / took),
            "slowest_s": round(max(client.slowest for client in clients), 2),
            "statuses": dict(sorted(total.items())), "codes": dict(codes.most_common()),
            "wrong": [*self.wrong, *(text for client in clients for text in client.wrong)],
        }  # fmt: skip

    def _send_all(self, lab: bl.SimulatedLab) -> tuple[list[Client], float]:
        with lab.serve(bearer=True, speed=SPEED) as endpoint:
            host, _, port = endpoint.url.removeprefix("http://").partition(":")
            clients = [Client((host, int(port)), draw) for draw in self.draws]
            begin = time.monotonic()
            with ThreadPoolExecutor(len(clients)) as threads:
                for sending in [threads.submit(self._send, lab, client) for client in clients]:
                    sending.result()
            took = time.monotonic() - begin
        self._check(lab)
        return clients, took

    def _send(self, lab: bl.SimulatedLab, client: Client) -> None:
        for number in range(self.share):
            if number % CHECK_EVERY == 0:
                self._check(lab)
                for path, body in FURNITURE:
                    query = {"api-version": VERSIONS[-1]}
                    client.send(Sent("POST", path, query, {}, msgspec.json.encode(body)))
            client.send(any_request(client.draw, self.nodes))
            if len(client.wrong) + len(self.wrong) >= ENOUGH:
                break
        client.close()

    def _check(self, lab: bl.SimulatedLab) -> None:
        """Check the core, and find out which nodes there are now."""
        connection = lab._connection
        with connection._lock:
            state = connection.engine.core.state
            try:
                invariants.check(state)
            except AssertionError as error:
                self.wrong.append(str(error))
            self.nodes = [*state.nodes, "node"][:6]


def main() -> int:
    """Send the requests; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clients", type=int, default=4)
    found = Attack(**vars(parser.parse_args())).run()
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return bool(found["wrong"])


if __name__ == "__main__":
    sys.exit(main())
