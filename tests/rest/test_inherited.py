"""What specifications of auto pools and schedules have is shown by the pools and jobs."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.rest import JOB, Desk

IMAGE = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 22.04"}
NETWORK = {"publicIPAddressConfiguration": {"provision": "BatchManaged"}}
SPECIFICATION = {
    "vmSize": "small",
    "targetDedicatedNodes": 1,
    "virtualMachineConfiguration": MACHINE,
    "networkConfiguration": NETWORK,
    "startTask": {"commandLine": "true", "containerSettings": {"imageName": "i"}},
}
SHOWN = {"virtualMachineConfiguration", "networkConfiguration", "startTask"}


def auto_pool(lifetime: str) -> dict[str, Any]:
    return {"autoPoolSpecification": {"poolLifetimeOption": lifetime, "pool": SPECIFICATION}}


def of(desk: Desk, job_id: str) -> tuple[Any, Any]:
    """The pool of a job, and the specification of it that the job shows."""
    job = desk.get(f"/jobs/{job_id}").content
    pool = desk.get(f"/pools/{job['executionInfo']['poolId']}").content
    return pool, job["poolInfo"]["autoPoolSpecification"]["pool"]


def check(desk: Desk, job_id: str) -> None:
    pool, specification = of(desk, job_id)
    assert {name: pool[name] for name in SHOWN} == {name: specification[name] for name in SHOWN}
    machine = pool["virtualMachineConfiguration"]
    assert machine == MACHINE | {"imageReference": IMAGE | {"version": "latest"}}
    assert pool["networkConfiguration"].items() >= NETWORK.items()
    assert pool["startTask"]["containerSettings"]["imageName"] == "i"
    desk.lab.advance("1m")
    [node] = desk.get(f"/pools/{pool['id']}/nodes").content["value"]
    image = machine["imageReference"] | {"exactVersion": "latest"}
    assert node["virtualMachineInfo"] == {"imageReference": image}
    [listed] = desk.get("/pools", f"$filter=id eq '{pool['id']}'").content["value"]
    assert listed["virtualMachineConfiguration"] == machine


def test_pool_of_a_job_has_what_the_job_says_of_it(desk: Desk) -> None:
    desk.post("/jobs", {"id": "j", "poolInfo": auto_pool("job")})
    check(desk, "j")


@pytest.mark.parametrize("lifetime", ["job", "jobschedule"])
def test_pool_of_a_schedule_has_what_the_schedule_says_of_it(desk: Desk, lifetime: str) -> None:
    network = {"skipWithdrawFromVNet": False}
    jobs = {"poolInfo": auto_pool(lifetime), "networkConfiguration": network}
    desk.post("/jobschedules", {"id": "s", "schedule": {}, "jobSpecification": jobs})
    check(desk, "s:job-1")
    assert desk.get("/jobs/s:job-1").content["networkConfiguration"] == network


def test_namesakes_have_nothing_of_what_is_gone(desk: Desk) -> None:
    jobs = {"poolInfo": auto_pool("job")}
    desk.post("/jobschedules", {"id": "s", "schedule": {}, "jobSpecification": jobs})
    desk.ask("DELETE", "/jobschedules/s")
    desk.lab.advance("10m")
    assert desk.get("/jobschedules/s").status == 404
    bare = {"poolLifetimeOption": "job", "pool": {"vmSize": "small"}}
    plain = {"poolInfo": {"autoPoolSpecification": bare}}
    desk.post("/jobschedules", {"id": "s", "schedule": {}, "jobSpecification": plain})
    pool, specification = of(desk, "s:job-1")
    assert not {*pool, *specification} & (SHOWN - {"startTask"})
    desk.post("/jobs", JOB | plain)
    assert not of(desk, "j")[0].keys() & (SHOWN - {"startTask"})
