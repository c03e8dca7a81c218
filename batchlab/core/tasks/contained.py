"""The container of a run: from what its task and its pool say, and whether its node runs any.

In Azure, a task with container settings is accepted whatever its pool is, and fails when it starts
if that pool runs no containers. A task without them runs on the node itself, in every pool.
"""

from __future__ import annotations

import msgspec

from batchlab.core.messages.outputs import NOT_CONFIGURED, StartRun, no_containers
from batchlab.core.model import TaskContainerSettings
from batchlab.core.model.common import ENTRY_POINT
from batchlab.core.state.records import NodeRecord

__all__ = ["contained"]


def contained(
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
