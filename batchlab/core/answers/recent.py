"""The last tasks of nodes, as they are shown."""

from __future__ import annotations

from batchlab.core.model.moments import maybe, moment
from batchlab.core.model.values import RecentTask
from batchlab.core.state.recent import RECENT, CompletedRun
from batchlab.core.state.records import NodeRecord


def recent_tasks(node: NodeRecord) -> tuple[RecentTask, ...]:
    """The last tasks that have completed on a node, oldest first."""
    return (*node.recent, *map(_view, node.completed))[-RECENT:]


def _view(run: CompletedRun) -> RecentTask:
    failure = run.done.failure
    return RecentTask(
        job_id=run.job_id,
        task_id=run.task_id,
        start_time=maybe(run.started),
        end_time=moment(run.done.since),
        exit_code=run.done.exit_code,
        failure_info=failure,
        result="failure" if failure else "success",
        retry_count=run.retry_count,
        last_retry_time=maybe(run.last_retry),
        requeue_count=run.requeue_count,
        last_requeue_time=maybe(run.last_requeue),
    )
