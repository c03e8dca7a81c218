"""Task slots of a job's tasks, counted by the state of the tasks."""

from __future__ import annotations

from batchlab.core.model.values import TaskCounts
from batchlab.core.state.phases import TaskCompleted
from batchlab.core.state.records import JobRecord


def count_slots(job: JobRecord) -> TaskCounts:
    """Count the slots that the tasks of a job need, use or used."""
    slots = {"active": 0, "running": 0, "succeeded": 0, "failed": 0}
    for task in job.tasks.values():
        state = task.phase.state
        if isinstance(task.phase, TaskCompleted):
            state = "failed" if task.phase.failure else "succeeded"
        slots["running" if state == "preparing" else state] += task.slots
    return TaskCounts(completed=slots["succeeded"] + slots["failed"], **slots)
