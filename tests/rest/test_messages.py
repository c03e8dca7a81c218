"""Colons and slashes stay as they are in the URLs of the service, as in recordings of Azure."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from helpers.rest import POOL, Desk

BASE = "http://lab:1"


@pytest.fixture
def scheduled(desk: Desk) -> Desk:
    desk.post("/pools", POOL)
    desk.post("/jobschedules", {
        "id": "s", "schedule": {"recurrenceInterval": "PT1H"},
        "jobSpecification": {"poolInfo": {"poolId": "p"}},
    })  # fmt: skip
    desk.post("/jobs/s%3Ajob-1/tasks", {"id": "t", "commandLine": "/bin/sh -c 'echo hi'"})
    desk.lab.advance("1m")
    return desk


def test_urls_in_bodies(scheduled: Desk) -> None:
    recent = scheduled.get("/jobschedules/s").content["executionInfo"]["recentJob"]
    assert recent == {"id": "s:job-1", "url": f"{BASE}/jobs/s:job-1"}
    assert scheduled.get("/jobschedules/s/jobs").content["value"][0]["url"] == recent["url"]
    for address in ("/jobs/s:job-1/tasks/t", "/jobs/s%3Ajob-1/tasks/t"):
        task = scheduled.get(address).content
        assert task["url"] == f"{BASE}/jobs/s:job-1/tasks/t"
        place = task["nodeInfo"]
        assert place["taskRootDirectoryUrl"].endswith("/files/workitems/s/job-1/t")
        files = scheduled.get(f"{address}/files", "recursive=true").content["value"]
        assert [file["url"] for file in files] == [
            f"{BASE}/jobs/s:job-1/tasks/t/files/{file['name']}" for file in files
        ]
    collection = {"value": [{"id": "u", "commandLine": "true"}]}
    added = scheduled.post("/jobs/s%3Ajob-1/addtaskcollection", collection).content["value"]
    assert added[0]["location"] == f"{BASE}/jobs/s:job-1/tasks/u"


def test_urls_in_headers(scheduled: Desk) -> None:
    made = scheduled.post("/jobs/s%3Ajob-1/tasks", {"id": "u", "commandLine": "true"}).headers
    assert made["Location"] == made["DataServiceId"] == f"{BASE}/jobs/s:job-1/tasks/u"
    changed = scheduled.ask("PATCH", "/jobs/s%3Ajob-1", {"priority": 1})
    assert changed.headers["DataServiceId"] == f"{BASE}/jobs/s:job-1"


def test_link_to_the_next_page(scheduled: Desk) -> None:
    scheduled.post("/jobs/s%3Ajob-1/tasks", {"id": "u", "commandLine": "true"})
    link = scheduled.get("/jobs/s%3Ajob-1/tasks", "maxresults=1").content["odata.nextLink"]
    assert link.startswith(f"{BASE}/jobs/s:job-1/tasks?")
    path, _, query = link.removeprefix(BASE).partition("?")
    following = scheduled.get(path, query.partition("&")[2]).content["value"]
    assert [task["id"] for task in following] == ["u"]


def test_what_no_url_may_have_is_encoded(desk: Desk) -> None:
    desk.furnish("t", command="/bin/sh -c 'echo hi > \"50% of a+b?.txt\"'")
    desk.lab.advance("1m")
    name = "wd/50% of a+b?.txt"
    (file,) = [
        file for file in desk.get("/jobs/j/tasks/t/files", "recursive=true").content["value"]
        if file["name"] == name
    ]  # fmt: skip
    url = f"{BASE}/jobs/j/tasks/t/files/wd/50%25%20of%20a%2Bb%3F.txt"
    assert file["url"] == url
    answer = desk.get(url.removeprefix(BASE))
    assert answer.raw == b"hi\n"
    assert unquote(answer.headers["ocp-batch-file-url"]) == url


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/pools/p", 200), ("HEAD", "/pools/p", 200), ("HEAD", "/pools/none", 404),
        ("GET", "/jobs/s%3Ajob-1/tasks/t/files/stdout.txt", 200), ("GET", "/none", 400),
        ("POST", "/jobschedules/s/disable", 204), ("DELETE", "/pools/p", 202),
    ],
)  # fmt: skip
def test_every_answer_has_the_headers_of_the_service(
    scheduled: Desk, method: str, path: str, status: int
) -> None:
    answer = scheduled.ask(method, path)
    assert answer.status == status
    assert answer.headers["request-id"]
    assert answer.headers["DataServiceVersion"] == "3.0"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
