"""Jobs: their tasks, their preparation and release on each node, and how they end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.core.answers.pages import matching
from batchlab.core.messages.inputs import (
    CreateTasks,
    DeleteJob,
    DisableJob,
    EnableJob,
    TerminateJob,
    UpdateJob,
)
from batchlab.core.messages.questions import (
    CountTasks,
    ExplainJob,
    GetJob,
    JobIs,
    ListJobs,
    ListPreparations,
)
from batchlab.core.messages.view_fields import JobProperties
from batchlab.core.messages.views import JobView
from batchlab.core.model import (
    AffinityInfo,
    AllTasksComplete,
    AutoUserSpecification,
    DisableTasks,
    EnvironmentSetting,
    ExitConditions,
    JobConstraints,
    JobSpec,
    MultiInstanceSettings,
    OutputFile,
    PoolInfo,
    ResourceFile,
    TaskConstraints,
    TaskContainerSettings,
    TaskDependencies,
    TaskSpec,
    UserIdentity,
)
from batchlab.core.model.values import TaskCounts
from batchlab.display import Displayed
from batchlab.errors import Conflict, invalid
from batchlab.handles.base import Awaited, Handle
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.current import current_connection, current_name
from batchlab.handles.explanation import Explanation
from batchlab.handles.outputs import JobOutputStorage
from batchlab.handles.pool import PackageReferences, Pool
from batchlab.handles.preparations import Preparations
from batchlab.handles.progress import job_of, show_progress
from batchlab.handles.python_tasks.submission import PythonTasks
from batchlab.handles.python_tasks.task_list import TaskList
from batchlab.handles.storage import Container
from batchlab.handles.task import Task, Tasks, count_text, free_ids
from batchlab.handles.verbs import (
    Duration,
    Watch,
    ask_for,
    check_state,
    described_by,
    seconds,
    taken,
    verb,
)
from batchlab.storage.containers import Blob
from batchlab.words import natural

if TYPE_CHECKING:
    from batchlab.reports import ActivityReport

__all__ = ["Counts", "Job", "Jobs"]


class Counts(TaskCounts, Displayed, frozen=True, kw_only=True):
    """The number of tasks of a job in each state; `completed` = `succeeded` + `failed`."""


class Job(Handle, Awaited, PythonTasks, JobProperties, init=False):
    """A group of tasks on one pool. Properties query the service; `view` returns all at once."""

    __slots__ = ()
    _shows_progress = True

    @classmethod
    def current(cls) -> Job:
        """The job that this process belongs to; see `Lab.current`."""
        connection = current_connection("Job.current")
        return cls(connection, current_name("AZ_BATCH_JOB_ID", "Job.current"))

    def view(self) -> JobView:
        """All properties at one moment, as an immutable snapshot."""
        view: JobView = self._connection.ask(GetJob(job_id=self._id))
        return view

    @property
    def tasks(self) -> Tasks:
        """Its tasks, by id."""
        return Tasks(self._connection, self._id)

    @property
    def output_storage(self) -> JobOutputStorage:
        """Its outputs in the lab's storage, by Azure's file conventions."""
        return JobOutputStorage(self._connection, self._id)

    @property
    def counts(self) -> Counts:
        """The number of tasks in each state."""
        counts = self._connection.ask(CountTasks(job_id=self._id))
        return Counts(**msgspec.structs.asdict(counts))

    @property
    def preparations(self) -> Preparations:
        """The preparation and release, one row per node that ran the preparation.

        Empty for a job that has none, where Azure's REST API refuses the list.
        """
        try:
            rows = self._connection.ask(ListPreparations(job_id=self._id))
        except Conflict as error:
            if error.code != "JobPreparationTaskOrReleaseTaskNotSpecified":
                raise
            rows = []
        return Preparations(sorted(rows, key=lambda row: natural(row.node_id)))

    def explain(self) -> Explanation:
        """Why its tasks wait, the most frequent reason first, and what would change that.

        For a job that is ending or has nothing to do: what it still waits for. If its preparation
        or release failed on a node: what happened, and the last lines of stderr from the latest.

        Examples
        --------
        >>> job.explain()  # doctest: +SKIP
        94 tasks: 3 nodes are full: the task needs 1 slot, but none is free.
            -> wait for a task to end, or add nodes: pool.resize(...)
        """
        reasons = self._connection.ask(ExplainJob(job_id=self._id))
        counts = self.counts
        nothing = f"Not waiting: the job is {self.view().state}, {count_text(counts)}."
        output = self.preparations.end_of_stderr(self._connection)
        return Explanation(reasons, nothing, whole=True, output=output)

    @verb
    @described_by(TaskSpec)
    def create_task(
        self,
        id: str,  # noqa: A002
        command_line: str,
        *,
        resource_files: Sequence[ResourceFile | Container | Blob | str] | None = None,
        output_files: Sequence[OutputFile] | None = None,
        environment_settings: dict[str, str] | Sequence[EnvironmentSetting] | None = None,
        constraints: TaskConstraints | None = None,
        required_slots: int | None = None,
        display_name: str | None = None,
        depends_on: TaskDependencies | Sequence[str] | None = None,
        exit_conditions: ExitConditions | None = None,
        affinity_info: AffinityInfo | str | None = None,
        application_package_references: PackageReferences | None = None,
        user_identity: UserIdentity | AutoUserSpecification | str | None = None,
        multi_instance_settings: MultiInstanceSettings | None = None,
        container_settings: TaskContainerSettings | str | None = None,
    ) -> Task:
        """Add a task.

        Raises
        ------
        Conflict
            ``TaskExists``, ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``,
            ``TaskIdSameAsJobPreparationTask``, ``TaskIdSameAsJobReleaseTask``.
        """
        spec = TaskSpec(**taken(TaskSpec, locals()))
        return self.create_tasks([spec])[0]

    @verb
    def create_tasks(self, tasks: Iterable[TaskSpec | str]) -> TaskList:
        """Add many tasks: all of them or, if one is refused, none.

        Parameters
        ----------
        tasks : list of TaskSpec or str
            A string is the command line of a task named ``task001``, ``task002`` ...; numbering
            continues from the highest one in the job.
        """
        specs = self._specs(tasks)
        # Made first: later, the garbage collector would look at what the request has made.
        added = TaskList([Task(self._connection, self._id, spec.id) for spec in specs])
        if specs:
            self._connection.request(CreateTasks(job_id=self._id, specs=specs))
        return added

    def _specs(self, tasks: Any) -> tuple[TaskSpec, ...]:
        owner = "Job.create_tasks"
        if isinstance(tasks, (str, TaskSpec)) or not isinstance(tasks, Iterable):
            reason = "must be a list of TaskSpec or command lines"
            raise invalid("tasks", tasks, reason, owner=owner)
        items = list(tasks)
        for index, item in enumerate(items):
            if not isinstance(item, (str, TaskSpec)):
                reason = f"must be a TaskSpec or a command line, not {type(item).__name__}"
                raise invalid(f"tasks[{index}]", item, reason, owner=owner)
        if not any(isinstance(item, str) for item in items):
            return tuple(items)
        taken = [item.id for item in items if isinstance(item, TaskSpec)]
        ids = free_ids(taken + self.tasks.ids(), "task")
        return tuple(
            TaskSpec(id=next(ids), command_line=item) if isinstance(item, str) else item
            for item in items
        )

    @verb
    @described_by(JobSpec, change=True)
    def update(
        self,
        *,
        priority: int | None = None,
        constraints: JobConstraints | None = None,
        pool_info: PoolInfo | Pool | str | None = None,
        on_all_tasks_complete: AllTasksComplete | None = None,
        max_parallel_tasks: int | None = None,
        allow_task_preemption: bool | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Change the given properties, keep the rest; a priority applies from the next placement.

        Parameters
        ----------
        pool_info : PoolInfo, Pool or str, optional
            Another pool to run on, only while the job is disabled; or its own auto pool with
            another `keep_alive`, at any time.

        Raises
        ------
        Conflict
            ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``;
            ``OperationInvalidForCurrentState``: its pool can change only while it is disabled.
        NotFound
            ``JobNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: a property has a wrong value.
        """
        if pool_info is not None:
            pool_info = as_pool_info(pool_info, "Job.update")
        ask_for(self._connection, UpdateJob, "Job.update", job_id=self._id,
                **taken(UpdateJob, locals()))  # fmt: skip

    @verb
    def disable(self, disable_tasks: DisableTasks) -> None:
        """Stop starting its tasks.

        Parameters
        ----------
        disable_tasks : {"requeue", "terminate", "wait"}
            What happens to running tasks: requeue them, terminate them, or let them finish.
        """
        ask_for(self._connection, DisableJob, "Job.disable", job_id=self._id,
                disable_tasks=disable_tasks)  # fmt: skip

    @verb
    def enable(self) -> None:
        """Start its tasks again after `disable`."""
        ask_for(self._connection, EnableJob, "Job.enable", job_id=self._id)

    @verb
    def terminate(self, reason: str = "UserTerminate") -> None:
        """Terminate it: running tasks are terminated, the release runs, then it is completed.

        Tasks that never ran stay ``active``, as in Azure.
        """
        ask_for(self._connection, TerminateJob, "Job.terminate", job_id=self._id,
                reason=reason)  # fmt: skip

    def report(self) -> ActivityReport:
        """What happened here until now; in a notebook with figures.

        Utilisation, why tasks waited, run times, preparation compared with tasks, and what its
        share of the nodes cost, as numbers, tables and plotly figures.
        ``report.save("report.html")`` writes one file that works offline. It is available while
        the job is running, and after it has been deleted.

        Raises
        ------
        NotFound
            ``JobNotFound``: there never was such a job.
        """
        from batchlab.reports import report_of  # noqa: PLC0415 - only when wanted

        return report_of(self._connection, "job", self._id)

    @verb
    def delete(self) -> None:
        """Terminate it if it is active, with its release, and delete it, its tasks and files."""
        ask_for(self._connection, DeleteJob, "Job.delete", job_id=self._id)

    @verb
    def wait(
        self, state: str = "completed", *, timeout: Duration = None, watch: Watch | None = None,
        progress: bool | None = None,
    ) -> None:  # fmt: skip
        """Block until it is in a state. In Azure a job stays active when its tasks are done.

        Parameters
        ----------
        state : str, default "completed"
            A state, or ``"deleted"``.
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.
        progress : bool, optional
            Whether to show progress, in a notebook or on a terminal, once the wait takes longer
            than half a second. By default it is shown unless `watch` is given.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not one of its states.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring it into that state; the message says why.
        """
        goal = JobIs(job_id=self._id, state=check_state("job", state, "Job.wait"))
        limit = seconds(timeout, "Job.wait")
        if goal.state != "completed":
            progress = False
        with show_progress(job_of(self._connection, self._id), watch, progress) as look:
            self._connection.wait(goal, limit, look)


class Jobs(Handles[Job]):
    """The jobs of a lab by id, in order of creation."""

    __slots__ = ()
    _kind = "job"
    _view_type = JobView

    def views(self) -> list[JobView]:
        """An immutable snapshot of each job, all of the same moment."""
        views: list[JobView] = self._connection.ask(ListJobs())
        return matching(views, self._where)

    def _handle(self, id: str) -> Job:  # noqa: A002
        return Job(self._connection, id)

    def _summary(self) -> str:
        lines = [f"{v.id}  {v.state}, {count_text(v.task_counts)}" for v in self.views()]
        return "\n".join(lines) or "no jobs"


def as_pool_info(pool: Any, owner: str) -> Any:
    """Read what names a pool; other kinds of handles have an id too, but do not name one."""
    if isinstance(pool, Handle) and not isinstance(pool, Pool):
        raise invalid("pool", pool, "must be a pool or its id", owner=owner)
    return pool
