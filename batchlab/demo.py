"""The job preparation and release sample: what `batchlab demo` runs.

The preparation task of a job writes the node's id to a file that all tasks on the node share, each
task appends its own id, and the release task deletes the file. The demo reports each step as it
happens, and works on real and simulated labs. The name of its file is fixed: two jobs on a node
would overwrite each other's. Jobs that share nodes use ``$AZ_BATCH_JOB_PREP_WORKING_DIR``.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from batchlab.core.model import TaskSpec
from batchlab.core.model.values import ExecutionInfo
from batchlab.errors import BatchError, Conflict, NotFound
from batchlab.handles.job import Job
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.lab import BaseLab
from batchlab.words import plural

__all__ = ["JOB_ID", "POOL_ID", "Demo"]

POOL_ID = "PrepReleaseSamplePool"
JOB_ID = "PrepReleaseSampleJob"
SHARED_FILE = "job_prep_and_release.txt"
_PATH = f"$AZ_BATCH_NODE_SHARED_DIR/{SHARED_FILE}"
PREPARATION = f"/bin/sh -c 'echo $AZ_BATCH_NODE_ID > {_PATH}; echo tasks: >> {_PATH}'"
TASK = f"/bin/sh -c 'echo $AZ_BATCH_TASK_ID >> {_PATH}'"
RELEASE = f"/bin/sh -c 'rm {_PATH}'"


class Demo:
    """One run of the sample.

    Parameters
    ----------
    lab : Lab or SimulatedLab
    console : Console
        Where to print; a terminal gets a progress bar.
    confirm : callable
        Answers a question such as ``"Delete job?"`` with True or False.
    check : callable, optional
        Called at every step, and a few times a second while waiting; may raise.
    """

    def __init__(
        self,
        lab: BaseLab,
        console: Console,
        confirm: Callable[[str], bool],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.lab = lab
        self.console = console
        self.confirm = confirm
        self.check = check
        self._made: list[Pool | Job] = []

    def run(self, nodes: int, tasks: int) -> bool:
        """Run the sample with this many nodes and tasks; False if a task failed."""
        pool = self._pool(nodes)
        job = self._job(pool)
        self._tasks(job, tasks)
        self._contents(pool, job)
        self._end(pool, job)
        self._proof(pool)
        good = job.counts.failed == 0
        for question, thing in (("Delete job?", job), ("Delete pool?", pool)):
            if self.confirm(question):
                thing.delete()
                thing.wait("deleted", watch=self.check)
        return good

    def clean_up(self) -> None:
        """Start deleting what this run created."""
        for thing in reversed(self._made):
            try:
                thing.delete()
            except BatchError:
                continue  # it is already deleted or being deleted

    def say(self, text: str = "") -> None:
        """Print a line."""
        self.check()
        self.console.print(text)

    def _pool(self, nodes: int) -> Pool:
        self.say(f"Attempting to create pool: {POOL_ID}")
        try:
            pool = self.lab.create_pool(POOL_ID, vm_size="small", target_dedicated_nodes=nodes)
        except Conflict as error:
            if error.code != "PoolExists":
                raise
            self.say(f"The pool {POOL_ID} already existed when we tried to create it")
            pool = self.lab.pools[POOL_ID]
            pool.wait("steady", watch=self.check)
        else:
            self._made.append(pool)
            pool.wait("steady", watch=self.check)
            if pool.current_dedicated_nodes:
                pool.nodes.wait("idle", watch=self.check)
        view = pool.view()
        for problem in view.resize_errors:
            self.say(f"{problem.code}: {problem.message}")
        created = "Created pool" if self._made else "Using pool"
        self.say(f"{created} {POOL_ID} with {plural(view.current_dedicated_nodes, 'node')}")
        return pool

    def _job(self, pool: Pool) -> Job:
        self.say(f"Checking for existing job {JOB_ID}...")
        try:
            job = self.lab.jobs[JOB_ID]
        except NotFound:
            self.say(f"Job {JOB_ID} not found, creating...")
        else:
            raise Conflict(
                "JobExists",
                f"job {job.id} already exists ({job.state}): delete it with "
                f"lab.jobs[{job.id!r}].delete() and try again",
            )
        job = self.lab.create_job(
            JOB_ID, pool, job_preparation_task=PREPARATION, job_release_task=RELEASE
        )
        self._made.append(job)
        return job

    def _tasks(self, job: Job, count: int) -> None:
        self.say("Submitting tasks and awaiting completion...")
        job.create_tasks(
            [TaskSpec(id=f"task{number:03d}", command_line=TASK) for number in range(1, count + 1)]
        )
        columns = (TextColumn("tasks"), BarColumn(), MofNCompleteColumn())
        if self.console.is_terminal:
            with Progress(*columns, console=self.console, transient=True) as progress:
                bar = progress.add_task("tasks", total=count)

                def show() -> None:
                    self.check()
                    progress.update(bar, completed=job.counts.completed)

                job.tasks.wait(watch=show)
        else:
            job.tasks.wait(watch=self.check)
        counts = job.counts
        if not counts.failed:
            self.say("All tasks completed.")
            return
        self.say(f"All tasks completed, but {counts.failed} failed.")
        for view in job.tasks.views("completed"):
            if view.failure_info:
                self.say(f"{view.id}: {view.failure_info.code}: {view.failure_info.message}")
                return

    def _contents(self, pool: Pool, job: Job) -> None:
        prepared = {row.node_id for row in job.preparations}
        for node in pool.nodes.values():
            self.say()
            if node.id not in prepared:
                self.say(
                    f"{node.id} ran no tasks, so there was no preparation and there is no file."
                )
                continue
            title = f"Contents of shared/{SHARED_FILE} on {node.id}:"
            self.say(title)
            self.say("-" * len(title))
            self.say(node.files.text(f"shared/{SHARED_FILE}").rstrip("\n"))

    def _end(self, pool: Pool, job: Job) -> None:
        self.say()
        self.say(f"Waiting for job {JOB_ID} to reach state completed...")
        job.terminate()
        job.wait("completed", watch=self.check)
        rows = {row.node_id: row for row in job.preparations}
        for node_id in dict.fromkeys([*pool.nodes, *rows]):
            self.say()
            if node_id not in rows:
                self.say(f"{node_id} ran no tasks, so there was no preparation and no release.")
                continue
            row = rows[node_id]
            self.say(f"{node_id}:")
            self.say(f"  Prep task exit code: {_code(row.job_preparation_task_execution_info)}")
            self.say(f"  Release task exit code: {_code(row.job_release_task_execution_info)}")

    def _proof(self, pool: Pool) -> None:
        self.say()
        for node in pool.nodes.values():
            there = "is still there" if _has_file(node) else "is gone"
            self.say(f"shared/{SHARED_FILE} on {node.id} {there}.")
        self.say("Jobs that share nodes keep such files in $AZ_BATCH_JOB_PREP_WORKING_DIR.")
        self.say()


def _has_file(node: Node) -> bool:
    return any(entry.name == f"shared/{SHARED_FILE}" for entry in node.files.list("shared"))


def _code(info: ExecutionInfo | None) -> str:
    if info is None:
        return "none (it did not run)"
    if info.exit_code is not None:
        return str(info.exit_code)
    return info.failure_info.code if info.failure_info else info.state
