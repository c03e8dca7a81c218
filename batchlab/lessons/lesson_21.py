"""Checks of the capstone: what went wrong in a night, and designs that survive other nights.

A design is judged by nights that its author has not seen. So luck in one night does not count, nor
does what was typed: only what happened on the machines, and what it took and cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import Any

from batchlab.autoscale.formula import Formula
from batchlab.core.model.ids import fold
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab
from batchlab.lessons.evidence import not_all_succeeded, plain, run_seconds
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history, is_of_pool, unfinished
from batchlab.lessons.nights import BOOK, Faults, NightConnection, machine, night
from batchlab.lessons.trying import said, stop_after, takes

BOOKS, SOME_BOOKS = 600, 200
DEADLINE, DOLLARS, FAILED_RUNS = timedelta(minutes=80), 1.0, 40
PATIENCE = timedelta(minutes=30)
"""For how long a preparation may keep a book waiting."""
WATCHED = timedelta(hours=4)
HIDDEN = (28, 365, 512)
OTHER = 77
SIZE = "small"


def _faults(of: SimulatedLab | Job) -> Faults | None:
    return of._connection.faults if isinstance(of._connection, NightConnection) else None


ANOTHER_LAB = Missing(
    "this lab is no night of the lesson.",
    "The faults are in the labs that lessons.night(...) opens.",
    "lab = lessons.night(1)",
)


# -- 21-1 -----------------------------------------------------------------------------------------

KEYS = ("broken", "slow", "cut short")
WHERE = {
    "broken": "Which node ran the books that failed? A task has a node_id, and job.tasks.filter("
    "result='failure') finds them.",
    "slow": "job.preparations says when each preparation started and ended.",
    "cut short": "A run that is cut short because its node leaves is requeued: each task counts "
    "how often.",
}


@exercise("21-1", "What went wrong", SimulatedLab, dict)
def _diagnosed(lab: SimulatedLab, findings: dict[str, Any]) -> str | Missing:
    faults = _faults(lab)
    if faults is None:
        return ANOTHER_LAB
    jobs = [job for job in lab.jobs.values() if len(job.tasks) >= BOOKS]
    if not jobs or not lab.pools:
        return Missing(
            "no evening with all books was run in this lab.",
            "Run the inherited design in it, and let three hours pass.",
            "inherited(lab), then lab.advance('3h').",
        )
    missing = [key for key in KEYS if key not in findings]
    if missing:
        return Missing(f"the findings have no {missing[0]!r}.",
                       f"They need the keys {', '.join(map(repr, KEYS))}.",
                       "{'broken': ..., 'slow': ..., 'cut short': ...}")  # fmt: skip
    job = jobs[0]
    cut = sum(task.requeue_count for task in job.tasks.views())
    right: Mapping[str, Callable[[Any], bool]] = {
        "broken": lambda found: _is_machine(job, found, faults.bad),
        "slow": lambda found: _is_machine(job, found, faults.slow),
        "cut short": lambda found: found in (cut, str(cut)),
    }
    for key in KEYS:
        if not right[key](findings[key]):
            swapped = key != "cut short" and _is_machine(job, findings[key], faults.slow)
            return Missing(
                f"{key!r} is not {findings[key]!r}.",
                "That one is slow, not broken." if swapped else WHERE[key],
                "sum(task.requeue_count for task in job.tasks.views())" if key == "cut short"
                else "The answer is the id of a node of the pool.",
            )  # fmt: skip
    return "that is what went wrong. The formula and the preparation can do something about it."


def _is_machine(job: Job, found: Any, number: int) -> bool:
    node_id = getattr(found, "id", found)
    ids = {change.node_id for change in history(job) if is_of_pool(change, job.pool_id)}
    return isinstance(node_id, str) and node_id in ids and machine(node_id) == number


# -- 21-2 -----------------------------------------------------------------------------------------

NOW = datetime(2026, 1, 5, 18, tzinfo=UTC)
LEAST, MOST, FEW = 40, 100, 4


@exercise("21-2", "A formula that lets books finish", Formula)
def _follows(formula: Formula) -> str | Missing:
    for active, running, least, most in (
        (600, 0, LEAST, MOST), (300, 40, LEAST, MOST), (0, 30, 30, 30 + FEW), (0, 1, 1, 1 + FEW),
        (0, 0, 0, 0),
    ):  # fmt: skip
        run = formula.evaluate(
            samples=_samples(active, running), now=NOW, current_low_priority=min(running, MOST)
        )
        what = f"with {active} books in the queue and {running} running "
        if run.error:
            return Missing(f"{what}the evaluation fails: {run.error.code}.",
                           "formula.evaluate(samples=..., now=...).error says where.",
                           "Begin with bl.formulas.pending_tasks(...).")  # fmt: skip
        spot, dedicated = run.target_low_priority_nodes, run.target_dedicated_nodes
        if not least <= spot + dedicated <= most:
            return Missing(
                f"{what}it wants {spot + dedicated} nodes.",
                "The books that run need their nodes, too. Which variable counts both?"
                if spot + dedicated < least and not active
                else "It needs enough nodes for the deadline, an upper bound for the budget, and "
                "none when there is nothing to do.",
                "$PendingTasks counts the tasks in the queue and the running ones.",
            )
        if dedicated > FEW:
            return Missing(f"{what}it wants {dedicated} dedicated nodes.",
                           "The budget is made for the other kind.",
                           "Set $TargetLowPriorityNodes.")  # fmt: skip
    if run.node_deallocation_option not in ("taskcompletion", "retaineddata"):
        return Missing(
            f"when it removes nodes, it uses {run.node_deallocation_option!r}.",
            "What happens then to the books that run there?",
            "$NodeDeallocationOption = taskcompletion;",
        )
    if formula.evaluate(samples={}, now=NOW).error:
        return Missing("it fails on a new pool, which has no samples.",
                       "Look at the section 'No samples yet' of lesson 08.",
                       "max(0, $PendingTasks.GetSample(1)) does not fail.")  # fmt: skip
    return "it has a node for each book that waits or runs, within bounds, and cuts none short."


def _samples(active: int, running: int) -> dict[str, list[tuple[datetime, float]]]:
    times = [NOW - timedelta(seconds=30 * back) for back in range(120, 0, -1)]
    values = {
        "$ActiveTasks": active, "$RunningTasks": running, "$PendingTasks": active + running,
    }  # fmt: skip
    return {name: [(time, float(value)) for time in times] for name, value in values.items()}


# -- 21-3 -----------------------------------------------------------------------------------------


@exercise("21-3", "Nodes that are not fit for the books", Job)
def _protected(job: Job) -> str | Missing:
    faults = _faults(job)
    if faults is None:
        return ANOTHER_LAB
    seen = {machine(change.node_id) for change in history(job) if is_of_pool(change, job.pool_id)}
    if not {faults.bad, faults.slow} <= seen:
        return Missing(
            f"the pool has only had {len(seen)} machines, and not the ones with the faults.",
            "A preparation proves itself where something is wrong. Use a pool of 40 nodes.",
            'lab.create_pool("forty", target_dedicated_nodes=40)',
        )
    waiting = unfinished(job, least=SOME_BOOKS) or not_all_succeeded(job)
    if waiting:
        return waiting
    wrong = _unprotected(job, faults, "here")
    if wrong:
        return wrong
    with night(OTHER) as lab:
        stop_after(lab)
        again = _again(lab, job)
        faults = _faults(again)
        assert faults is not None
        return _unprotected(again, faults, "in another night") or (
            "no book runs on the broken machine, and none waits for the slow one, here and in "
            "another night."
        )


def _again(lab: SimulatedLab, job: Job) -> Job:
    """Run the same job with the same preparation, on a pool with the same start task."""
    pool, view = Pool(job._connection, job.pool_id).view(), job.view()
    start = {"start_task": plain(pool.start_task)} if pool.start_task else {}
    lab.create_pool("trial", target_dedicated_nodes=LEAST, **start)
    prepare = plain(view.job_preparation_task) if view.job_preparation_task else None
    more: dict[str, Any] = {"job_preparation_task": prepare} if prepare else {}
    made = lab.create_job("trial", "trial", **more)
    made.create_tasks(["value book"] * SOME_BOOKS)
    lab.advance(WATCHED)
    return made


def _unprotected(job: Job, faults: Faults, where: str) -> Missing | None:
    if faults.broken_runs:
        return Missing(
            f"{where} {faults.broken_runs} runs of books failed on the machine with the broken "
            "disk.",
            "What fails fast takes more tasks than what works. Something has to fail before the "
            "first book: what does a node do when its preparation fails?",
            "/bin/sh -c 'check disk && download prices'",
        )
    if job.counts.succeeded < SOME_BOOKS:
        return Missing(
            f"{where} only {job.counts.succeeded} books succeeded in four hours.",
            "Who took part in your lab? The definitions have to do it alone.",
            "What keeps a node from a job has to be in the preparation, or in the start task.",
        )
    longest = max(_preparing(job, row) for row in job.preparations) if job.preparations else None
    if longest is not None and longest > PATIENCE:
        return Missing(
            f"{where} a preparation kept its book waiting for {longest.total_seconds() / 60:.0f} "
            "minutes.",
            "A download that never ends does not fail by itself. Who says when it has taken too "
            "long?",
            "A preparation has constraints: bl.TaskConstraints(max_wall_clock_time=...).",
        )
    return None


def _preparing(job: Job, row: Any) -> timedelta:
    info = row.job_preparation_task_execution_info
    now = datetime.fromtimestamp(job._connection.now(), UTC)
    found: timedelta = (info.end_time or now) - info.start_time
    return found


# -- 21-4 -----------------------------------------------------------------------------------------


@exercise("21-4", "Every night, in time and within the budget", FunctionType)
def _every_night(evening: FunctionType) -> str | Missing:
    wrong = takes(evening, 1, "the lab of a night")
    if wrong:
        return wrong
    took, cost = timedelta(), 0.0
    for count, number in enumerate(HIDDEN, 1):
        with night(number) as lab:
            stop_after(lab)
            begin = lab.now
            try:
                job = evening(lab)
            except Exception as error:
                return Missing(
                    f"in night {count} of {len(HIDDEN)} it fails: {said(error)}.",
                    "It is called with a new lab each time, and nobody is there to help.",
                    "Try it with other nights than the first: lessons.night(2), lessons.night(3).",
                )
            if not isinstance(job, Job) or job._connection is not lab._connection:
                return Missing(f"it returns {job!r}.", "It should return the job that it created.",
                               "return job")  # fmt: skip
            lab.advance(max(begin + WATCHED - lab.now, timedelta()))
            where = f"in night {count} of {len(HIDDEN)} "
            found = _all_valued(job, where) or _judged(lab, job, begin, where)
            if found:
                return found
            took, cost = max(took, _last(job) - begin), max(cost, lab.cost.cost)
    return (
        f"in {len(HIDDEN)} nights nobody has seen before, all books were done after "
        f"{took.total_seconds() / 60:.0f} minutes at most, for ${cost:.2f} at most."
    )


def _last(job: Job) -> datetime:
    return max(view.end_time for view in job.tasks.views() if view.end_time)


def _all_valued(job: Job, where: str) -> Missing | None:
    views = list(job.tasks.views())
    good = [view for view in views if view.result == "success"]
    books = [view for view in good if "value book" in view.command_line]
    if len(books) < BOOKS:
        left = sum(view.state != "completed" for view in views)
        return Missing(
            f"{where}{len(books)} of {BOOKS} books succeeded; {left} tasks were not done after "
            "four hours.",
            "Does it do what exercises 21-1 to 21-3 are about, all of it?",
            "Run it in a night of your own: job.explain() and job.report() say what happened.",
        )
    if min(run_seconds(books)) < BOOK.total_seconds() - 1:
        return Missing(f"{where}some books took less than three minutes.",
                       "Every book has to be computed.",
                       'The command line of a task is "value book".')  # fmt: skip
    return None


def _judged(lab: SimulatedLab, job: Job, begin: datetime, where: str) -> Missing | None:
    others = [
        pool for pool in lab.pools.values()
        if pool.vm_size != SIZE or pool.task_slots_per_node != 1
    ]  # fmt: skip
    if others or fold(job.pool_id) not in map(fold, lab.pools):
        return Missing(
            f"{where}the books did not run on {SIZE} nodes with one slot.",
            "The times are those of such nodes. (Leave the pool there: the check looks at it.)",
            "Omit vm_size and task_slots_per_node.",
        )
    nodes = sum(len(pool.nodes) for pool in lab.pools.values())
    if nodes:
        return Missing(
            f"{where}there are still {nodes} nodes four hours later.",
            "Nobody goes home while the meter is running.",
            "Let the formula remove them, or wait for the tasks and resize the pool to 0.",
        )
    faults = _faults(lab)
    if faults is not None and faults.broken_runs > FAILED_RUNS:
        return Missing(
            f"{where}{faults.broken_runs} runs of books failed on a broken machine.",
            "Retries hide it, and a broken program would be retried just as often.",
            "A node that is not fit must not get books: exercise 21-3.",
        )
    took, cost = _last(job) - begin, lab.cost.cost
    found = f"{where}all books were done after {took.total_seconds() / 60:.0f} minutes, for "
    found += f"${cost:.2f}"
    if took > DEADLINE:
        return Missing(
            f"{found}: too late.",
            "Nodes will be lost. How many do you need so that those that are left are enough?",
            "A higher bound costs less than you think: the hours are those of the books.",
        )
    if lab.cost.unpriced or cost > DOLLARS:
        return Missing(
            f"{found}: too expensive.",
            "Which kind of node, how many, and for how long after the last book?",
            "Spot nodes cost a fifth as much.",
        )
    return None
