"""Simulated labs in which something is wrong, each for a different reason.

A lesson has its own, registered with `breaking`. Some have a job ``work`` that does not run as it
should; in others, things will go wrong. In some labs `explain` is locked: Azure has none.
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
from batchlab.drivers.simulated.connection import SimulatedConnection
from batchlab.drivers.simulated.workload import Workload
from batchlab.errors import Conflict, WaitNeverEnds, invalid
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.lab import SimulatedLab
from batchlab.lessons.exercises import Missing, exercises

__all__ = ["BrokenConnection", "OpenedLab", "breaking", "broken", "etags", "labs", "opened_for"]

EXPLAINING = (ExplainJob, ExplainJobSchedule, ExplainNode, ExplainPool, ExplainTask)
LOCKED_TEXT = (
    "explain is locked in this lab, as in Azure, which has none: look at the states and errors of "
    "the job, the pool, the nodes and the preparations"
)


Break = Callable[[SimulatedLab], None]


class BrokenLab(NamedTuple):
    """How a lab is broken, what its commands do, and whether it explains itself."""

    exercise: str
    breaks: Break
    workload: Callable[[], Workload]
    locked: bool
    max_nodes: int


_known: dict[str, BrokenLab] = {}


def _a_minute() -> Workload:
    return Workload(default="60s")


def breaking(
    exercise: str,
    *,
    locked: bool = False,
    workload: Callable[[], Workload] = _a_minute,
    max_nodes: int = 4,
) -> Callable[[Break], Break]:
    """Register a function that breaks the lab of an exercise."""

    def name(breaks: Break) -> Break:
        _known[exercise] = BrokenLab(exercise, breaks, workload, locked, max_nodes)
        return breaks

    return name


def labs() -> dict[str, BrokenLab]:
    """All broken labs, by exercise."""
    return {name: _known[name] for name in exercises if name in _known}


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
    """Open the broken lab of an exercise, such as those of lessons 12, 16 and 17.

    Parameters
    ----------
    exercise : str
        Such as ``"12-1"``. In some labs `explain` is locked.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such lab.
    """
    known = labs()
    found = known.get(exercise)
    if found is None:
        reason = f"the broken labs are {', '.join(known)}"
        raise invalid("exercise", exercise, reason, owner="lessons.broken")
    connection = BrokenConnection.start(
        settings={}, workload=found.workload(), max_nodes=found.max_nodes
    )
    lab = SimulatedLab._on(connection, f"lessons.broken({exercise!r})")
    found.breaks(lab)
    connection.opened = _opened(exercise, lab)
    connection.locked = found.locked
    return lab


def opened_for(exercise: str, lab: BaseLab | Job) -> OpenedLab | Missing:
    """How the broken lab of an exercise was opened, or what is missing if it is another lab.

    A job stands for the lab that it is in.
    """
    connection = lab._connection
    opened = connection.opened if isinstance(connection, BrokenConnection) else None
    if opened is not None and opened.exercise == exercise:
        return opened
    whose = f"the lab of exercise {opened.exercise}" if opened else "another lab"
    return Missing(
        f"this is {whose}.",
        "Each exercise has its own broken lab.",
        f"Open it with lessons.broken({exercise!r}), and use what that returns.",
    )


def _opened(exercise: str, lab: SimulatedLab) -> OpenedLab:
    jobs, pools = lab.jobs.values(), lab.pools.values()
    shared = {job.pool_id for job in jobs if job.id != "work"}
    own = {job.pool_id for job in jobs if job.id == "work"} - shared
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
