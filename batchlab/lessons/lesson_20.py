"""Checks of lesson 20: a test that finds faults, a region with room, a rollout without loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from math import ceil
from types import FunctionType
from typing import Any, NamedTuple

from batchlab.core.messages.outputs import Change, JobChanged, NodeChanged, TaskChanged
from batchlab.core.model import Quotas
from batchlab.core.model.ids import fold
from batchlab.drivers.simulated.workload import Workload
from batchlab.errors import BatchError, NotFound
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab
from batchlab.lessons.definitions import BOOKS, FAULTY, GOOD, Night, deployed, programs
from batchlab.lessons.evidence import has_word, not_all_succeeded, run_seconds
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history, is_task_of, sent_back, unfinished
from batchlab.lessons.trying import said, takes, trial_lab

# -- 20-1 -----------------------------------------------------------------------------------------


@exercise("20-1", "A test that finds the faults", FunctionType)
def _tested(test: FunctionType) -> str | Missing:
    wrong = takes(test, 3, "the lab, the pool and the job")
    if wrong:
        return wrong
    for night in GOOD:
        found = _outcome(test, night)
        if found.error is not None:
            return Missing(
                f"it fails for a good definition ({night.nodes} nodes, pool {night.name!r}): "
                f"{said(found.error)}.",
                "Test what the night has to do, not how it is written: definitions differ in "
                "names, sizes and retries.",
                "Try it yourself, in a lab of your own, with the definitions of the lesson.",
            )
        if found.returned is not None:
            return Missing(
                f"it returns {found.returned!r}, which pytest ignores.",
                "A test fails when it raises an error.",
                "Use assert.",
            )
        if not found.ran:
            return Missing(
                "the night did not even run in its lab.",
                "A definition that looks right may be wrong. Let the time pass.",
                "lab.advance(...) and job.wait(...) move the clock.",
            )
    missed = [night for night in FAULTY if _outcome(test, night).error is None]
    if missed:
        first = missed[0]
        return Missing(
            f"it does not notice {len(missed)} of {len(FAULTY)} faulty definitions. One has "
            f"{first.fault}.",
            first.hint,
            "Go through the list of the exercise: is there an assert for each of its parts?",
        )
    return f"it passes for {len(GOOD)} good definitions and finds all {len(FAULTY)} faulty ones."


class Outcome(NamedTuple):
    """How a test ended for a definition, and whether the night was run in it."""

    error: BaseException | None
    returned: Any
    ran: bool


def _outcome(test: Callable[..., Any], night: Night) -> Outcome:
    with trial_lab(Workload(rules=programs())) as lab:
        pool, job = deployed(lab, night)
        try:
            returned = test(lab, pool, job)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pytest.fail is not an Exception
            return Outcome(error, None, ran=True)
        return Outcome(None, returned, ran=_is_done(lab, night))


def _is_done(lab: SimulatedLab, night: Night) -> bool:
    try:
        return lab.jobs[f"of-{night.name}"].counts.completed == BOOKS
    except NotFound:  # a test may delete its job at the end
        return True


# -- 20-2 -----------------------------------------------------------------------------------------

WANTED = 4
PLENTY: dict[str, Any] = {}
SCARCE = {"max_nodes": 2}
NO_CORES = {"quotas": Quotas(dedicated_core_quota=3)}
NO_POOLS = {"quotas": Quotas(pool_quota=0)}
NO_ROOM = "None can have all the nodes."


class RegionCase(NamedTuple):
    """Regions, and the number of the one to choose; None if there is none."""

    regions: Sequence[dict[str, Any]]
    right: int | None
    what: str


REGION_CASES = (
    RegionCase((PLENTY, PLENTY), 0, "two regions with plenty of nodes"),
    RegionCase((SCARCE, PLENTY), 1, "a first region with only two nodes left"),
    RegionCase((NO_POOLS, PLENTY), 1, "a first region that refuses the pool"),
    RegionCase((NO_CORES, SCARCE, PLENTY), 2, "two regions that give too few nodes, and a third"),
    RegionCase((SCARCE, NO_POOLS), None, "no region with enough nodes"),
)


@exercise("20-2", "A region that has room", FunctionType)
def _placed(place: FunctionType) -> str | Missing:
    wrong = takes(place, 2, "a list of labs and the definition of a pool")
    if wrong:
        return wrong
    for number, case in enumerate(REGION_CASES):
        with ExitStack() as stack:
            labs = [stack.enter_context(trial_lab(Workload(default="2m"), **one))
                    for one in case.regions]  # fmt: skip
            found = _looked_at(place, labs, case, f"risk-{number + 1}")
        if found:
            return found
    return "it finds the first region with room, and leaves no nodes in the others."


def _looked_at(
    place: Callable[..., Any], labs: list[SimulatedLab], case: RegionCase, name: str
) -> Missing | None:
    definition = {
        "id": name, "vmSize": "standard_d1_v2", "targetDedicatedNodes": WANTED,
        "startTask": {"commandLine": "install risk"},
    }  # fmt: skip
    given = f"with {case.what}, "
    try:
        pool = place(list(labs), definition)
    except Exception as error:
        return Missing(
            f"{given}it fails: {said(error)}.",
            "A request that is refused raises bl.BatchError. Then the next region has its turn.",
            "try: ... except bl.BatchError: continue",
        )
    if case.right is None:
        if pool is not None:
            return Missing(f"{given}it returns {pool!r}, not None.", NO_ROOM,
                           "After the loop: return None.")  # fmt: skip
    else:
        verdict = _is_right(pool, labs[case.right], labs, given)
        if verdict:
            return verdict
    for number, lab in enumerate(labs):
        if number != case.right:
            left = _left(lab, number, given, tried=case.right is None or number < case.right)
            if left:
                return left
    return None


def _is_right(
    pool: Any, right: SimulatedLab, labs: list[SimulatedLab], given: str
) -> Missing | None:
    if not isinstance(pool, Pool):
        return Missing(f"{given}it returns {pool!r}, not a pool.", "What should it return?",
                       "return lab.pools[definition['id']]")  # fmt: skip
    where = next((n for n, lab in enumerate(labs) if lab._connection is pool._connection), None)
    if pool._connection is not right._connection:
        place = "a lab of its own" if where is None else f"region {where + 1}"
        return Missing(
            f"{given}it chooses {place}.",
            "The first region that can have all nodes is the right one. How many did the pool "
            "get there?",
            "Wait until the pool is steady, then look at its nodes, or at resize_errors.",
        )
    states = [node.state for node in pool.nodes.values()]
    if states != ["idle"] * WANTED:
        return Missing(
            f"{given}the nodes of the pool are {', '.join(states) or 'not there'}.",
            "It should return when all nodes are idle.",
            'pool.wait("steady") waits until the nodes are allocated, pool.nodes.wait("idle") '
            "until they can run tasks.",
        )
    return None


def _left(lab: SimulatedLab, number: int, given: str, *, tried: bool) -> Missing | None:
    """What is missing while a region that was not chosen has nodes, or had some in vain."""
    if not tried and lab.cost.node_hours:
        return Missing(
            f"{given}it also gets nodes in region {number + 1}, which is never needed.",
            "The regions are in the order of preference: try one after the other.",
            "Return as soon as a region has all the nodes.",
        )
    lab.advance("1h")
    nodes = sum(len(pool.nodes) for pool in lab.pools.values())
    if nodes:
        return Missing(
            f"{given}it leaves {nodes} nodes in region {number + 1}, which cost money.",
            "The pool there got fewer nodes than it wanted, but it got some.",
            "pool.delete()",
        )
    return None


# -- 20-3 -----------------------------------------------------------------------------------------

BLUE, PROGRAM = "blue", "risk-2.0"
HAS_RUN = timedelta(minutes=31)
LEFT = timedelta(minutes=25)
BOOK_S, INSTALL_S = 179.0, 119.0


@exercise("20-3", "From blue to green", Job)
def _moved(job: Job) -> str | Missing:
    changes = history(job)
    ran = _runs(job, changes)
    if len(ran[BLUE]) < WANTED or _was_replaced(job, changes):
        return Missing(
            "this is not the job that was running on blue.",
            "Move the job that is there: nothing should be computed again.",
            "today = open_today() opens the lab again; the job is today.jobs['night'].",
        )
    waiting = unfinished(job, least=BOOKS)
    if waiting:
        return waiting
    cut = len(sent_back(job))
    if cut:
        return Missing(
            f"{cut} books were cut short and ran again.",
            "Both the job and the pool have an option for what happens to running tasks.",
            'job.disable("wait"), and blue.resize(0, node_deallocation_option="taskcompletion").',
        )
    failed = not_all_succeeded(job)
    if failed:
        return failed
    if min(run_seconds(job.tasks.views())) < BOOK_S:
        return Missing("a book takes three minutes, but some took less.",
                       "Did the program change?", "Use the lab of open_today().")  # fmt: skip
    verdict = _on_green(job, ran)
    return verdict if isinstance(verdict, Missing) else _blue_left(job, changes) or verdict


def _runs(job: Job, changes: list[Change]) -> dict[str, list[str]]:
    """The tasks that ran in each pool."""
    pool_of: dict[str, str] = {}
    found: dict[str, list[str]] = {BLUE: []}
    for change in changes:
        if isinstance(change, NodeChanged):
            pool_of[change.node_id] = fold(change.pool_id)
        elif is_task_of(change, job) and change.state == "running":
            found.setdefault(pool_of[change.node_id], []).append(change.task_id)
    return found


def _was_replaced(job: Job, changes: list[Change]) -> bool:
    return any(
        (isinstance(one, JobChanged) and one.state in ("deleting", "deleted"))
        or (isinstance(one, TaskChanged) and one.state == "deleted")
        for one in changes
        if isinstance(one, (JobChanged, TaskChanged)) and fold(one.job_id) == fold(job.id)
    )


def _blue_left(job: Job, changes: list[Change]) -> Missing | None:
    listed: set[str] = set()
    last = 0.0
    for change in changes:
        if isinstance(change, NodeChanged) and fold(change.pool_id) == BLUE:
            last = change.at
            (listed.discard if change.state == "deleted" else listed.add)(change.node_id)
    late = timedelta(seconds=last - job.creation_time.timestamp()) - HAS_RUN - LEFT
    if not listed and late <= timedelta():
        return None
    minutes = ceil(late.total_seconds() / 60)
    return Missing(
        f"blue still has {len(listed)} nodes." if listed
        else f"blue had nodes for {minutes} minutes too long.",
        "Resize blue to 0 so early that its last books end in time.",
        "Create green first; while its nodes start, blue can go on working.",
    )  # fmt: skip


def _installed(job: Job) -> bool:
    """Whether the start tasks of the job's nodes took as long as an installation takes."""
    infos = [node.start_task_info for node in Pool(job._connection, job.pool_id).nodes.views()]
    return all(
        info and info.start_time and info.end_time
        and (info.end_time - info.start_time).total_seconds() >= INSTALL_S
        for info in infos
    )  # fmt: skip


def _on_green(job: Job, ran: dict[str, list[str]]) -> str | Missing:
    green = job.pool_id
    others = ran.get(fold(green), [])
    if fold(green) == BLUE or not others:
        return Missing(
            "all books ran on blue.",
            "The job still names blue, or it was done before green was there.",
            "job.update(pool_info=...) is accepted while the job is disabled.",
        )
    try:
        start = Pool(job._connection, green).start_task
    except BatchError:
        return Missing(f"the pool {green!r} is gone.", "Keep green: the next night needs it.",
                       "Open the lab again, and run the check before you delete it.")  # fmt: skip
    if start is None or not has_word(start.command_line, PROGRAM) or not _installed(job):
        return Missing(
            f"the nodes of {green!r} do not have version 2 of the program.",
            "What does the start task of the definition install? That takes two minutes.",
            'pool_version(2) | {"id": "green"}',
        )
    return (
        f"{len(ran[BLUE])} books ran on blue and {len(others)} on {green}, none of them twice, "
        "and blue was gone in time."
    )
