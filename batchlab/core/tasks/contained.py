"""The container and the user of a run: from what its task says, its pool, and its node.

In Azure, a task with container settings is accepted whatever its pool is, and fails when it starts
if that pool runs no containers. A task without them runs on the node itself, in every pool.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from batchlab.core.account import users
from batchlab.core.messages.outputs import NOT_CONFIGURED, StartRun, no_containers
from batchlab.core.model import TaskContainerSettings, UserIdentity
from batchlab.core.model.common import ENTRY_POINT
from batchlab.core.state.records import NodeRecord

__all__ = ["as_specified"]


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
