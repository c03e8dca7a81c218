"""Questions that do not change the core: for views, for reasons, and conditions to wait for.

`Core.ask(question)` answers with a view, `Core.met(condition)` with True or False. Both raise
`NotFound` if the resource does not exist.
"""

from __future__ import annotations

from typing import Any

import msgspec

from batchlab.core.messages.views import TaskView
from batchlab.core.model.pickling import packed


class Question(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of questions; each docstring says what the answer is."""


class ListPools(Question, frozen=True, kw_only=True):
    """-> list of PoolView, in order of creation."""


class GetPool(Question, frozen=True, kw_only=True):
    """-> PoolView"""

    pool_id: str


class EvaluateAutoScale(Question, frozen=True, kw_only=True):
    """-> AutoScaleRun: what a formula would decide for the pool now; raises `FormulaError`."""

    pool_id: str
    auto_scale_formula: str


class ListAutoScaleRuns(Question, frozen=True, kw_only=True):
    """-> list of AutoScaleRun: past evaluations, oldest first, at most 1000."""

    pool_id: str


class GetQuotas(Question, frozen=True, kw_only=True):
    """-> Quotas: those of the account."""


class GetCost(Question, frozen=True, kw_only=True):
    """-> list of CostView by VM size and kind of node, of a pool or, if empty, of all pools.

    With `node_id` only the cost of that node: one view, or none before it had a machine.
    """

    pool_id: str = ""
    node_id: str = ""


class ListKeptProperties(Question, frozen=True, kw_only=True):
    """-> list of KeepProperties, oldest first."""


class ListNodes(Question, frozen=True, kw_only=True):
    """-> list of NodeView, in order of allocation."""

    pool_id: str


class ListRecentTasks(Question, frozen=True, kw_only=True):
    """-> dict from the id of each node of a pool to its last tasks: a tuple of RecentTask."""

    pool_id: str


class GetNode(Question, frozen=True, kw_only=True):
    """-> NodeView"""

    pool_id: str
    node_id: str


class ListJobs(Question, frozen=True, kw_only=True):
    """-> list of JobView, in order of creation."""


class GetJob(Question, frozen=True, kw_only=True):
    """-> JobView"""

    job_id: str


class ListJobSchedules(Question, frozen=True, kw_only=True):
    """-> list of JobScheduleView, in order of creation."""


class GetJobSchedule(Question, frozen=True, kw_only=True):
    """-> JobScheduleView"""

    job_schedule_id: str


class ListTasks(Question, frozen=True, kw_only=True):
    """-> list of TaskView, in order of creation: one page of those in `states` (all if empty)."""

    job_id: str
    states: tuple[str, ...] = ()
    skip: int = 0
    limit: int = 1000


class PageTasks(Question, frozen=True, kw_only=True):
    """-> TaskPage: the next tasks after number `after`, in order of creation.

    `where` has pairs of a field of the view and its allowed values; for an id also patterns with
    ``*`` and ``?``. With `only_ids` the items are ids. A page may be short or empty and still not
    be the last, so that a search never blocks the service.
    """

    job_id: str
    where: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    after: int = 0
    limit: int = 1000
    only_ids: bool = False


class TaskPage(msgspec.Struct, frozen=True):
    """Views or ids of tasks; `next` is where the next page starts, None after the last one.

    `numbers` has the numbers of the tasks: a page may start after any of them.
    """

    __reduce__ = packed

    items: list[TaskView | str]
    next: int | None
    numbers: list[int] = []


class ListTaskIds(Question, frozen=True, kw_only=True):
    """-> list of str, in order of creation."""

    job_id: str


class GetTask(Question, frozen=True, kw_only=True):
    """-> TaskView"""

    job_id: str
    task_id: str


class GetTasks(Question, frozen=True, kw_only=True):
    """-> list of TaskView: those of these tasks that exist."""

    job_id: str
    task_ids: tuple[str, ...]


class CountTasks(Question, frozen=True, kw_only=True):
    """-> TaskCounts"""

    job_id: str


class CountTaskSlots(Question, frozen=True, kw_only=True):
    """-> TaskCounts, counting the slots that tasks use or need instead of the tasks."""

    job_id: str


class ListPreparations(Question, frozen=True, kw_only=True):
    """-> list of PreparationView, a row per node; Conflict if the job has no such tasks."""

    job_id: str


class ExplainTask(Question, frozen=True, kw_only=True):
    """-> list of Reason: why the task does not run now, or what happened if it failed."""

    job_id: str
    task_id: str


class ExplainJob(Question, frozen=True, kw_only=True):
    """-> list of Reason: why its tasks wait, and how many each, or why the job does not end."""

    job_id: str


class ExplainPool(Question, frozen=True, kw_only=True):
    """-> list of Reason: why it is not at its target, and why its nodes take no tasks."""

    pool_id: str


class ExplainNode(Question, frozen=True, kw_only=True):
    """-> list of Reason: why it takes no tasks, and what failed on it beside tasks."""

    pool_id: str
    node_id: str


class ExplainJobSchedule(Question, frozen=True, kw_only=True):
    """-> list of Reason: why it creates no job now."""

    job_schedule_id: str


class ListApplications(Question, frozen=True, kw_only=True):
    """-> list of ApplicationView, in order of creation."""


class GetApplication(Question, frozen=True, kw_only=True):
    """-> ApplicationView"""

    application_id: str


class ListApplicationPackages(Question, frozen=True, kw_only=True):
    """-> list of ApplicationPackageView, in order of creation."""

    application_id: str


class GetApplicationPackage(Question, frozen=True, kw_only=True):
    """-> ApplicationPackageView"""

    application_id: str
    version: str


class ListCertificates(Question, frozen=True, kw_only=True):
    """-> list of CertificateView, in order of creation."""


class GetCertificate(Question, frozen=True, kw_only=True):
    """-> CertificateView"""

    thumbprint: str


class ListSubtasks(Question, frozen=True, kw_only=True):
    """-> list of SubtaskView: all but the primary; empty if the task is not multi-instance."""

    job_id: str
    task_id: str


class LocateTask(Question, frozen=True, kw_only=True):
    """-> Location of the directory of a task, or of one subtask of a multi-instance task.

    NotFound: ``ResourceNotFound`` (no such subtask), ``NodeNotFound`` (the node has left).

    Conflict: ``TaskFilesUnavailable`` (never started), ``TaskFilesCleanedup`` (retention time
    over), ``NodeNotReady``.
    """

    job_id: str
    task_id: str
    subtask_id: int = 0


class GetRemoteLoginSettings(Question, frozen=True, kw_only=True):
    """-> RemoteLoginSettings; Conflict ``NodeBeingCreated`` ... while the node is not up."""

    pool_id: str
    node_id: str


class LocateNode(Question, frozen=True, kw_only=True):
    """-> Location of the node's root directory; Conflict ``NodeNotReady``."""

    pool_id: str
    node_id: str


class Location(msgspec.Struct, frozen=True):
    """A directory of a node, relative to the node's root ("" is the root)."""

    pool_id: str
    node_id: str
    directory: str


class Condition(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of conditions to wait for; as text, a statement."""


class PoolIs(Condition, frozen=True, kw_only=True):
    """The pool's state or allocation state is `state`; ``deleted`` if it no longer exists."""

    pool_id: str
    state: str

    def __str__(self) -> str:
        return f"pool {self.pool_id!r} is {self.state}"


class NodesAre(Condition, frozen=True, kw_only=True):
    """The pool is steady and all its nodes (or those named) are in `state`."""

    pool_id: str
    state: str
    node_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.node_ids:
            return f"node {', '.join(self.node_ids)} is {self.state}"
        return f"all nodes of pool {self.pool_id!r} are {self.state}"


class JobIs(Condition, frozen=True, kw_only=True):
    """The job's state is `state`; ``deleted`` if it no longer exists."""

    job_id: str
    state: str

    def __str__(self) -> str:
        return f"job {self.job_id!r} is {self.state}"


class JobScheduleIs(Condition, frozen=True, kw_only=True):
    """The job schedule's state is `state`; ``deleted`` if it no longer exists."""

    job_schedule_id: str
    state: str

    def __str__(self) -> str:
        return f"job schedule {self.job_schedule_id!r} is {self.state}"


class TaskIs(Condition, frozen=True, kw_only=True):
    """The task's state is `state`; ``deleted`` if it no longer exists."""

    job_id: str
    task_id: str
    state: str

    def __str__(self) -> str:
        return f"task {self.task_id!r} of job {self.job_id!r} is {self.state}"


class TaskCompletedSince(Condition, frozen=True, kw_only=True):
    """The number of completed tasks of the job is no longer `completed`."""

    job_id: str
    completed: int

    def __str__(self) -> str:
        return f"another task of job {self.job_id!r} is completed"


class CertificateIs(Condition, frozen=True, kw_only=True):
    """The certificate's state is `state`; ``deleted`` if it no longer exists."""

    thumbprint: str
    state: str

    def __str__(self) -> str:
        return f"certificate {self.thumbprint} is {self.state}"


class TasksCompleted(Condition, frozen=True, kw_only=True):
    """Every task of the job is completed."""

    job_id: str

    def __str__(self) -> str:
        return f"all tasks of job {self.job_id!r} are completed"
