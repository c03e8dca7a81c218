"""A subtask of a multi-instance task: its coordination command, then, maybe, the application.

Between them it waits without end, as what the coordination command has left running does on a
real node; the world lets the primary go on when all subtasks are coordinated.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from batchlab.core.messages.outputs import StartRun
from batchlab.drivers.simulated.shell import Steps

__all__ = ["subtask_steps"]


def subtask_steps(
    run: StartRun, launch: Callable[[StartRun], Steps], coordinated: Callable[[], None]
) -> Steps:
    """What the run of a subtask does.

    Parameters
    ----------
    run : StartRun
        With a `coordination`.
    launch : callable
        Begins one command of the run.
    coordinated : callable
        Called when the coordination command has returned 0.
    """
    coordination = run.coordination
    assert coordination is not None
    code = yield from launch(msgspec.structs.replace(run, command_line=coordination.command_line))
    if code:
        return code
    coordinated()
    yield float("inf")
    return (yield from launch(msgspec.structs.replace(run, coordination=None)))
