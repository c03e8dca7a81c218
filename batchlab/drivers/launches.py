"""Commands that cannot be launched: the failure in Azure's words, the same for all drivers."""

from __future__ import annotations

import errno

from batchlab.core.model.values import FailureInfo

__all__ = ["LaunchFailed", "is_exhausted", "launch_failed"]

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)

_MESSAGES = {
    "CommandProgramNotFound": "The specified command program is not found",
    "CommandLaunchFailed": "Failed to launch the specified command line",
}


class LaunchFailed(Exception):
    """A command never ran; `failure` says why, in Azure's words.

    `exhausted` means that the node had no process, file or memory left for it: later it may have.
    """

    def __init__(self, failure: FailureInfo, *, exhausted: bool = False) -> None:
        super().__init__(failure.details.get("Message", failure.code))
        self.failure = failure
        self.exhausted = exhausted


def is_exhausted(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that the node has run out of something."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def launch_failed(
    code: str, reason: str, *, server: bool = False, exhausted: bool = False
) -> LaunchFailed:
    """Build the error of a command that was not launched; `server` if it is not at fault."""
    return LaunchFailed(
        FailureInfo(
            category="ServerError" if server else "UserError",
            code=code,
            message=_MESSAGES.get(code, reason),
            details={"Message": reason},
        ),
        exhausted=exhausted,
    )
