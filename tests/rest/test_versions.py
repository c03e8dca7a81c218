"""Older and newer versions of the API: each is answered with its own names."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab import Quotas, SimulatedLab
from batchlab.rest.specification import TYPES
from batchlab.rest.versions import Version
from helpers.rest import JOB, POOL, Answer, Desk

FIRST, SECOND = "2017-01-01.4.0", "2017-05-01.5.0"
SLOTLESS, SLOTS = "2020-03-01.11.0", "2020-09-01.12.0"
BLOBS, URLS = "2018-08-01.7.0", "2018-12-01.8.0"


class Speaker:
    """A client that speaks one version."""

    def __init__(self, desk: Desk, version: str) -> None:
        self.desk, self.version = desk, version

    def ask(self, method: str, path: str, content: Any = None, query: str = "") -> Answer:
        return self.desk.ask(method, path, content, query, version=self.version)

    def get(self, path: str, query: str = "") -> Any:
        answer = self.ask("GET", path, None, query)
        assert answer.status == 200, answer.content
        return answer.content

    def post(self, path: str, content: Any) -> Answer:
        return self.ask("POST", path, content)


def test_first_version_has_one_kind_of_nodes(desk: Desk) -> None:
    old = Speaker(desk, FIRST)
    pool = {"id": "p", "vmSize": "small", "targetDedicated": 5, "maxTasksPerNode": 4}
    assert old.post("/pools", pool).status == 201
    found = old.get("/pools/p")
    assert {name: found[name] for name in pool} == pool
    assert found["currentDedicated"] == 0
    now = desk.get("/pools/p").content
    assert (now["targetDedicatedNodes"], now["taskSlotsPerNode"]) == (5, 4)
    later = {"targetDedicatedNodes", "currentDedicatedNodes", "taskSlotsPerNode",
             "currentLowPriorityNodes", "resizeErrors"}  # fmt: skip
    assert not later & set(found)
    assert later - {"resizeErrors"} <= set(now)
    desk.lab.advance("10m")
    assert old.get("/pools/p")["currentDedicated"] == 5
    assert old.post("/pools/p/resize", {"targetDedicated": 2}).status == 202
    desk.lab.advance("10m")
    assert old.get("/pools")["value"][0]["currentDedicated"] == 2


def test_first_version_has_one_resize_error() -> None:
    with Desk(SimulatedLab(boot="1s", quotas=Quotas(dedicated_core_quota=2))) as small:
        old, new = Speaker(small, FIRST), Speaker(small, SECOND)
        pool = {"id": "p", "vmSize": "standard_d2s_v3", "targetDedicated": 2}
        assert old.post("/pools", pool).status == 201
        small.lab.advance("1h")
        (error,) = new.get("/pools/p")["resizeErrors"]
        assert old.get("/pools/p")["resizeError"] == error
        assert old.get("/pools", "$select=resizeError")["value"] == [{"resizeError": error}]


def test_slots_of_a_node_were_tasks_of_a_node(desk: Desk) -> None:
    old, new = Speaker(desk, SLOTLESS), Speaker(desk, SLOTS)
    assert old.post("/pools", POOL | {"maxTasksPerNode": 4}).status == 201
    assert old.get("/pools/p")["maxTasksPerNode"] == 4
    assert new.get("/pools/p")["taskSlotsPerNode"] == 4
    auto = {"poolLifetimeOption": "job", "pool": {"vmSize": "small", "maxTasksPerNode": 3}}
    for name in ("jobs", "jobschedules"):
        spec = {"poolInfo": {"autoPoolSpecification": auto}}
        body = spec if name == "jobs" else {"schedule": {}, "jobSpecification": spec}
        assert old.post(f"/{name}", body | {"id": f"a-{name}"}).status == 201
        found, today = old.get(f"/{name}/a-{name}"), new.get(f"/{name}/a-{name}")
        if name == "jobschedules":
            found, today = found["jobSpecification"], today["jobSpecification"]
        assert found["poolInfo"]["autoPoolSpecification"]["pool"]["maxTasksPerNode"] == 3
        assert today["poolInfo"]["autoPoolSpecification"]["pool"]["taskSlotsPerNode"] == 3


def test_list_of_an_older_version_is_chosen_by_its_names(desk: Desk) -> None:
    old, new = Speaker(desk, SLOTLESS), Speaker(desk, SLOTS)
    desk.post("/pools", POOL | {"taskSlotsPerNode": 4})
    desk.post("/pools", POOL | {"id": "q"})
    query = "$filter=maxTasksPerNode gt 2&$select=id,maxTasksPerNode"
    assert old.get("/pools", query)["value"] == [{"id": "p", "maxTasksPerNode": 4}]
    assert old.get("/pools/p", "$select=maxTasksPerNode")["maxTasksPerNode"] == 4
    assert new.ask("GET", "/pools", None, query).code == "InvalidQueryParameterValue"


def test_resource_file_was_a_blob(desk: Desk) -> None:
    old, new = Speaker(desk, BLOBS), Speaker(desk, URLS)
    desk.furnish()
    blob = {"blobSource": "https://a.blob.core.windows.net/c/b.txt", "filePath": "b.txt"}
    url = {"httpUrl": blob["blobSource"], "filePath": "b.txt"}
    tasks = [
        {"id": name, "commandLine": "true", "resourceFiles": [blob]} for name in ("s", "t")
    ]  # fmt: skip
    assert old.post("/jobs/j/tasks", tasks[0]).status == 201
    (added,) = old.post("/jobs/j/addtaskcollection", {"value": tasks[1:]}).content["value"]
    assert added["status"] == "Success"
    for name in ("s", "t"):
        assert old.get(f"/jobs/j/tasks/{name}")["resourceFiles"] == [blob]
        assert new.get(f"/jobs/j/tasks/{name}")["resourceFiles"] == [url]
    refused = new.post("/jobs/j/tasks", tasks[0] | {"id": "u"})
    assert refused.code == "InvalidRequestBody"
    assert "since version 2018-12; use 'httpUrl'" in refused.content["values"][0]["value"]
    start = {"commandLine": "true", "resourceFiles": [blob]}
    assert old.ask("PATCH", "/pools/p", {"startTask": start}).status == 200
    assert new.get("/pools/p")["startTask"]["resourceFiles"] == [url]


def test_failure_of_a_task_was_its_scheduling_error(desk: Desk) -> None:
    old, new = Speaker(desk, FIRST), Speaker(desk, SECOND)
    desk.furnish()
    handled = {"schedulingError": {"dependencyAction": "block"}}
    missing = [{"blobSource": "/no/such/file", "filePath": "x"}]
    task = {"id": "t", "commandLine": "true", "exitConditions": handled, "resourceFiles": missing}
    job = {"id": "d", "poolInfo": {"poolId": "p"}, "usesTaskDependencies": True}
    assert old.post("/jobs", job).status == 201
    assert old.post("/jobs/d/tasks", task).status == 201
    assert old.get("/jobs/d/tasks/t")["exitConditions"] == handled
    assert set(new.get("/jobs/d/tasks/t")["exitConditions"]) == {"preProcessingError"}
    desk.lab.jobs["d"].tasks.wait()
    about = new.get("/jobs/d/tasks/t")["executionInfo"]
    was = old.get("/jobs/d/tasks/t")["executionInfo"]
    assert was["schedulingError"] == about["failureInfo"]
    assert about["result"] == "failure"
    assert not {"result", "failureInfo"} & set(was)
    query = f"$filter=executionInfo/schedulingError/code eq '{about['failureInfo']['code']}'"
    assert [task["id"] for task in old.get("/jobs/d/tasks", query)["value"]] == ["t"]


def test_exit_code_was_no_scheduling_error(desk: Desk) -> None:
    desk.furnish("t", command="/bin/sh -c 'exit 3'")
    desk.lab.jobs["j"].tasks.wait()
    about = Speaker(desk, FIRST).get("/jobs/j/tasks/t")["executionInfo"]
    assert about["exitCode"] == 3
    assert not {"schedulingError", "failureInfo"} & set(about)


def test_counts_of_tasks_were_flat(desk: Desk) -> None:
    desk.furnish("a", "b")
    desk.lab.jobs["j"].tasks.wait()
    counts = {"active": 0, "running": 0, "completed": 2, "succeeded": 2, "failed": 0}
    for version, more in [
        ("2017-06-01.5.1", {"validationStatus": "validated"}),
        ("2018-08-01.7.0", {}),
        (SLOTLESS, {}),
    ]:
        found = Speaker(desk, version).get("/jobs/j/taskcounts")
        found.pop("odata.metadata")
        assert found == counts | more
    assert Speaker(desk, SLOTS).get("/jobs/j/taskcounts")["taskCounts"] == counts


def test_node_has_no_properties_of_later_versions(desk: Desk) -> None:
    desk.furnish("a")
    desk.lab.jobs["j"].tasks.wait()
    assert not {"isDedicated", "runningTaskSlotsCount"} & set(
        Speaker(desk, FIRST).get("/pools/p/nodes")["value"][0]
    )
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert {"isDedicated", "runningTaskSlotsCount"} <= set(node)


@pytest.mark.parametrize("version", [FIRST, SECOND, SLOTS, "2025-06-01", "2031-12-01"])
def test_names_of_today_are_understood_in_every_version(desk: Desk, version: str) -> None:
    speaker = Speaker(desk, version)
    assert speaker.post("/pools", POOL | {"taskSlotsPerNode": 2}).status == 201
    assert desk.get("/pools/p").content["taskSlotsPerNode"] == 2


def test_old_name_in_a_newer_version_is_refused_unless_examples_have_it(desk: Desk) -> None:
    body = POOL | {"maxTasksPerNode": 2}
    assert Speaker(desk, SLOTS).post("/pools", body).status == 201
    assert Speaker(desk, "2022-01-01.15.0").post("/pools", body).code == "InvalidRequestBody"
    both = POOL | {"id": "q", "maxTasksPerNode": 2, "taskSlotsPerNode": 3}
    assert Speaker(desk, SLOTLESS).post("/pools", both).code == "InvalidRequestBody"


def test_newer_version_is_answered_as_the_newest_known(desk: Desk) -> None:
    desk.furnish("a")
    for version in ("2026-01-01", "2031-12-31", "2026-03-01.25.0"):
        for path in ("/pools/p", "/jobs/j", "/jobs/j/tasks/a", "/jobs/j/taskcounts"):
            assert Speaker(desk, version).get(path) == desk.get(path).content


@pytest.mark.parametrize(
    "version",
    ["2016-07-01.3.1", "2015-12-01.2.2", "0000-01-01", "2026", "latest", "2026-13-01",
     "2026-01-32", "2026-01-01.1", "2026-01-01.x.y", "2025-06-01;x",
     "\u0662025-06-01", "2025-06-01 "],
)  # fmt: skip
def test_other_version_is_refused(desk: Desk, version: str) -> None:
    answer = Speaker(desk, version).ask("GET", "/jobs")
    assert (answer.status, answer.code) == (400, "InvalidQueryParameterValue")
    values = {one["key"]: one["value"] for one in answer.content["values"]}
    assert values["QueryParameterName"] == "api-version"


def test_newest_version_changes_no_answer() -> None:
    answer = {"id": "p", "targetDedicatedNodes": 1, "startTask": {"resourceFiles": []}}
    for month in ("2025-06", "2099-01"):
        assert Version(month).write(answer, "pools") is answer
    names = {about.now for types in TYPES.values() for about in types.values() if about.now}
    assert names == {"targetDedicatedNodes", "currentDedicatedNodes", "taskSlotsPerNode",
                     "resizeErrors", "httpUrl", "failureInfo", "preProcessingError"}  # fmt: skip


def test_job_of_an_older_version_can_be_put_back_as_it_was_read(desk: Desk) -> None:
    old = Speaker(desk, FIRST)
    desk.post("/pools", POOL)
    assert old.post("/jobs", JOB | {"priority": 3}).status == 201
    job = old.get("/jobs/j")
    assert old.ask("PUT", "/jobs/j", job | {"priority": 7}).status == 200
    assert old.get("/jobs/j")["priority"] == 7


def test_older_versions_show_deallocated_nodes_as_offline(desk: Desk) -> None:
    desk.furnish()
    desk.lab.pools["p"].nodes.wait()
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert desk.post(f"/pools/p/nodes/{node['id']}/deallocate").status == 202
    for state in ("deallocating", "deallocated"):
        desk.lab.pools["p"].nodes.wait(state)
        for version, shown in (("2024-02-01.19.0", "offline"), ("2024-07-01.20.0", state)):
            speaker = Speaker(desk, version)
            found = speaker.get(f"/pools/p/nodes/{node['id']}")
            assert (found["state"], found["schedulingState"]) == (shown, "disabled")
            assert speaker.get("/pools/p/nodes")["value"][0]["state"] == shown


@pytest.mark.parametrize(
    ("version", "name", "value"),
    [
        ("2017-01-01.4.0", "targetDedicated", -1),
        ("2019-08-01.10.0", "maxTasksPerNode", 999),
        ("2025-06-01", "targetDedicatedNodes", -1),
        ("2025-06-01", "taskSlotsPerNode", 999),
    ],
)
def test_error_names_a_property_as_it_was_sent(
    desk: Desk, version: str, name: str, value: int
) -> None:
    body = {"id": "q", "vmSize": "small", name: value}
    answer = desk.ask("POST", "/pools", body, version=version)
    assert answer.code == "InvalidPropertyValue"
    found = {pair["key"]: pair["value"] for pair in answer.values}
    assert (found["PropertyName"], found["PropertyValue"]) == (name, str(value))
    auto = {"poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": body}}}
    del body["id"]
    answer = desk.ask("POST", "/jobs", {"id": "j"} | auto, version=version)
    found = {pair["key"]: pair["value"] for pair in answer.values}
    assert found["PropertyPath"] == f"poolInfo.autoPoolSpecification.pool.{name}"


@pytest.mark.parametrize(
    ("version", "needed"),
    [
        ("2017-01-01.4.0", ["certificateReferences", "applicationPackageReferences", "metadata"]),
        ("2024-07-01.20.0", ["certificateReferences", "applicationPackageReferences", "metadata"]),
        ("2025-06-01", ["applicationPackageReferences", "metadata"]),
    ],
)
def test_replaced_properties_must_be_there(desk: Desk, version: str, needed: list[str]) -> None:
    desk.post("/pools", POOL | {"metadata": [{"name": "a", "value": "b"}]})
    whole: dict[str, Any] = {name: [] for name in needed}
    for missing in needed:
        body = {name: value for name, value in whole.items() if name != missing}
        answer = desk.ask("POST", "/pools/p/updateproperties", body, version=version)
        assert answer.code == "MissingRequiredProperty"
        assert answer.values == [{"key": "PropertyName", "value": missing}]
    assert desk.get("/pools/p").content["metadata"]
    assert desk.ask("POST", "/pools/p/updateproperties", whole, version=version).status == 204
    assert "metadata" not in desk.get("/pools/p").content


def test_older_versions_show_later_settings_only_if_they_were_set(desk: Desk) -> None:
    later = {"allowTaskPreemption", "maxParallelTasks"}
    old = Speaker(desk, "2020-09-01.12.0")
    desk.post("/pools", POOL)
    policy = {"nodeFillType": "pack", "jobDefaultOrder": "creationtime"}
    desk.post("/pools", POOL | {"id": "q", "taskSchedulingPolicy": policy})
    assert old.get("/pools/p")["taskSchedulingPolicy"] == {"nodeFillType": "Spread"}
    assert old.get("/pools/q")["taskSchedulingPolicy"]["jobDefaultOrder"] == "creationtime"
    desk.post("/jobs", JOB)
    assert later <= desk.get("/jobs/j").content.keys()
    assert not later & old.get("/jobs/j").keys()
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "true"})
    assert "requiredSlots" in old.get("/jobs/j/tasks/t")
    assert "requiredSlots" not in Speaker(desk, SLOTLESS).get("/jobs/j/tasks/t")
