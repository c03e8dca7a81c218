"""Learners with nothing but a browser: the lessons they are sent, and the seat in their cookie."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchlab.classroom import ClassServer, ClassTable
from batchlab.classroom.site import LiteSite
from batchlab.rest.guesses import WRONG
from batchlab.rest.https import read_certificate
from helpers.certificates import self_signed

SETTINGS = "@jupyterlite/pyodide-kernel-extension:kernel"
STATE = {"exercise": "03-1", "tries": 1, "solved": [], "stuck_s": 5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site of a few files."""
    site = tmp_path / "site"
    (site / "lab").mkdir(parents=True)
    (site / "lab/index.html").write_text("<title>lab</title>" * 100)
    (site / "index.html").write_text("<title>site</title>")
    (site / "python.wasm").write_bytes(b"\0asm" * 1000)
    (site / "a.whl").write_bytes(b"PK" * 300_000)
    kernel = {"loadPyodideOptions": {"packages": ["batchlab"]}}
    data = {"jupyter-config-data": {"litePluginSettings": {SETTINGS: kernel}}}
    (site / "jupyter-lite.json").write_text(json.dumps(data))
    (tmp_path / "secret.txt").write_text("the teacher's")
    return site


@pytest.fixture
def server(folder: Path) -> Iterator[ClassServer]:
    site = LiteSite(folder, "00-start-here.ipynb")
    started = ClassServer(ClassTable("ABCDEF"), "127.0.0.1", site=site)
    yield started
    started.stop()


class Browser:
    """A browser: it keeps the cookie that it is given."""

    def __init__(self, server: ClassServer) -> None:
        self.server, self.cookie = server, ""
        self.headers: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: bytes | None = None, **more: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            headers = {name.replace("_", "-"): value for name, value in more.items()}
            connection.request(method, path, body, headers | {"Cookie": self.cookie})
            answer = connection.getresponse()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            if "set-cookie" in self.headers:
                self.cookie = self.headers["set-cookie"].partition(";")[0]
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
        status, text = self.ask("POST", f"/{what}", json.dumps(body).encode())
        return status, json.loads(text)

    def joined(self, name: str = "") -> dict[str, Any]:
        status, said = self.post("join", code="ABCDEF", name=name)
        assert status == 200
        return said


def test_seat_is_in_a_cookie_that_scripts_and_other_sites_cannot_use(server: ClassServer) -> None:
    ada, bob = Browser(server), Browser(server)
    assert ada.joined("Ada") == {
        "seat": 1, "name": "Ada", "start": "lessons/lab/index.html?path=00-start-here.ipynb",
    }  # fmt: skip
    rules = ada.headers["set-cookie"].split("; ")[1:]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rules)
    assert bob.joined("Ada")["seat"] == 2, "two may have one name"
    assert ada.post("report", **STATE) == (200, {"seat": 1})
    assert bob.post("report", **STATE | {"exercise": "00-1"}) == (200, {"seat": 2})
    rows = {row["seat"]: row for row in server.table.rows()}
    assert (rows[1]["exercise"], rows[2]["exercise"]) == ("03-1", "00-1")
    assert ada.joined("Grace")["seat"] == 3, "someone else at the same computer"
    assert {row["name"] for row in server.table.rows()} == {"Ada", "Grace"}


def test_what_was_solved_in_another_lesson_stays_solved(server: ClassServer) -> None:
    ada = Browser(server)
    ada.joined()
    ada.post("report", **STATE | {"exercise": "00-1", "solved": ["00-1", "00-2"], "stuck_s": None})
    ada.post("report", **STATE | {"exercise": "01-1", "solved": ["01-1", ["00-3"], 7]})
    (row,) = server.table.rows()
    assert (row["exercise"], row["solved"]) == ("01-1", 3)


def test_who_leaves_is_forgotten_and_may_come_back(server: ClassServer) -> None:
    ada = Browser(server)
    ada.joined("Ada")
    assert ada.post("leave") == (200, {})
    assert server.table.rows() == []
    assert ada.post("seat")[0] == 404
    assert ada.post("report", **STATE)[0] == 400
    assert ada.post("leave") == (200, {})
    assert ada.joined()["seat"] == 2


def test_class_that_begins_again_knows_who_comes_back(server: ClassServer, folder: Path) -> None:
    ada = Browser(server)
    ada.joined("Ada; Ünïcode=\U0001f600 <b>")
    server.stop()
    again = ClassServer(ClassTable("ABCDEF"), "127.0.0.1", server.port, site=LiteSite(folder))
    try:
        assert ada.post("seat")[1]["name"] == "Ada; Ünïcode=\U0001f600 <b>"
        assert ada.post("report", **STATE)[0] == 200
        assert len(again.table) == 1
    finally:
        again.stop()
    other = ClassServer(ClassTable("OTHER1"), "127.0.0.1", server.port, site=LiteSite(folder))
    try:
        for _ in range(2 * WRONG):
            assert ada.post("seat") == (403, {
                "code": "WrongCode",
                "message": "this is not the code of the class; ask for it again",
            })  # fmt: skip
        assert ada.post("report", **STATE)[0] == 404
        assert len(other.table) == 0
    finally:
        other.stop()


@pytest.mark.code("TooManyRequests")
def test_code_cannot_be_guessed_by_joining_or_by_a_cookie(server: ClassServer) -> None:
    guesser = Browser(server)
    name = f"batchlab-seat-{server.port}"
    for number in range(WRONG // 2):
        assert guesser.post("join", code=f"WRONG{number}")[0] == 403
        guesser.cookie = f"{name}=secret-of-learner-0001.GUESS{number}.Ada"
        assert guesser.post("seat")[0] == 403
    guesser.cookie = f"{name}=secret-of-learner-0001.ABCDEF.Ada"
    for what in ("join", "seat"):
        status, said = guesser.post(what, code="ABCDEF")
        assert (status, said["code"]) == (429, "TooManyRequests")
        assert 0 < int(guesser.headers["retry-after"]) <= 60
    assert len(server.table) == 0


@pytest.mark.parametrize("value", [
    "", ".", "..", "x.ABCDEF.", "secret-of-learner-0001", "%00.%0a.%ff", "a" * 5000, '"', ";;=",
])  # fmt: skip
def test_damaged_cookie_is_no_seat(server: ClassServer, value: str) -> None:
    ada = Browser(server)
    ada.cookie = f"batchlab-seat-{server.port}={value}"
    assert ada.post("seat")[0] in (400, 403, 404)
    assert ada.post("report", **STATE)[0] in (400, 404)
    assert ada.post("leave")[0] in (200, 400)
    assert len(server.table) == 0


def test_without_lessons_a_browser_has_no_seat() -> None:
    plain = ClassServer(ClassTable("ABCDEF"), "127.0.0.1")
    try:
        ada = Browser(plain)
        assert plain.join_page == ""
        assert ada.post("join", code="ABCDEF")[0] == 400
        assert ada.post("seat")[0] == 404
        assert ada.ask("GET", "/lessons/index.html")[0] == 404
        assert b"Join the class" not in ada.ask("GET", "/")[1]
    finally:
        plain.stop()


def test_pages_for_learners_and_for_the_teacher(server: ClassServer) -> None:
    ada = Browser(server)
    assert server.join_page == f"{server.url}/#ABCDEF"
    assert b"<title>Join the class</title>" in ada.ask("GET", "/")[1]
    assert "default-src 'none'" in ada.headers["content-security-policy"]
    for path in (f"/?key={server.key}", "/class"):
        assert b"<title>Class</title>" in ada.ask("GET", path)[1]


def test_files_are_sent_compressed_and_only_if_they_have_changed(server: ClassServer) -> None:
    ada = Browser(server)
    for path, kind in (
        ("", "text/html"), ("lab/", "text/html"), ("lab/index.html?path=x", "text/html"),
        ("python.wasm", "application/wasm"), ("a.whl", "application/zip"),
    ):  # fmt: skip
        status, plain = ada.ask("GET", f"/lessons/{path}")
        assert (status, ada.headers["content-type"]) == (200, kind)
        status, sent = ada.ask("GET", f"/lessons/{path}", Accept_Encoding="gzip, br")
        packed = ada.headers.get("content-encoding") == "gzip"
        assert packed == (kind != "application/zip")
        assert (gzip.decompress(sent) if packed else sent) == plain
        assert int(ada.headers["content-length"]) == len(sent)
        assert "connect-src" not in ada.headers["content-security-policy"]
        assert "default-src 'self'" in ada.headers["content-security-policy"]
        mark = ada.headers["etag"]
        assert ada.ask("GET", f"/lessons/{path}", If_None_Match=mark) == (304, b"")


@pytest.mark.parametrize(
    "path", ["../secret.txt", "%2e%2e/secret.txt", "none.js", "lab", "//", "lab/../../secret.txt"]
)
def test_nothing_else_is_sent(server: ClassServer, path: str) -> None:
    status, text = Browser(server).ask("GET", f"/lessons/{path}")
    assert status == 404
    assert b"teacher" not in text


def test_python_in_the_page_learns_of_the_class(server: ClassServer, folder: Path) -> None:
    sent = json.loads(Browser(server).ask("GET", "/lessons/jupyter-lite.json")[1])
    options = sent["jupyter-config-data"]["litePluginSettings"][SETTINGS]["loadPyodideOptions"]
    assert options == {"packages": ["batchlab"], "env": {"BATCHLAB_CLASS": "lessons"}}
    assert "BATCHLAB_CLASS" not in (folder / "jupyter-lite.json").read_text()


def test_class_with_a_certificate_is_encrypted(folder: Path, tmp_path: Path) -> None:
    pem = self_signed(tmp_path)
    tls = read_certificate(pem, None, "batchlab class")
    site = LiteSite(folder)
    server = ClassServer(ClassTable("ABCDEF"), "127.0.0.1", site=site, tls=tls)
    try:
        for address in (server.url, server.page, server.join_page):
            assert address.startswith("https://")
        trust = ssl.create_default_context(cafile=str(pem))
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=trust)
        connection.request("POST", "/join", b'{"code": "ABCDEF"}')
        answer = connection.getresponse()
        assert answer.status == 200
        assert "; Secure" in answer.getheader("Set-Cookie", "")
        connection.close()
    finally:
        server.stop()
