"""What happened to a command that failed: the reason in words, where, when, after how long.

The same words serve tasks, subtasks, and start, preparation and release tasks. The command's own
output is on its node: `batchlab.handles.explanation` adds its end.
"""

from __future__ import annotations

import signal

from batchlab.core.answers.reasons import Reason
from batchlab.core.model.moments import moment
from batchlab.core.model.values import FailureInfo, reason_of
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord, NodeTaskRecord, SubtaskRecord, TaskRecord
from batchlab.core.state.states import JOB
from batchlab.words import node_name, plural, span_text

__all__ = ["explain_ended", "explain_node_tasks", "node_task_failure", "what_happened"]

NAMED = {"starttask": "start", "jobpreparation": "job preparation", "jobrelease": "job release"}
SHOWN = 3
"""How many failed subtasks or nodes are named."""

_EXITS = {
    126: "its shell found a program that it may not execute",
    127: "its shell did not find a program",
}
_CURES = {
    "TimedOut": "give it more time: task.update(constraints=...)",
    "CommandProgramNotFound": "install the program with a start task, a resource file or an "
    "application package, or create the task again with another command_line",
    "BlobNotFound": "upload the resource file, or correct its address in a new task",
    "BlobAccessDenied": "give the resource file an address with a SAS or an identity",
    "BlobDownloadTimedOut": "check that the node can reach the address of the resource file",
    "BlobDownloadMiscError": "check that the node can reach the address of the resource file",
}
_OUTPUT = "look at task.stderr, task.stdout and task.files; once it is fixed"
_KILLED = "the usual cause is that the machine ran out of memory"


def what_happened(exit_code: int | None, failure: FailureInfo) -> str:
    """Why a command failed, as a clause: the meaning of its exit code or of its failure code."""
    code = reason_of(failure)
    if code == "FailureExitCode" and exit_code is not None:
        meaning = _meaning(exit_code)
        return f"exited with code {exit_code}" + (f" ({meaning})" if meaning else "")
    if code == "TaskEnded":
        return "was ended on request (TaskEnded)"
    if code == "TimedOut":
        about = failure.message.removeprefix("The task ").rstrip(".")
        return f"{about} (TimedOut)"
    detail = failure.details.get("Message", "")
    about = failure.message + (f": {detail}" if detail and detail != failure.message else "")
    return f"failed with {failure.code}: {about}".rstrip(": .")


def _meaning(exit_code: int) -> str:
    """What a shell or the operating system says with an exit code; empty if only the program."""
    if exit_code in _EXITS:
        return _EXITS[exit_code]
    number = -exit_code if exit_code < 0 else exit_code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return ""
    return f"killed by signal {name}" + (f"; {_KILLED}" if name == "SIGKILL" else "")


def explain_ended(task: TaskRecord, who: str = "The task") -> list[Reason]:
    """What happened to a completed task that failed; empty for any other."""
    done = task.phase
    if not isinstance(done, phases.TaskCompleted) or done.failure is None:
        return []
    what = what_happened(done.exit_code, done.failure)
    if task.started is None:
        where = f"at {moment(done.since):%H:%M:%S}, before it had started on a node"
    else:
        where = _where(task.node, task.started, done.since)
    text = f"{who} {what}, {where}.{_retries(task)}{_subtasks(task)}"
    again = task.job.phase.state in JOB.group("going") + JOB.group("held")
    cure = "task.reactivate() runs it again" if again else "create it again in an active job"
    code = reason_of(done.failure)
    if code in _CURES:
        cure = f"{_CURES[code]}; then {cure}"
    elif code != "TaskEnded":
        first = _OUTPUT if task.started is not None else "fix what the message names; then"
        cure = f"{first}, {cure}" if task.started is not None else f"{first} {cure}"
    return [Reason(code=code, text=text, lasting=True, remedy=cure)]


def _where(node: NodeRecord | None, started: float, ended: float) -> str:
    on = f"on {node_name(node.id)} of pool {node.pool.spec.id!r}, " if node else ""
    return f"{on}at {moment(ended):%H:%M:%S} after {span_text(max(0.0, ended - started))}"


def _retries(task: TaskRecord) -> str:
    count = task.retry_count
    parts = []
    if count:
        last = ", and no retries are left" if count == task.retries else ""
        parts.append(f" It had run {plural(count + 1, 'time')}{last}.")
    if task.requeue_count:
        parts.append(f" It had been queued again {plural(task.requeue_count, 'time')}.")
    return "".join(parts)


def _subtasks(task: TaskRecord) -> str:
    failed = [one for one in (task.instances.subtasks if task.instances else []) if _failure(one)]
    named = [one for one in failed if one.number]
    told = "".join(
        f" Subtask {one.number} on {node_name(one.node.id)} {_of_subtask(one)}."
        for one in named[:SHOWN]
    )
    rest = len(named) - SHOWN
    return told + (f" {plural(rest, 'other subtask')} failed, too." if rest > 0 else "")


def _failure(subtask: SubtaskRecord) -> FailureInfo | None:
    phase = subtask.phase
    return phase.failure if isinstance(phase, phases.TaskCompleted) else None


def _of_subtask(subtask: SubtaskRecord) -> str:
    phase = subtask.phase
    assert isinstance(phase, phases.TaskCompleted)
    assert phase.failure is not None
    return what_happened(phase.exit_code, phase.failure)


def node_task_failure(node_task: NodeTaskRecord | None) -> phases.NodeTaskDone | None:
    """How a start, preparation or release task ended, if it failed."""
    phase = node_task.phase if node_task else None
    return phase if isinstance(phase, phases.NodeTaskDone) and phase.failure else None


def explain_node_tasks(node_tasks: list[NodeTaskRecord], remedy: str) -> list[Reason]:
    """What happened to node tasks of one kind: a reason for each way in which they failed."""
    groups: dict[str, list[NodeTaskRecord]] = {}
    for node_task in node_tasks:
        if done := node_task_failure(node_task):
            assert done.failure is not None
            what = what_happened(done.exit_code, done.failure)
            groups.setdefault(what, []).append(node_task)
    reasons = []
    for what, alike in groups.items():
        first = node_task_failure(alike[0])
        assert first is not None
        assert first.failure is not None
        where = _where(alike[0].node, first.started, first.since)
        tries = alike[0].retry_count
        retried = f" It had run {plural(tries + 1, 'time')}." if tries else ""
        others = len(alike) - 1
        more = f" So it did on {plural(others, 'other node')}." if others else ""
        text = f"The {NAMED[alike[0].kind]} task {what}, {where}.{retried}{more}"
        reasons.append(Reason(code=reason_of(first.failure), text=text, lasting=True,
                              remedy=remedy))  # fmt: skip
    return reasons
