"""What each input is handled by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from batchlab.core.account import applications, certificates
from batchlab.core.jobs import jobs, schedules
from batchlab.core.messages import inputs
from batchlab.core.nodes import lifecycle, nodes
from batchlab.core.pools import autoscaling, metrics, pools, properties
from batchlab.core.state.revisions import revising
from batchlab.core.tasks import multi_instance, runs, tasks

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def _deadline_reached(state: State, report: inputs.DeadlineReached) -> None:
    while action := state.deadlines.due(state.now):
        action()


def _lab_closing(state: State, report: inputs.LabClosing) -> None:
    state.closing = True


def _run_exited(state: State, report: inputs.RunExited) -> None:
    run = state.runs.get(report.run_id)
    if run is None:
        state.dropped += 1
        return
    state.end_run(run)
    if run.kind == "task":
        runs.run_exited(state, run, report)
    else:
        lifecycle.node_task_exited(state, run, report)
    state.touch_node(run.node)


HANDLERS: dict[type[inputs.Input], Callable[[State, Any], None]] = {
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
    inputs.NodeAllocated: lifecycle.node_allocated,
    inputs.NodeStarted: lifecycle.node_started,
    inputs.NodeLost: lifecycle.node_lost,
    inputs.NodeStopped: lifecycle.node_stopped,
    inputs.NodeStartFailed: lifecycle.node_start_failed,
    inputs.RunCoordinated: multi_instance.run_coordinated,
    inputs.NodesMeasured: metrics.nodes_measured,
    inputs.RunExited: _run_exited,
    inputs.DeadlineReached: _deadline_reached,
    inputs.LabClosing: _lab_closing,
}
"""What handles each input; a test compares the keys with `inputs.REQUESTS` and `REPORTS`."""
