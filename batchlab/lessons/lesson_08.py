"""Checks of lesson 08: autoscale formulas, judged by what they decide, not by how they look."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from batchlab.autoscale.formula import Formula
from batchlab.core.messages.outputs import AutoScaleEvaluated
from batchlab.core.model.ids import fold
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.laboratory.results import Simulation
from batchlab.lessons.evidence import not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history, span, unfinished

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LOAD = "Arrivals.office_hours(60, task=10m)"
WAIT = timedelta(minutes=6)
HOURS = 110
BOOT, DELAY = timedelta(seconds=90), timedelta(seconds=30)
EVALUATIONS = 12
TARGET = re.compile(r"\$Target(?:Dedicated|LowPriority)Nodes=(\d+)")


def _target(formula: Formula, pending: float | None, current: int = 4) -> int | str:
    """How many nodes the formula settles on with this many pending tasks, or its error.

    Half of the tasks run, and the newest sample is half a minute old, as in a real pool. A formula
    may take a few evaluations, for example if it removes half of the idle nodes each time.
    """
    times = [NOW - timedelta(seconds=30 * back) for back in range(120, 0, -1)]
    halves = {"$PendingTasks": 1.0, "$ActiveTasks": 0.5, "$RunningTasks": 0.5}
    samples = {
        name: [] if pending is None else [(time, part * pending) for time in times]
        for name, part in halves.items()
    }
    for _ in range(EVALUATIONS):
        run = formula.evaluate(samples=samples, now=NOW, current_dedicated=current)
        if run.error:
            return run.error.code
        found = run.target_dedicated_nodes + run.target_low_priority_nodes
        if found == current:
            break
        current = found
    return current


@exercise("08-1", "A formula with bounds and a guard", Formula)
def _follower(formula: Formula) -> str | Missing:
    empty = _target(formula, None)
    wrong = [
        (pending, want, found)
        for pending, want in ((8, 4), (14, 7), (4, 2), (20, 10), (500, 10), (0, 1), (2, 1))
        for current in (4, 0, 10)
        if (found := _target(formula, pending, current)) != want
    ]
    for pending, want, found in wrong:
        if isinstance(found, str):
            return Missing(
                f"with {pending} pending tasks the evaluation fails: {found}.",
                "Try it yourself: formula.evaluate(samples=..., now=...).error says where.",
                "Its explain() goes through the formula line by line.",
            )
        what = f"with {pending} pending tasks it wants {found} nodes, not {want}."
        if pending == 500:
            return Missing(what, "There is an upper bound, too.", "min(10, ...).")
        if pending in (0, 2):
            return Missing(what, "There is a lower bound, too.", "max(1, ...).")
        if found == empty:
            return Missing(
                what,
                "It wants the same without samples. Does its guard ever let them through?",
                "The newest sample is missing: a window of one minute never has 70 % of its "
                "samples.",
            )
        return Missing(
            what,
            "One node for every two tasks, however many nodes the pool has now.",
            "Look at the formula half in the lesson. Which part of it counts the tasks?",
        )
    if isinstance(empty, str):
        return Missing(
            f"on a new pool, without samples, the evaluation fails: {empty}.",
            "Look at the section 'No samples yet'.",
            "Check with GetSamplePercent how many samples there are before you call GetSample.",
        )
    if empty != 1:
        return Missing(
            f"on a new pool, without samples, it wants {empty} nodes, not 1.",
            "It should want 1 node there, too.",
            "How many tasks does the formula assume when there are no samples?",
        )
    if formula.evaluate(samples={}, now=NOW).target_low_priority_nodes or _spot(formula):
        return Missing(
            "it also asks for spot nodes.",
            "One node for every two tasks: of which kind?",
            "Set $TargetDedicatedNodes only.",
        )
    return "it follows the number of tasks, between 1 and 10 nodes, and works on a new pool."


def _spot(formula: Formula) -> int:
    times = [NOW - timedelta(seconds=30 * back) for back in range(120, 0, -1)]
    names = ("$PendingTasks", "$ActiveTasks", "$RunningTasks")
    samples = {name: [(time, 8.0) for time in times] for name in names}
    return formula.evaluate(samples=samples, now=NOW).target_low_priority_nodes


@exercise("08-2", "Short waits for little money", Simulation)
def _balanced(simulation: Simulation) -> str | Missing:
    if simulation.arrivals != LOAD or simulation.days != 1:
        return Missing(
            f"this is a different day: {simulation.days:g} x {simulation.arrivals}.",
            "Simulate the same tasks as above.",
            "Call bl.simulate(formula, load), which simulates one day.",
        )
    usual = (simulation.vm_size, simulation.task_slots_per_node) == ("small", 1)
    if not usual or simulation.boot < BOOT or simulation.sample_delay < DELAY:
        return Missing(
            "these are other nodes than above.",
            "You may choose the formula and the interval.",
            "Leave vm_size, task_slots_per_node, boot and sample_delay out.",
        )
    wait, hours = simulation.wait_percentile(95), simulation.node_hours
    minutes = wait.total_seconds() / 60
    found = f"95 % of the tasks waited {minutes:.1f} minutes at most, with {hours:.0f} node-hours"
    if simulation.never_started_count:
        return Missing(
            f"{simulation.never_started_count} tasks never ran.",
            "A task that never runs has no waiting time, but it should run.",
            "How many nodes does the formula want when tasks are pending?",
        )
    if wait > WAIT and hours > HOURS:
        return Missing(
            f"{found}: both are too high.",
            "Which of the four formulas above comes closest?",
            "auto_scale_evaluation_interval can be as short as 5 minutes.",
        )
    if wait > WAIT:
        return Missing(
            f"{found}: the waits are too long.",
            "How long can a task wait until the formula is evaluated again?",
            "auto_scale_evaluation_interval can be as short as 5 minutes. And how many nodes does "
            "your formula allow at most?",
        )
    if hours > HOURS:
        return Missing(
            f"{found}: too many node-hours.",
            "Idle nodes cost as much as busy ones.",
            "A formula that looks at the tasks knows when there is nothing to do; one that looks "
            "at the clock does not.",
        )
    return f"{found}."


@exercise("08-3", "A pool that empties itself", Pool, Job)
def _emptied(pool: Pool, job: Job) -> str | Missing:
    wanted = _wanted(pool)
    if pool.auto_scale_formula is None and not wanted:  # it may be turned off when all is done
        return Missing(
            "the pool follows no formula.",
            "Pools have a method for it. Look at the section 'A pool that follows a formula'.",
            "Call pool.enable_auto_scale(...).",
        )
    if job.pool_id.lower() != pool.id.lower():
        return Missing(
            "the job runs on another pool.",
            "Pass the pool and the job that ran on it.",
            f"The pool of this job is {job.pool_id!r}.",
        )
    waiting = unfinished(job, least=10) or not_all_succeeded(job)
    if waiting:
        return waiting
    begin, end = span(job)
    if not any(count for at, count in wanted if at <= begin):
        error = pool.auto_scale_run.error if pool.auto_scale_run else None
        return Missing(
            "the tasks ran on nodes that the formula had not asked for.",
            "Let the pool follow its formula first, and then wait for the tasks."
            if error is None
            else f"The formula fails with {error.code}.",
            "Create a pool with target_dedicated_nodes=0, call enable_auto_scale, and create a "
            "new job.",
        )
    if pool.current_dedicated_nodes or pool.current_low_priority_nodes:
        error = pool.auto_scale_run.error if pool.auto_scale_run else None
        return Missing(
            f"the pool still has {pool.current_dedicated_nodes} nodes.",
            "It needs a few more evaluations: advance the clock."
            if error is None
            else f"The formula fails with {error.code}.",
            "pool.auto_scale_history[-1].explain() says how many nodes it wanted, and why.",
        )
    if all(count for at, count in wanted if at >= end):
        return Missing(
            "the formula has not removed the nodes.",
            "Does it want none when no task is pending?",
            "pool.auto_scale_history[-1].explain() says how many nodes it wants, and why.",
        )
    return "the pool grew for its tasks, and then removed all its nodes."


def _wanted(pool: Pool) -> list[tuple[float, int]]:
    """How many nodes each evaluation of the pool's formulas wanted, and when."""
    return [
        (change.at, sum(map(int, TARGET.findall(change.results))))
        for change in history(pool)
        if isinstance(change, AutoScaleEvaluated)
        and fold(change.pool_id) == fold(pool.id)
        and not change.error
    ]
