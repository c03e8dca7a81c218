"""Operations that only older versions of the API have."""

from __future__ import annotations

import pytest

from batchlab.core.model import vm_cores
from batchlab.durations import parse_duration
from helpers.rest import POOL, Desk

OLD = "2018-12-01.8.0"


def test_node_agents_are_those_of_the_images(desk: Desk) -> None:
    agents = desk.ask("GET", "/nodeagentskus", version=OLD).content["value"]
    images = desk.get("/supportedimages").content["value"]
    pairs = {
        (agent["id"], agent["osType"], image["offer"], image["sku"])
        for agent in agents
        for image in agent["verifiedImageReferences"]
    }
    assert pairs == {
        (image["nodeAgentSKUId"], image["osType"], image["imageReference"]["offer"],
         image["imageReference"]["sku"])
        for image in images
    }  # fmt: skip
    assert len({agent["id"] for agent in agents}) == len(agents)
    query = "$filter=osType eq 'linux'&maxresults=1"
    found = desk.ask("GET", "/nodeagentskus", query=query, version=OLD).content
    assert [agent["osType"] for agent in found["value"]] == ["linux"]
    assert "odata.nextLink" in found


def test_statistics_of_pools_count_core_hours(desk: Desk) -> None:
    desk.post("/pools", POOL | {"targetDedicatedNodes": 2})
    desk.lab.advance("1s")
    desk.lab.advance("10h")
    found = desk.ask("GET", "/lifetimepoolstats", version="2022-10-01.16.0").content
    span = parse_duration(found["usageStats"]["dedicatedCoreTime"])
    hours = span.total_seconds() / 3600 / vm_cores(POOL["vmSize"]) / 2
    assert hours == pytest.approx(10, abs=0.01)
    assert found["odata.metadata"].endswith("$metadata#poolstats/@Element")
    for part in ("usageStats", "resourceStats"):
        assert found[part]["startTime"] == desk.get("/pools/p").content["creationTime"]
        assert found[part]["lastUpdateTime"] == "2026-01-05T19:00:01Z"
    assert found["resourceStats"]["diskReadIOps"] == "0", "64-bit numbers are text"
    assert found["url"] == "http://lab:1/lifetimepoolstats"


def test_statistics_of_jobs_count_tasks(desk: Desk) -> None:
    desk.furnish("a", "b", command="/bin/sh -c 'sleep 60'")
    desk.post("/jobs/j/tasks", {"id": "c", "commandLine": "/bin/sh -c 'exit 1'",
                                "constraints": {"maxTaskRetryCount": 2}})  # fmt: skip
    desk.lab.jobs["j"].tasks.wait()
    found = desk.ask("GET", "/lifetimejobstats", version=OLD).content
    counts = [found[f"num{name}"] for name in ("SucceededTasks", "FailedTasks", "TaskRetries")]
    assert counts == ["2", "1", "2"]
    assert found["odata.metadata"].endswith("$metadata#jobstats/@Element")
    times = {"wallClockTime": 0.0, "waitTime": 0.0}
    for task in desk.lab.jobs["j"].tasks.values():
        times["wallClockTime"] += (task.end_time - task.start_time).total_seconds()
        times["waitTime"] += (task.start_time - task.creation_time).total_seconds()
    for name, seconds in times.items():
        assert parse_duration(found[name]).total_seconds() == pytest.approx(seconds, abs=0.01)
    assert times["wallClockTime"] >= 120
    assert found["startTime"] == desk.get("/jobs/j").content["creationTime"]


def test_statistics_of_an_empty_account(desk: Desk) -> None:
    pools = desk.ask("GET", "/lifetimepoolstats", version=OLD).content
    jobs = desk.ask("GET", "/lifetimejobstats", version=OLD).content
    for found in (pools["usageStats"], pools["resourceStats"], jobs):
        assert found["startTime"] == found["lastUpdateTime"]


@pytest.mark.parametrize(
    ("path", "last", "first"),
    [
        ("/nodeagentskus", OLD, "2019-06-01.9.0"),
        ("/lifetimepoolstats", "2022-10-01.16.0", "2023-05-01.17.0"),
        ("/lifetimejobstats", "2022-10-01.16.0", "2023-05-01.17.0"),
    ],
)
def test_operation_is_gone_in_newer_versions(desk: Desk, path: str, last: str, first: str) -> None:
    assert desk.ask("GET", path, version="2017-01-01.4.0").status == 200
    assert desk.ask("GET", path, version=last).status == 200
    for version in (first, "2025-06-01", "2027-01-01"):
        assert desk.ask("GET", path, version=version).code == "InvalidUri"


def test_operating_systems_are_upgraded_only_in_cloud_services(desk: Desk) -> None:
    desk.post("/pools", POOL)
    body = {"targetOSVersion": "WA-GUEST-OS-4.45_201708-01"}

    def upgrade(pool_id: str, version: str) -> str:
        return desk.ask("POST", f"/pools/{pool_id}/upgradeos", body, version=version).code

    for version in ("2017-01-01.4.0", "2018-08-01.7.0"):
        assert upgrade("p", version) == "PoolNotEligibleForOSVersionUpgrade"
        assert upgrade("q", version) == "PoolNotFound"
    assert upgrade("p", OLD) == "InvalidUri"
