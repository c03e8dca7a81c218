"""Pools on the wire: what cannot be created here, and the reasons."""

from __future__ import annotations

from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

import batchlab as bl
from helpers.rest import POOL, Desk


def auto(pool: dict[str, Any]) -> dict[str, Any]:
    """The pool of a job that has its own."""
    pool = {name: value for name, value in pool.items() if name != "id"}
    return {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}


def refusals(desk: Desk, pool: dict[str, Any]) -> list[Any]:
    """What each request says that describes this pool; none may leave anything behind."""
    plain = {"schedule": {"recurrenceInterval": "PT1H"}}
    desk.post(
        "/jobschedules", {"id": "s", "jobSpecification": {"poolInfo": {"poolId": "q"}}} | plain
    )
    specification = {"jobSpecification": {"poolInfo": auto(pool)}}
    answers = [
        desk.post("/pools", pool),
        desk.post("/jobs", {"id": "j", "poolInfo": auto(pool)}),
        desk.post("/jobschedules", {"id": "t"} | plain | specification),
        desk.ask("PATCH", "/jobschedules/s", specification),
        desk.ask("PUT", "/jobschedules/s", plain | specification),
    ]
    assert desk.get("/pools").content["value"] == []
    assert [job["id"] for job in desk.get("/jobs").content["value"]] == ["s:job-1"]
    assert [one["id"] for one in desk.get("/jobschedules").content["value"]] == ["s"]
    return answers


def values(answer: Any) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in answer.content.get("values", [])}


@pytest.mark.parametrize("size", ["potato", "Standard_D4s_v3x", "Basic_A1", "d4s_v3"])
def test_unknown_size_is_refused_wherever_it_is_given(desk: Desk, size: str) -> None:
    for answer in refusals(desk, POOL | {"vmSize": size}):
        assert (answer.status, answer.code) == (400, "InvalidPropertyValue")
        assert "did you mean" in str(values(answer))


SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers"
COMPUTE, NETWORK = f"{SUBSCRIPTION}/Microsoft.Compute", f"{SUBSCRIPTION}/Microsoft.Network"
SUBNET = f"{NETWORK}/virtualNetworks/v/subnets/s"
IMAGE = f"{COMPUTE}/galleries/g/images/i/versions/1.0.0"
IDENTITY = f"{SUBSCRIPTION}/Microsoft.ManagedIdentity/userAssignedIdentities/i"
SHARED = "/sharedGalleries/g/images/i/versions/1"
START = {"commandLine": "true", "resourceFiles": [
    {"httpUrl": "http://h/f", "filePath": "f", "identityReference": {"resourceId": IDENTITY}},
]}  # fmt: skip
LINUX = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}


def machine(**more: Any) -> dict[str, Any]:
    plain = {"imageReference": LINUX, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    return {"virtualMachineConfiguration": plain | more}


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("subnetId", SUBNET, {"networkConfiguration": {"subnetId": SUBNET}}),
        ("subnetId", "s", {"networkConfiguration": {"subnetId": "s"}}),
        ("ipAddressIds", f"{NETWORK}/publicIPAddresses/a", {"networkConfiguration": {
            "publicIPAddressConfiguration": {
                "provision": "usermanaged", "ipAddressIds": [f"{NETWORK}/publicIPAddresses/a"]
            },
        }}),
        ("publicIPs", "a", {"networkConfiguration": {"publicIPs": ["a"]}}),
        ("virtualMachineImageId", IMAGE,
         machine(imageReference={"virtualMachineImageId": IMAGE})),
        ("virtualMachineImageId", f"{COMPUTE}/gallery/g/images/i",
         machine(imageReference={"virtualMachineImageId": f"{COMPUTE}/gallery/g/images/i"})),
        ("virtualMachineImageId", f"{COMPUTE}/images/i",
         machine(imageReference={"virtualMachineImageId": f"{COMPUTE}/images/i"})),
        ("sharedGalleryImageId", SHARED, machine(imageReference={"sharedGalleryImageId": SHARED})),
        ("diskEncryptionSet", "d",
         machine(osDisk={"managedDisk": {"diskEncryptionSet": {"id": "d"}}})),
        ("identityReference", IDENTITY, machine(containerConfiguration={
            "type": "dockerCompatible", "containerRegistries": [
                {"registryServer": "r", "identityReference": {"resourceId": IDENTITY}}
            ],
        })),
        ("identityReference", IDENTITY, {"startTask": START}),
    ],
)  # fmt: skip
def test_pool_of_an_azure_resource_is_refused_wherever_it_is_described(
    desk: Desk, name: str, value: str, more: dict[str, Any]
) -> None:
    for answer in refusals(desk, POOL | more):
        assert (answer.status, answer.code) == (400, "InvalidPropertyValue")
        assert values(answer)["PropertyName"] == name
        assert value in values(answer)["PropertyValue"]


def test_pool_keeps_its_start_task_when_the_new_one_names_an_identity(desk: Desk) -> None:
    desk.post("/pools", POOL)
    file = {
        "httpUrl": "http://h/f",
        "filePath": "f",
        "identityReference": {"resourceId": IDENTITY},
    }
    change = {"startTask": {"commandLine": "true", "resourceFiles": [file]}}
    rest = {"applicationPackageReferences": [], "metadata": []}
    for answer in (
        desk.ask("PATCH", "/pools/p", change),
        desk.post("/pools/p/updateproperties", change | rest),
    ):
        assert (answer.status, values(answer)["PropertyName"]) == (400, "identityReference")
    assert "startTask" not in desk.get("/pools/p").content


def test_job_in_a_subnet_is_refused(desk: Desk) -> None:
    desk.post("/pools", POOL)
    network = {"networkConfiguration": {"subnetId": SUBNET, "skipWithdrawFromVNet": False}}
    answer = desk.post("/jobs", {"id": "j", "poolInfo": {"poolId": "p"}} | network)
    assert (answer.status, values(answer)["PropertyName"]) == (400, "subnetId")


def test_image_of_a_gallery_needs_a_token_as_in_azure() -> None:
    with bl.SimulatedLab() as lab, lab.serve() as endpoint:
        credential = AzureNamedKeyCredential(endpoint.account, endpoint.key)
        client = BatchClient(endpoint=endpoint.url, credential=credential)
        pool = models.BatchPoolCreateOptions(
            id="p", vm_size="standard_d2s_v3",
            virtual_machine_configuration=models.VirtualMachineConfiguration(
                image_reference=models.BatchVmImageReference(virtual_machine_image_id=IMAGE),
                node_agent_sku_id="batch.node.ubuntu 24.04",
            ),
        )  # fmt: skip
        with pytest.raises(HttpResponseError) as caught:
            client.create_pool(pool)
        assert caught.value.status_code == 403
        assert caught.value.error.code == "AuthenticationFailed"
        pool.virtual_machine_configuration.image_reference.virtual_machine_image_id = "i"
        with pytest.raises(HttpResponseError) as caught:
            client.create_pool(pool)
        assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidPropertyValue")


AGENT = "batch.node.windows amd64"
WINDOWS = {
    "publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter"
}  # fmt: skip
DSVM = {"publisher": "microsoft-dsvm", "offer": "dsvm-win-2019", "sku": "server-2019"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("nodeAgentSKUId", machine(nodeAgentSKUId=AGENT)),
        ("nodeAgentSKUId", machine(imageReference=WINDOWS, nodeAgentSKUId=AGENT)),
        ("imageReference", machine(imageReference=WINDOWS)),
        ("imageReference", machine(imageReference=DSVM)),
        ("windowsConfiguration", machine(windowsConfiguration={"enableAutomaticUpdates": False})),
        ("windowsConfiguration", machine(windowsConfiguration={})),
        ("osFamily", {"cloudServiceConfiguration": {"osFamily": "5", "osVersion": "*"}}),
    ],
)  # fmt: skip
def test_pool_of_windows_nodes_is_refused_with_the_reason(
    desk: Desk, name: str, more: dict[str, Any]
) -> None:
    for answer in refusals(desk, POOL | more):
        assert (answer.status, answer.code) == (400, "InvalidPropertyValue")
        assert values(answer)["PropertyName"] == name
        assert "Windows" in values(answer)["Reason"]


def test_pool_of_linux_nodes_is_accepted_with_all_that_it_says_of_its_machines(desk: Desk) -> None:
    about = machine(
        osDisk={"caching": "readwrite", "managedDisk": {"storageAccountType": "premium_lrs"}},
        containerConfiguration={"type": "dockerCompatible"}, windowsConfiguration=None,
    ) | {
        "networkConfiguration": {"publicIPAddressConfiguration": {"provision": "batchmanaged"}},
        "metadata": [{"name": "subnetId", "value": SUBNET}],
    }  # fmt: skip
    assert desk.post("/pools", POOL | about).status == 201


@pytest.mark.parametrize(
    ("publisher", "offer", "status"),
    [
        ("Canonical", "UbuntuServer", 400), ("debian", "debian-12", 400),
        ("almalinux", "almalinux-x86_64", 400), ("almalinux", "almalinux-hpc", 201),
        ("microsoft-azure-batch", "centos-container", 201), ("someone", "something", 201),
    ],
)  # fmt: skip
def test_containers_need_an_image_that_can_run_them(
    desk: Desk, publisher: str, offer: str, status: int
) -> None:
    image = {"publisher": publisher, "offer": offer, "sku": "x"}
    assert desk.post("/pools", POOL | machine(imageReference=image)).status == 201
    about = machine(imageReference=image, containerConfiguration={"type": "dockerCompatible"})
    answer = desk.post("/pools", POOL | about | {"id": "q"})
    assert answer.status == status
    if status == 400:
        found = values(answer)
        assert found["PropertyName"] == "containerConfiguration"
        assert f"publisher {publisher} offer {offer} sku x" in found["Reason"]


def test_users_of_windows_are_refused(desk: Desk) -> None:
    user = {"name": "ada", "password": "x", "windowsUserConfiguration": {"loginMode": "batch"}}
    answer = desk.post("/pools", POOL | machine() | {"userAccounts": [user]})
    assert (answer.status, values(answer)["PropertyName"]) == (400, "windowsUserConfiguration")
    assert "'ada'" in values(answer)["Reason"]


def test_resize_of_a_pool_that_follows_a_formula_cannot_be_stopped(desk: Desk) -> None:
    formula = {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes = 2"}
    desk.post("/pools", {"id": "p", "vmSize": "small"} | formula)
    answer = desk.post("/pools/p/stopresize")
    assert (answer.status, answer.code) == (409, "OperationInvalidForCurrentState")
    assert "AutoScale" in values(answer)["Reason"]
    desk.post("/pools/p/disableautoscale")
    assert desk.post("/pools/p/stopresize").status == 202


def test_missing_pool_has_no_content_type(desk: Desk) -> None:
    answer = desk.ask("HEAD", "/pools/none")
    assert (answer.status, answer.raw) == (404, b"")
    assert "Content-Type" not in answer.headers


def test_empty_pool_is_changed_into_one_of_other_nodes(desk: Desk) -> None:
    desk.post("/pools", {"id": "p", "vmSize": "standard_d1_v2"})
    account = {"name": "ada", "password": "x", "elevationLevel": "admin"}
    change = {
        "vmSize": "STANDARD_D2S_V3", "enableInterNodeCommunication": True, "taskSlotsPerNode": 2,
        "taskSchedulingPolicy": {"nodeFillType": "pack", "jobDefaultOrder": "creationtime"},
        "userAccounts": [account],
    }  # fmt: skip
    assert desk.ask("PATCH", "/pools/p", change).status == 200
    shown = desk.get("/pools/p").content
    del account["password"]
    policy = {"nodeFillType": "Pack", "jobDefaultOrder": "creationtime"}
    want = change | {"vmSize": "standard_d2s_v3", "taskSchedulingPolicy": policy}
    assert {name: shown[name] for name in change} == want
    desk.post("/pools/p/resize", {"targetDedicatedNodes": 1})
    answer = desk.ask("PATCH", "/pools/p", {"taskSlotsPerNode": 1})
    assert (answer.status, answer.code) == (409, "OperationInvalidForCurrentState")
    assert "taskSlotsPerNode" in values(answer)["Reason"]
    assert desk.get("/pools/p").content["taskSlotsPerNode"] == 2


ADMIN = {"autoUser": {"elevationLevel": "Admin", "scope": "pool"}}
JOE = {"userAccounts": [{"name": "joe", "password": "x", "elevationLevel": "admin"}]}


def start(identity: dict[str, Any]) -> dict[str, Any]:
    return {"startTask": {"commandLine": "apt-get install x", "userIdentity": identity}}


@pytest.mark.parametrize("about", [start(ADMIN), JOE | start({"username": "joe"})])
def test_service_of_root_refuses_start_tasks_that_are_elevated(about: dict[str, Any]) -> None:
    with bl.SimulatedLab() as lab:
        desk = Desk(lab, allow_elevated=False)
        for answer in refusals(desk, POOL | about):
            assert answer.status == 409
            assert "--allow-elevated" in values(answer)["Reason"]
        plain = start({"autoUser": {"elevationLevel": "nonadmin", "scope": "pool"}})
        assert desk.post("/pools", POOL | JOE | plain).status == 201
        for identity in (ADMIN, {"username": "joe"}):
            answer = desk.ask("PATCH", "/pools/p", start(identity))
            assert (answer.status, answer.code) == (409, "OperationInvalidForCurrentState")
            whole = {"certificateReferences": [], "applicationPackageReferences": [],
                     "metadata": []}  # fmt: skip
            answer = desk.post("/pools/p/updateproperties", whole | start(identity))
            assert answer.status == 409
        assert lab.pools["p"].start_task.user_identity.auto_user.elevation_level == "nonadmin"
        assert Desk(lab).ask("PATCH", "/pools/p", start(ADMIN)).status == 200
