"""Simulated labs in which nothing runs, each for a different reason.

Each has a job ``work`` with three waiting tasks. The labs are broken with public methods only, so
`explain` finds what is wrong, and other public methods repair it. In some labs `explain` is
locked: Azure has none. Two labs have a second fault behind the first, and in one nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from batchlab.core.messages.questions import (
    Condition,
    ExplainJob,
    ExplainJobSchedule,
    ExplainNode,
    ExplainPool,
    ExplainTask,
    Question,
)
from batchlab.core.model import TaskDependencies, TaskSpec
from batchlab.drivers.simulated.connection import SimulatedConnection
from batchlab.drivers.simulated.workload import Workload
from batchlab.errors import Conflict, WaitNeverEnds, invalid
from batchlab.handles.lab import BaseLab
from batchlab.lab import SimulatedLab

__all__ = ["BROKEN", "LOCKED", "TASKS", "BrokenConnection", "OpenedLab", "broken"]

TASKS = 3
"""The number of tasks in the job."""

EXPLAINING = (ExplainJob, ExplainJobSchedule, ExplainNode, ExplainPool, ExplainTask)
LOCKED_TEXT = (
    "explain is locked in this lab, as in Azure, which has none: look at the states and errors of "
    "the job, the pool, the nodes and the preparations"
)


class OpenedLab(NamedTuple):
    """A broken lab as it was opened: its exercise, its jobs and pools, and its history so far."""

    exercise: str
    job_ids: tuple[str, ...]
    other_pool_ids: tuple[str, ...]
    etags: tuple[str, ...]
    since: int


class BrokenConnection(SimulatedConnection):
    """The service of a broken lab, which may be locked: then it does not explain anything."""

    opened: OpenedLab | None = None
    locked = False

    def ask(self, question: Question) -> Any:
        """Answer a question, except for an explanation if that is locked."""
        if self.locked and isinstance(question, EXPLAINING):
            raise Conflict("OperationInvalidForCurrentState", LOCKED_TEXT)
        return super().ask(question)

    def _refuse_hopeless(self, condition: Condition) -> None:
        try:
            super()._refuse_hopeless(condition)
        except WaitNeverEnds:
            if not self.locked:
                raise
            why = f"nothing that is under way can end this wait; {LOCKED_TEXT}"
            raise WaitNeverEnds("NothingUnderWay", why) from None


def broken(exercise: str) -> SimulatedLab:
    """Open the broken lab of an exercise of lesson 12.

    Parameters
    ----------
    exercise : str
        ``"12-1"`` to ``"12-13"``. From ``"12-6"`` on, `explain` is locked.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such lab.
    """
    if exercise not in BROKEN:
        reason = f"the broken labs are {', '.join(BROKEN)}"
        raise invalid("exercise", exercise, reason, owner="lessons.broken")
    connection = BrokenConnection.start(settings={}, workload=Workload(default="60s"), max_nodes=4)
    lab = SimulatedLab.__new__(SimulatedLab)
    BaseLab.__init__(lab, connection, f"lessons.broken({exercise!r})")
    BROKEN[exercise](lab)
    connection.opened = _opened(exercise, lab)
    connection.locked = exercise in LOCKED
    return lab


def _opened(exercise: str, lab: SimulatedLab) -> OpenedLab:
    jobs, pools = lab.jobs.values(), lab.pools.values()
    shared = {job.pool_id for job in jobs if job.id != "work"}
    own = {lab.jobs["work"].pool_id} - shared
    return OpenedLab(
        exercise,
        tuple(job.id for job in jobs),
        tuple(pool.id for pool in pools if pool.id not in own),
        etags(lab),
        lab._connection.changes().next,
    )


def etags(lab: BaseLab) -> tuple[str, ...]:
    """The versions of all pools, jobs and tasks, which any change by a user changes."""
    jobs = list(lab.jobs.values())
    views = [
        *lab.pools.views(),
        *lab.jobs.views(),
        *(v for job in jobs for v in job.tasks.views()),
    ]
    return tuple(view.etag for view in views)


def _work(lab: SimulatedLab, *, pool: str = "farm", each: Any = None, **job: Any) -> None:
    work = lab.create_job("work", pool, **job)
    more = each or {}
    names = [f"frame{number}" for number in range(1, TASKS + 1)]
    work.create_tasks([TaskSpec(id=name, command_line="render frame", **more) for name in names])


def _farm(lab: SimulatedLab, nodes: int = 2, **pool: Any) -> None:
    made = lab.create_pool("farm", target_dedicated_nodes=nodes, **pool)
    if nodes and "start_task" not in pool:
        made.nodes.wait("idle")


def _empty(lab: SimulatedLab) -> None:
    _farm(lab, nodes=0)
    _work(lab)


def _switched_off(lab: SimulatedLab) -> None:
    _farm(lab)
    _work(lab)
    lab.jobs["work"].disable("requeue")
    lab.advance("1m")


def _out_of_turn(lab: SimulatedLab) -> None:
    _farm(lab)
    for node in lab.pools["farm"].nodes.values():
        node.disable_scheduling()
    _work(lab)


def _elsewhere(lab: SimulatedLab) -> None:
    _farm(lab)
    _work(lab, pool="fram")


def _all_taken(lab: SimulatedLab) -> None:
    lab.create_pool("reserve", target_dedicated_nodes=4).nodes.wait("idle")
    _farm(lab, nodes=0)
    lab.pools["farm"].resize(2)
    lab.advance("20m")
    _work(lab)


def _too_big(lab: SimulatedLab) -> None:
    _farm(lab, task_slots_per_node=2)
    _work(lab, each={"required_slots": 4})


def _unfit(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt'")
    lab.advance("5m")
    _work(lab)


def _waiting_for_nobody(lab: SimulatedLab) -> None:
    _farm(lab)
    needs = TaskDependencies(task_ids=("scene",))
    _work(lab, each={"depends_on": needs}, uses_task_dependencies=True)


def _unprepared(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/true")
    lab.pools["farm"].nodes.wait("idle")
    _work(lab, job_preparation_task="/bin/sh -c 'cat $AZ_BATCH_NODE_STARTUP_DIR/wd/scene.txt'")
    lab.advance("1m")


def _behind(lab: SimulatedLab) -> None:
    _farm(lab)
    hog = lab.create_job("archive", "farm", priority=500)
    hog.create_tasks(["sleep 3600"] * 200)
    _work(lab)


def _two_behind_each_other(lab: SimulatedLab) -> None:
    lab.create_pool("reserve", target_dedicated_nodes=4).nodes.wait("idle")
    licence = "/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt'"
    _farm(lab, nodes=0, start_task=licence)
    lab.pools["farm"].resize(2)
    lab.advance("20m")
    _work(lab)


def _failed_and_disabled(lab: SimulatedLab) -> None:
    _farm(lab)
    needs = TaskDependencies(task_ids=("scene",))
    work = lab.create_job("work", "farm", uses_task_dependencies=True)
    work.create_task("scene", "/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/scene.txt'").wait()
    names = [f"frame{number}" for number in range(1, TASKS + 1)]
    work.create_tasks(
        [TaskSpec(id=name, command_line="render frame", depends_on=needs) for name in names]
    )
    for node in lab.pools["farm"].nodes.values():
        node.disable_scheduling()


def _nothing(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/sh -c 'sleep 1200; echo installed'")
    lab.advance("10m")
    _work(lab)


BROKEN: dict[str, Callable[[SimulatedLab], None]] = {
    f"12-{number}": breaking
    for number, breaking in enumerate(
        (
            _empty,
            _switched_off,
            _out_of_turn,
            _elsewhere,
            _all_taken,
            _too_big,
            _unfit,
            _waiting_for_nobody,
            _unprepared,
            _behind,
            _two_behind_each_other,
            _failed_and_disabled,
            _nothing,
        ),
        1,
    )
}
LOCKED = tuple(BROKEN)[5:]
"""The exercises whose labs do not explain themselves."""
