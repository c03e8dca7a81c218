"""Checks of lesson 02: tasks, their folders, streams and exit codes."""

from __future__ import annotations

from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, shell_wanted


@exercise("02-1", "A file, and a message on stderr", Task)
def _tidy(task: Task) -> str | Missing:
    return not_completed(task) or shell_wanted(_tidied(task), command_line=task.command_line)


def _tidied(task: Task) -> str | Missing:
    if task.result != "success":
        return Missing(
            f"the task failed, with exit code {task.exit_code}.",
            "What did it print on stderr?",
            "Use print(task.stderr). Of several commands, the last one sets the exit code.",
        )
    try:
        task.files.stat("wd/result.txt")
    except NotFound:
        return Missing(
            "there is no result.txt in its working directory.",
            "task.files.list('wd') shows what is there.",
            "In a shell, > writes what a program prints into a file.",
        )
    if task.stdout:
        return Missing(
            "it printed something on stdout.",
            "That output should have gone to the file or to stderr.",
            ">&2 after a command sends what it prints to stderr.",
        )
    if not task.stderr:
        return Missing(
            "it printed nothing on stderr.",
            "See the section 'Two streams'.",
            ">&2 after a command sends what it prints to stderr.",
        )
    return "the result is in a file, the message is on stderr, and nothing is on stdout."


@exercise("02-2", "End a program that hangs", Task)
def _limited(task: Task) -> str | Missing:
    if "sleep 600" not in task.command_line:
        return Missing(
            "the task runs a different program.",
            "Use the variable hangs as its command line, unchanged.",
            "For example run('limited', hangs, ...).",
        )
    limit = task.constraints.max_wall_clock_time
    job = Job(task._connection, task.job_id)
    if limit is None and job.terminate_reason == "MaxWallClockTimeExpiry":
        return "the service ended the job at its time limit, and the task with it."
    if limit is None:
        return Missing(
            "the task has no time limit.",
            "A limit is one of the constraints of a task.",
            "It is in bl.TaskConstraints; the section 'Time limits' has an example. If the task "
            "still runs, task.terminate() frees the node.",
        )
    problem = not_completed(task)
    if problem:
        return problem
    failure = task.failure_info
    if failure is None or failure.code != "TaskEnded" or failure.category != "ServerError":
        return Missing(
            "the task was not ended by its time limit.",
            "Let it run until the service ends it.",
            "Do not call terminate: create the task, and wait for it.",
        )
    if limit.total_seconds() > 5:
        return Missing(
            f"it could run for {limit.total_seconds():g} seconds.",
            "The exercise asks for two seconds.",
            'You can write a duration as "2s".',
        )
    return "the service ended the task at its time limit."


@exercise("02-3", "Count the variables", Task)
def _counted(task: Task) -> str | Missing:
    return not_completed(task) or shell_wanted(_number(task), command_line=task.command_line)


def _number(task: Task) -> str | Missing:
    said = task.stdout.strip()
    if not said.isdecimal():
        return Missing(
            f"it printed {said[:60]!r}, not a number.",
            "grep prints the lines that match. How can you count them?",
            "grep -c counts them, and so does wc -l after another |.",
        )
    if not 8 <= int(said) <= 40:
        return Missing(
            f"it counted {said}.",
            "Count only the names that begin with AZ_BATCH, each of them once.",
            "In grep, ^ stands for the beginning of a line.",
        )
    return f"the task found {said} variables whose names begin with AZ_BATCH."
