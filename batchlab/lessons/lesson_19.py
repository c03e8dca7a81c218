"""Checks of lesson 19: functions that watch a lab, and act when it costs too much.

They are tried in labs of their own, each with something that is easily taken for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from types import FunctionType
from typing import Any

from batchlab.core.model.ids import fold
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import etags
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.scenes_19 import (
    ACCOUNTS,
    BUDGET,
    ENDED,
    HOURS,
    KEPT,
    SCENES,
    TIMES,
    GuardedLab,
    Names,
    crowd,
)
from batchlab.lessons.trying import said, takes, trial_lab

LEAVING = 1.01
"""How much of the budget may be spent: nodes cost something while they leave."""
NO_TIME = timedelta(0)
A_MOMENT = timedelta(minutes=5)
TEN_MINUTES = timedelta(minutes=10)
NEARLY_TEN_MINUTES = timedelta(minutes=9)


def _called(
    function: Callable[..., Any], lab: SimulatedLab, *more: Any, most: timedelta = NO_TIME
) -> Any:
    """What a function returns in a lab; `_Stopped` if it fails or takes too much lab time."""
    begun = lab.now
    try:
        returned = function(lab, *more)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise _Stopped(error) from None
    if lab.now - begun > most:
        raise _Stopped(None)
    return returned


class _Stopped(Exception):
    """A function failed with an error; without one, it moved the clock."""

    def missing(self, where: str) -> Missing:
        error = self.args[0]
        if error is None:
            return Missing(
                f"the function takes too much lab time ({where}).",
                "A watcher looks at what is there. It is called again later.",
                "Leave out advance and wait.",
            )
        return Missing(
            f"the function fails ({where}): {said(error)}.",
            "Does it handle every state in which a pool, a job or a task may be?",
            "Try it in a lab of your own, with such a pool or job.",
        )


# -- 19-1 -----------------------------------------------------------------------------------------


@exercise("19-1", "Stuck, or only waiting", FunctionType)
def _alarmed(stuck_jobs: FunctionType) -> str | Missing:
    wrong = takes(stuck_jobs, 1, "a lab")
    if wrong:
        return wrong
    for scene in SCENES:
        with trial_lab(TIMES) as lab:
            names = Names()
            scene.make(lab, names)
            stuck = frozenset(names[name] for name in scene.stuck)
            before = etags(lab)
            try:
                found = _ids(_called(stuck_jobs, lab))
            except _Stopped as stopped:
                return stopped.missing(scene.what)
            if found is None:
                return Missing(
                    "the function does not return ids of jobs.",
                    "Return a list, which may be empty.",
                    "return [job.id for job in ...]",
                )
            if etags(lab) != before:
                return Missing(
                    f"the function changes something ({scene.what}).",
                    "It should only look.",
                    "Leave out what changes pools, jobs or tasks.",
                )
            if found != stuck:
                what = "misses" if stuck - found else "gives a false alarm for"
                return Missing(
                    f"the function {what} {scene.what}.",
                    scene.hint,
                    "task.state_transition_time and task.end_time are compared with lab.now; "
                    "job.counts and job.tasks.filter(state=...) say what runs and waits.",
                )
    return f"it judges all {len(SCENES)} labs as you would."


def _ids(returned: Any) -> frozenset[str] | None:
    """The ids of jobs in what a function returned: ids themselves, or jobs."""
    if not isinstance(returned, Iterable) or isinstance(returned, str):
        return None
    ids = [getattr(one, "id", one) for one in returned]
    known = [fold(one) for one in ids if isinstance(one, str)]
    return frozenset(known) if len(known) == len(ids) else None


# -- 19-2 -----------------------------------------------------------------------------------------


@exercise("19-2", "Room in the quota", FunctionType)
def _tidied(tidy: FunctionType) -> str | Missing:
    wrong = takes(tidy, 1, "a lab")
    if wrong:
        return wrong
    with trial_lab(TIMES) as lab:
        names = Names()
        crowd(lab, names)
        before = _kept(lab, names)
        for _ in range(2):
            try:
                _called(tidy, lab, most=A_MOMENT)
            except _Stopped as stopped:
                return stopped.missing("jobs in all states, and called twice")
            found = _judged(lab, names, before)
            if found:
                return found
            lab.advance(A_MOMENT)
    return "the jobs that are done are ended, and all others are as before."


def _kept(lab: SimulatedLab, names: Names) -> dict[str, list[str]]:
    """The versions of the jobs that should be left alone, and of their tasks."""
    found = {}
    for name in (*KEPT, "gone"):
        job = lab.jobs.get(names[name])
        found[name] = [job.etag, *(view.etag for view in job.tasks.views())] if job else []
    return found


def _judged(lab: SimulatedLab, names: Names, before: dict[str, list[str]]) -> Missing | None:
    states = {fold(job.id): job.state for job in lab.jobs.views()}
    if any(states.get(one) in (None, "deleting") for one in names.values()):
        return Missing(
            "it deletes a job.",
            "With a job, its tasks and their files are deleted.",
            "There is another verb to end a job.",
        )
    after = _kept(lab, names)
    for name, what in KEPT.items():
        if after[name] != before[name]:
            return Missing(
                f"it ends or changes {what}.",
                "Only jobs in which nothing is left to do may be ended.",
                "job.counts says how many tasks there are in each state; task.end_time is "
                "compared with lab.now.",
            )
    for name, what in ENDED.items():
        if states[names[name]] not in ("terminating", "completed"):
            return Missing(
                f"it leaves {what} active.",
                "A task that failed is completed, too. How long ago did the last one end?",
                "job.terminate() ends a job.",
            )
    return None


# -- 19-3 -----------------------------------------------------------------------------------------


@exercise("19-3", "A guard for the budget", FunctionType)
def _guarded(guard: FunctionType) -> str | Missing:
    wrong = takes(guard, 2, "a lab and a budget")
    if wrong:
        return wrong
    for account in ACCOUNTS:
        with trial_lab(TIMES) as lab:
            account.make(lab)
            try:
                found = _night(guard, lab, account)
            except _Stopped as stopped:
                return stopped.missing(account.what)
            if found:
                return found
    return f"it keeps {len(ACCOUNTS)} accounts within their budgets, and no work is lost."


def _night(guard: FunctionType, lab: SimulatedLab, account: GuardedLab) -> Missing | None:
    """Call the guard every ten minutes for some hours, and judge what it did."""
    things = len(lab.jobs), len(lab.pools)
    acted: datetime | None = None
    for _ in range(6 * HOURS):
        begun = lab.now
        before, spent = _versions(lab), lab.cost.cost
        rate = sum(
            lab.vm_sizes[pool.vm_size].price_per_hour * _most(pool) for pool in lab.pools.values()
        )
        _called(guard, lab, BUDGET, most=NEARLY_TEN_MINUTES)
        if acted is None and _versions(lab) != before:
            acted = begun
            if spent + rate / 6 < BUDGET * 0.8:
                return Missing(
                    f"the guard acts when ${spent:.2f} of ${BUDGET:.2f} are spent "
                    f"({account.what}).",
                    account.hint,
                    "Compare with the budget: lab.cost.cost, and a sixth of what all nodes cost "
                    "in an hour.",
                )
        lab.advance(begun + TEN_MINUTES - lab.now)
        if lab.cost.cost > BUDGET * LEAVING:
            return Missing(
                f"${lab.cost.cost:.2f} are spent, more than the budget of ${BUDGET:.2f} "
                f"({account.what}).",
                account.hint,
                "Until the guard is called again, all nodes cost a sixth of their price for an "
                "hour. If that is too much, all pools must be without nodes now.",
            )
    return _harm(lab, account, things)


def _versions(lab: SimulatedLab) -> list[str]:
    """The versions of all pools and jobs, which any change by a user changes."""
    return [view.etag for view in (*lab.pools.views(), *lab.jobs.views())]


def _most(pool: Pool) -> int:
    """How many nodes a pool has, or will have soon."""
    target = pool.target_dedicated_nodes + pool.target_low_priority_nodes
    return max(target, pool.current_dedicated_nodes + pool.current_low_priority_nodes)


def _harm(lab: SimulatedLab, account: GuardedLab, things: tuple[int, int]) -> Missing | None:
    """What the guard did to the work."""
    active = [job for job in lab.jobs.values() if job.state == "active"]
    pools = [pool for pool in lab.pools.values() if pool.state == "active"]
    if (len(active), len(pools)) != things:
        return Missing(
            f"a job or a pool is gone, or disabled ({account.what}).",
            "It should go on when there is money again.",
            "A pool with 0 nodes costs nothing, and its tasks wait.",
        )
    if any(job.counts.failed for job in active):
        return Missing(
            f"tasks failed ({account.what}).",
            "What happens to the running tasks of a node that leaves?",
            "node_deallocation_option='requeue', the default, lets them start again later.",
        )
    if account.runs_out and any(pool.nodes for pool in lab.pools.values()):
        still = [node for pool in lab.pools.values() for node in pool.nodes.values()
                 if node.state != "deallocated"]  # fmt: skip
        if still:
            return Missing(
                f"{len(still)} nodes are still there ({account.what}).",
                account.hint,
                "pool.resize(0, target_low_priority_nodes=0)",
            )
    return None
