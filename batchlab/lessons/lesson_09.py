"""Checks of lesson 09: the inputs, outputs and programs of tasks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from batchlab.core.messages.outputs import ApplicationChanged
from batchlab.core.messages.views import TaskView
from batchlab.errors import NotFound
from batchlab.handles.applications import Applications
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.storage import Container, Storage
from batchlab.handles.task import Task
from batchlab.lessons.evidence import is_typed, sources, uploaded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history, not_completed, shell_forgotten, unfinished

SORTED = ["Ada", "Barbara", "Grace"]


@exercise("09-1", "Sorted on the way", Task)
def _sorted(task: Task) -> str | Missing:
    view = task.view()
    if not view.resource_files:
        return Missing(
            "the task has no resource files.",
            "Its input should come from the container, not from the notebook.",
            'Use resource_files=[...] with names.url_of("names.txt").',
        )
    if shell_forgotten(view.command_line):
        return Missing(
            "the command line uses shell syntax, but no shell runs it.",
            "Without a shell, > is a plain word to sort.",
            "Put it into /bin/sh -c '...'. Or keep what it prints: ../stdout.txt is a file, too.",
        )
    if not view.output_files:
        return Missing(
            "the task uploads nothing.",
            "Look at the section 'Save the results'.",
            "Use output_files=[bl.OutputFile(file_pattern=..., destination=...)].",
        )
    container = Storage(task._connection).get("sorted")
    if container is None:
        return Missing(
            "there is no container 'sorted'.",
            "Uploading does not create the container. Create it first.",
            'Call lab.storage.create_container("sorted") before the task runs.',
        )
    return (
        not_completed(task)
        or _ended_badly(task.view())
        or _not_sorted_here(task)
        or _right_blob(container, task)
    )


def _not_sorted_here(task: Task) -> Missing | None:
    view = task.view()
    if any(is_typed(view, name) for name in SORTED):
        return Missing(
            "the names are in the definition of the task.",
            "They should come from its input, whatever names are there.",
            "Run sort names.txt > sorted.txt in a shell.",
        )
    if any(text.split() == SORTED for text in sources(task)):
        return Missing(
            "the input was sorted already.",
            "The task should sort the names.",
            'Use the blob names.txt as it is: names.url_of("names.txt").',
        )
    return None


def _right_blob(container: Container, task: Task) -> str | Missing:
    names = [blob.name for blob in container.list()]
    if not names:
        return Missing(
            "nothing was uploaded.",
            "fileuploadout.txt in the task's folder says how many files the pattern matched.",
            "The pattern starts in the working directory: write the name without wd/.",
        )
    if "sorted.txt" not in names:
        return Missing(
            f"the container has {', '.join(map(repr, names))}, but no 'sorted.txt'.",
            "If the pattern has no wildcards, path is the name of the blob. If it has wildcards, "
            "path is a directory before the name.",
            "Write the file under the right name, or give the destination a path.",
        )
    if not uploaded(task, "sorted.txt"):
        return Missing(
            "there is a 'sorted.txt', but this task did not upload it.",
            "fileuploadout.txt in the task's folder says what it uploaded.",
            "Delete what is left in the container, and run the task again.",
        )
    lines = container.text("sorted.txt").split()
    if lines != SORTED:
        found = f"has the lines {', '.join(lines)}" if lines else "is empty"
        return Missing(
            f"'sorted.txt' {found}.",
            "It should have the three names in alphabetical order, one per line.",
            "Run sort names.txt > sorted.txt in a shell.",
        )
    return "the names went to the node, were sorted there, and came back."


@exercise("09-2", "The logs of failed tasks", Job)
def _failures(job: Job) -> str | Missing:
    waiting = unfinished(job, least=3)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    failed = {view.id for view in views if view.result == "failure" and _has_run(view)}
    never = [view for view in views if not _has_run(view)]
    if never:
        return Missing(
            f"{never[0].id!r} was not run at all.",
            "Its failure_info says why.",
            "/bin/sh -c 'exit 1' fails with an exit code.",
        )
    if not failed or len(failed) == len(views):
        return Missing(
            f"{len(failed)} of {len(views)} tasks failed with an exit code other than 0.",
            "Some should fail, and some should succeed.",
            "/bin/sh -c 'exit 1' fails.",
        )
    container = Storage(job._connection).get("failures")
    if container is None:
        return Missing(
            "there is no container 'failures'.",
            "Uploading does not create the container. Create it first.",
            'Call lab.storage.create_container("failures") before the tasks run.',
        )
    return _kept_of(job, container, failed, views)


def _has_run(view: TaskView) -> bool:
    return view.exit_code is not None


def _kept_of(
    job: Job, container: Container, failed: set[str], views: Sequence[TaskView]
) -> str | Missing:
    names = {blob.name for blob in container.list()}
    if not names:
        return Missing(
            "the container is empty.",
            "The streams are not in the working directory, where patterns start.",
            'Use the pattern "../stderr.txt".',
        )
    fine = {view.id for view in views} - failed
    if any(name.partition("/")[0] in fine for name in names):
        return Missing(
            "the container also has files of tasks that succeeded.",
            "An output file can say when it is uploaded. By default, that is after each run.",
            "Set upload_options=, and delete the container before the next try.",
        )
    if not any("/" in name for name in names):
        return Missing(
            f"there is only {', '.join(sorted(names))}, and no way to know which task wrote it.",
            "Files with the same name overwrite each other in a container.",
            "Set path in the destination: the name of the blob or, with wildcards, a directory.",
        )
    wanted = {f"{name}/stderr.txt" for name in failed}
    absent, more = sorted(wanted - names), sorted(names - wanted)
    if absent:
        return Missing(
            f"there is no {absent[0]!r}.",
            "Each failed task needs a directory with its id. Look at failures.list().",
            "If the pattern has no wildcards, path is the whole name of the blob. If it has "
            "wildcards, path is the directory.",
        )
    if more:
        return Missing(
            f"there is also {more[0]!r}.",
            "Only the stderr.txt of each failed task should be there.",
            "Delete what is left from an earlier try: lab.storage.delete('failures', blob).",
        )
    if not all(uploaded(job.tasks[name], f"{name}/stderr.txt") for name in failed):
        return Missing(
            "the files are there, but not every failed task uploaded its own.",
            "Who put them there? The tasks should do it themselves.",
            'Use output_files= with upload_options="taskfailure" for each task.',
        )
    return f"{len(failed)} of {len(views)} tasks failed, and only their stderr.txt was kept."


@exercise("09-3", "Two versions of a program", Job)
def _versions(job: Job) -> str | Missing:
    waiting = unfinished(job, least=2)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    named = [(version, view) for view in views for version in _asked(job, view)]
    if not named:
        return Missing(
            "no task references the application 'greeter'.",
            "A node has a package only if a task or a pool asks for it.",
            "Use application_package_references=[bl.ApplicationPackageReference(...)].",
        )
    worked = [(version, view) for version, view in named if view.result == "success"]
    if not worked or len({_version(job, *one) for one in worked}) < 2:
        # Earlier tries may stay in the job if both versions have run since.
        bad = next((view for _, view in named if view.result != "success"), None)
        if bad is not None:
            return _package_trouble(bad)
    named = worked
    said = {Task(job._connection, job.id, view.id).stdout.strip() for _, view in named}
    versions = {_version(job, version, view) for version, view in named}
    if len(versions) < 2:
        return Missing(
            "all tasks ran the same version.",
            "A reference names an application, and may name a version.",
            'Add version="2.0" to one of them.',
        )
    if len(said) < 2:
        return Missing(
            f"both versions print {next(iter(said))!r}.",
            "Do the two packages differ? And does each task run the one it asked for?",
            "The variable has the version in its name: AZ_BATCH_APP_PACKAGE_greeter_2_0.",
        )
    for _, view in named:
        variables = (view.command_line, *view.environment_settings.values())
        if not any("APP_PACKAGE" in text for text in variables):
            return Missing(
                f"{view.id!r} does not run the program of its package.",
                "Where on the node is the package?",
                "Its folder is in a variable whose name begins with AZ_BATCH_APP_PACKAGE_greeter.",
            )
    return "one job, two versions: " + " and ".join(map(repr, sorted(said))) + "."


def _asked(job: Job, view: TaskView) -> list[str | None]:
    """The versions of the application that a task asks for, or that it uses of its pool's."""
    own = [one for one in view.application_package_references if _is_greeter(one.application_id)]
    if own:
        return [one.version for one in own]
    try:
        pool = Pool(job._connection, job.pool_id).view()
    except NotFound:
        return []
    line = view.command_line.lower()
    of_pool = [
        one for one in pool.application_package_references if _is_greeter(one.application_id)
    ]
    return [one.version for one in of_pool if re.search(_variable(one.version), line)]


def _is_greeter(application_id: str) -> bool:
    return application_id.lower() == "greeter"


def _variable(version: str | None) -> str:
    """The pattern of the variable with the folder of a version."""
    name = re.sub(r"[.#-]", "_", f"greeter_{version}" if version else "greeter").lower()
    return rf"az_batch_app_package_{name}\b"


def _version(job: Job, named: str | None, view: TaskView) -> str:
    """The version that a task ran: the one it named, or the default at that time."""
    if named:
        return named.lower()
    application = Applications(job._connection)["greeter"]
    started = view.start_time.timestamp() if view.start_time else 0.0
    changes = [
        change.at
        for change in history(job)
        if isinstance(change, ApplicationChanged)
        and change.application_id.lower() == "greeter"
        and not change.version
    ]
    if any(at > started for at in changes):
        return f"default before {min(at for at in changes if at > started)}"
    return (application.default_version or "").lower()


def _package_trouble(view: TaskView) -> Missing:
    code = view.failure_info.code if view.failure_info else ""
    if code == "ApplicationPackageError":
        return Missing(
            f"the package for {view.id!r} could not be installed.",
            "Does this version exist? If the task names no version, the application needs a "
            "default one.",
            "The task's failure_info.details says more; app.packages lists the versions.",
        )
    if shell_forgotten(view.command_line):
        return Missing(
            f"{view.id!r} failed: without a shell, $ has no meaning.",
            "The folder of the package is in a variable, and a variable needs a shell.",
            "Put the command line into /bin/sh -c '...'.",
        )
    return Missing(
        f"{view.id!r} failed with exit code {view.exit_code}.",
        "What does it say on stderr? A variable that is not set is empty.",
        "If the task names a version, the version is part of the variable's name, with _ for each "
        "dot. The file has the same name as in the archive.",
    )


def _ended_badly(view: TaskView) -> Missing | None:
    if view.result == "success":
        return None
    code = view.failure_info.code if view.failure_info else ""
    if code.startswith("FileUpload"):
        return Missing(
            f"the program succeeded, but the upload did not: {code}.",
            "Was a container with that name there when the task ran?",
            "fileuploaderr.txt in the task's folder says more.",
        )
    if view.exit_code is None:
        return Missing(
            f"the program never ran: {code}.",
            "failure_info.details says what was missing.",
            'The URL of the input is names.url_of("names.txt").',
        )
    return Missing(
        f"the task failed with exit code {view.exit_code}.",
        "What does it say on stderr?",
        "The name of the input on the node is the file_path of its resource file or, by default, "
        "the last part of the URL.",
    )
