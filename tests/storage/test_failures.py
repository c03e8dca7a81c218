"""What a task tells of a command that was never launched, for each reason there can be."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab.core.model import OutputFile
from batchlab.handles.storage import translate_storage_errors
from batchlab.storage.downloads import download_failure
from batchlab.storage.faults import StorageFailed
from batchlab.storage.uploads import Upload

USER = ("BlobAccessDenied", "BlobNotFound", "CommandLaunchFailed", "CommandProgramNotFound")
SERVER = (
    "BlobDownloadMiscError", "BlobDownloadTimedOut", "DiskFull", "ResourceDirectoryCreateFailed",
    "ResourceFileCreateFailed", "ResourceFileWriteFailed", "Unknown",
)  # fmt: skip


@pytest.mark.code(
    "BlobDownloadTimedOut",
    "ResourceDirectoryCreateFailed",
    "ResourceFileCreateFailed",
    "ResourceFileWriteFailed",
)
@pytest.mark.parametrize("code", USER + SERVER)
def test_failure_of_a_simulated_command_is_its_task_s(code: str) -> None:
    workload = bl.Workload(rules={"broken": bl.Behavior(failure=code)})
    with bl.SimulatedLab(boot="1s", workload=workload) as lab:
        lab.create_pool("p", target_dedicated_nodes=1)
        constraints = bl.TaskConstraints(max_task_retry_count=5)
        task = lab.create_job("j", "p").create_task("t", "broken", constraints=constraints)
        task.wait()
        failure = task.failure_info
        assert failure is not None
        assert failure.code == code
        assert failure.category == ("ServerError" if code in SERVER else "UserError")
        assert (task.exit_code, task.retry_count, task.result) == (None, 0, "failure")


def test_failure_that_a_command_cannot_have_is_refused() -> None:
    with pytest.raises(bl.InvalidRequest, match="failure"):
        bl.Behavior(failure="FailureExitCode")


class Refusing:
    """A store that refuses everything for one reason."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def resolve(self, url: str) -> Any:
        raise StorageFailed(self.kind, f"{url} is refused")


@pytest.mark.code("FileUploadAccessDenied", "FileUploadTimedOut")
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("container", "FileUploadContainerNotFound"),
        ("denied", "FileUploadAccessDenied"),
        ("timeout", "FileUploadTimedOut"),
        ("blob", "FileUploadMiscError"),
        ("other", "FileUploadMiscError"),
    ],
)
def test_upload_that_the_store_refuses_says_what_it_was(kind: str, code: str) -> None:
    notes: list[tuple[str, str]] = []
    store: Any = Refusing(kind)
    disk: Any = None  # nothing is looked at
    upload = Upload(store, disk, "/wd", {}, lambda *note: notes.append(note))
    destination = bl.OutputFileDestination(
        container=bl.OutputFileBlobContainerDestination(container_url="results")
    )
    output = OutputFile(
        file_pattern="*.txt", destination=destination,
        upload_options=bl.OutputFileUploadConfiguration(upload_condition="taskcompletion"),
    )  # fmt: skip
    failure = upload.run([output])
    assert failure is not None
    assert (failure.code, failure.category) == (code, "UserError")
    assert failure.details["FilePattern"] == "*.txt"
    assert "is refused" in failure.details["Message"]
    assert notes == [("fileuploaderr.txt", "*.txt: results is refused")]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("container", "BlobNotFound"),
        ("blob", "BlobNotFound"),
        ("denied", "BlobAccessDenied"),
        ("timeout", "BlobDownloadTimedOut"),
        ("other", "BlobDownloadMiscError"),
    ],
)
def test_download_that_the_store_refuses_is_whose_fault_azure_says(kind: Any, code: str) -> None:
    failure = download_failure(
        bl.ResourceFile(http_url="/a/b", file_path="b"), StorageFailed(kind, "why")
    )
    category = "ServerError" if code in SERVER else "UserError"
    assert (failure.code, failure.category) == (code, category)


@pytest.mark.code("BlobNotFound", "AuthorizationFailure")
@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("container", "ContainerNotFound", 404),
        ("blob", "BlobNotFound", 404),
        ("denied", "AuthorizationFailure", 403),
        ("timeout", "OperationTimedOut", 503),
        ("other", "OperationInvalidForCurrentState", 409),
    ],
)
def test_refusal_of_the_store_is_told_in_azures_words(kind: Any, code: str, status: int) -> None:
    with pytest.raises(bl.BatchError) as refused, translate_storage_errors():
        raise StorageFailed(kind, "why")
    assert (refused.value.code, refused.value.status) == (code, status)
    assert "why" in refused.value.message
