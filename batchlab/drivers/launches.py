"""Commands that cannot be launched: the failure in Azure's words, the same for all drivers."""

from __future__ import annotations

from batchlab.core.model.values import FailureInfo

__all__ = ["LaunchFailed", "launch_failed"]

_MESSAGES = {
    "CommandProgramNotFound": "The specified command program is not found",
    "CommandLaunchFailed": "Failed to launch the specified command line",
}


class LaunchFailed(Exception):
    """A command never ran; `failure` says why, in Azure's words."""

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.details.get("Message", failure.code))
        self.failure = failure


def launch_failed(code: str, reason: str, *, server: bool = False) -> LaunchFailed:
    """Build the error of a command that was not launched; `server` if it is not at fault."""
    return LaunchFailed(
        FailureInfo(
            category="ServerError" if server else "UserError",
            code=code,
            message=_MESSAGES.get(code, reason),
            details={"Message": reason},
        )
    )
