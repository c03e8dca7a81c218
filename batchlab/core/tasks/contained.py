"""The container and the user of a run: what its task, pool and node say, and what there was.

In Azure, a task with container settings is accepted whatever its pool is, and fails when it starts
if that pool runs no containers. A task without them runs on the node itself, in every pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from batchlab.core.account import users
from batchlab.core.messages.facts import RunContained
from batchlab.core.messages.outputs import NOT_CONFIGURED, StartRun, no_containers
from batchlab.core.model import TaskContainerExecutionInfo, TaskContainerSettings, UserIdentity
from batchlab.core.model.common import ENTRY_POINT
from batchlab.core.state.records import NodeRecord, RunRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

__all__ = ["as_specified", "note", "run_contained"]


class _Specified(Protocol):
    """A task of any kind."""

    @property
    def container_settings(self) -> TaskContainerSettings | None: ...
    @property
    def user_identity(self) -> UserIdentity | None: ...


def as_specified(start_run: StartRun, node: NodeRecord, spec: _Specified) -> StartRun:
    """Give a run its container and its user, or its failure if its node has none such."""
    start_run = _contained(start_run, node, spec.container_settings)
    if spec.user_identity is None:
        return start_run
    return users.run_as(start_run, node, spec.user_identity)


def _contained(
    start_run: StartRun, node: NodeRecord, settings: TaskContainerSettings | None
) -> StartRun:
    """Let a run have its container, or fail if its node runs none."""
    if settings is None and start_run.command_line != ENTRY_POINT:
        return start_run
    pool = node.pool.spec.containers
    reason = NOT_CONFIGURED if pool is None else node.no_containers
    if settings is None or pool is None or reason:
        return msgspec.structs.replace(
            start_run, failure=start_run.failure or no_containers(reason)
        )
    if settings.registry is None and (registry := pool.registry_of(settings.image_name)):
        settings = msgspec.structs.replace(settings, registry=registry)
    return msgspec.structs.replace(start_run, container=settings)


def run_contained(state: State, report: RunContained) -> None:
    """A command of a run has begun in a container."""
    run = state.runs.get(report.run_id)
    if run is None:
        state.dropped += 1
    else:
        note(run, report.container)


def note(run: RunRecord, container: TaskContainerExecutionInfo | None) -> None:
    """Let a run, and what it is a run of, have this container; a task has that of its primary."""
    run.container = container
    if run.subtask is not None:
        run.subtask.container_info = container
    if run.task is not None and (run.subtask is None or not run.subtask.number):
        run.task.container_info = container
