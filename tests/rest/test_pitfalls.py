"""What clients trip over: spellings, pages, conditions, ranges, odd bodies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchlab.durations import parse_duration
from batchlab.rest.wire import UNLIMITED, camel, write_duration
from helpers.rest import JOB, POOL, Desk


def test_numbers_and_truths_sent_as_text_are_understood(desk: Desk) -> None:
    pool = POOL | {"targetDedicatedNodes": "2", "enableInterNodeCommunication": "false"}
    assert desk.post("/pools", pool).status == 201
    assert desk.lab.pools["p"].target_dedicated_nodes == 2


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("PT01H30M00S", "PT1H30M"), ("P1DT12H00M00S", "P1DT12H"), ("PT90S", "PT1M30S"),
        ("PT01M30.5S", "PT1M30.5S"), (UNLIMITED, UNLIMITED), (None, UNLIMITED),
        ("P10675199DT2H48M5.477581S", UNLIMITED),
    ],
)  # fmt: skip
def test_span_of_time_comes_back_normalised(desk: Desk, sent: str | None, shown: str) -> None:
    desk.post("/jobs", JOB | {"constraints": {"maxWallClockTime": sent}})
    assert desk.get("/jobs/j").content["constraints"]["maxWallClockTime"] == shown


@given(st.timedeltas(timedelta(0), timedelta(days=9000)))
def test_span_of_time_written_can_be_read(span: timedelta) -> None:
    assert abs(parse_duration(write_duration(span)) - span) < timedelta(milliseconds=1)


def test_no_time_at_all_as_the_sdk_spells_it_is_read(desk: Desk) -> None:
    answer = desk.post("/jobs", JOB | {"constraints": {"maxWallClockTime": "P"}})
    assert answer.code == "InvalidPropertyValue"  # it is nothing, and so refused by the core
    assert {"key": "PropertyPath", "value": "constraints.maxWallClockTime"} in answer.values
    assert {"key": "PropertyValue", "value": "P"} in answer.values
    assert "greater than zero" in answer.values[-1]["value"]


def test_what_a_lab_has_no_use_for_comes_back_without_secrets(desk: Desk) -> None:
    extra = {
        "virtualMachineConfiguration": {
            "nodeAgentSKUId": "batch.node.ubuntu 22.04",
            "dataDisks": [{"lun": 0, "caching": "none", "storageAccountType": "standard_lrs"}],
        },
        "mountConfiguration": [
            {"azureFileShareConfiguration": {"accountKey": "s3cr", "accountName": "b"}}
        ],
        "userAccounts": [
            {"name": "ada", "password": "s3cr", "linuxUserConfiguration": {"uid": 5, "gid": 6}}
        ],
        "startTask": {"commandLine": "true", "containerSettings": {"imageName": "busybox"}},
    }
    assert desk.post("/pools", POOL | extra).status == 201
    found = desk.get("/pools/p")
    assert b"s3cr" not in found.raw
    pool = found.content
    assert pool["virtualMachineConfiguration"] == extra["virtualMachineConfiguration"]
    assert pool["mountConfiguration"] == [{"azureFileShareConfiguration": {"accountName": "b"}}]
    assert pool["userAccounts"] == [
        {"name": "ada", "elevationLevel": "nonadmin",
         "linuxUserConfiguration": {"uid": 5, "gid": 6}}
    ]  # fmt: skip
    assert pool["startTask"]["containerSettings"] == {
        "imageName": "busybox", "workingDirectory": "taskWorkingDirectory",
    }  # fmt: skip
    desk.lab.pools["p"].delete()
    desk.lab.advance("1h")
    desk.lab.create_pool("p")
    assert "virtualMachineConfiguration" not in desk.get("/pools/p").content


def test_pages_have_absolute_links_on_the_host_of_the_client(desk: Desk) -> None:
    for name in "abc":
        desk.post("/pools", POOL | {"id": name})
    found, path, query = [], "/pools", "maxresults=1&$select=id"
    while query:
        page = desk.get(path, query).content
        found += page["value"]
        link = page.get("odata.nextLink", "")
        assert not link or link.startswith("http://lab:1/pools?api-version=2025-06-01&")
        query = urlsplit(link).query
    assert found == [{"id": "a"}, {"id": "b"}, {"id": "c"}]


def test_page_after_an_entry_that_is_gone_loses_nothing(desk: Desk) -> None:
    for name in "abcd":
        desk.post("/pools", POOL | {"id": name, "targetDedicatedNodes": 0})
    token = desk.get("/pools", "maxresults=2").content["odata.nextLink"].partition("skiptoken=")[2]
    desk.lab.pools["a"].delete()
    desk.lab.advance("1h")
    rest = desk.get("/pools", f"$skiptoken={token}").content["value"]
    assert [pool["id"] for pool in rest] == ["c", "d"]


@pytest.mark.parametrize(
    "query",
    [
        "maxresults=0", "maxresults=-5", "maxresults=1001", "maxresults=x", "maxresults=",
        "maxresults=1.5", "maxresults=99999999999", "$expand=tasks", "$select=nothing",
        "$select=id;state", "$filter=executionInfo.exitCode eq 0",
        "$filter=nothing eq 1", "$filter=id", "$filter=id eq 'a", "$filter=id like 'a'",
        "$filter=id eq 'a' and", "$filter=not id eq 'a'", "$skiptoken=x",
    ],
)  # fmt: skip
def test_query_that_cannot_be_followed_is_refused(desk: Desk, query: str) -> None:
    answer = desk.get("/jobs", query)
    assert (answer.status, answer.code) == (400, "InvalidQueryParameterValue")
    assert {pair["key"] for pair in answer.content["values"]} >= {"QueryParameterName", "Reason"}


LISTS = (
    "/pools", "/pools/p/nodes", "/jobs", "/jobs/j/tasks", "/jobs/j/tasks/t/subtasksinfo",
    "/jobs/j/tasks/t/files", "/pools/p/nodes/{node}/files", "/jobschedules", "/applications",
    "/jobs/j/jobpreparationandreleasetaskstatus", "/nodecounts", "/supportedimages",
    "/poolusagemetrics", "/certificates",
)  # fmt: skip


def test_query_that_cannot_be_followed_is_refused_of_every_list() -> None:
    with Desk() as desk:
        desk.post("/pools", POOL)
        desk.post("/jobs", JOB | {"jobPreparationTask": {"commandLine": "true"}})
        desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "true"})
        desk.lab.jobs["j"].tasks.wait()
        (node,) = desk.lab.pools["p"].nodes
        for path in (path.format(node=node) for path in LISTS):
            assert desk.get(path).status == 200, path
            assert desk.get(path, "maxresults=1000").status == 200, path
            for query in ("maxresults=0", "maxresults=1001", "$select=nothing", "$skiptoken=x",
                          "$filter=nothing eq 1", "$filter=(", "$expand=tasks"):  # fmt: skip
                answer = desk.get(path, query)
                assert (answer.status, answer.code) == (400, "InvalidQueryParameterValue"), path


def test_parameter_that_nobody_knows_is_ignored(desk: Desk) -> None:
    assert desk.get("/jobs", "colour=blue&$expand=stats").status == 200


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("state eq 'completed'", ["a", "b"]),
        ("state eq 'active'", ["c"]),
        ("executionInfo/exitCode eq 0", ["a"]),
        ("executionInfo/exitCode gt 0 or id eq 'c'", ["b", "c"]),
        ("(id eq 'a' or id eq 'b') and state ne 'active'", ["a", "b"]),
        ("startswith(id,'b')", ["b"]),
        ("creationTime gt DateTime'2000-01-01' and id ge 'b'", ["b", "c"]),
        ("creationTime lt 2000-01-01T00:00:00Z", []),
        ("executionInfo/exitCode eq null", ["c"]),
        ("displayName eq 'it''s'", ["b"]),
    ],
)
def test_filter_chooses_tasks(desk: Desk, text: str, ids: list[str]) -> None:
    desk.post("/pools", POOL)
    desk.post("/jobs", JOB | {"usesTaskDependencies": True})
    wires: list[dict[str, Any]] = [
        {"id": "a", "commandLine": "/bin/sh -c 'exit 0'"},
        {"id": "b", "commandLine": "/bin/sh -c 'exit 3'", "displayName": "it's"},
        {"id": "c", "commandLine": "true", "dependsOn": {"taskIds": ["b"]}},
    ]
    desk.post("/jobs/j/addtaskcollection", {"value": wires})
    desk.lab.jobs["j"].tasks["b"].wait()
    desk.lab.jobs["j"].tasks["a"].wait()
    found = desk.get("/jobs/j/tasks", f"$filter={text}&$select=id, state&maxresults=2").content
    assert [sorted(task) for task in found["value"]] == [["id", "state"]] * len(ids)
    assert [task["id"] for task in found["value"]] == ids


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_Match": "*"}, 200), ({"If_Match": "0x1"}, 412), ({"If_None_Match": "0x1"}, 200),
        ({"If_None_Match": "*"}, 304),
        ({"If_Modified_Since": "Sat, 21 Nov 2099 18:52:40 GMT"}, 304),
        ({"If_Unmodified_Since": "Sat, 21 Nov 1999 18:52:40 GMT"}, 412),
        ({"If_Unmodified_Since": "tomorrow"}, 400), ({"If_Modified_Since": ""}, 400),
        ({"If_Modified_Since": "Sat, 21 Nov 1999 18:52:40 GMT"}, 200),
        ({"If_Match": '"0x1", *'}, 200), ({"If_None_Match": 'W/"0x1"'}, 200),
        ({"If_Match": ""}, 412),
    ],
)  # fmt: skip
def test_condition_on_a_read(desk: Desk, headers: dict[str, str], status: int) -> None:
    desk.post("/jobs", JOB)
    assert desk.get("/jobs/j", **headers).status == status


def test_etag_stays_while_only_the_state_changes(desk: Desk) -> None:
    desk.furnish("t")
    before = desk.get("/jobs/j/tasks/t")
    desk.lab.jobs["j"].tasks.wait()
    after = desk.get("/jobs/j/tasks/t")
    assert after.content["state"] == "completed"
    assert after.headers["ETag"] == before.headers["ETag"] == after.content["eTag"]
    desk.ask("PATCH", "/jobs/j", {"priority": 3})
    assert desk.get("/jobs/j", If_Match=before.headers["ETag"]).status == 412


@pytest.mark.parametrize(
    ("sent", "body", "status"),
    [
        (None, b"hello\n", 200), ("bytes=0-1", b"he", 200), ("bytes=2-", b"llo\n", 200),
        ("bytes=-2", b"o\n", 200), ("bytes=0-99", b"hello\n", 200), ("bytes=6-", None, 416),
        ("bytes=3-1", None, 416), ("bytes=x", None, 416), ("lines=1-2", None, 416),
        ("bytes=-0", None, 416), ("bytes=0-1,3-4", None, 416), ("bytes=-", None, 416),
        ("bytes=0-0", b"h", 200), ("bytes=5-5", b"\n", 200), ("bytes=-99", b"hello\n", 200),
        ("bytes=0-99999999999999999999", b"hello\n", 200), ("", b"hello\n", 200),
    ],
)  # fmt: skip
def test_range_of_a_file(desk: Desk, sent: str | None, body: bytes | None, status: int) -> None:
    desk.furnish("t", command="/bin/sh -c 'echo hello'")
    desk.lab.jobs["j"].tasks.wait()
    headers = {} if sent is None else {"ocp_range": sent}
    answer = desk.get("/jobs/j/tasks/t/files/stdout.txt", **headers)
    assert answer.status == status
    if body is not None:
        assert answer.raw == body
    else:
        assert answer.code == "InvalidRange"


def test_properties_of_a_file_are_headers(desk: Desk) -> None:
    desk.furnish("t", command="/bin/sh -c 'echo hello'")
    desk.lab.jobs["j"].tasks.wait()
    response = desk.service.handle(
        "HEAD", "/jobs/j/tasks/t/files/stdout.txt", "api-version=2025-06-01",
        {"Authorization": "Bearer x"},
    )  # fmt: skip
    assert (response.status, response.length, response.body) == (200, 6, b"")
    assert response.headers["ocp-batch-file-isdirectory"] == "False"
    assert response.headers["ocp-batch-file-mode"].startswith("0o100")
    listed = desk.get("/jobs/j/tasks/t/files", "$filter=startswith(name,'stdout')").content
    assert [file["properties"]["contentLength"] for file in listed["value"]] == ["6"]


def test_versions_of_the_api(desk: Desk) -> None:
    headers = {"Authorization": "Bearer x"}
    for version in ("2025-06-01", "2024-02-01.19.0", "2023-05-01.17.0"):
        assert desk.service.handle("GET", "/jobs", f"api-version={version}", headers).status == 200
    for query in ("", "api-version=", "api-version=2016-07-01.3.1", "api-version=latest"):
        assert desk.service.handle("GET", "/jobs", query, headers).status == 400


def test_client_request_id_is_echoed_on_demand_only(desk: Desk) -> None:
    silent = desk.get("/jobs", client_request_id="mine")
    assert "client-request-id" not in silent.headers
    echoed = desk.get("/jobs", client_request_id="mine", return_client_request_id="true")
    assert echoed.headers["client-request-id"] == "mine"


def test_verb_and_address_that_do_not_exist(desk: Desk) -> None:
    assert desk.ask("PUT", "/pools").status == 405
    assert desk.get("/nothing").code == "InvalidUri"
    assert desk.get("/jobs/%ff").code == "InvalidUri"


@pytest.mark.rule(72)
def test_collection_of_101_tasks_is_too_large_for_azure(desk: Desk) -> None:
    desk.furnish()
    wires = [{"id": f"t{n}", "commandLine": "true"} for n in range(101)]
    answer = desk.post("/jobs/j/addtaskcollection", {"value": wires})
    assert (answer.status, answer.code) == (413, "RequestBodyTooLarge")
    large = [{"id": "large", "commandLine": "x" * (2**20 + 1)}]
    assert desk.post("/jobs/j/addtaskcollection", {"value": large}).status == 413
    assert desk.post("/jobs/other/addtaskcollection", {"value": wires[:1]}).code == "JobNotFound"
    assert list(desk.lab.jobs["j"].tasks) == []


@pytest.mark.rule(72)
def test_collection_says_the_version_of_each_task(desk: Desk) -> None:
    desk.furnish("there")
    wires = [{"id": name, "commandLine": "true"} for name in ("a", "there", "B")]
    results = desk.post("/jobs/j/addtaskcollection", {"value": wires}).content["value"]
    assert [one["status"] for one in results] == ["Success", "clienterror", "Success"]
    for name, one in (("a", results[0]), ("B", results[2])):
        task = desk.get(f"/jobs/j/tasks/{name}").content
        keys = ("eTag", "lastModified")
        assert [one[key] for key in keys] == [task[key] for key in keys]
        assert one["location"] == task["url"]
    assert "eTag" not in results[1]


def test_files_of_a_task_are_too_many_the_others_are_there(desk: Desk) -> None:
    desk.furnish()
    file = {"httpUrl": "https://h/" + "x" * 10_000, "filePath": "x"}
    large = {"id": "large", "commandLine": "true", "resourceFiles": [file] * 101}
    answer = desk.post("/jobs/j/tasks", large)
    assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")
    wires = [large, {"id": "small", "commandLine": "true"}]
    results = desk.post("/jobs/j/addtaskcollection", {"value": wires}).content["value"]
    assert [one["status"] for one in results] == ["clienterror", "Success"]
    assert results[0]["error"]["code"] == "RequestEntityTooLarge"


def test_what_a_lab_has_no_use_for_is_the_same_at_all_endpoints() -> None:
    image = {"virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.ubuntu 24.04"}}
    with Desk() as first, Desk(first.lab) as other:
        first.post("/pools", POOL | image)
        assert (
            other.get("/pools/p").content["virtualMachineConfiguration"]
            == image["virtualMachineConfiguration"]
        )
        with Desk() as stranger:
            stranger.post("/pools", POOL)
            assert "virtualMachineConfiguration" not in stranger.get("/pools/p").content


def test_property_refused_is_named_as_on_the_wire(desk: Desk) -> None:
    answer = desk.post("/pools", POOL | {"resizeTimeout": "PT4M"})
    values = {pair["key"]: pair["value"] for pair in answer.content["values"]}
    assert values["PropertyName"] == "resizeTimeout"
    desk.post("/pools", POOL)
    answer = desk.ask("PATCH", "/pools/p", {"enableAutoScale": True})
    assert answer.code == "InvalidRequestBody"


def test_patch_of_what_stays_as_it_is_is_refused(desk: Desk) -> None:
    desk.post("/jobs", JOB)
    answer = desk.ask("PATCH", "/jobs/j", {"usesTaskDependencies": True})
    assert answer.code == "InvalidRequestBody"
    network = {"networkConfiguration": {"skipWithdrawFromVNet": True}}
    assert desk.ask("PATCH", "/jobs/j", network).status == 200
    assert desk.get("/jobs/j").content["networkConfiguration"] == network["networkConfiguration"]


def test_put_of_a_job_sets_back_what_it_does_not_name(desk: Desk) -> None:
    pools = {"poolInfo": {"poolId": "p"}}
    desk.post("/jobs", JOB | {"priority": 5, "jobPreparationTask": {"commandLine": "true"}})
    assert desk.ask("PUT", "/jobs/j", pools).status == 200
    job = desk.get("/jobs/j").content
    assert job["priority"] == 0
    assert job["jobPreparationTask"]["commandLine"] == "true"
    auto = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": {"vmSize": "small"}}}
    desk.post("/jobs", {"id": "k", "poolInfo": auto})
    assert desk.ask("PUT", "/jobs/k", {"poolInfo": auto}).status == 200


def test_what_a_lab_does_not_have_is_refused(desk: Desk) -> None:
    desk.furnish("t")
    desk.lab.jobs["j"].tasks.wait()
    (node,) = desk.get("/pools/p/nodes").content["value"]
    path = f"/pools/p/nodes/{node['id']}"
    assert desk.get(f"{path}/rdp").code == "OperationNotValidOnNode"
    assert desk.get(f"{path}/extensions").content["value"] == []
    assert desk.get("/pools/p/nodes/other/rdp").code == "NodeNotFound"
    (counts,) = desk.get("/nodecounts").content["value"]
    assert counts["dedicated"]["idle"] == counts["dedicated"]["total"] == 1
    (metrics,) = desk.get("/poolusagemetrics").content["value"]
    assert metrics["totalCoreHours"] > 0


def test_camel_case_has_its_exceptions() -> None:
    assert [camel(name) for name in ("etag", "node_ids", "max_wall_clock_time", "id")] == [
        "eTag", "nodeList", "maxWallClockTime", "id",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["task", "collection", "startTask", "jobPreparationTask"])
def test_file_of_a_url_needs_a_path(desk: Desk, kind: str) -> None:
    desk.furnish()
    task = {"id": "t", "commandLine": "true", "resourceFiles": [{"httpUrl": "https://h/a.csv"}]}
    command = {name: value for name, value in task.items() if name != "id"}
    if kind == "collection":
        added = desk.post("/jobs/j/addtaskcollection", {"value": [task]})
        error = added.content["value"][0]["error"]
    else:
        path, content = {
            "task": ("/jobs/j/tasks", task),
            "startTask": ("/pools", POOL | {"id": "q", "startTask": command}),
            "jobPreparationTask": ("/jobs", JOB | {"id": "k", "jobPreparationTask": command}),
        }[kind]
        answer = desk.post(path, content)
        assert answer.status == 400
        error = answer.content
    assert error["code"] == "MissingRequiredProperty"
    values = {pair["key"]: pair["value"] for pair in error["values"]}
    assert values["PropertyName"] == "filePath"
