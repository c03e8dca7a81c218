"""Checks of lesson 10: job managers, job schedules and auto pools."""

from __future__ import annotations

import re
from datetime import timedelta

from batchlab.core.messages.outputs import JobChanged, JobScheduleChanged
from batchlab.core.messages.views import TaskView
from batchlab.core.model.ids import fold
from batchlab.handles.job import Job, Jobs
from batchlab.handles.job_schedule import JobSchedule
from batchlab.handles.pool import Pools
from batchlab.lessons.evidence import not_all_succeeded, sources
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import (
    history,
    history_of,
    is_task_of,
    not_completed,
    settle,
    unfinished,
)

BY_THEMSELVES = ("JMComplete", "AllTasksComplete")
ADDS = re.compile(r"create_task|\.submit\(|\.map\(|add_task|BatchClient|/tasks|\btask add\b")
"""What a program that adds tasks contains."""


@exercise("10-1", "A manager that ends well", Job)
def _managed(job: Job) -> str | Missing:
    if job.job_manager_task is None:
        return Missing(
            "the job has no manager.",
            "create_job has a parameter for it.",
            "Use job_manager_task=manager(program), with your own program.",
        )
    views = list(job.tasks.views())
    boss = next((view for view in views if view.id == job.job_manager_task.id), None)
    if boss is None:
        return Missing(
            "the manager is no longer among the tasks of the job.",
            "Was it deleted? The check needs to see it.",
            "Create the job again, and leave its tasks as they are.",
        )
    parts = [view for view in views if view.id != boss.id]
    return (
        _manager_trouble(job, boss)
        or _too_few_parts(_first_start(job, boss), parts)
        or _adds_nothing(job, boss)
        or _ended_with_it(parts)
        or _ended(job, boss)
        or f"{len(parts)} tasks were added while the manager ran, and the job ended by itself."
    )


def _manager_trouble(job: Job, boss: TaskView) -> Missing | None:
    if boss.state != "completed":
        return not_completed(job.tasks[boss.id])
    if boss.result == "success":
        return None
    if boss.failure_info is not None and boss.failure_info.code == "TaskEnded":
        return Missing(
            "the manager was ended before it had finished.",
            "Who ended the job? It should end by itself.",
            "Do not call job.terminate(). Call job.wait('completed').",
        )
    return Missing(
        f"the manager failed with exit code {boss.exit_code}.",
        "It is a task like any other: what does it say on stderr?",
        f"Look at print(job.tasks[{boss.id!r}].stderr).",
    )


def _first_start(job: Job, boss: TaskView) -> float:
    """When the manager first started; it may have started more than once."""
    return min(
        change.at
        for change in history_of(job)
        if is_task_of(change, job)
        and fold(change.task_id) == fold(boss.id)
        and change.state == "running"
    )


def _too_few_parts(began: float, parts: list[TaskView]) -> Missing | None:
    added = [view for view in parts if view.creation_time.timestamp() >= began]
    if len(added) >= 3:
        return None
    if len(parts) >= 3:
        return Missing(
            "the tasks were there before the manager started.",
            "The manager itself should add them, in its program.",
            "Use bl.Job.current().create_task(...), as in the program above.",
        )
    return Missing(
        f"the manager has added {len(added)} task{'s' * (len(added) != 1)}, not three.",
        "bl.Job.current() is its job, and has the same methods as a job in the notebook.",
        "job.create_tasks takes a list of command lines.",
    )


def _adds_nothing(job: Job, boss: TaskView) -> Missing | None:
    """What shows that someone else added the tasks: the program of the manager, if it is known.

    In a simulated lab programs only take time, so someone else has to add them.
    """
    programs = sources(job.tasks[boss.id])
    if not job._connection.speed or not (programs or "-c" in boss.command_line.split()):
        return None
    if any(ADDS.search(text) for text in (boss.command_line, *programs)):
        return None
    return Missing(
        "the program of the manager adds no tasks.",
        "Who added them? The manager itself should, in its program.",
        "Use bl.Job.current().create_task(...), as in the program above.",
    )


def _ended_with_it(parts: list[TaskView]) -> Missing | None:
    bad = [view for view in parts if view.result != "success"]
    if not bad:
        return None
    if any(view.failure_info is None or view.failure_info.code == "TaskEnded" for view in bad):
        return Missing(
            f"{len(bad)} of its tasks did not finish.",
            "What happens to a job when its manager is completed? Look at the section "
            "'When the manager ends, the job ends'.",
            "Let the manager wait for each task that it added, or let the job go on without it.",
        )
    return Missing(
        f"{len(bad)} of its tasks failed.",
        "What do they say on stderr?",
        "/bin/true always succeeds.",
    )


def _ended(job: Job, boss: TaskView) -> Missing | None:
    settle(job, progress=False)
    if job.state != "completed":
        return Missing(
            f"the job is {job.state}.",
            "Its manager has finished and does not end it. What else could?",
            'Set on_all_tasks_complete="terminatejob".',
        )
    if job.terminate_reason not in BY_THEMSELVES:
        return Missing(
            f"the job was ended from outside: {job.terminate_reason}.",
            "It should end by itself.",
            "By default a job ends with its manager: just call job.wait('completed').",
        )
    return None


@exercise("10-2", "Three jobs, and then no more", JobSchedule)
def _three_times(schedule: JobSchedule) -> str | Missing:
    view = schedule.view()
    plan = view.schedule
    jobs = Jobs(schedule._connection).filter(id=f"{view.id}:*").views()
    if plan.recurrence_interval is None or plan.recurrence_interval.total_seconds() != 1800:
        return Missing(
            "the schedule does not create a job every half hour.",
            "The interval is part of the schedule.",
            'Use bl.Schedule(recurrence_interval="30m", ...).',
        )
    if jobs and jobs[-1].state != "completed" and view.job_specification.job_manager_task is None:
        return Missing(
            f"{jobs[-1].id!r} never ends, so no other job is created.",
            "Look at the section 'A schedule that does nothing'.",
            "The specification needs a job manager.",
        )
    if plan.do_not_run_after is None:
        return Missing(
            f"there are {len(jobs)} jobs, and more will follow without end.",
            "A schedule can have an end.",
            "Set do_not_run_after= to a point in time, for example "
            "simulated.now + timedelta(minutes=...).",
        )
    if len(jobs) > 3 and plan.do_not_run_after - view.creation_time > timedelta(days=1):
        return Missing(
            f"there were {len(jobs)} jobs, and they stop on {plan.do_not_run_after:%Y-%m-%d}.",
            "A simulated lab has its own clock. What time is it there?",
            "Use simulated.now, not the time of your machine.",
        )
    if len(jobs) > 3:
        return Missing(
            f"there were {len(jobs)} jobs.",
            "The first one starts at once, the second half an hour later. And the third?",
            "It starts after one hour, so the end must be between one hour and one and a half "
            "hours.",
        )
    if view.state != "completed":
        return Missing(
            f"the schedule is {view.state}, with {len(jobs)} jobs.",
            "Some time has to pass.",
            'Call simulated.advance("3h").',
        )
    if len(jobs) < 3:
        return Missing(
            f"there were {len(jobs)} jobs.",
            "Each starts half an hour after the one before it, or later if that one takes longer.",
            "The end must be more than one hour away, and each job must take less than half an "
            "hour.",
        )
    by_hand = any(
        isinstance(change, JobScheduleChanged)
        and fold(change.job_schedule_id) == fold(view.id)
        and change.state == "terminating"
        for change in history(schedule)
    )
    if by_hand or any(job.terminate_reason not in BY_THEMSELVES for job in jobs):
        return Missing(
            "the schedule or one of its jobs was ended from outside.",
            "It should complete by itself.",
            "Do not call terminate(). Set do_not_run_after=, and let time pass.",
        )
    failed = not_all_succeeded(*(Job(schedule._connection, job.id) for job in jobs))
    if failed:
        return failed
    if _deleted_jobs(schedule, view.id):
        return Missing(
            "there were more than three jobs, and some were deleted.",
            "The schedule itself should create no more than three.",
            "The end must be between one hour and one and a half hours after the beginning.",
        )
    return "three jobs, half an hour apart, and the schedule completed by itself."


def _deleted_jobs(schedule: JobSchedule, id: str) -> int:  # noqa: A002
    return sum(
        isinstance(change, JobChanged)
        and change.state == "deleted"
        and fold(change.job_id).startswith(f"{fold(id)}:")
        for change in history(schedule)
    )


@exercise("10-3", "Nodes only for the job", Job)
def _own_nodes(job: Job) -> str | Missing:
    auto = job.pool_info.auto_pool_specification
    if auto is None:
        return Missing(
            f"the job runs in the pool {job.pool_id!r}, which was there before it.",
            "Look at the section 'Nodes only for the job'.",
            "create_job takes bl.PoolInfo(auto_pool_specification=...) instead of a pool.",
        )
    waiting = unfinished(job, least=4) or not_all_succeeded(job)
    if waiting:
        return waiting
    settle(job, progress=False)
    if job.state != "completed":
        return Missing(
            f"the job is {job.state}, so its pool stays.",
            "A job is over when you end it, or when one of its settings ends it.",
            'Set on_all_tasks_complete="terminatejob", or call job.terminate().',
        )
    if job.pool_id in Pools(job._connection):
        if auto.keep_alive:
            return Missing(
                "the pool is still there, and costs money.",
                "One of its settings keeps it alive.",
                "Use keep_alive=False, which is the default.",
            )
        return Missing(
            "the pool is still being deleted.",
            "Give its nodes some time.",
            'Call simulated.advance("5m").',
        )
    if auto.keep_alive:
        return Missing(
            "the pool did not go with its job: it was deleted by hand.",
            "One of its settings keeps it alive.",
            "Use keep_alive=False, which is the default.",
        )
    return f"{len(job.tasks)} tasks ran on nodes that were created for them, and are gone now."
