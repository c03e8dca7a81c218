"""What a task tells of a command that was never launched, for each reason there can be."""

from __future__ import annotations

import pytest

import batchlab as bl

USER = ("BlobAccessDenied", "BlobNotFound", "CommandLaunchFailed", "CommandProgramNotFound")
SERVER = (
    "BlobDownloadMiscError", "BlobDownloadTimedOut", "DiskFull", "ResourceDirectoryCreateFailed",
    "ResourceFileCreateFailed", "ResourceFileWriteFailed", "Unknown",
)  # fmt: skip


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
