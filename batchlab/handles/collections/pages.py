"""Tasks of a job a page at a time, so that nobody who looks at many holds up the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from batchlab.core.answers.pages import Where
from batchlab.core.messages.questions import PageTasks, TaskPage
from batchlab.drivers.ports import Connection

__all__ = ["task_ids", "task_views"]

PAGE = 500
"""Views that are asked for at a time: some milliseconds of the service's time."""
MANY = 10_000
"""Ids that are asked for at a time."""


def task_views(
    connection: Connection, job_id: str, where: Where = (), limit: int = PAGE
) -> Iterator[Any]:
    """Give a frozen picture of each task that fits, in order of creation."""
    return _pages(connection, PageTasks(job_id=job_id, where=where, limit=limit))


def task_ids(connection: Connection, job_id: str, where: Where) -> Iterator[Any]:
    """Give the id of each task that fits, in order of creation."""
    question = PageTasks(job_id=job_id, where=where, limit=MANY, only_ids=True)
    return _pages(connection, question)


def _pages(connection: Connection, question: PageTasks) -> Iterator[Any]:
    after: int | None = 0
    while after is not None:
        page: TaskPage = connection.ask(msgspec.structs.replace(question, after=after))
        yield from page.items
        after = page.next
