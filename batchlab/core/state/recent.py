"""What a node remembers of the tasks that have completed on it."""

from __future__ import annotations

import msgspec

from batchlab.core.state.phases import TaskCompleted

RECENT = 10
"""How many tasks that have completed on a node are remembered."""


class CompletedRun(msgspec.Struct, frozen=True, gc=False):
    """The run with which a task completed, as it was then: `answers.recent` shows it."""

    job_id: str
    task_id: str
    started: float | None
    done: TaskCompleted
    retry_count: int
    last_retry: float | None
    requeue_count: int
    last_requeue: float | None
