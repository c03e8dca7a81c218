"""Checks of lesson 18: containers, what they see, and as whom tasks run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from batchlab.core.messages.views import TaskView
from batchlab.core.model import ContainerConfiguration, TaskContainerSettings, UserIdentity
from batchlab.core.model.containers import full_name, mounted
from batchlab.core.model.ids import fold
from batchlab.core.model.users import find
from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lessons.evidence import LONG, is_known, not_all_succeeded, rehearsal
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, shell_wanted, unfinished

RENDER = "registry.example.com/render:4.2"
PASSWORD = "open-sesame-4711"
OTHER_LICENCE = "licence 0815"
_OPENED = re.compile(r"(^|\s)(-v|--(volume|mount|privileged|cap-add|device|pid|ipc|userns))")
"""Options of an engine that let a container see more of its node."""


def _pool_of(job: Job) -> Pool:
    return Pool(job._connection, job.pool_id)


def _configuration(pool: Pool) -> ContainerConfiguration | None:
    machine = pool.virtual_machine_configuration
    return machine.container_configuration if machine else None


@exercise("18-1", "No task waits for its image", Job)
def _at_once(job: Job) -> str | Missing:
    waiting = unfinished(job, least=4) or not_all_succeeded(job)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    images = {full_name(view.container_settings.image_name) if view.container_settings else ""
              for view in views}  # fmt: skip
    if images != {RENDER}:
        seen = ", ".join(sorted(image or "no container" for image in images))
        return Missing(
            f"not all tasks ran in {RENDER}: {seen}.",
            "Each task says in which image it runs.",
            "create_task and TaskSpec have container_settings: the name of an image will do.",
        )
    pool = _pool_of(job)
    configuration = _configuration(pool)
    if configuration is None or RENDER not in map(full_name, configuration.container_image_names):
        return Missing(
            f"the pool {pool.id!r} does not name the image {RENDER}.",
            "The first task on a new node would wait for it, whatever happened on the others.",
            "ContainerConfiguration has container_image_names=[...]; name and tag must be those "
            "of the tasks.",
        )
    if len({view.node_id for view in views}) < 2:
        return Missing(
            "all tasks ran on one node.",
            "There should be two nodes, both idle before you create the tasks.",
            "Wait with pool.nodes.wait('idle'). Tasks that take no time are done before the "
            "second node gets one.",
        )
    return (
        _in_sight(pool, job)
        or _logged_in(configuration)
        or ("the nodes have the image before they take a task, and log in for it themselves.")
    )


def _in_sight(pool: Pool, job: Job) -> Missing | None:
    """Where the password can be read."""
    places = [
        ("pool", pool.view()),
        ("job", job.view()),
        *(("task", v) for v in job.tasks.views()),
    ]
    for place, view in places:
        if PASSWORD in repr(view):
            return Missing(
                f"the password can be read in the {place}.",
                "Everyone who may look at it sees its command lines, variables and names.",
                "Only the password of a ContainerRegistryReference is kept apart.",
            )
    return None


def _logged_in(configuration: ContainerConfiguration) -> Missing | None:
    registry = configuration.registry_of(RENDER)
    if registry is None:
        return Missing(
            "the pool says nothing about the registry of the image.",
            "Who may pull from it? And is the name of the registry exactly that in the name of "
            "the image?",
            "ContainerConfiguration has container_registries=[...] for the pool.",
        )
    if registry.username != "studio" or registry.password is None:
        return Missing(
            "the registry would not let the nodes in.",
            "It wants the user studio, and the password.",
            "bl.ContainerRegistryReference(registry_server=..., username=..., password=PASSWORD)",
        )
    if registry.password.is_kept and registry.password.reveal() != PASSWORD:
        return Missing(
            "the registry would not let the nodes in: the password is another one.",
            "It is in the variable PASSWORD.",
            "Pass password=PASSWORD, without quotes.",
        )
    return None


@exercise("18-2", "Only what it needs to see", Task)
def _stranger(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    view = task.view()
    settings = view.container_settings
    if settings is None:
        return Missing(
            "the task did not run in a container.",
            "On the node itself, it sees and changes everything.",
            "create_task has container_settings=bl.TaskContainerSettings(...).",
        )
    return shell_wanted(_wall(task, view, settings), task=view.command_line)


def _wall(task: Task, view: TaskView, settings: TaskContainerSettings) -> str | Missing:
    seen = mounted(settings, "task", "jobprep")
    if "" in seen:
        return Missing(
            "the container sees all directories of the node, and may change them.",
            "That is so if nothing says what to mount.",
            "TaskContainerSettings has container_host_batch_bind_mounts=[...].",
        )
    more = sorted(seen.keys() - {"task", "shared"})
    if more:
        return Missing(
            f"the container sees more than it needs: {', '.join(more)}.",
            "It needs two directories.",
            "Name 'Task' and 'Shared' only.",
        )
    if "shared" not in seen:
        return Missing(
            "the container does not see the folder shared.",
            "The licence is there.",
            "Mount it with bl.ContainerHostBatchBindMountEntry(source='Shared', ...).",
        )
    if not seen["shared"]:
        return Missing(
            "the container could change the folder shared, which all tasks of the node use.",
            "A mount can be read-only.",
            "bl.ContainerHostBatchBindMountEntry(source='Shared', is_read_only=True)",
        )
    if _OPENED.search(settings.container_run_options or ""):
        return Missing(
            "the options of the container mount more, or give it rights on the node.",
            "A wall with a door in it is no wall.",
            "Leave out container_run_options.",
        )
    return _report(task, view, seen)


def _report(task: Task, view: TaskView, seen: dict[str, bool]) -> str | Missing:
    kept = Missing(
        "there is no report in the working directory of the task.",
        "The report was written, but where? Which directory does the container share with its "
        "node?",
        "Mount 'Task', too, so that it can be written, and write to the working directory.",
    )
    if seen.get("task", True):
        return kept
    if view.result == "failure":
        code = view.failure_info.code if view.failure_info else "its exit code is not 0"
        return Missing(
            f"the task failed: {code}.",
            "Does the pool run containers? Did its start task write the licence?",
            "Look at task.stderr and task.failure_info.",
        )
    if "wd/report.txt" not in [file.name for file in task.files.list("wd")]:
        return kept
    licence = task.files.text("wd/report.txt").strip()
    if not licence or _rehearsed(task, view) not in (None, OTHER_LICENCE):
        return Missing(
            "the report is not what the program makes of the licence.",
            "With another licence in shared/licence.txt, the report should be another one.",
            "Run SCRIPT as it is.",
        )
    return "the program read the licence and wrote its report, and saw nothing else."


def _rehearsed(task: Task, view: TaskView) -> str | None:
    """The report of the same task on a node with another licence; None if that is unknown."""
    if view.resource_files or "APP_PACKAGE" in view.command_line:
        return None
    line = f"/bin/sh -c 'echo {OTHER_LICENCE} > $AZ_BATCH_NODE_SHARED_DIR/licence.txt'"
    with rehearsal(task) as lab:
        lab.create_pool(
            "trial",
            target_dedicated_nodes=1,
            start_task=line,
            virtual_machine_configuration=ContainerConfiguration(),
        )
        again = lab.create_job("trial", "trial").create_task(
            "again",
            view.command_line,
            environment_settings=view.environment_settings,
            container_settings=view.container_settings,
        )
        lab.advance(LONG)
        if not is_known(again.view()):
            return None
        with suppress(NotFound):
            return again.files.text("wd/report.txt").strip()
    return ""


@exercise("18-3", "Two customers, one pool", Pool, Job, Job)
def _customers(pool: Pool, first: Job, second: Job) -> str | Missing:
    if fold(first.id) == fold(second.id):
        return Missing(
            "both customers have the same job.",
            "There should be two jobs.",
            "Create a job for each customer, and pass both.",
        )
    for job in (first, second):
        if fold(job.pool_id) != fold(pool.id):
            return Missing(
                f"the job {job.id!r} runs in another pool: {job.pool_id!r}.",
                "The customers share one pool.",
                "Pass the pool to lab.create_job.",
            )
    start = pool.start_task
    if start is None or _level(start.user_identity, pool) != "admin":
        return Missing(
            "the start task could not install programs: "
            + ("there is none." if start is None else "it runs as an ordinary user."),
            "Who may change everything on a node?",
            "bl.StartTask(command_line=..., user_identity=bl.AutoUserSpecification("
            "elevation_level='admin'))",
        )
    found = unfinished(first, least=2) or unfinished(second, least=2)
    found = found or not_all_succeeded(first, second) or _apart(pool, first, second)
    return found or "the customers are two users, neither of them an administrator."


def _apart(pool: Pool, first: Job, second: Job) -> Missing | None:
    """What is missing until the tasks of each job are one user, but of both jobs are two."""
    users: list[set[str]] = []
    for job in (first, second):
        levels = {_level(identity, pool) for identity in _identities(job)}
        if "admin" in levels:
            return Missing(
                f"in the job {job.id!r} an administrator runs, who can read everything.",
                "Only the start task needs such rights. What is the elevation level of a user?",
                "Leave elevation_level out, for the tasks and for the users in user_accounts.",
            )
        if "" in levels:
            return Missing(
                f"a user of the job {job.id!r} is not one of the pool's.",
                "A node that joins tomorrow does not have it.",
                "create_pool has user_accounts=[bl.UserAccount(name=..., password=...)].",
            )
        users.append({_user(view.user_identity) for view in job.tasks.views()})
        if len(users[-1]) > 1 or "" in users[-1]:
            return Missing(
                f"the tasks of the job {job.id!r} are not all the same user.",
                "They should be able to share files with each other.",
                "Give all of them the same user_identity, and not one with the scope task.",
            )
    if users[0] & users[1]:
        return Missing(
            "the tasks of both customers are the same user.",
            "So they can read and change each other's files. Which kind of user can belong to one "
            "job?",
            "Create the pool with two user_accounts, and give each job's tasks one of the names.",
        )
    return None


def _identities(job: Job) -> Iterator[UserIdentity | None]:
    """The users of all that runs for a job."""
    for one in (job.job_manager_task, job.job_preparation_task, job.job_release_task):
        if one is not None:
            yield one.user_identity
    for view in job.tasks.views():
        yield view.user_identity


def _user(identity: UserIdentity | None) -> str:
    """Which user of the node this is; empty if it belongs to one task alone."""
    if identity is None or identity.auto_user is None:
        return f"user {identity.username.lower()}" if identity and identity.username else "all"
    return "" if identity.auto_user.scope == "task" else "all"


def _level(identity: UserIdentity | None, pool: Pool) -> str:
    """The elevation level of a user; empty if the pool has no such user."""
    if identity is None:
        return "nonadmin"
    if identity.auto_user is not None:
        return identity.auto_user.elevation_level
    account = find(identity.username or "", pool.user_accounts)
    return account.elevation_level if account else ""
