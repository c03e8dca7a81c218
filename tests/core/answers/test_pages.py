"""Pages of tasks: what a filter lets through, and that no look takes long or misses a task."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.answers import pages
from batchlab.core.messages import inputs, questions
from batchlab.errors import InvalidRequest, NotFound
from helpers.world import World


def page(world: World, **kw: Any) -> tuple[list[Any], int | None]:
    answer = world.ask(questions.PageTasks(job_id="j", **{"only_ids": True, **kw}))
    return answer.items, answer.next


def everything(world: World, **kw: Any) -> list[Any]:
    items, after = [], 0
    while after is not None:
        found, after = page(world, after=after, **kw)
        items += found
    return items


@pytest.fixture
def busy(world: World) -> World:
    """Tasks a (failed), b (succeeded), c (running), d and e (active)."""
    world.pool()
    world.job()
    world.tasks(*"abcde")
    world.exit(world.run(), 3)
    world.exit(world.run())
    world.run()
    return world


def test_page_ends_where_it_is_full_and_the_next_begins_there(busy: World) -> None:
    assert page(busy, limit=2) == (["a", "b"], 2)
    assert page(busy, after=2, limit=2) == (["c", "d"], 4)
    assert page(busy, after=4, limit=2) == (["e"], None)
    assert page(busy, after=5) == page(busy, after=99) == ([], None)
    assert page(busy) == (list("abcde"), None)


def test_page_of_views_is_the_views(busy: World) -> None:
    views, _ = page(busy, only_ids=False)
    assert views == [busy.task(name) for name in "abcde"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ([("state", ("completed",))], "ab"),
        ([("state", ("running", "active"))], "cde"),
        ([("result", ("failure",))], "a"),
        ([("exit_code", (3, 0))], "ab"),
        ([("exit_code", (None,))], "cde"),
        ([("state", ("completed",)), ("result", ("success",))], "b"),
        ([("state", ())], ""),
        ([("id", ("A", "E"))], "ae"),
        ([("id", ("?",)), ("command_line", ("x",))], "abcde"),
        ([("node_id", ("tvm-*",))], "abc"),
        ([("node_id", (None,))], "de"),
        ([("pool_id", ("P",))], "abc"),
        ([("command_line", ("y",))], ""),
        ([("retry_count", (0,)), ("requeue_count", (0,)), ("required_slots", (1,))], "abcde"),
    ],
)
def test_filter_lets_through_what_fits(busy: World, where: Any, found: str) -> None:
    assert page(busy, where=tuple(where)) == (list(found), None)
    views, _ = page(busy, where=tuple(where), only_ids=False)
    assert [view.id for view in views] == list(found)
    assert views == pages.matching([busy.task(name) for name in "abcde"], tuple(where))


def test_filter_that_lets_little_through_answers_with_short_pages(
    busy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKS", 2)
    assert page(busy, where=(("state", ("active",)),)) == ([], 2)
    assert everything(busy, where=(("state", ("active",)),)) == ["d", "e"]
    assert everything(busy) == list("abcde")
    monkeypatch.setattr(pages, "LOOKS", 4)
    monkeypatch.setattr(pages, "VIEWS", 1)
    assert page(busy, where=(("command_line", ("y",)),)) == ([], 1)
    assert everything(busy, where=(("command_line", ("x",)),)) == list("abcde")


def test_tasks_that_come_and_go_between_pages_move_no_other(busy: World) -> None:
    assert page(busy, limit=2) == (["a", "b"], 2)
    for name in "ab":
        busy.feed(inputs.DeleteTask(job_id="j", task_id=name))
    busy.tasks("a")
    busy.said()
    assert page(busy, after=2, limit=9) == (["c", "d", "e", "a"], None)


@pytest.mark.parametrize("wrong", [{"after": -1}, {"limit": 0}])
def test_page_that_cannot_be_is_refused(busy: World, wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest):
        page(busy, **wrong)


def test_tasks_asked_for_by_name_those_that_are_there_are_told(busy: World) -> None:
    found = busy.ask(questions.GetTasks(job_id="J", task_ids=("C", "none", "a")))
    assert [(task.id, task.state) for task in found] == [("c", "running"), ("a", "completed")]
    with pytest.raises(NotFound):
        busy.ask(questions.GetTasks(job_id="other", task_ids=()))
