"""Lesson 19: functions that cry wolf, that miss what is stuck, that stop too late or too much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.solving import solutions

HALF_AN_HOUR = timedelta(minutes=30)


def solved(exercise: str, name: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"bl": bl, "lessons": lessons}
    exec(solutions("19")[exercise].code, namespace)
    function: Callable[..., Any] = namespace[name]
    return function


# -- 19-1 -----------------------------------------------------------------------------------------


def active(lab: bl.SimulatedLab) -> list[bl.Job]:
    return [job for job in lab.jobs.values() if job.state == "active"]


def by_age(lab: bl.SimulatedLab) -> list[str]:
    return [
        job.id
        for job in active(lab)
        if any(
            task.state == "active" and lab.now - task.state_transition_time >= HALF_AN_HOUR
            for task in job.tasks.views()
        )
    ]


def by_running(lab: bl.SimulatedLab) -> list[str]:
    return [job for job in by_age(lab) if not lab.jobs[job].counts.running]


def by_creation(lab: bl.SimulatedLab) -> list[str]:
    return [
        job.id
        for job in active(lab)
        if job.counts.active and not job.counts.running
        and not _moved(lab, job) and lab.now - job.creation_time >= HALF_AN_HOUR
    ]  # fmt: skip


def by_progress(lab: bl.SimulatedLab) -> list[str]:
    return [job for job in by_age(lab) if not _moved(lab, lab.jobs[job])]


def by_no_success(lab: bl.SimulatedLab) -> list[str]:
    return [job for job in by_running(lab) if not lab.jobs[job].counts.completed]


def by_nodes(lab: bl.SimulatedLab) -> list[str]:
    return [
        job.id for job in active(lab) if job.counts.active and not lab.pools[job.pool_id].nodes
    ]


def of_all(lab: bl.SimulatedLab) -> list[str]:
    jobs = list(lab.jobs.values())
    return [
        job.id
        for job in jobs
        if job.counts.active and not job.counts.running and not _moved(lab, job)
        and all(lab.now - task.state_transition_time >= HALF_AN_HOUR
                for task in job.tasks.views() if task.state == "active")
    ]  # fmt: skip


def all_or_none(lab: bl.SimulatedLab) -> list[str]:
    moves = any(job.counts.running for job in active(lab))
    return [] if moves else right_jobs(lab)


def _moved(lab: bl.SimulatedLab, job: bl.Job) -> bool:
    return any(
        task.end_time and lab.now - task.end_time < HALF_AN_HOUR for task in job.tasks.views()
    )


def right_jobs(lab: bl.SimulatedLab) -> list[str]:
    found: list[str] = solved("19-1", "stuck_jobs")(lab)
    return found


def right_after(minutes: int) -> Callable[[bl.SimulatedLab], list[str]]:
    namespace: dict[str, Any] = {}
    code = solutions("19")["19-1"].code
    assert "minutes=30" in code
    exec(code.replace("minutes=30", f"minutes={minutes}"), namespace)
    function: Callable[[bl.SimulatedLab], list[str]] = namespace["stuck_jobs"]
    return function


def waits(lab: bl.SimulatedLab) -> list[str]:
    lab.advance("30m")
    return []


def fails(lab: bl.SimulatedLab) -> list[str]:
    return [max(task.end_time for task in job.tasks.views()) for job in active(lab)]  # type: ignore[type-var, misc]


def changes(lab: bl.SimulatedLab) -> list[str]:
    found = right_jobs(lab)
    for name in found:
        lab.jobs[name].update(priority=1000)
    return found


def explained(lab: bl.SimulatedLab) -> list[str]:
    """What a lab can say, though Azure cannot."""
    found = []
    for name in by_age(lab):
        job = lab.jobs[name]
        first = job.tasks.filter(state="active")[:1][0]
        if job.counts.running == 0 and first.explain().reasons[0].lasting and not _moved(lab, job):
            found.append(name)
    return found


@pytest.mark.parametrize(
    "function",
    [
        right_jobs,
        lambda lab: set(right_jobs(lab)),
        lambda lab: tuple(name.upper() for name in right_jobs(lab)),
        lambda lab: [lab.jobs[name] for name in right_jobs(lab)],
        lambda lab: (lab.jobs[name].view() for name in right_jobs(lab)),
        lambda lab, minutes=30: right_jobs(lab),
        explained,
    ],
)
def test_19_1_that_tells_stuck_from_waiting_is_right(function: Callable[..., Any]) -> None:
    answer = lessons.check("19-1", function)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (by_age, "gives a false alarm for a long queue"),
        (by_running, "gives a false alarm for a job in which a task ended 29 minutes ago"),
        (by_progress, "gives a false alarm for a task of ten hours"),
        (by_creation, "gives a false alarm for an old job with new tasks"),
        (by_no_success, "misses a job that has lost its nodes"),
        (by_nodes, "gives a false alarm for an old job with new tasks"),
        (of_all, "gives a false alarm for jobs that are completed or disabled"),
        (all_or_none, "misses a job that has lost its nodes"),
        (lambda lab: [], "misses a job in a pool without nodes"),
        (lambda lab: list(lab.jobs), "gives a false alarm for a long queue"),
        (lambda lab: ["work"], "misses a job in a pool without nodes"),
        (right_after(minutes=20), "gives a false alarm for an old job with new tasks"),
        (right_after(minutes=60), "misses a job in a pool without nodes"),
        (lambda lab: bool(right_jobs(lab)), "does not return ids"),
        (lambda lab: None, "does not return ids"),
        (lambda lab: "dawn", "does not return ids"),
        (lambda lab: [3], "does not return ids"),
        (lambda lab, more: [], "does not take 1 argument"),
        (waits, "takes too much lab time"),
        (fails, "the function fails"),
        (changes, "changes something"),
    ],
)
def test_19_1_of_a_wrong_answer_says_what_it_misjudges(
    function: Callable[..., Any], what: str
) -> None:
    first, second = lessons.check("19-1", function), lessons.check("19-1", function)
    assert first.outcome == "not yet"
    assert what in first.text
    assert first.hint
    assert second.hint


def test_19_1_with_what_the_function_returns_says_what_to_pass() -> None:
    with bl.SimulatedLab() as lab:
        answer = lessons.check("19-1", lab)
    assert answer.text == "the check takes a function, but was given: SimulatedLab."
    assert "without parentheses" in answer.hint


# -- 19-2 -----------------------------------------------------------------------------------------


def ends(
    when: Callable[[bl.SimulatedLab, bl.Job], bool], how: str = "terminate"
) -> Callable[..., None]:
    def tidy(lab: bl.SimulatedLab) -> None:
        for job in list(lab.jobs.values()):
            if when(lab, job):
                getattr(job, how)()

    return tidy


def is_done(lab: bl.SimulatedLab, job: bl.Job) -> bool:
    counts = job.counts
    return job.state == "active" and bool(counts.completed) and not counts.active + counts.running


def is_long_done(lab: bl.SimulatedLab, job: bl.Job) -> bool:
    return is_done(lab, job) and all(
        lab.now - task.end_time > timedelta(hours=1) for task in job.tasks.views() if task.end_time
    )


def with_a_moment(lab: bl.SimulatedLab) -> None:
    for job in active(lab):
        if is_long_done(lab, job):
            job.terminate()
            job.wait("completed")


def switched_off(lab: bl.SimulatedLab) -> None:
    for job in active(lab):
        if is_long_done(lab, job):
            job.disable("requeue")


def by_themselves(lab: bl.SimulatedLab) -> None:
    for job in active(lab):
        if is_long_done(lab, job):
            job.update(on_all_tasks_complete="terminatejob")


@pytest.mark.parametrize(
    "function", [solved("19-2", "tidy"), ends(is_long_done), with_a_moment, by_themselves]
)
def test_19_2_that_ends_what_is_done_is_right(function: Callable[..., Any]) -> None:
    answer = lessons.check("19-2", function)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (ends(is_done), "it ends or changes a job whose last task ended half an hour ago"),
        (ends(is_long_done, "delete"), "it deletes a job"),
        (switched_off, "it leaves a job whose tasks have all succeeded"),
        (ends(lambda lab, job: is_long_done(lab, job) and not job.counts.failed),
         "one of them with a failure active"),
        (ends(lambda lab, job: job.state == "active"), "it ends or changes a job"),
        (ends(lambda lab, job: job.state == "active" and not job.counts.running
              and not job.counts.active and lab.now - job.creation_time > timedelta(hours=1)),
         "it ends or changes a job"),
        (ends(lambda lab, job: job.state == "active" and any(
            task.end_time and lab.now - task.end_time > timedelta(hours=1)
            for task in job.tasks.views())), "it ends or changes a job with a running task"),
        (ends(lambda lab, job: True), "JobCompleted"),
        (ends(lambda lab, job: job.state != "completed" and not job.counts.running),
         "it ends or changes"),
        (ends(lambda lab, job: job.id == "monday" and job.state == "active"),
         "it leaves a job whose tasks have all succeeded"),
        (lambda lab: None, "it leaves a job whose tasks have all succeeded"),
        (lambda lab: lab.advance("6h"), "takes too much lab time"),
        (lambda lab, hours: None, "does not take 1 argument"),
    ],
)  # fmt: skip
def test_19_2_of_a_wrong_answer_says_what_it_does(function: Callable[..., Any], what: str) -> None:
    answer = lessons.check("19-2", function)
    assert answer.outcome == "not yet"
    assert what in answer.text
    assert answer.hint


# -- 19-3 -----------------------------------------------------------------------------------------


def rate(lab: bl.SimulatedLab) -> float:
    return sum(
        lab.vm_sizes[pool.vm_size].price_per_hour * len(pool.nodes) for pool in lab.pools.values()
    )


def guarding(
    stop: Callable[[bl.Pool], None],
    when: Callable[[bl.SimulatedLab, float], bool] = lambda lab, budget: (
        lab.cost.cost + rate(lab) / 6 >= budget
    ),
) -> Callable[..., None]:
    def guard(lab: bl.SimulatedLab, budget: float) -> None:
        if when(lab, budget):
            for pool in lab.pools.values():
                stop(pool)

    return guard


def to_zero(pool: bl.Pool, **how: Any) -> None:
    if pool.auto_scale_formula:
        pool.disable_auto_scale()
    if pool.target_dedicated_nodes or pool.target_low_priority_nodes:
        pool.resize(0, target_low_priority_nodes=0, **how)


def one_by_one(pool: bl.Pool) -> None:
    if pool.auto_scale_formula:
        pool.disable_auto_scale()
    nodes = list(pool.nodes.values())
    if nodes:
        pool.remove_nodes(nodes)


def deallocated(pool: bl.Pool) -> None:
    for node in pool.nodes.values():
        if node.state not in ("deallocated", "deallocating"):
            node.deallocate()


def and_wait(pool: bl.Pool) -> None:
    to_zero(pool)
    pool.wait("steady")


def without_spot(pool: bl.Pool) -> None:
    if pool.auto_scale_formula:
        pool.disable_auto_scale()
    if pool.target_dedicated_nodes:
        pool.resize(0)


def first_only(lab: bl.SimulatedLab, budget: float) -> None:
    if lab.cost.cost + rate(lab) / 6 >= budget:
        to_zero(next(iter(lab.pools.values())))


def with_jobs(pool: bl.Pool, how: str, *more: Any) -> None:
    to_zero(pool)
    job = bl.Job(pool._connection, f"work-{pool.id}")
    if job.state == "active":
        getattr(job, how)(*more)


@pytest.mark.parametrize(
    "function",
    [
        solved("19-3", "guard"),
        guarding(to_zero),
        guarding(one_by_one),
        guarding(and_wait),
        guarding(to_zero, lambda lab, budget: lab.cost.cost + rate(lab) / 5 > budget),
    ],
)
def test_19_3_that_keeps_to_the_budget_is_right(function: Callable[..., Any]) -> None:
    answer = lessons.check("19-3", function)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda lab, budget: None, "are spent, more than the budget"),
        (guarding(to_zero, lambda lab, budget: lab.cost.cost >= budget), "more than the budget"),
        (guarding(to_zero, lambda lab, budget: True), "the function fails"),
        (guarding(to_zero, lambda lab, budget: lab.cost.cost > 0.05), "the guard acts when $0.0"),
        (guarding(to_zero, lambda lab, budget: lab.cost.cost > budget / 2),
         "(an account that never reaches its budget)"),
        (guarding(lambda pool: to_zero(pool, node_deallocation_option="taskcompletion")),
         "(a pool "),
        (guarding(lambda pool: to_zero(pool, node_deallocation_option="terminate")),
         "tasks failed"),
        (guarding(lambda pool: pool.resize(0) if pool.nodes else None), "(a pool with a formula)"),
        (guarding(without_spot), "(two pools, with large and with spot nodes)"),
        (first_only, "(two pools, with large and with spot nodes)"),
        (guarding(lambda pool: pool.delete()), "is gone"),
        (guarding(lambda pool: with_jobs(pool, "terminate")), "is gone"),
        (guarding(lambda pool: with_jobs(pool, "disable", "requeue")), "or disabled"),
        (guarding(to_zero, lambda lab, budget: (
            lab.cost.cost + sum(0.08 * len(p.nodes) for p in lab.pools.values()) / 6 >= budget)),
         "(two pools, with large and with spot nodes)"),
        (guarding(to_zero, lambda lab, budget: lab.cost.cost + 0.1 > budget),
         "(two pools, with large and with spot nodes)"),
        (guarding(to_zero, lambda lab, budget: lab.pools["farm"].cost.cost + 0.08 >= budget),
         "more than the budget"),
        (guarding(to_zero, lambda lab, budget: lab.cost.task_hours * 0.08 + 0.08 > budget),
         "more than the budget"),
        (lambda lab, budget: lab.advance("1h"), "takes too much lab time"),
        (lambda lab: None, "does not take 2 arguments"),
    ],
)  # fmt: skip
def test_19_3_of_a_wrong_answer_says_where_it_fails(
    function: Callable[..., Any], what: str
) -> None:
    answer = lessons.check("19-3", function)
    assert answer.outcome == "not yet"
    assert what in answer.text
    assert answer.hint
