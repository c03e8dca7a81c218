"""Ids: which ones are valid, how they compare, and how a run is identified.

Azure keeps the case of an id but ignores it in comparisons: ``Abc`` and ``aBC`` are one job.
Records are therefore stored under `fold(id)` and shown with the id that was given.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from batchlab.errors import invalid

__all__ = ["Id", "RunId", "check_id", "check_job_id", "fold"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCHEDULED = re.compile(r":job-[1-9][0-9]*")


class RunId(NamedTuple):
    """One run of one command on one node.

    `number` counts all runs of a lab, so that a late report of an earlier run (or even of an
    earlier task with the same id) is never taken for one of the current run. The start task has no
    job: its `job_id` is empty.
    """

    job_id: str
    task_id: str
    node_id: str
    number: int


def fold(value: str) -> str:
    """The key under which an id is stored: ids are compared without regard to case."""
    key = value.lower()
    return value if key == value else key  # one string in memory, not two


def check_id(value: object, name: str = "id", owner: str = "") -> str:
    """Return a valid id, or refuse it: 1 to 64 letters, digits, hyphens and underscores."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise invalid(
        name, value, "an id is 1 to 64 letters, digits, hyphens and underscores", owner=owner
    )


Id = Annotated[str, check_id]


def check_job_id(value: str, owner: str = "") -> str:
    """Return a valid job id; the jobs of a schedule have ids that end in ``:job-N``."""
    name, colon, rest = value.partition(":")
    if not colon or not _SCHEDULED.fullmatch(colon + rest):
        name = value
    check_id(name, owner=owner)
    return value
