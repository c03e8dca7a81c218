"""Checks of lesson 10: jobs that plan themselves, jobs that come again, pools of their own."""

from __future__ import annotations

from datetime import timedelta

from batchlab.core.ids import fold
from batchlab.core.outputs import TaskChanged
from batchlab.core.views import TaskView
from batchlab.handles.job import Job, Jobs
from batchlab.handles.job_schedule import JobSchedule
from batchlab.handles.pool import Pools
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history, not_completed, unfinished


@exercise("10-1", "A manager that ends well", Job)
def _managed(job: Job) -> str | Missing:
    if job.job_manager_task is None:
        return Missing(
            "the job has no manager.",
            "create_job takes it by name.",
            "job_manager_task=manager(program), with a program of yours.",
        )
    views = list(job.tasks.views())
    boss = next((view for view in views if view.id == job.job_manager_task.id), None)
    if boss is None:
        return Missing(
            "the manager is not among the tasks of the job any more.",
            "Was it deleted? The check has to see it.",
            "Make the job again, and leave its tasks as they are.",
        )
    parts = [view for view in views if view.id != boss.id]
    return (
        _manager_trouble(job, boss)
        or _too_few_parts(_first_start(job, boss), parts)
        or _ended_with_it(parts)
        or _ended(job, boss)
        or f"{len(parts)} tasks came while the manager ran, and the job ended when all was done."
    )


def _manager_trouble(job: Job, boss: TaskView) -> Missing | None:
    if boss.state != "completed":
        return not_completed(job.tasks[boss.id])
    if boss.result == "success":
        return None
    if boss.failure_info is not None and boss.failure_info.code == "TaskEnded":
        return Missing(
            "the manager was ended before it was through.",
            "Who ended the job? It should end by itself.",
            "No job.terminate(): job.wait('completed').",
        )
    return Missing(
        f"the manager failed, with exit code {boss.exit_code}.",
        "It is a task like any other: what does it say on stderr?",
        f"print(job.tasks[{boss.id!r}].stderr).",
    )


def _first_start(job: Job, boss: TaskView) -> float:
    """When the manager began; it may have begun more than once."""
    return min(
        change.at
        for change in history(job)
        if isinstance(change, TaskChanged)
        and (fold(change.job_id), fold(change.task_id)) == (fold(job.id), fold(boss.id))
        and change.state == "running"
    )


def _too_few_parts(began: float, parts: list[TaskView]) -> Missing | None:
    added = [view for view in parts if view.creation_time.timestamp() >= began]
    if len(added) >= 3:
        return None
    if len(parts) >= 3:
        return Missing(
            "the tasks were there before the manager began.",
            "The manager itself should add them, in its program.",
            "bl.Job.current().create_task(...), as in the program above.",
        )
    return Missing(
        f"the manager has added {len(added)} task{'s' * (len(added) != 1)}, not three.",
        "bl.Job.current() is its job, and has the verbs that a job has here.",
        "job.create_tasks takes a list of command lines.",
    )


def _ended_with_it(parts: list[TaskView]) -> Missing | None:
    bad = [view for view in parts if view.result != "success"]
    if not bad:
        return None
    if any(view.failure_info is None or view.failure_info.code == "TaskEnded" for view in bad):
        return Missing(
            f"{len(bad)} of its tasks did not come to their end.",
            "What happens to a job when its manager is completed? Look at the section "
            "'It ends, and everything ends'.",
            "Let the manager wait for each task that it added; or let the job go on without it.",
        )
    return Missing(
        f"{len(bad)} of its tasks failed.",
        "What do they say on stderr?",
        "/bin/true always succeeds.",
    )


def _ended(job: Job, boss: TaskView) -> Missing | None:
    if job.state != "completed":
        return Missing(
            f"the job is {job.state}.",
            "Its manager is through, and does not end it. What else could?",
            'on_all_tasks_complete="terminatejob".',
        )
    if job.terminate_reason not in ("JMComplete", "AllTasksComplete"):
        return Missing(
            f"the job was ended from outside: {job.terminate_reason}.",
            "It should end by itself.",
            "A job ends with its manager if nobody says otherwise: job.wait('completed').",
        )
    return None


@exercise("10-2", "Three times, and then never again", JobSchedule)
def _three_times(schedule: JobSchedule) -> str | Missing:
    view = schedule.view()
    plan = view.schedule
    jobs = Jobs(schedule._connection).filter(id=f"{view.id}:*").views()
    if plan.recurrence_interval is None or plan.recurrence_interval.total_seconds() != 1800:
        return Missing(
            "the jobs do not come each half hour.",
            "The interval is part of the schedule.",
            'bl.Schedule(recurrence_interval="30m", ...).',
        )
    if jobs and jobs[-1].state != "completed" and view.job_specification.job_manager_task is None:
        return Missing(
            f"{jobs[-1].id!r} never ends, so that no other job comes.",
            "Look at the section 'A schedule that does nothing'.",
            "The specification needs a job manager.",
        )
    if plan.do_not_run_after is None:
        return Missing(
            f"there are {len(jobs)} jobs, and nothing says that they should stop coming.",
            "A schedule can have an end.",
            "do_not_run_after=, a moment; simulated.now is one, and "
            "timedelta(minutes=...) can be added to it.",
        )
    if len(jobs) > 3 and plan.do_not_run_after - view.creation_time > timedelta(days=1):
        return Missing(
            f"there were {len(jobs)} jobs, and they stop on {plan.do_not_run_after:%Y-%m-%d}.",
            "A simulated lab has a clock of its own. What time is it there?",
            "simulated.now, and not the time of your machine.",
        )
    if len(jobs) > 3:
        return Missing(
            f"there were {len(jobs)} jobs.",
            "The first one comes at once, the second half an hour later. And the third?",
            "After one hour, so that the end has to be between that and one hour and a half.",
        )
    if view.state != "completed":
        return Missing(
            f"the schedule is {view.state}, with {len(jobs)} jobs.",
            "Some time has to pass.",
            'simulated.advance("3h").',
        )
    if len(jobs) < 3:
        return Missing(
            f"there were {len(jobs)} jobs.",
            "Each comes half an hour after the one before, or later, when that one takes longer.",
            "The end has to be more than one hour away, and a job to take less than half an hour.",
        )
    if any(job.terminate_reason == "TerminateJobSchedule" for job in jobs):
        return Missing(
            "the schedule was ended from outside, and its job with it.",
            "It should complete by itself.",
            "No terminate(); do_not_run_after=, and some time.",
        )
    return "three jobs, half an hour apart, and nobody had to end anything."


@exercise("10-3", "Nodes only for the job", Job)
def _own_nodes(job: Job) -> str | Missing:
    auto = job.pool_info.auto_pool_specification
    if auto is None:
        return Missing(
            f"the job runs in the pool {job.pool_id!r}, which was there before.",
            "Look at the section 'Nodes only for the job'.",
            "create_job takes bl.PoolInfo(auto_pool_specification=...) in the place of a pool.",
        )
    waiting = unfinished(job, least=4)
    if waiting:
        return waiting
    if job.state != "completed":
        return Missing(
            f"the job is {job.state}, and so its pool stays.",
            "A job is over when somebody ends it, or when it was told when to end.",
            'on_all_tasks_complete="terminatejob", or job.terminate().',
        )
    if job.pool_id in Pools(job._connection):
        if auto.keep_alive:
            return Missing(
                "the pool is still there, and costs.",
                "It was told to stay alive.",
                "keep_alive=False, which is what it is if you say nothing.",
            )
        return Missing(
            "the pool is still about to go.",
            "Give its nodes some time.",
            'simulated.advance("5m").',
        )
    return f"{job.tasks} ran on nodes that came for them, and are gone."
