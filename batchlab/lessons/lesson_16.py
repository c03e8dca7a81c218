"""Checks of lesson 16: nodes that are diagnosed from what they leave behind.

Each check looks for the cause: what a new node would do, whether the log of the right node was
saved, what was on a disk, and what a diagnosis says of labs that it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FunctionType
from typing import Any, NamedTuple

from batchlab.core.model import StartTask
from batchlab.core.state.states import NODE
from batchlab.drivers.node_log import NAME
from batchlab.drivers.simulated.workload import Behavior, Workload
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import BrokenConnection, opened_for
from batchlab.lessons.evidence import (
    LONG,
    has_word,
    most_nodes,
    not_all_succeeded,
    rehearsal,
    run_seconds,
)
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.labs_16 import FETCH_CODE, FRAMES, Machines, node_of_fetch
from batchlab.lessons.looking import history, is_of_pool, unfinished
from batchlab.lessons.trying import said, stop_after, takes

FILMS = 20
FILM_BYTES = 50 << 30
"""A film that allocates less is another one."""
MOMENTS = 20
"""How often a rehearsal looks at a disk while a task runs."""


# -- 16-1 ---------------------------------------------------------------------------------------


@exercise("16-1", "A lock at boot", SimulatedLab)
def _lock_at_boot(lab: BaseLab) -> str | Missing:
    opened = opened_for("16-1", lab)
    if isinstance(opened, Missing):
        return opened
    job = lab.jobs["work"]
    names = {f"task{number:03}" for number in (1, 2, 3)}
    missing = _kept(job, names) or _done(job)
    if missing:
        return missing
    if not _installs(lab.pools[job.pool_id].start_task):
        return Missing(
            "these nodes work, but a new one would not: its start task would meet the lock again.",
            "Why did it work this time? Will a node that is new tomorrow be old enough?",
            "The start task must wait until the lock is free: apt-get has an option for it "
            "(DPkg::Lock::Timeout), and a shell has until ...; do sleep 10; done.",
        )
    return "new nodes wait for the lock, install their package, and then take tasks."


def _installs(start_task: StartTask | None) -> bool:
    """Whether a new node with this start task can run povray as soon as it takes tasks."""
    with SimulatedLab(workload=Machines()) as lab:
        pool = lab.create_pool("trial", target_dedicated_nodes=1, start_task=start_task)
        task = lab.create_job("trial", pool).create_task("scene", "povray scene.pov")
        lab.advance("2h")
        return task.result == "success"


def _kept(job: Job, names: set[str]) -> Missing | None:
    there = {view.id for view in job.tasks.views()}
    if names <= there:
        return None
    return Missing(
        f"{len(names - there)} of the tasks that the job 'work' had are gone.",
        "Repair the lab so that they can run; do not replace them with others.",
        "To start over: lessons.broken(...) opens a new lab, broken as before.",
    )


def _done(job: Job) -> Missing | None:
    left = job.counts.active + job.counts.running
    if left:
        return Missing(
            f"{left} of the tasks are not completed yet.",
            "In which state are the nodes, and what does startup/stderr.txt on them say? If you "
            "have repaired the lab, job.tasks.wait() waits for the tasks.",
            "pool.update(start_task=...) takes effect when a node next starts: reboot the nodes.",
        )
    return not_all_succeeded(job)


# -- 16-2 ---------------------------------------------------------------------------------------


@exercise("16-2", "An idle node that is not well", SimulatedLab)
def _black_hole(lab: BaseLab) -> str | Missing:
    opened = opened_for("16-2", lab)
    if isinstance(opened, Missing):
        return opened
    assert isinstance(lab, SimulatedLab)
    job, sick = lab.jobs["work"], node_of_fetch(lab)
    if not _saved(lab, sick):
        return Missing(
            "the log of the sick node was not saved.",
            "On which node did the tasks fail? node.upload_service_logs puts its log into a "
            "container. Do it before you remove the node.",
            "lab.storage.create_container('evidence'), then node.upload_service_logs('evidence', "
            "start_time), with a start_time before the node was created.",
        )
    missing = _kept(job, {f"frame{number}" for number in range(1, FRAMES + 1)})
    if missing:
        return missing
    failed = len(job.tasks.filter(result="failure"))
    if failed or job.counts.active + job.counts.running:
        return Missing(
            f"{failed or job.counts.active + job.counts.running} of the tasks have not succeeded.",
            "First take the sick node out of service, then run the failed tasks again.",
            "task.reactivate() queues a failed task again; job.tasks.wait() waits.",
        )
    start_task = lab.pools[job.pool_id].start_task
    if start_task is None or not start_task.wait_for_success:
        return Missing(
            "the next node whose start task fails would take tasks again.",
            "Which property of the start task says that a node waits for it?",
            "Give the pool a start task with wait_for_success=True: pool.update(start_task=...).",
        )
    if "fetch-model" not in start_task.command_line:
        return Missing(
            "new nodes would not fetch the model any more.",
            "The command of the start task was right. Only what its failure means was wrong.",
            'bl.StartTask(command_line="fetch-model", wait_for_success=True)',
        )
    idlers = [
        node.id
        for pool in lab.pools.values()
        for node in pool.nodes.values()
        if node.scheduling_state == "disabled"
        or node.start_task_info is None
        or node.start_task_info.result != "success"
    ]
    if idlers:
        return Missing(
            f"the node {idlers[0]} is still in the pool, and costs as before, for nothing.",
            "A node whose start task failed can try again, or go.",
            "node.reboot() runs the start task again; pool.remove_nodes([node.id]) removes it.",
        )
    return "the log is saved, the node is healed or gone, and all frames are rendered."


def _saved(lab: BaseLab, node_id: str) -> bool:
    """Whether a log of a node is in some container, with its failed start task."""
    for container in lab.storage.values():
        for blob in container.list():
            if blob.name.endswith(NAME) and f"/{node_id}/" in blob.name:
                text = container.text(blob.name)
                if f"exit code {FETCH_CODE}" in text:
                    return True
    return False


# -- 16-3 ---------------------------------------------------------------------------------------


@exercise("16-3", "Twenty films on one disk", Job)
def _films(job: Job) -> str | Missing:
    pool = Pool(job._connection, job.pool_id)
    if _states(pool) & {*NODE.group("lost")}:
        return Missing(
            "the node became unusable on the way.",
            "How much does each task leave on the disk, and for how long?",
            "The files of a task stay for its retention_time, seven days by default. Or delete "
            "the scratch file in the task itself. Use a new pool and a new job.",
        )
    waiting = unfinished(job, least=FILMS) or not_all_succeeded(job)
    if waiting:
        return waiting
    if pool.vm_size != "small" or most_nodes(pool) != 1:
        return Missing(
            "the films should be made on one node of the size small.",
            "More or larger disks also fill up, only later.",
            'lab.create_pool(..., target_dedicated_nodes=1), with the default vm_size "small".',
        )
    restarted = _states(pool) & {*NODE.group("awaited"), *NODE.group("away")} - {"creating"}
    if restarted or _needs_help(job, pool):
        return Missing(
            "the node was restarted on the way."
            if restarted
            else "left alone, these tasks fill the disk: files were deleted on the way.",
            "Nobody can do that by hand at night. What could each task do for itself?",
            "constraints=bl.TaskConstraints(retention_time=...), or rm in the command line.",
        )
    small = _without_scratch(job)
    if small:
        return Missing(
            f"{small!r} does not use a scratch file of 55 GB.",
            "The program needs it while it renders. It may go when the film is done.",
            "Keep the command line film; what comes after it is yours.",
        )
    return f"{FILMS} films of 55 GB each, on a disk of 225 GB."


def _needs_help(job: Job, pool: Pool) -> bool:
    """Whether the same tasks, created at the same times, fill the disk of a node left alone."""
    views = sorted(job.tasks.views(), key=lambda view: view.creation_time)
    with rehearsal(job) as lab:
        trial = lab.create_pool(
            "trial", target_dedicated_nodes=1, task_slots_per_node=pool.task_slots_per_node
        )
        trial.nodes.wait("idle")
        later = lab.now - views[0].creation_time
        again = lab.create_job("trial", trial)
        for view in views:
            lab.advance(max(timedelta(), view.creation_time + later - lab.now))
            again.create_task(
                view.id,
                view.command_line,
                constraints=view.constraints,
                environment_settings=view.environment_settings,
            )
        lab.advance(LONG)
        return bool(_states(trial) & {*NODE.group("lost")})


def _states(pool: Pool) -> set[str]:
    """The states that nodes of a pool were ever in."""
    return {change.state for change in history(pool) if is_of_pool(change, pool.id)}


def _without_scratch(job: Job) -> str:
    """The id of a task that never has a scratch file while it runs; empty if there is none."""
    seen: set[str] = set()
    for view in job.tasks.views():
        if view.command_line in seen:
            continue
        seen.add(view.command_line)
        with rehearsal(job) as lab:
            pool = lab.create_pool("trial", target_dedicated_nodes=1)
            pool.nodes.wait("idle")
            node_id = next(iter(pool.nodes))
            settings = view.environment_settings
            lab.create_job("trial", pool).create_task(
                "film", view.command_line, environment_settings=settings
            )
            most = 0
            for _ in range(MOMENTS):
                lab.advance(max(run_seconds([view])) / MOMENTS)
                disk = lab._connection.world.disk(node_id)
                most = max(most, disk.allocated if disk else 0)
            if most < FILM_BYTES:
                return view.id
    return ""


# -- 16-4 ---------------------------------------------------------------------------------------


class _Case(NamedTuple):
    """A lab that a diagnosis has not seen: what is wrong, and the words that must be said."""

    what: str
    words: tuple[str, ...]
    make: Callable[[SimulatedLab], set[str]]


def _ids(pool: Pool, state: str) -> set[str]:
    return {node.id for node in pool.nodes.values() if node.state == state}


def _healthy(lab: SimulatedLab) -> set[str]:
    lab.create_pool("calm", target_dedicated_nodes=2).nodes.wait("idle")
    lab.create_pool("new", target_dedicated_nodes=1)
    lab.create_job("j", "calm").create_task("t", "render")
    return set()


def _start_failed(lab: SimulatedLab) -> set[str]:
    _healthy(lab)
    bad = lab.create_pool("bad", target_dedicated_nodes=2, start_task="/bin/sh -c 'exit 41'")
    lab.advance("10m")
    return set(bad.nodes)


def _full(lab: SimulatedLab) -> set[str]:
    _healthy(lab)
    pool = lab.create_pool("films", target_dedicated_nodes=2)
    fill = "/bin/sh -c 'fallocate -l 210G a'"
    lab.create_job("films", pool).create_task("t", fill).wait()
    lab.advance("10m")
    return _ids(pool, "unusable")


def _disabled(lab: SimulatedLab) -> set[str]:
    _healthy(lab)
    node = next(iter(lab.pools["calm"].nodes.values()))
    node.disable_scheduling()
    lab.advance("10m")
    return {node.id}


def _idle_and_ill(lab: SimulatedLab) -> set[str]:
    start_task = StartTask(command_line="/bin/sh -c 'exit 43'", wait_for_success=False)
    pool = lab.create_pool("bad", target_dedicated_nodes=1, start_task=start_task)
    _healthy(lab)
    lab.advance("10m")
    return set(pool.nodes)


CASES = (
    _Case("nothing is wrong: two nodes are at work or idle, and one is starting", (), _healthy),
    _Case("the start task of two nodes failed with exit code 41", ("41",), _start_failed),
    _Case("the disk of a node is full", ("DiskFull",), _full),
    _Case("scheduling is disabled on a node", ("disabled", "offline"), _disabled),
    _Case("a node is idle although its start task failed with exit code 43", ("43",),
          _idle_and_ill),
)  # fmt: skip


@exercise("16-4", "Your own explain", FunctionType)
def _diagnose(diagnose: Callable[[BaseLab], Any]) -> str | Missing:
    missing = takes(diagnose, 1, "a lab")
    if missing:
        return missing
    for case in CASES:
        with _unknown_lab() as lab:
            sick = case.make(lab)
            stop_after(lab)
            try:
                found = diagnose(lab)
            except Exception as error:  # the learner's function
                return _failed(case, error)
            missing = _compared(case, sick, found)
            if missing:
                return missing
    return f"it finds what is wrong in {len(CASES)} labs that it had not seen, without explain."


@contextmanager
def _unknown_lab() -> Iterator[SimulatedLab]:
    rules = {"render": Behavior(duration=timedelta(days=5))}
    connection = BrokenConnection.start(settings={}, workload=Workload("60s", rules=rules))
    connection.locked = True
    with SimulatedLab._on(connection, "a lab that is not yours") as lab:
        yield lab


def _failed(case: _Case, error: Exception) -> Missing:
    return Missing(
        f"your function stops where {case.what}: {said(error)}.",
        "It must work for any lab. Not every node has files, errors, or a start task.",
        "node.start_task_info is None without a start task; files of a node that is not up raise "
        "bl.Conflict.",
    )


def _compared(case: _Case, sick: set[str], found: Any) -> Missing | None:
    if not isinstance(found, dict):
        return Missing(
            f"your function returns {type(found).__name__}, not a dict.",
            "It returns a reason for each node that needs someone, by the id of the node.",
            "{node.id: 'start task failed: exit code 1'}; an empty dict if all is well.",
        )
    if extra := set(found) - sick:
        return Missing(
            f"it names {len(extra)} healthy nodes where {case.what}.",
            "Which states pass by themselves? A node that starts needs nobody.",
            "idle, running, creating, starting and waitingforstarttask are no reasons.",
        )
    if lost := sick - set(found):
        return Missing(
            f"it does not notice that {case.what} ({len(lost)} of {len(sick)}).",
            "Look at node.state, node.errors, node.scheduling_state and node.start_task_info.",
            "The state alone is not enough: start_task_info.result, whatever the state is.",
        )
    others = {word for other in CASES for word in other.words} - set(case.words)
    for node_id in sick:
        text = str(found[node_id])
        if any(has_word(text, word) for word in others) or not any(
            has_word(text, word) for word in case.words
        ):
            return Missing(
                f"it says {text!r} where {case.what}.",
                "Say what the service knows: the exit code, the code of the error, or the state.",
                "start_task_info.exit_code, node.errors[0].code, node.scheduling_state",
            )
    return None
