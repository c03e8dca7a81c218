"""Clients without the key against a served lab: ``python tests/chaos/strangers.py``.

Thousands of connections that say nothing, or send bodies without a signature, are opened to a lab
in a process with few files (``ulimit -n 1024``). Meanwhile a client with the key runs tasks.
Prints how long its requests took, how its tasks ended, and how the memory of the lab grew.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import subprocess
import sys
import time
from typing import Any

import psutil

LAB = """
import resource, sys
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
import batchlab as bl
with bl.Lab() as lab, lab.serve() as endpoint:
    lab.create_pool("p", target_dedicated_nodes=2).nodes.wait("idle")
    print(endpoint.url, endpoint.key, flush=True)
    job = lab.create_job("j", "p")
    for line in sys.stdin:
        number = int(line)
        client = endpoint.client()
        from azure.batch.models import BatchTaskCreateOptions
        import time
        begin = time.monotonic()
        for n in range(number):
            client.create_task("j", BatchTaskCreateOptions(id=f"t{n}", command_line="echo x"))
        took = time.monotonic() - begin
        for task in job.tasks.values():
            task.wait(timeout=60)
        print(took, *[t.exit_code for t in job.tasks.values()], flush=True)
"""
BODY = b"x" * 2**20


def attack(connections: int, bodies: int, tasks: int, files: int = 1024) -> dict[str, Any]:
    """Open connections to a lab; return what became of it.

    Parameters
    ----------
    connections : int
        How many connections say nothing.
    bodies : int
        How many send a body without a signature, as much of it as is taken.
    tasks : int
        How many tasks a client with the key adds meanwhile.
    files : int, default 1024
        How many files the lab may open.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + bodies + 100
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    with subprocess.Popen(
        [sys.executable, "-c", LAB, str(files)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as lab:  # fmt: skip
        assert lab.stdin
        assert lab.stdout
        try:
            url, _ = lab.stdout.readline().split()
            host, _, port = url.removeprefix("http://").partition(":")
            process = psutil.Process(lab.pid)
            before = process.memory_info().rss
            held = [_connect(host, int(port)) for _ in range(connections)]
            for _ in range(bodies):
                sender = _connect(host, int(port))
                if sender is not None:
                    _send(sender, host)
                    held.append(sender)
            lab.stdin.write(f"{tasks}\n")
            lab.stdin.flush()
            took, *codes = lab.stdout.readline().split()
            grown = process.memory_info().rss - before
            begin = time.monotonic()
            with socket.create_connection((host, int(port)), timeout=10) as stranger:
                stranger.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
                refused = stranger.recv(100).startswith(b"HTTP/1.1 400")
            for connection in held:
                if connection is not None:
                    connection.close()
        finally:
            lab.stdin.close()
    return {
        "request_s": float(took) / tasks, "exit_codes": codes, "grown_bytes": grown,
        "refused": refused, "refusal_s": time.monotonic() - begin, "closed": lab.returncode,
    }  # fmt: skip


def _connect(host: str, port: int) -> socket.socket | None:
    try:
        return socket.create_connection((host, port), timeout=5)
    except OSError:
        return None


def _send(connection: socket.socket, host: str) -> None:
    head = f"POST /jobs?api-version=2025-06-01 HTTP/1.1\r\nHost: {host}\r\n"
    head += "Authorization: SharedKey batchlab:AAAA\r\nContent-Length: 4194304\r\n\r\n"
    connection.settimeout(0.5)
    try:
        connection.sendall(head.encode() + BODY)
    except OSError:  # it is closed, or takes no more
        return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--bodies", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--files", type=int, default=1024)
    print(json.dumps(attack(**vars(parser.parse_args())), indent=1))
