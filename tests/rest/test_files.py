"""Files over REST, as a Linux node of Azure shows them."""

from __future__ import annotations

import re

import pytest

import batchlab as bl
from helpers.rest import Desk

TYPES = {
    "a.txt": "text/plain", "b.csv": "text/csv", "c.json": "application/json",
    "d.bin": "application/octet-stream", "e": "application/octet-stream",
    "f.txt.gz": "application/octet-stream", "G.TXT": "text/plain",
}  # fmt: skip


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """A task with files of several types, on a node with a start task."""
    start = {"commandLine": "/bin/sh -c 'echo up; echo w > w.txt'"}
    desk.post(
        "/pools", {"id": "p", "vmSize": "small", "targetDedicatedNodes": 1, "startTask": start}
    )
    desk.post("/jobs", {"id": "j", "poolInfo": {"poolId": "p"}})
    command = "; ".join(f"echo 1 > {name}" for name in TYPES)
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": f"/bin/sh -c '{command}'"})
    desk.lab.advance("1m")
    return desk


def node_files(desk: Desk) -> str:
    node = desk.get("/pools/p/nodes").content["value"][0]["id"]
    return f"/pools/p/nodes/{node}/files"


def test_types_go_by_the_name(filled: Desk) -> None:
    entries = filled.get("/jobs/j/tasks/t/files", "recursive=true").content["value"]
    shown = {entry["name"]: entry for entry in entries}
    for name in ("stdout.txt", "stderr.txt"):
        assert shown[name]["properties"]["contentType"] == "text/plain"
    for name, kind in TYPES.items():
        assert shown[f"wd/{name}"]["properties"]["contentType"] == kind
        for method in ("GET", "HEAD"):
            answer = filled.ask(method, f"/jobs/j/tasks/t/files/wd/{name}")
            assert answer.headers["Content-Type"] == kind


def test_files_have_no_time_of_creation(filled: Desk) -> None:
    entries = filled.get("/jobs/j/tasks/t/files").content["value"]
    (properties,) = [e["properties"] for e in entries if e["name"] == "stdout.txt"]
    assert properties.keys() == {"lastModified", "contentLength", "contentType", "fileMode"}
    for method in ("GET", "HEAD"):
        headers = filled.ask(method, "/jobs/j/tasks/t/files/stdout.txt").headers
        assert "ocp-creation-time" not in headers
        assert headers["ocp-batch-file-mode"] == "0o100644"


def test_root_of_a_node(filled: Desk) -> None:
    entries = filled.get(node_files(filled), "recursive=true").content["value"]
    directories = {entry["name"] for entry in entries if entry["isDirectory"]}
    assert directories >= {
        "applications", "fsmounts", "shared", "startup", "startup/wd", "volatile",
        "volatile/startup", "workitems", "workitems/j", "workitems/j/job-1",
    }  # fmt: skip


@pytest.mark.parametrize("slash", ["/", "%2F", "%2f", "//"])
def test_path_on_a_node_may_begin_with_a_slash(filled: Desk, slash: str) -> None:
    files = node_files(filled)
    for path, data in (("startup/stdout.txt", b"up\n"), ("startup%2Fwd%2Fw.txt", b"w\n")):
        address = f"{files}/{slash}{path}"
        got = filled.get(address)
        assert (got.status, got.raw) == (200, data)
        url = f"http://lab:1{files}/{path.replace('%2F', '/')}"
        assert got.headers["ocp-batch-file-url"] == re.sub("[:/]", encoded, url)
        assert filled.ask("HEAD", address).headers["ocp-batch-file-isdirectory"] == "False"
        assert filled.ask("DELETE", address).status == 200
        assert filled.get(address).code == "FileNotFound"
    assert filled.ask("DELETE", f"{files}/{slash}startup/wd", None, "recursive=true").status == 200


def encoded(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


@pytest.mark.parametrize("start", ["startup/wd", "/startup/wd"])
def test_filter_of_a_nodes_files_may_begin_with_a_slash(filled: Desk, start: str) -> None:
    query = f"recursive=true&$filter=startswith(name,'{start}')"
    entries = filled.get(node_files(filled), query).content["value"]
    assert [entry["name"] for entry in entries] == ["startup/wd", "startup/wd/w.txt"]


@pytest.mark.parametrize("path", ["/..", "%2F..%2F..%2Fetc", "/../../etc/passwd", "/"])
def test_a_slash_leads_nowhere_else(filled: Desk, path: str) -> None:
    answer = filled.get(f"{node_files(filled)}/{path}")
    if path == "/":  # the list, as without it
        assert "startup" in {entry["name"] for entry in answer.content["value"]}
    else:
        assert answer.status == 400


def test_paths_of_tasks_are_relative(filled: Desk) -> None:
    assert filled.get("/jobs/j/tasks/t/files//stdout.txt").status == 400


def test_real_node_has_the_same_directories() -> None:
    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        pool.nodes.wait("idle")
        (node,) = pool.nodes.values()
        names = {entry.name for entry in node.files.list(recursive=True)}
    assert names >= {"startup/wd", "volatile/startup", "shared", "fsmounts", "applications"}
