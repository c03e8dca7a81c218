"""The quick start of the SDK's documentation: data goes to nodes, and back, by signed URLs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from azure.batch import models as m
from azure.batch.models import _models
from azure.core.exceptions import ResourceNotFoundError

import batchlab as bl
from helpers import storage_servers
from helpers.rest import POLLING
from helpers.waiting import until


class Store(NamedTuple):
    """Azurite, and how the quick start signs for what is there."""

    service: Any

    def container(self, name: str) -> Any:
        return self.service.create_container(name)

    def signed(self, container: Any, rights: str = "racwl", hours: float = 1.0) -> str:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        token = generate_container_sas(
            storage_servers.ACCOUNT, container.container_name, account_key=storage_servers.KEY,
            permission=ContainerSasPermissions.from_string(rights),
            expiry=datetime.now(UTC) + timedelta(hours=hours),
        )  # fmt: skip
        return f"{container.url}?{token}"

    def signed_blob(self, blob: Any, hours: float = 1.0) -> str:
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        token = generate_blob_sas(
            storage_servers.ACCOUNT, blob.container_name, blob.blob_name,
            account_key=storage_servers.KEY, permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(hours=hours),
        )  # fmt: skip
        return f"{blob.url}?{token}"


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    from azure.storage.blob import BlobServiceClient

    with storage_servers.azure() as server:
        text = server.options["connection_string"]
        with BlobServiceClient.from_connection_string(text) as service:
            yield Store(service)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with bl.Lab() as lab, lab.serve() as endpoint, endpoint.client() as client:
        yield client


@pytest.fixture(scope="module")
def pool(client: Any) -> str:
    client.create_pool(m.BatchPoolCreateOptions(
        id="p", vm_size="STANDARD_D2S_V3", target_dedicated_nodes=2, task_slots_per_node=2,
        virtual_machine_configuration=m.VirtualMachineConfiguration(
            image_reference=m.BatchVmImageReference(
                publisher="canonical", offer="ubuntu-24_04-lts", sku="server", version="latest"
            ),
            node_agent_sku_id="batch.node.ubuntu 24.04",
        ),
    ))  # fmt: skip
    return "p"


def run(client: Any, job_id: str, *tasks: Any) -> list[Any]:
    """Have a job of its own do tasks; return them as they ended."""
    client.create_job(m.BatchJobCreateOptions(id=job_id, pool_info=m.BatchPoolInfo(pool_id="p")))
    client.create_tasks(job_id, list(tasks))
    until(lambda: {task.state for task in client.list_tasks(job_id)} == {"completed"})
    return [client.get_task(job_id, task.id) for task in tasks]


def collect(url: str, pattern: str, path: str | None = None) -> Any:
    return m.OutputFile(
        file_pattern=pattern,
        destination=m.OutputFileDestination(
            container=m.OutputFileBlobContainerDestination(container_url=url, path=path)
        ),
        upload_options=m.OutputFileUploadConfiguration(
            upload_condition=m.OutputFileUploadCondition.TASK_COMPLETION
        ),
    )


def test_quick_start_files_go_to_tasks_and_results_come_back(
    store: Store, client: Any, pool: str
) -> None:
    inputs, outputs = store.container("quick-input"), store.container("quick-output")
    names = [f"taskdata{n}.txt" for n in range(3)]
    files = []
    for name in names:
        blob = inputs.upload_blob(name, f"Batch processing began with {name}\n".encode())
        files.append(m.ResourceFile(http_url=store.signed_blob(blob), file_path=name))
    tasks = [
        m.BatchTaskCreateOptions(
            id=f"Task{n}", command_line=f"/bin/bash -c \"cat {name} && tr a-z A-Z < {name} > up\"",
            resource_files=[file],
            output_files=[
                collect(store.signed(outputs), "up", f"{name}/up"),
                collect(store.signed(outputs, "w"), "../std*.txt", name),
            ],
        )
        for n, (name, file) in enumerate(zip(names, files, strict=True))
    ]  # fmt: skip
    for number, task in enumerate(run(client, "quick", *tasks)):
        assert (task.execution_info.exit_code, task.execution_info.failure_info) == (0, None)
        assert task.resource_files[0].http_url == files[number].http_url
        name, text = names[number], f"Batch processing began with {names[number]}\n".encode()
        assert b"".join(client.download_task_file("quick", task.id, "stdout.txt")) == text
        assert outputs.download_blob(f"{name}/stdout.txt").readall() == text
        assert outputs.download_blob(f"{name}/up").readall() == text.upper()
    assert len(list(outputs.list_blobs())) == 9
    client.begin_delete_job("quick", **POLLING).result()
    with pytest.raises(ResourceNotFoundError):
        client.get_job("quick")


def test_container_by_its_signed_address_its_blobs_are_there(
    store: Store, client: Any, pool: str
) -> None:
    inputs = store.container("tree-input")
    for name in ("data/a.txt", "data/deep/b c+é.txt", "other.txt"):
        inputs.upload_blob(name, name.encode())
    where = store.signed(inputs, "rl")
    nothing = store.signed(store.container("no-input"), "rl")
    whole, part, empty = run(
        client, "trees",
        m.BatchTaskCreateOptions(
            id="whole", command_line="/bin/sh -c 'cat in/data/a.txt in/other.txt'",
            resource_files=[m.ResourceFile(storage_container_url=where, file_path="in")],
        ),
        m.BatchTaskCreateOptions(
            id="part", command_line="/bin/sh -c 'find . -type f | sort; cat data/deep/b*'",
            resource_files=[m.ResourceFile(storage_container_url=where, blob_prefix="data/")],
        ),
        m.BatchTaskCreateOptions(
            id="empty", command_line="/bin/sh -c 'find . -type f'",
            resource_files=[
                m.ResourceFile(storage_container_url=where, blob_prefix="none/"),
                m.ResourceFile(storage_container_url=nothing),
            ],
        ),
    )  # fmt: skip
    assert [task.execution_info.exit_code for task in (whole, part, empty)] == [0, 0, 0]
    said = {name: client.download_task_file("trees", name, "stdout.txt")
            for name in ("whole", "part", "empty")}  # fmt: skip
    assert {name: b"".join(text).decode() for name, text in said.items()} == {
        "whole": "data/a.txtother.txt",
        "part": "./data/a.txt\n./data/deep/b c+é.txt\ndata/deep/b c+é.txt",
        "empty": "",
    }


@pytest.mark.parametrize("kind", ["blob", "container"])
def test_signature_that_has_run_out_the_task_fails_as_at_azure(
    store: Store, client: Any, pool: str, kind: str
) -> None:
    inputs = store.container(f"late-{kind}")
    blob = inputs.upload_blob("a.txt", b"a")
    file = (
        m.ResourceFile(http_url=store.signed_blob(blob, -1.0), file_path="a.txt")
        if kind == "blob"
        else m.ResourceFile(storage_container_url=store.signed(inputs, "rl", -1.0))
    )
    (task,) = run(
        client, f"late-{kind}",
        m.BatchTaskCreateOptions(id="t", command_line="true", resource_files=[file]),
    )  # fmt: skip
    assert task.execution_info.failure_info.code == "BlobAccessDenied"
    assert task.execution_info.exit_code is None


@pytest.mark.parametrize("kind", ["blob", "container"])
def test_blob_that_is_not_there_the_task_fails_as_at_azure(
    store: Store, client: Any, pool: str, kind: str
) -> None:
    inputs = store.container(f"gone-{kind}")
    if kind == "blob":
        blob = inputs.get_blob_client("none.txt")
        file = m.ResourceFile(http_url=store.signed_blob(blob), file_path="none.txt")
    else:
        file = m.ResourceFile(storage_container_url=store.signed(inputs, "rl"))
        inputs.delete_container()
    (task,) = run(
        client, f"gone-{kind}",
        m.BatchTaskCreateOptions(id="t", command_line="true", resource_files=[file]),
    )  # fmt: skip
    assert task.execution_info.failure_info.code == "BlobNotFound"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("late", "FileUploadAccessDenied"), ("readable", "FileUploadAccessDenied"),
     ("gone", "FileUploadContainerNotFound")],
)  # fmt: skip
def test_container_that_cannot_be_written_to_the_upload_fails_as_at_azure(
    store: Store, client: Any, pool: str, kind: str, code: str
) -> None:
    outputs = store.container(f"out-{kind}")
    rights, hours = ("rl", 1.0) if kind == "readable" else ("racwl", -1.0 if kind == "late" else 1)
    url = store.signed(outputs, rights, hours)
    if kind == "gone":
        outputs.delete_container()
    (task,) = run(
        client, f"out-{kind}",
        m.BatchTaskCreateOptions(
            id="t", command_line="/bin/sh -c 'echo hi'",
            output_files=[collect(url, "../stdout.txt")],
        ),
    )  # fmt: skip
    assert task.execution_info.exit_code == 0
    assert task.execution_info.result == "failure"
    assert task.execution_info.failure_info.code == code


def test_what_a_job_needs_once_comes_with_its_preparation(
    store: Store, client: Any, pool: str
) -> None:
    common = store.container("common")
    blob = common.upload_blob("reference.txt", b"reference")
    file = m.ResourceFile(http_url=store.signed_blob(blob), file_path="reference.txt")
    client.create_job(m.BatchJobCreateOptions(
        id="hooks", pool_info=m.BatchPoolInfo(pool_id=pool),
        job_preparation_task=m.BatchJobPreparationTask(
            command_line="/bin/sh -c 'cp reference.txt $AZ_BATCH_NODE_SHARED_DIR'",
            resource_files=[file],
        ),
        job_release_task=m.BatchJobReleaseTask(
            command_line="/bin/sh -c 'rm $AZ_BATCH_NODE_SHARED_DIR/reference.txt'"
        ),
    ))  # fmt: skip
    client.create_task("hooks", m.BatchTaskCreateOptions(
        id="t", command_line="/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/reference.txt'"
    ))  # fmt: skip
    until(lambda: client.get_task("hooks", "t").state == "completed")
    assert b"".join(client.download_task_file("hooks", "t", "stdout.txt")) == b"reference"
    options = _models.BatchJobTerminateOptions(termination_reason="done")
    client.begin_terminate_job("hooks", options=options, **POLLING).result()
    until(lambda: client.get_job("hooks").state == "completed")
    (row,) = client.list_job_preparation_and_release_task_status("hooks")
    assert row.job_release_task_execution_info.exit_code == 0
