"""Checks of lesson 05: retries, exit conditions, dependencies."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, unfinished

FRAMES = ("frame1", "frame2", "frame3", "frame4")


@exercise("05-1", "Persistence", Task)
def _persistent(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    retries = task.retry_count
    if task.result == "success" and retries > 1:
        return f"it succeeded after {retries} retries."
    if task.result == "success":
        return Missing(
            "it succeeded at the first try." if not retries else "it failed only once.",
            "Give it the command line stubborn, as it is.",
            "create_task(id, stubborn, ...).",
        )
    if task.exit_code is None:
        return Missing(
            "it was ended before its program was.",
            "Let it fail by itself.",
            "No terminate: create the task, and wait for it.",
        )
    return Missing(
        f"it failed after {_retries(retries)}.",
        "How often is a task tried again that says nothing about it?",
        "constraints=bl.TaskConstraints(...); it fails twice, so how many more tries are needed?",
    )


def _retries(count: int) -> str:
    return "one retry" if count == 1 else f"{count or 'no'} retries"


@exercise("05-2", "First the model, then the frames, then the cut", Job)
def _diamond(job: Job) -> str | Missing:
    views = {view.id: view for view in job.tasks.views()}
    absent = [name for name in ("model", *FRAMES, "cut") if name not in views]
    if absent:
        return Missing(
            f"there is no task {absent[0]!r}.",
            "The job should have the tasks model, frame1 to frame4, and cut.",
            "If create_task refuses depends_on: does the job use task dependencies?",
        )
    order = [(frame, "model") for frame in FRAMES] + [("cut", frame) for frame in FRAMES]
    for name, before in order:
        parents = views[name].depends_on
        if parents is None:
            return Missing(
                f"{name!r} waits for nobody.",
                "The order in which tasks happen to run is not a promise.",
                "depends_on=, a list of ids.",
            )
        if before not in parents.task_ids:
            return Missing(
                f"{name!r} does not wait for {before!r}.",
                "A task waits for those that it names, and for no others. That they came in the "
                "right order may have been luck.",
                "depends_on takes all of them.",
            )
    waiting = unfinished(job)
    if waiting:
        return waiting
    if next(iter(views)) != "cut":
        return Missing(
            "the order is right, but 'cut' was not created first.",
            "May a task wait for tasks that are not there yet? Try it.",
            "Create 'cut' before the others; it takes a new job.",
        )
    return "model, frames, cut: each began when what it needs was done."


@exercise("05-3", "A failure that is none", Job)
def _quiet(job: Job) -> str | Missing:
    views = {view.id: view for view in job.tasks.views()}
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
            "Ask it why: explain().",
        )
    if probe.exit_code != 1:
        return Missing(
            f"'probe' ended with exit code {probe.exit_code}.",
            "Its command line is just: breaks.",
            "Without a shell around it, and without changing its exit code.",
        )
    parents = report.depends_on
    if parents is None or "probe" not in parents.task_ids:
        return Missing(
            "'report' does not wait for 'probe'.",
            "It is to run after it.",
            'depends_on=["probe"].',
        )
    if report.state == "active":
        return Missing(
            "'report' waits, because 'probe' failed.",
            "What follows from an exit code is said where the task is created that ends with it.",
            "exit_conditions= of 'probe'; look at the section 'What an exit code means'.",
        )
    if report.result != "success":
        return Missing(
            f"'report' is {report.state}, and should succeed.",
            "Was it given a program that works, and time to do so?",
            "job.tasks.wait().",
        )
    return "exit code 1 let the report run."
