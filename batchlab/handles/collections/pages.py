"""Tasks of a job page by page, so that listing many does not block the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from batchlab.core.answers.pages import Where
from batchlab.core.messages.questions import PageTasks, TaskPage
from batchlab.drivers.ports import Connection

__all__ = ["task_ids", "task_views"]

PAGE = 500
"""Views per query: a few milliseconds of the service's time."""
MANY = 10_000
"""Ids per query."""


def task_views(
    connection: Connection, job_id: str, where: Where = (), limit: int = PAGE
) -> Iterator[Any]:
    """Yield an immutable snapshot of each matching task, in order of creation."""
    return _pages(connection, PageTasks(job_id=job_id, where=where, limit=limit))


def task_ids(connection: Connection, job_id: str, where: Where) -> Iterator[Any]:
    """Yield the id of each matching task, in order of creation."""
    question = PageTasks(job_id=job_id, where=where, limit=MANY, only_ids=True)
    return _pages(connection, question)


def _pages(connection: Connection, question: PageTasks) -> Iterator[Any]:
    after: int | None = 0
    while after is not None:
        page: TaskPage = connection.ask(msgspec.structs.replace(question, after=after))
        yield from page.items
        after = page.next
