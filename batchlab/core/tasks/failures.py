"""Why a run failed, in the service's words."""

from __future__ import annotations

from batchlab.core.messages.facts import RunExited
from batchlab.core.model.values import FailureInfo

ENDED = FailureInfo(
    category="UserError", code="TaskEnded", message="Task Was Ended by User Request"
)


def failure_of(report: RunExited) -> FailureInfo | None:
    """Why a run failed; None if it succeeded."""
    if report.failure is not None:
        return report.failure
    if report.cancelled:
        return ENDED
    code = report.exit_code
    if code is None:
        return FailureInfo(
            category="ServerError", code="Unknown", message="The exit code is unknown"
        )
    if code == 0:
        return None
    return FailureInfo(
        category="UserError",
        code="FailureExitCode",
        message="The task exited with an exit code representing a failure",
        details={
            "Message": f"The task exited with exit code {code}",
            "FailureExitCode": str(code),
        },
    )
