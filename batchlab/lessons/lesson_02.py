"""Checks of lesson 02: tasks, their folders, streams and exit codes."""

from __future__ import annotations

from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, shell_wanted


@exercise("02-1", "A file, and a word on stderr", Task)
def _tidy(task: Task) -> str | Missing:
    return not_completed(task) or shell_wanted(_tidied(task), command_line=task.command_line)


def _tidied(task: Task) -> str | Missing:
    if task.result != "success":
        return Missing(
            f"the task failed, with exit code {task.exit_code}.",
            "What does it say on stderr?",
            "print(task.stderr); with several commands the last one gives the exit code.",
        )
    try:
        task.files.stat("wd/result.txt")
    except NotFound:
        return Missing(
            "there is no result.txt in its working directory.",
            "task.files.list('wd') shows what is there.",
            "A > writes what a program prints into a file.",
        )
    if task.stdout:
        return Missing(
            "it printed something on stdout.",
            "What went there should have gone to the file, or to stderr.",
            ">&2 behind a command sends what it prints to stderr.",
        )
    if not task.stderr:
        return Missing(
            "it said nothing on stderr.",
            "Look at the section 'Two streams'.",
            ">&2 behind a command sends what it prints to stderr.",
        )
    return "the result is in a file, the word on stderr, and nothing on stdout."


@exercise("02-2", "End what hangs", Task)
def _limited(task: Task) -> str | Missing:
    if "sleep 600" not in task.command_line:
        return Missing(
            "the task runs another program.",
            "Give it the command line hangs, as it is.",
            "create_task(id, hangs, ...).",
        )
    limit = task.constraints.max_wall_clock_time
    job = Job(task._connection, task.job_id)
    if limit is None and job.terminate_reason == "MaxWallClockTimeExpiry":
        return "the service ended its job when its time was over, and the task with it."
    if limit is None:
        return Missing(
            "the task may run as long as it wants.",
            "A limit is one of the constraints of a task.",
            "bl.TaskConstraints; an example is in the section 'Not longer than that'. If it still "
            "runs, task.terminate() frees the node.",
        )
    problem = not_completed(task)
    if problem:
        return problem
    failure = task.failure_info
    if failure is None or failure.code != "TaskEnded" or failure.category != "ServerError":
        return Missing(
            "it was not the limit that ended it.",
            "Let it run; the service ends it.",
            "No terminate: create the task, and wait for it.",
        )
    if limit.total_seconds() > 5:
        return Missing(
            f"it could run for {limit.total_seconds():g} seconds.",
            "Two seconds are asked for.",
            'Durations can be written as "2s".',
        )
    return "the service ended it when its time was over."


@exercise("02-3", "Count the variables", Task)
def _counted(task: Task) -> str | Missing:
    return not_completed(task) or shell_wanted(_number(task), command_line=task.command_line)


def _number(task: Task) -> str | Missing:
    said = task.stdout.strip()
    if not said.isdecimal():
        return Missing(
            f"it printed {said[:60]!r}, not a number.",
            "grep prints the lines that match; how could they be counted?",
            "grep -c counts, and so does wc -l behind another |.",
        )
    if not 8 <= int(said) <= 40:
        return Missing(
            f"it counted {said}.",
            "Only names that begin with AZ_BATCH count, one line for each.",
            "For grep, ^ is the beginning of a line.",
        )
    return f"{said} variables tell a task who and where it is."
