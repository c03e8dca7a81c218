"""Files on the web come through the proxy of the environment."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

import batchlab as bl
from batchlab.core.model import ResourceFile
from batchlab.storage.downloads import sources
from batchlab.storage.faults import StorageFailed
from batchlab.storage.filesystems import filesystem

FAR = "http://files.example/data.txt"  # no such host, except for the proxy


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers for every host, and opens no tunnels."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"proxied")

    do_HEAD = do_GET  # noqa: N815 - the names of http.server

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a proxy is asked for; the environment names it."""
    found: list[str] = []
    handler = type("Here", (Proxy,), {"asked": found})
    for name in ("http_proxy", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        yield found
        server.shutdown()


def read(url: str) -> bytes:
    ((_, opened),) = sources(ResourceFile(http_url=url, file_path="x"))
    with opened() as file:
        return file.read()


def test_file_is_fetched_through_the_proxy(asked: list[str]) -> None:
    assert read(FAR) == b"proxied"
    assert set(asked) == {FAR}


def test_file_of_a_chain_of_urls_is_fetched_through_the_proxy(asked: list[str]) -> None:
    assert read(f"simplecache::{FAR}") == b"proxied"
    assert set(asked) == {FAR}


def test_files_over_https_ask_the_proxy_for_a_tunnel(asked: list[str]) -> None:
    with pytest.raises(StorageFailed):
        read("https://files.example/data.txt")
    assert set(asked) == {"files.example:443"}


def test_container_on_the_web_is_read_through_the_proxy(asked: list[str]) -> None:
    assert filesystem("http", {}).cat(FAR) == b"proxied"
    assert set(asked) == {FAR}


def test_hosts_without_a_proxy_are_asked_directly(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "files.example")
    with pytest.raises(StorageFailed):
        read(FAR)
    assert asked == []


def test_task_finds_what_came_through_the_proxy(asked: list[str]) -> None:
    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        job = lab.create_job("j", pool)
        task = job.create_task("t", "cat data.txt", resource_files=[FAR])
        task.wait(timeout=60)
        assert task.stdout == "proxied"
    assert set(asked) == {FAR}
