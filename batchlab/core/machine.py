"""The core: a pure state machine that reproduces the Azure Batch service.

``Core.handle(now, input) -> Step(commands, changes)`` is the only way to change it. There is no
clock, no I/O, no thread and no randomness: time is an argument, and the driver asks
`Core.next_deadline` when to call again. The same inputs give the same steps on any machine.

A request is checked completely before anything changes, and refused with a `BatchError`. A report
is a fact: if it belongs to a run or a boot that is over, it is counted in `State.dropped` and has
no effect. The consequences of an input happen in the same step: jobs whose last run has ended
continue to end, and waiting tasks take free slots.

There is a package for each aggregate: `pools` (allocation and resizing), `nodes` (boot, start
task, draining, loss), `jobs` (with preparation and release) and `tasks`, with `placement` choosing
nodes for tasks. They all change one `State`. If two rules apply, the end of the larger unit wins:
lab, pool, node, job, task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchlab.core.account import applications, certificates, kept_properties, node_users
from batchlab.core.answers import queries, waits
from batchlab.core.answers.reasons import Reason
from batchlab.core.jobs import jobs, release, schedules
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import RunKind, Step
from batchlab.core.messages.questions import Condition, Question
from batchlab.core.model.base import check
from batchlab.core.nodes import lifecycle, nodes, resuming, start_task
from batchlab.core.pools import autoscaling, metrics, pools, properties
from batchlab.core.state.records import RunRecord
from batchlab.core.state.revisions import revising
from batchlab.core.state.settings import Settings
from batchlab.core.state.state import State
from batchlab.core.tasks import (
    ahead_reports,
    contained,
    multi_instance,
    preparing,
    runs,
    tasks,
)
from batchlab.errors import Conflict

__all__ = ["Core", "Settings"]


class Core:
    """The service: its whole state, and how it reacts to each input.

    Parameters
    ----------
    settings : Settings, optional

    Attributes
    ----------
    state : State
        The whole state; only inputs change it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.state = State(settings)

    def handle(self, now: float, item: inputs.Input) -> Step:
        """Handle one input, a request or a report, at a time that never goes back.

        Raises
        ------
        BatchError
            The request is refused; nothing has changed.
        """
        state = self.state
        state.begin_step(now)
        if state.closing and not isinstance(item, facts.LabResumed):
            if isinstance(item, inputs.Request):
                raise Conflict("OperationInvalidForCurrentState", "the lab is closed")
            state.dropped += 1
        else:
            if isinstance(item, inputs.Request):
                check(item, type(item).__name__)
            HANDLERS[type(item)](state, item)
            _settle(state)
        return Step(state.commands, state.changes)

    def next_deadline(self) -> float | None:
        """When the driver must send the next `DeadlineReached`; None if there is no deadline."""
        return None if self.state.closing else self.state.deadlines.next()

    def ask(self, question: Question, now: float) -> Any:
        """Answer a question about the current state."""
        return queries.answer(self.state, question, max(now, self.state.now))

    def met(self, condition: Condition) -> bool:
        """Whether a condition holds."""
        return waits.met(self.state, condition)

    def hopeless(self, condition: Condition) -> list[Reason]:
        """Why a condition can never become true without help; empty if it may."""
        return waits.hopeless(self.state, condition)


# -- what handles each input ---------------------------------------------------------------


def _deadline_reached(state: State, report: facts.DeadlineReached) -> None:
    while action := state.deadlines.due(state.now):
        action()


def _lab_closing(state: State, report: facts.LabClosing) -> None:
    state.closing = True


def _run_exited(state: State, report: facts.RunExited) -> None:
    run = state.runs.get(report.run_id)
    then = None if report.then is None else ahead_reports.leave(state, report.then)
    if run is None:
        state.dropped += 1
    else:
        state.end_run(run)
        _EXITED[run.kind](state, run, report)
        state.touch_node(run.node)
    if then is not None:
        ahead_reports.begin(state, then)


_EXITED: dict[RunKind, Callable[[State, RunRecord, facts.RunExited], None]] = {
    "starttask": start_task.exited,
    "jobpreparation": preparing.preparation_exited,
    "task": runs.run_exited,
    "jobrelease": release.exited,
}
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
    inputs.DeallocateNode: nodes.deallocate_node,
    inputs.StartDeallocatedNode: nodes.start_node,
    inputs.PreemptNode: nodes.preempt_node,
    inputs.MeasurePool: metrics.measure_pool,
    inputs.DisableNodeScheduling: nodes.disable_scheduling,
    inputs.EnableNodeScheduling: nodes.enable_scheduling,
    inputs.CreateNodeUser: node_users.create_node_user,
    inputs.ReplaceNodeUser: node_users.replace_node_user,
    inputs.DeleteNodeUser: node_users.delete_node_user,
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
    inputs.KeepProperties: kept_properties.keep_properties,
    facts.NodeAllocated: lifecycle.node_allocated,
    facts.NodeStarted: lifecycle.node_started,
    facts.NodeLost: lifecycle.node_lost,
    facts.NodeStopped: lifecycle.node_stopped,
    facts.NodeReleased: lifecycle.node_released,
    facts.NodeStartFailed: lifecycle.node_start_failed,
    facts.MachinesPassedOver: lifecycle.machines_passed_over,
    facts.RunCoordinated: multi_instance.run_coordinated,
    facts.RunContained: contained.run_contained,
    facts.NodesMeasured: metrics.nodes_measured,
    facts.RunExited: _run_exited,
    facts.RunStarted: ahead_reports.run_started,
    facts.TakenBack: ahead_reports.taken_back,
    facts.DepthMeasured: ahead_reports.depth_measured,
    facts.DeadlineReached: _deadline_reached,
    facts.LabClosing: _lab_closing,
    facts.LabResumed: resuming.lab_resumed,
}
"""The handler of each input; a test compares the keys with `inputs.REQUESTS` and `REPORTS`."""


# -- what follows ------------------------------------------------------------------------------


def _settle(state: State) -> None:
    """Carry out the consequences of an input, until there are none left."""
    while True:
        if state.unsettled:
            jobs.settle(state, state.unsettled.popitem()[1])
        elif state.unscheduled:
            first = next(iter(state.unscheduled))  # those due at the same moment keep their order
            schedules.settle(state, state.unscheduled.pop(first))
        elif state.unplaced:
            runs.place(state, state.unplaced.popitem()[1])
        elif state.undrained:
            nodes.settle(state, state.undrained.popitem()[1])
        else:
            return
