"""Nodes, auto pools and rows on the wire: what recordings of Azure show of them."""

from __future__ import annotations

import re

from batchlab import __version__
from helpers.rest import POOL, Desk

IMAGE = {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 22.04"}
GUID = "[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}"


def test_node_shows_its_agent_and_its_image(desk: Desk) -> None:
    pool = POOL | {"virtualMachineConfiguration": MACHINE, "startTask": {"commandLine": "true"}}
    desk.post("/pools", pool)
    desk.lab.advance("1m")
    (listed,) = desk.get("/pools/p/nodes").content["value"]
    one = desk.get(f"/pools/p/nodes/{listed['id']}").content
    for node in (listed, one):
        assert node["nodeAgentInfo"] == {
            "version": __version__, "lastUpdateTime": node["lastBootTime"],
        }  # fmt: skip
        image = IMAGE | {"version": "latest", "exactVersion": "latest"}
        assert node["virtualMachineInfo"] == {"imageReference": image}
        assert node["startTaskInfo"].keys() == {
            "state", "startTime", "endTime", "exitCode", "result", "retryCount",
        }  # fmt: skip
    assert listed.keys() == one.keys() - {"odata.metadata"}
    selected = desk.get("/pools/p/nodes", "$select=id,virtualMachineInfo").content["value"][0]
    assert selected.keys() == {"id", "virtualMachineInfo"}


def test_node_that_has_not_booted_has_no_agent(desk: Desk) -> None:
    desk.post("/pools", POOL)
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert node["state"] == "creating"
    assert "nodeAgentInfo" not in node
    assert node["virtualMachineInfo"] == {}  # the pool names no image


def test_version_of_an_image_is_exact(desk: Desk) -> None:
    machine = MACHINE | {"imageReference": IMAGE | {"version": "22.04.202401"}}
    desk.post("/pools", POOL | {"virtualMachineConfiguration": machine})
    (node,) = desk.get("/pools/p/nodes").content["value"]
    image = node["virtualMachineInfo"]["imageReference"]
    assert image["version"] == image["exactVersion"] == "22.04.202401"


def test_auto_pool_has_a_guid_with_its_prefix_in_front(desk: Desk) -> None:
    for job_id, prefix in (("j", None), ("k", "mine")):
        auto = {"poolLifetimeOption": "job", "pool": {"vmSize": "small"}}
        auto |= {"autoPoolIdPrefix": prefix} if prefix else {}
        desk.post("/jobs", {"id": job_id, "poolInfo": {"autoPoolSpecification": auto}})
        pool_id = desk.get(f"/jobs/{job_id}").content["executionInfo"]["poolId"]
        assert re.fullmatch((f"{prefix}_" if prefix else "") + GUID, pool_id)
        assert desk.get(f"/pools/{pool_id}").status == 200


def test_only_the_row_of_a_preparation_counts_retries(desk: Desk) -> None:
    desk.post("/pools", POOL)
    desk.post("/jobs", {"id": "j", "poolInfo": {"poolId": "p"},
                        "jobPreparationTask": {"commandLine": "true"},
                        "jobReleaseTask": {"commandLine": "true"}})  # fmt: skip
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "true"})
    desk.lab.advance("1m")
    desk.post("/jobs/j/terminate")
    desk.lab.advance("1m")
    (row,) = desk.get("/jobs/j/jobpreparationandreleasetaskstatus").content["value"]
    common = {"state", "startTime", "endTime", "exitCode", "result", "taskRootDirectory",
              "taskRootDirectoryUrl"}  # fmt: skip
    assert row["jobReleaseTaskExecutionInfo"].keys() == common
    assert row["jobPreparationTaskExecutionInfo"].keys() == common | {"retryCount"}


def test_a_task_that_is_read_has_no_data_service_id(desk: Desk) -> None:
    desk.furnish("t")
    headers = desk.get("/jobs/j/tasks/t").headers
    assert "DataServiceId" not in headers
    assert {"ETag", "Last-Modified"} <= headers.keys()


def test_node_shows_its_last_tasks(desk: Desk) -> None:
    desk.furnish("ok")
    desk.post("/jobs/j/tasks", {"id": "bad", "commandLine": "/bin/sh -c 'exit 3'",
                                 "constraints": {"maxTaskRetryCount": 1}})  # fmt: skip
    desk.lab.jobs["j"].tasks.wait()
    desk.post("/jobs/j/tasks", {"id": "now", "commandLine": "sleep 60"})
    desk.lab.advance("1s")
    (node,) = desk.get("/pools/p/nodes").content["value"]
    ok, bad, now = node["recentTasks"]
    assert now == {
        "taskUrl": "http://lab:1/jobs/j/tasks/now", "jobId": "j", "taskId": "now",
        "taskState": "running",
    }  # fmt: skip
    for recent in (ok, bad):
        task = desk.get(f"/jobs/j/tasks/{recent['taskId']}").content
        assert recent == {
            "taskUrl": task["url"], "jobId": "j", "taskId": task["id"],
            "taskState": "completed", "executionInfo": task["executionInfo"],
        }  # fmt: skip
    assert bad["executionInfo"]["exitCode"] == 3
    assert bad["executionInfo"]["retryCount"] == 1
    for number in range(12):
        desk.post("/jobs/j/tasks", {"id": f"t{number}", "commandLine": "true"})
    desk.lab.jobs["j"].tasks.wait()
    one = desk.get(f"/pools/p/nodes/{node['id']}").content
    assert [recent["taskId"] for recent in one["recentTasks"]] == [f"t{n}" for n in range(2, 12)]
    desk.ask("DELETE", "/jobs/j")
    desk.lab.advance("5m")
    assert len(desk.get("/pools/p/nodes").content["value"][0]["recentTasks"]) == 10


def test_node_that_has_run_nothing_shows_no_tasks(desk: Desk) -> None:
    desk.furnish()
    desk.lab.advance("1m")
    assert "recentTasks" not in desk.get("/pools/p/nodes").content["value"][0]
