"""What each input is handled by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from batchlab.core import (
    applications,
    autoscaling,
    boots,
    certificates,
    inputs,
    instances,
    jobs,
    metrics,
    nodes,
    pools,
    properties,
    schedules,
    tasks,
)
from batchlab.core.revisions import revising

if TYPE_CHECKING:
    from batchlab.core.machine import Core


def _deadline_reached(core: Core, report: inputs.DeadlineReached) -> None:
    while action := core.deadlines.due(core.now):
        action()


def _lab_closing(core: Core, report: inputs.LabClosing) -> None:
    core.closing = True


def _run_exited(core: Core, report: inputs.RunExited) -> None:
    run = core.runs.get(report.run_id)
    if run is None:
        core.dropped += 1
        return
    core.end_run(run)
    if run.kind == "task":
        tasks.run_exited(core, run, report)
    else:
        boots.hook_exited(core, run, report)
    core.touch_node(run.node)


HANDLERS: dict[type[inputs.Input], Callable[[Core, Any], None]] = {
    inputs.CreatePool: pools.create_pool,
    inputs.UpdatePool: revising(properties.update_pool),
    inputs.ReplacePoolProperties: revising(properties.replace_properties),
    inputs.ResizePool: revising(pools.resize_pool),
    inputs.EnableAutoScale: revising(autoscaling.enable_auto_scale),
    inputs.DisableAutoScale: revising(autoscaling.disable_auto_scale),
    inputs.StopPoolResize: revising(pools.stop_resize),
    inputs.DeletePool: revising(pools.delete_pool),
    inputs.RemoveNodes: revising(pools.remove_nodes),
    inputs.RebootNode: nodes.reboot_node,
    inputs.ReimageNode: nodes.reimage_node,
    inputs.PreemptNode: nodes.preempt_node,
    inputs.MeasurePool: metrics.measure_pool,
    inputs.DisableNodeScheduling: nodes.disable_scheduling,
    inputs.EnableNodeScheduling: nodes.enable_scheduling,
    inputs.CreateJob: jobs.create_job,
    inputs.UpdateJob: revising(jobs.update_job),
    inputs.DisableJob: revising(jobs.disable_job),
    inputs.EnableJob: revising(jobs.enable_job),
    inputs.TerminateJob: revising(jobs.terminate_job),
    inputs.DeleteJob: revising(jobs.delete_job),
    inputs.CreateJobSchedule: schedules.create_job_schedule,
    inputs.UpdateJobSchedule: revising(schedules.update_job_schedule),
    inputs.DisableJobSchedule: revising(schedules.disable_job_schedule),
    inputs.EnableJobSchedule: revising(schedules.enable_job_schedule),
    inputs.TerminateJobSchedule: revising(schedules.terminate_job_schedule),
    inputs.DeleteJobSchedule: revising(schedules.delete_job_schedule),
    inputs.CreateTasks: tasks.create_tasks,
    inputs.UpdateTask: revising(tasks.update_task),
    inputs.TerminateTask: tasks.terminate_task,
    inputs.ReactivateTask: tasks.reactivate_task,
    inputs.DeleteTask: tasks.delete_task,
    inputs.CreateApplication: applications.create_application,
    inputs.UpdateApplication: applications.update_application,
    inputs.DeleteApplication: applications.delete_application,
    inputs.CreateApplicationPackage: applications.create_package,
    inputs.DeleteApplicationPackage: applications.delete_package,
    inputs.CreateCertificate: certificates.create_certificate,
    inputs.DeleteCertificate: certificates.delete_certificate,
    inputs.CancelCertificateDeletion: certificates.cancel_deletion,
    inputs.NodeAllocated: boots.node_allocated,
    inputs.NodeStarted: boots.node_started,
    inputs.NodeLost: boots.node_lost,
    inputs.NodeStopped: boots.node_stopped,
    inputs.NodeStartFailed: boots.node_start_failed,
    inputs.RunCoordinated: instances.run_coordinated,
    inputs.NodesMeasured: metrics.nodes_measured,
    inputs.RunExited: _run_exited,
    inputs.DeadlineReached: _deadline_reached,
    inputs.LabClosing: _lab_closing,
}
"""What handles each input; a test compares the keys with `inputs.REQUESTS` and `REPORTS`."""
