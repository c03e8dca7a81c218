"""Checks of lesson 02: tasks, their folders, streams and exit codes."""

from __future__ import annotations

import re
from datetime import timedelta

from batchlab.core.messages.outputs import StartRun
from batchlab.core.messages.views import TaskView
from batchlab.core.model.ids import RunId
from batchlab.core.tasks.environment import NodeFacts, environment
from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.task import Task
from batchlab.lessons.evidence import is_typed
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, plain_words, shell_wanted

HANGS = "/bin/sh -c 'echo I have begun; sleep 600'"
LIMIT = timedelta(seconds=2)
LOOKS = re.compile(r"\benv\b|printenv|environ|\bset\b|export|declare|compgen|AZ_BATCH|python")
"""What a command line that looks at its environment contains."""


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
    if any("result.txt" in str(file) for file in task.resource_files):
        return Missing(
            "result.txt was brought to the task as a resource file.",
            "The task itself should write it.",
            "In a shell, > writes what a program prints into a file.",
        )
    try:
        found = task.files.stat("wd/result.txt")
    except NotFound:
        found = None
    if found is None or found.is_directory:
        return Missing(
            "there is no file result.txt in its working directory.",
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
    if plain_words(task.command_line) != plain_words(HANGS):
        return Missing(
            "the task runs a different program.",
            "Use the variable hangs as its command line, unchanged.",
            "For example run('limited', hangs, ...).",
        )
    limit = task.constraints.max_wall_clock_time
    job = Job(task._connection, task.job_id)
    of_job = job.constraints.max_wall_clock_time
    by_job = limit is None and of_job is not None
    if limit is None and of_job is None:
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
    if by_job:
        limit, ended = of_job, job.terminate_reason == "MaxWallClockTimeExpiry"
    else:
        ended = failure is not None and (failure.code, failure.category) == (
            "TaskEnded",
            "ServerError",
        )
    if not ended:
        return Missing(
            "the task was not ended by its time limit.",
            "Let it run until the service ends it.",
            "Do not call terminate: create the task, and wait for it.",
        )
    if limit != LIMIT:
        return Missing(
            f"it could run for {limit.total_seconds() if limit else 0:g} seconds.",
            "The exercise asks for two seconds.",
            'You can write a duration as "2s".',
        )
    return "the service ended the task at its time limit."


@exercise("02-3", "Count the variables", Task)
def _counted(task: Task) -> str | Missing:
    return not_completed(task) or shell_wanted(_number(task), command_line=task.command_line)


def _number(task: Task) -> str | Missing:
    view, said = task.view(), task.stdout.strip()
    numbers = re.findall(r"\d+", said)
    if len(numbers) != 1 or "AZ_BATCH_POOL_ID=" in said:
        return Missing(
            f"it printed {said[:60]!r}, not a number.",
            "grep prints the lines that match. How can you count them?",
            "grep -c counts them, and so does wc -l after another |.",
        )
    if not (view.resource_files or LOOKS.search(view.command_line)) or is_typed(view, numbers[0]):
        return Missing(
            f"it printed {numbers[0]}, without looking at its environment.",
            "Would it print another number if there were one more variable?",
            "env prints all variables, one on each line. Send them through | to grep.",
        )
    count = int(numbers[0])
    if count != _variables(Job(task._connection, view.job_id), view):
        return Missing(
            f"it counted {count}.",
            "Count only the names that begin with AZ_BATCH, each of them once.",
            "In grep, ^ stands for the beginning of a line.",
        )
    if view.result != "success":
        return Missing(
            f"the task printed {count}, but failed with exit code {view.exit_code}.",
            "What does it say on stderr?",
            "Of several commands, the last one sets the exit code.",
        )
    return f"the task found {count} variables whose names begin with AZ_BATCH."


def _variables(job: Job, view: TaskView) -> int:
    """How many variables the service sets for a plain task whose names begin with AZ_BATCH."""
    has_preparation = job.job_preparation_task is not None
    run = StartRun(
        run_id=RunId(view.job_id, view.id, view.node_id or "", 1),
        kind="task",
        pool_id=view.pool_id or "",
        command_line=view.command_line,
        directory=view.task_root_directory or "",
        environment=view.environment_settings,
        preparation_directory="preparation" if has_preparation else None,
    )
    node = NodeFacts(
        account_name="", account_url="", node_id=view.node_id or "", root_directory=""
    )
    return sum(name.startswith("AZ_BATCH") for name in environment(run, node))
