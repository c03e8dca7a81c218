"""The command that starts a run of a task on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.account import applications
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import RunId
from batchlab.core.state.records import NodeRecord, TaskRecord
from batchlab.core.tasks.contained import as_specified

if TYPE_CHECKING:
    from batchlab.core.state.state import State

__all__ = ["start_run_of"]


def start_run_of(
    state: State, task: TaskRecord, run_id: RunId, node: NodeRecord, *, ahead: bool = False
) -> StartRun:
    """The command for this run of a task."""
    job, spec = task.job, task.spec
    limit, preparation = task.constraints.max_wall_clock_time, job.spec.job_preparation_task
    start_run = StartRun(
        run_id=run_id,
        kind="task",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory=task.directory,
        environment={**job.spec.common_environment_settings, **spec.environment_settings},
        resource_files=spec.resource_files,
        output_files=spec.output_files,
        time_limit_s=limit.total_seconds() if limit else None,
        preparation_directory=f"{job.directory}/{preparation.id}" if preparation else None,
        network=node.network,
        ahead=ahead,
    )
    start_run = as_specified(start_run, node, spec)
    if spec.application_package_references:
        packages = applications.wanted(state, spec.application_package_references)
        start_run = msgspec.structs.replace(start_run, application_packages=packages)
    return start_run
