"""Checks of lesson 09: inputs, outputs and programs of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from batchlab.core.views import TaskView
from batchlab.handles.job import Job
from batchlab.handles.storage import Container, Storage
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, shell_forgotten, unfinished

SORTED = ["Ada", "Barbara", "Grace"]


@exercise("09-1", "Sorted on the way", Task)
def _sorted(task: Task) -> str | Missing:
    view = task.view()
    if not view.resource_files:
        return Missing(
            "the task fetches nothing.",
            "What it reads should come from the container, not from the notebook.",
            'resource_files=[...], with names.url_of("names.txt").',
        )
    if shell_forgotten(view.command_line):
        return Missing(
            "the command line has what only a shell understands, and no shell.",
            "> is a plain word to sort.",
            "/bin/sh -c '...' around it; or keep what it prints: ../stdout.txt is a file, too.",
        )
    if not view.output_files:
        return Missing(
            "nothing is brought away from the node.",
            "Look at the section 'Bring results away'.",
            "output_files=[bl.OutputFile(file_pattern=..., destination=...)].",
        )
    container = Storage(task._connection).get("sorted")
    if container is None:
        return Missing(
            "there is no container 'sorted'.",
            "Containers are not made by those who upload to them.",
            'lab.storage.create_container("sorted"), before the task runs.',
        )
    return not_completed(task) or _ended_badly(view) or _right_blob(container, view)


def _right_blob(container: Container, view: TaskView) -> str | Missing:
    names = [blob.name for blob in container.list()]
    if not names:
        return Missing(
            "nothing was uploaded.",
            "fileuploadout.txt in the folder of the task says how many files its pattern fits.",
            "The pattern starts in the working directory: without wd/ before the name.",
        )
    if "sorted.txt" not in names:
        return Missing(
            f"the container has {', '.join(map(repr, names))}, and no 'sorted.txt'.",
            "For a pattern without wildcards path is the name of the blob, with wildcards it is "
            "a directory before the name.",
            "Write the file under the right name, or give the destination a path.",
        )
    lines = container.text("sorted.txt").split()
    if lines != SORTED:
        return Missing(
            f"'sorted.txt' has the lines {', '.join(lines) or 'of nothing'}.",
            "It should have the three names in their order, one on each line.",
            "sort names.txt > sorted.txt, in a shell.",
        )
    return "the names went to the node, were sorted there, and came back."


@exercise("09-2", "What the failed ones said", Job)
def _failures(job: Job) -> str | Missing:
    waiting = unfinished(job, least=3)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    failed = {view.id for view in views if view.exit_code}
    if not failed or len(failed) == len(views):
        return Missing(
            f"{len(failed)} of {len(views)} tasks failed by their exit code.",
            "Some should fail, and some succeed.",
            "/bin/sh -c 'exit 1' fails.",
        )
    container = Storage(job._connection).get("failures")
    if container is None:
        return Missing(
            "there is no container 'failures'.",
            "Containers are not made by those who upload to them.",
            'lab.storage.create_container("failures"), before the tasks run.',
        )
    return _kept_of(container, failed, views)


def _kept_of(container: Container, failed: set[str], views: Sequence[TaskView]) -> str | Missing:
    names = {blob.name for blob in container.list()}
    if not names:
        return Missing(
            "the container is empty.",
            "The streams are not in the working directory, where patterns start.",
            '"../stderr.txt".',
        )
    fine = {view.id for view in views} - failed
    if any(name.partition("/")[0] in fine for name in names):
        return Missing(
            "what tasks said that succeeded is brought away, too.",
            "An output file says when it is uploaded; after each run, if it says nothing.",
            "upload_options=. Delete the container before the next try.",
        )
    if not any("/" in name for name in names):
        return Missing(
            f"there is only {', '.join(sorted(names))}, and nobody knows whose it is.",
            "Files of the same name overwrite each other in a container.",
            "The path of the destination: the name of the blob, or with wildcards a directory.",
        )
    wanted = {f"{name}/stderr.txt" for name in failed}
    absent, more = sorted(wanted - names), sorted(names - wanted)
    if absent:
        return Missing(
            f"there is no {absent[0]!r}.",
            "Each task that failed has a directory with its id. Look at failures.list().",
            "With a pattern without wildcards path is the whole name of the blob, with wildcards "
            "the directory.",
        )
    if more:
        return Missing(
            f"there is also {more[0]!r}.",
            "Only stderr.txt of the tasks that failed is asked for.",
            "What an earlier try has left can be deleted: lab.storage.delete('failures', blob).",
        )
    return f"of {len(views)} tasks {len(failed)} failed, and only they left what they said."


@exercise("09-3", "Two versions of a program", Job)
def _versions(job: Job) -> str | Missing:
    waiting = unfinished(job, least=2)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    references = [
        (reference, view) for view in views for reference in view.application_package_references
    ]
    named = [one for one in references if one[0].application_id.lower() == "greeter"]
    if not named:
        return Missing(
            "no task references the application 'greeter'.",
            "A node has a package only if a task or a pool asks for it.",
            "application_package_references=[bl.ApplicationPackageReference(...)].",
        )
    bad = next((view for _, view in named if view.result != "success"), None)
    if bad is not None:
        return _package_trouble(bad)
    said = {Task(job._connection, job.id, view.id).stdout.strip() for _, view in named}
    versions = {reference.version for reference, _ in named}
    if len(versions) < 2 and len(said) < 2:
        return Missing(
            "all of them ran the same version.",
            "A reference names an application, and may name a version.",
            'version="2.0".',
        )
    if len(said) < 2:
        return Missing(
            f"both versions say {next(iter(said))!r}.",
            "Do the two packages differ? And does each task run the one it asked for?",
            "The variable has the version in its name: AZ_BATCH_APP_PACKAGE_greeter_2_0.",
        )
    return "one job, two versions: " + " and ".join(map(repr, sorted(said))) + "."


def _package_trouble(view: TaskView) -> Missing:
    code = view.failure_info.code if view.failure_info else ""
    if code == "ApplicationPackageError":
        return Missing(
            f"the package of {view.id!r} could not be had.",
            "Is there such a version? Without a version the application needs a default one.",
            "Its failure_info.details say more; app.packages lists the versions.",
        )
    if shell_forgotten(view.command_line):
        return Missing(
            f"{view.id!r} failed: $ is a plain word without a shell.",
            "The folder of the package is in a variable, and a variable needs a shell.",
            "/bin/sh -c '...' around it.",
        )
    return Missing(
        f"{view.id!r} failed, with exit code {view.exit_code}.",
        "What does it say on stderr? A variable that is not set is empty.",
        "Who asks for a version finds the version in the name of the variable, with _ for each "
        "dot. The file has the name that it has in the archive.",
    )


def _ended_badly(view: TaskView) -> Missing | None:
    if view.result == "success":
        return None
    code = view.failure_info.code if view.failure_info else ""
    if code.startswith("FileUpload"):
        return Missing(
            f"its program succeeded, and the upload did not: {code}.",
            "Was the container there when the task ran, and under that name?",
            "fileuploaderr.txt in the folder of the task says more.",
        )
    if view.exit_code is None:
        return Missing(
            f"it never ran: {code}.",
            "failure_info.details say what was missing.",
            'names.url_of("names.txt") is where the input is.',
        )
    return Missing(
        f"the task failed, with exit code {view.exit_code}.",
        "What does it say on stderr?",
        "The input has the name that its resource file gives it: the last part of the URL, or "
        "file_path.",
    )
