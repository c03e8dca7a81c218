"""What can be asked of the core without changing it: pictures, reasons, conditions to wait for.

`Core.ask(question)` answers with a view, `Core.met(condition)` with True or False. Both raise
`NotFound` for what does not exist.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Question(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of questions; the docstring of each says what the answer is."""


class ListPools(Question, frozen=True, kw_only=True):
    """-> list of PoolView, in order of creation."""


class GetPool(Question, frozen=True, kw_only=True):
    """-> PoolView"""

    pool_id: str


class EvaluateAutoScale(Question, frozen=True, kw_only=True):
    """-> AutoScaleRun: what a formula would decide for the pool now; `FormulaError`."""

    pool_id: str
    auto_scale_formula: str


class ListAutoScaleRuns(Question, frozen=True, kw_only=True):
    """-> list of AutoScaleRun: past evaluations, the oldest first, 1000 at most."""

    pool_id: str


class GetCost(Question, frozen=True, kw_only=True):
    """-> list of CostView, by size and kind of node: of a pool, or, if empty, of all that were.

    With `node_id` only what that node of the pool did: one, or none before it had a machine.
    """

    pool_id: str = ""
    node_id: str = ""


class ListNodes(Question, frozen=True, kw_only=True):
    """-> list of NodeView, in order of allocation."""

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
    """-> list of TaskView, in order of creation: those in `states` (all if empty), one page."""

    job_id: str
    states: tuple[str, ...] = ()
    skip: int = 0
    limit: int = 1000


class PageTasks(Question, frozen=True, kw_only=True):
    """-> TaskPage: the next tasks after number `after`, in order of creation.

    `where` are pairs of a field of the view and the values it may have; of an id also patterns
    with ``*`` and ``?``. With `only_ids` the items are ids. A page may be short, or empty, and
    still not be the last: nobody is held up by a search.
    """

    job_id: str
    where: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    after: int = 0
    limit: int = 1000
    only_ids: bool = False


class TaskPage(msgspec.Struct, frozen=True):
    """Views, or ids, of some tasks; `next` is where the next page begins, None after the last.

    `numbers` are those of the tasks: a page may begin after any of them.
    """

    items: list[Any]
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
    """-> list of TaskView: those of these tasks that are there."""

    job_id: str
    task_ids: tuple[str, ...]


class CountTasks(Question, frozen=True, kw_only=True):
    """-> TaskCounts"""

    job_id: str


class CountTaskSlots(Question, frozen=True, kw_only=True):
    """-> TaskCounts, of the slots that the tasks take or want instead of the tasks."""

    job_id: str


class ListPreparations(Question, frozen=True, kw_only=True):
    """-> list of PreparationView, a row per node; Conflict if the job has no such tasks."""

    job_id: str


class ExplainTask(Question, frozen=True, kw_only=True):
    """-> list of Reason: why the task does not run now; empty when it runs or is completed."""

    job_id: str
    task_id: str


class ExplainJob(Question, frozen=True, kw_only=True):
    """-> list of Reason: why its tasks wait, each with how many, or why it does not end."""

    job_id: str


class ExplainPool(Question, frozen=True, kw_only=True):
    """-> list of Reason: what keeps it from its target, and its nodes from taking tasks."""

    pool_id: str


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
    """-> list of SubtaskView: all but the primary; empty for a task that is not multi-instance."""

    job_id: str
    task_id: str


class LocateTask(Question, frozen=True, kw_only=True):
    """-> Location of the task's directory; of a multi-instance task, that of one subtask.

    NotFound ``ResourceNotFound``: there is no such subtask.

    Conflict: ``TaskFilesUnavailable`` (never started), ``TaskFilesCleanedup`` (retention over),
    ``NodeNotReady``; NotFound: ``NodeNotFound`` (the node has left the pool).
    """

    job_id: str
    task_id: str
    subtask_id: int = 0


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
    """Base of what can be waited for; as text, a statement."""


class PoolIs(Condition, frozen=True, kw_only=True):
    """The pool's state or allocation state is `state`; ``deleted``: it is gone."""

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
    """The job's state is `state`; ``deleted``: it is gone."""

    job_id: str
    state: str

    def __str__(self) -> str:
        return f"job {self.job_id!r} is {self.state}"


class JobScheduleIs(Condition, frozen=True, kw_only=True):
    """The job schedule's state is `state`; ``deleted``: it is gone."""

    job_schedule_id: str
    state: str

    def __str__(self) -> str:
        return f"job schedule {self.job_schedule_id!r} is {self.state}"


class TaskIs(Condition, frozen=True, kw_only=True):
    """The task's state is `state`; ``deleted``: it is gone."""

    job_id: str
    task_id: str
    state: str

    def __str__(self) -> str:
        return f"task {self.task_id!r} of job {self.job_id!r} is {self.state}"


class TaskCompletedSince(Condition, frozen=True, kw_only=True):
    """The number of completed tasks of the job is not `completed` any more."""

    job_id: str
    completed: int

    def __str__(self) -> str:
        return f"another task of job {self.job_id!r} is completed"


class CertificateIs(Condition, frozen=True, kw_only=True):
    """The certificate's state is `state`; ``deleted``: it is gone."""

    thumbprint: str
    state: str

    def __str__(self) -> str:
        return f"certificate {self.thumbprint} is {self.state}"


class TasksCompleted(Condition, frozen=True, kw_only=True):
    """Every task of the job is completed."""

    job_id: str

    def __str__(self) -> str:
        return f"all tasks of job {self.job_id!r} are completed"
