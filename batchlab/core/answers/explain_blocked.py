"""What went wrong with the task that blocks another one, through whatever lies between them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from batchlab.core.answers.explain_ended import explain_ended
from batchlab.core.answers.reasons import Reason
from batchlab.core.model.ids import fold
from batchlab.core.state.records import JobRecord, TaskRecord
from batchlab.core.tasks import dependencies

__all__ = ["explain_blocked"]


def explain_blocked(task: TaskRecord, reasons: Iterable[Reason]) -> list[Reason]:
    """The reasons of a task and, if a failed task blocks it, what happened to that one.

    The reason that tells of the dependencies then has the failed task as its `example`.
    """
    found = list(reasons)
    for place, reason in enumerate(found):
        if reason.code == "Dependencies" and reason.lasting and (cause := _failed(task)):
            found[place] = msgspec.structs.replace(reason, example=cause.spec.id)
            return found + explain_ended(cause, f"Task {cause.spec.id!r}")
    return found


def _failed(task: TaskRecord) -> TaskRecord | None:
    """The nearest failed task that a task waits for, directly or through others."""
    seen, todo = {id(task)}, [task]
    parents_of = dependencies.Parents(task.job).of
    for one in todo:
        parents = parents_of(one)
        if isinstance(parents, str):  # the id or the number of the one that is in the way
            return _named(task.job, parents)
        new = [parent for parent in parents if parent.unmet and id(parent) not in seen]
        seen.update(map(id, new))
        todo += new
    return None


def _named(job: JobRecord, name: str) -> TaskRecord | None:
    found = job.tasks.get(fold(name))
    if found is None and name.isdecimal():
        ids = (
            one for one in job.tasks.values() if dependencies.number_of(one.spec.id) == int(name)
        )
        found = next(ids, None)
    return found if found is not None and explain_ended(found) else None
