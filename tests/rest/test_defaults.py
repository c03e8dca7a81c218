"""What the service shows although the client did not give it, as recordings of Azure have it."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.rest import JOB, POOL, Desk

AUTO_USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
IMAGE = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 18.04"}
AUTO_POOL = {
    "poolLifetimeOption": "job",
    "pool": {
        "vmSize": "standard_d2s_v3",
        "virtualMachineConfiguration": MACHINE,
        "startTask": {"commandLine": "true", "containerSettings": {"imageName": "i"}},
    },
}
COMMANDS: dict[str, Any] = {
    "jobPreparationTask": {"commandLine": "true"},
    "jobReleaseTask": {"commandLine": "true"},
    "jobManagerTask": {"id": "m", "commandLine": "true"},
}


def at(content: Any, path: str) -> Any:
    for name in path.split("."):
        content = content[int(name) if name.isdigit() else name]
    return content


def furnished(desk: Desk) -> None:
    auto = {"autoPoolSpecification": AUTO_POOL}
    asked = [
        ("/pools", POOL | {"startTask": {"commandLine": "true"}}),
        ("/jobs", JOB | COMMANDS),
        ("/jobs/j/tasks", {"id": "t", "commandLine": "true"}),
        ("/jobs", {"id": "auto", "poolInfo": auto} | COMMANDS),
        ("/jobschedules", {"id": "s", "schedule": {"recurrenceInterval": "PT1H"},
                           "jobSpecification": {"poolInfo": auto} | COMMANDS}),
    ]  # fmt: skip
    for path, content in asked:
        assert desk.post(path, content).status == 201


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/jobs/j/tasks/t", "userIdentity"),
        ("/jobs/j/tasks", "value.0.userIdentity"),
        ("/pools/p", "startTask.userIdentity"),
        ("/pools/p/nodes", "value.0.startTask.userIdentity"),
        ("/jobs/auto", "poolInfo.autoPoolSpecification.pool.startTask.userIdentity"),
        ("/jobschedules/s",
         "jobSpecification.poolInfo.autoPoolSpecification.pool.startTask.userIdentity"),
        *((f"/jobs/{job}", f"{name}.userIdentity") for job in ("j", "auto") for name in COMMANDS),
        *(("/jobschedules/s", f"jobSpecification.{name}.userIdentity") for name in COMMANDS),
    ],
)  # fmt: skip
def test_user_of_a_command_is_the_auto_user_of_the_pool(
    desk: Desk, address: str, path: str
) -> None:
    furnished(desk)
    desk.lab.advance("1m")
    assert at(desk.get(address).content, path) == AUTO_USER


def test_a_user_that_was_given_is_kept(desk: Desk) -> None:
    desk.furnish()
    given = {"autoUser": {"scope": "task", "elevationLevel": "admin"}}
    desk.post("/jobs/j/tasks", {"id": "t", "commandLine": "true", "userIdentity": given})
    assert desk.get("/jobs/j/tasks/t").content["userIdentity"] == given


def test_version_of_an_image_is_the_latest(desk: Desk) -> None:
    furnished(desk)
    latest = IMAGE | {"version": "latest"}
    desk.post("/pools", {"id": "q", "vmSize": "small", "virtualMachineConfiguration": MACHINE})
    assert at(desk.get("/pools/q").content, "virtualMachineConfiguration.imageReference") == latest
    path = "poolInfo.autoPoolSpecification.pool.virtualMachineConfiguration.imageReference"
    assert at(desk.get("/jobs/auto").content, path) == latest
    assert at(desk.get("/jobschedules/s").content, f"jobSpecification.{path}") == latest


def test_a_version_that_was_given_is_kept(desk: Desk) -> None:
    image = IMAGE | {"version": "18.04.2022"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 18.04"}
    pool = {"id": "q", "vmSize": "small", "virtualMachineConfiguration": machine}
    assert desk.post("/pools", pool).status == 201
    assert desk.get("/pools/q").content["virtualMachineConfiguration"]["imageReference"] == image


def test_rules_of_ports_show_their_defaults(desk: Desk) -> None:
    rule = {"priority": 150, "access": "allow", "sourceAddressPrefix": "*"}
    narrow = rule | {"priority": 151, "sourcePortRanges": ["22"]}
    ports = {
        "name": "n", "protocol": "udp", "backendPort": 4444, "frontendPortRangeStart": 60000,
        "frontendPortRangeEnd": 61000, "networkSecurityGroupRules": [rule, narrow],
    }  # fmt: skip
    network = {"endpointConfiguration": {"inboundNATPools": [ports]}}
    desk.post("/pools", POOL | {"networkConfiguration": network})
    shown = at(desk.get("/pools/p").content, "networkConfiguration.endpointConfiguration")
    rules = [rule | {"sourcePortRanges": ["*"]}, narrow]
    assert shown["inboundNATPools"] == [ports | {"networkSecurityGroupRules": rules}]


def test_disks_and_networks_show_their_defaults(desk: Desk) -> None:
    ports = {"endpointConfiguration": {"inboundNATPools": []}}
    disks = [{"lun": 1, "diskSizeGB": 50}, {"lun": 2, "diskSizeGB": 9}]
    machine = MACHINE | {"dataDisks": disks}
    desk.post("/pools", {
        "id": "q", "vmSize": "small", "networkConfiguration": ports,
        "virtualMachineConfiguration": machine,
    })  # fmt: skip
    shown = desk.get("/pools/q").content
    more = {"caching": "none", "storageAccountType": "standard_lrs"}
    assert shown["virtualMachineConfiguration"]["dataDisks"] == [disk | more for disk in disks]
    assert shown["networkConfiguration"] == ports | {
        "dynamicVNetAssignmentScope": "none", "enableAcceleratedNetworking": False,
    }  # fmt: skip


def test_a_container_starts_in_the_working_directory_of_its_task(desk: Desk) -> None:
    furnished(desk)
    settings = {"imageName": "ubuntu"}
    task = {"id": "c", "commandLine": "true", "containerSettings": settings}
    desk.post("/jobs/j/tasks", task)
    task["id"] = "d"
    task["containerSettings"] = settings | {"workingDirectory": "containerImageDefault"}
    desk.post("/jobs/j/addtaskcollection", {"value": [task]})
    shown = settings | {"workingDirectory": "taskWorkingDirectory"}
    assert desk.get("/jobs/j/tasks/c").content["containerSettings"] == shown
    assert desk.get("/jobs/j/tasks/d").content["containerSettings"] == task["containerSettings"]
    start = at(desk.get("/jobs/auto").content, "poolInfo.autoPoolSpecification.pool.startTask")
    assert start["containerSettings"] == {
        "imageName": "i", "workingDirectory": "taskWorkingDirectory",
    }  # fmt: skip


def test_specification_of_an_auto_pool_has_no_id(desk: Desk) -> None:
    furnished(desk)
    job = desk.get("/jobs/auto").content
    schedule = desk.get("/jobschedules/s").content["jobSpecification"]
    for spec in (job, schedule):
        auto = spec["poolInfo"]["autoPoolSpecification"]
        assert "id" not in auto["pool"]
        assert auto["keepAlive"] is False


def test_machines_are_spelt_as_the_service_does(desk: Desk) -> None:
    machine = MACHINE | {
        "nodePlacementConfiguration": {"policy": "zonal"},
        "securityProfile": {"securityType": "confidentialVM"},
        "osDisk": {"managedDisk": {"securityProfile": {"securityEncryptionType": "x"}}},
    }
    network = {"publicIPAddressConfiguration": {"provision": "batchmanaged"}}
    desk.post("/pools", POOL | {
        "virtualMachineConfiguration": machine, "networkConfiguration": network,
    })  # fmt: skip
    shown = desk.get("/pools/p").content
    found = shown["virtualMachineConfiguration"]
    assert found["nodePlacementConfiguration"] == {"policy": "Zonal"}
    assert found["securityProfile"] == {"securityType": "confidentialvm"}
    assert found["osDisk"] == {
        "caching": "None",
        "ephemeralOSDiskSettings": {},
        "managedDisk": machine["osDisk"]["managedDisk"] | {"storageAccountType": "standard_lrs"},
    }
    address = shown["networkConfiguration"]["publicIPAddressConfiguration"]
    assert address == {"provision": "BatchManaged"}
    disk = {"caching": "readwrite", "managedDisk": {"storageAccountType": "premium_lrs"}}
    machine = MACHINE | {"osDisk": disk}
    desk.post("/pools", POOL | {"id": "q", "virtualMachineConfiguration": machine})
    shown = desk.get("/pools/q").content["virtualMachineConfiguration"]["osDisk"]
    assert shown == disk | {"caching": "ReadWrite", "ephemeralOSDiskSettings": {}}
