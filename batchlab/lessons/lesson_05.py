"""Checks of lesson 05: retries, exit conditions, dependencies."""

from __future__ import annotations

from collections.abc import Mapping

from batchlab.core.messages.views import TaskView
from batchlab.core.model import ExitConditions, ExitOptions
from batchlab.core.model.ids import fold
from batchlab.handles.job import Job
from batchlab.handles.task import Task
from batchlab.lessons.evidence import not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, plain_words, unfinished

STUBBORN = "/bin/sh -c 'cat two && exit 0; cat one && cp one two; echo tried > one; exit 1'"
FRAMES = ("frame1", "frame2", "frame3", "frame4")


@exercise("05-1", "Persistence", Task)
def _persistent(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    if plain_words(task.command_line) != plain_words(STUBBORN):
        return Missing(
            "the task runs another program.",
            "Use the variable stubborn as its command line, unchanged.",
            "Call create_task(id, stubborn, ...).",
        )
    retries = task.retry_count
    if task.result == "success" and retries > 1:
        return f"the task succeeded after {retries} retries."
    if task.result == "success":
        return Missing(
            "the task succeeded at the first try."
            if not retries
            else "the task failed only once.",
            "Use the variable stubborn as its command line, unchanged.",
            "Call create_task(id, stubborn, ...).",
        )
    if task.exit_code is None:
        return Missing(
            "the task was ended before its program was done.",
            "Let it fail by itself, and let the service retry it.",
            "Do not call terminate: create the task, and wait for it.",
        )
    return Missing(
        f"the task failed after {_retries(retries)}.",
        "By default a task is not retried. How can you allow it retries?",
        "Use constraints=bl.TaskConstraints(...). It fails twice: how many retries does it need?",
    )


def _retries(count: int) -> str:
    return "one retry" if count == 1 else f"{count or 'no'} retries"


@exercise("05-2", "First the model, then the frames, then the cut", Job)
def _diamond(job: Job) -> str | Missing:
    views = {fold(view.id): view for view in job.tasks.views()}
    absent = [name for name in ("model", *FRAMES, "cut") if name not in views]
    if absent:
        return Missing(
            f"there is no task {absent[0]!r}.",
            "The job should have the tasks model, frame1 to frame4, and cut.",
            "If create_task refuses depends_on: does the job use task dependencies?",
        )
    order = [(frame, "model") for frame in FRAMES] + [("cut", frame) for frame in FRAMES]
    for name, before in order:
        if views[name].depends_on is None:
            return Missing(
                f"{name!r} does not wait for any task.",
                "The service does not promise to run tasks in the order in which you create them.",
                "create_task has a parameter depends_on, a list of ids.",
            )
        if before not in _ancestors(name, views):
            return Missing(
                f"{name!r} does not wait for {before!r}.",
                "A task waits only for the tasks that it names. That they ran in the right order "
                "may have been luck.",
                "List all of them in depends_on.",
            )
    waiting = unfinished(job) or not_all_succeeded(job)
    if waiting:
        return waiting
    if next(name for name in views if name in ("model", *FRAMES, "cut")) != "cut":
        return Missing(
            "the order is right, but 'cut' was not created first.",
            "Can a task wait for tasks that do not exist yet? Try it.",
            "Create 'cut' before the others, in a new job.",
        )
    return "model, frames, cut: each task started when the tasks before it were done."


def _ancestors(name: str, views: Mapping[str, TaskView]) -> set[str]:
    """The tasks that a task waits for, and those that they wait for."""
    found: set[str] = set()
    pending = [name]
    while pending:
        view = views.get(pending.pop())
        parents = view.depends_on.task_ids if view and view.depends_on else ()
        new = {parent for parent in map(fold, parents) if parent not in found}
        found |= new
        pending += new
    return found


@exercise("05-3", "A failure that blocks nothing", Job)
def _quiet(job: Job) -> str | Missing:
    views = {fold(view.id): view for view in job.tasks.views()}
    probe, report = views.get("probe"), views.get("report")
    if probe is None or report is None:
        return Missing(
            "there should be two tasks, probe and report.",
            "Create both in one job.",
            "If create_task refuses depends_on: does the job use task dependencies?",
        )
    if probe.state != "completed":
        return Missing(
            f"'probe' is {probe.state}.",
            "job.tasks.wait() waits for both.",
            "To see why: job.tasks['probe'].explain().",
        )
    if probe.exit_code != 1 or "breaks" not in probe.command_line.split():
        return Missing(
            f"'probe' ran {probe.command_line[:40]!r} and ended with exit code {probe.exit_code}.",
            "Its command line must be just: breaks.",
            "Do not put a shell around it, and do not change its exit code.",
        )
    parents = report.depends_on
    if parents is None or "probe" not in map(fold, parents.task_ids):
        return Missing(
            "'report' does not wait for 'probe'.",
            "The report must run after the probe.",
            'Use depends_on=["probe"].',
        )
    if report.state == "active":
        return Missing(
            "'report' waits, because 'probe' failed.",
            "The task that ends with an exit code says what should happen next.",
            "Use exit_conditions= of 'probe'; see the section 'What an exit code means'.",
        )
    if report.result != "success":
        return Missing(
            f"'report' is {report.state}, but it should have succeeded.",
            "Does it run a program that works, and did it have enough time?",
            "job.tasks.wait() waits for it.",
        )
    conditions = probe.exit_conditions or ExitConditions()
    if _action(conditions, 1) != "satisfy":
        return Missing(
            "exit code 1 of 'probe' still blocks what depends on it.",
            "The task that ends with an exit code says what should happen next.",
            "Use exit_conditions= of 'probe'; see the section 'What an exit code means'.",
        )
    through = [code for code in range(2, 256) if _action(conditions, code) == "satisfy"]
    if through or _satisfies(conditions.pre_processing_error):
        return Missing(
            "other failures of 'probe' would let the report run, too"
            + (f", such as exit code {through[0]}." if through else "."),
            'Only exit code 1 means "nothing new". What if the program crashes?',
            "Give the exit code 1 its own bl.ExitCodeMapping, and leave default= as it is.",
        )
    return "the report ran although the probe ended with exit code 1."


def _action(conditions: ExitConditions, code: int) -> str:
    """What an exit code means for the tasks that depend on its task."""
    for one in conditions.exit_codes:
        if one.code == code:
            return one.exit_options.dependency_action or "block"
    for span in conditions.exit_code_ranges:
        if span.start <= code <= span.end:
            return span.exit_options.dependency_action or "block"
    return "satisfy" if _satisfies(conditions.default) else "block"


def _satisfies(options: ExitOptions | None) -> bool:
    return options is not None and options.dependency_action == "satisfy"
