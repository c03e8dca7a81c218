"""A class in a page of its own: Python in the browser sends states, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import batchlab as bl
from batchlab import background, lessons
from batchlab.lessons import joining, joining_in_browser

PAGE = "http://10.0.0.1:8800/lessons/extensions/kernel/worker.js?x=/lessons/"
CLASS = "http://10.0.0.1:8800"


class Class:
    """The server of a class, as the browser reaches it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.status = {"seat": 200, "report": 200, "leave": 200}
        self.away = False

    async def post(self, url: str, body: dict[str, Any]) -> int:
        await asyncio.sleep(0)
        if self.away:
            raise RuntimeError("the browser's own error")
        what = url.removeprefix(f"{CLASS}/")
        self.sent.append((what, body))
        return self.status[what]

    def reports(self) -> list[dict[str, Any]]:
        return [body for what, body in self.sent if what == "report"]


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class to whose page this Python belongs."""
    reached = Class()
    for module in (background, joining):
        monkeypatch.setattr(module, "threads", lambda: False)
    monkeypatch.setenv("BATCHLAB_CLASS", "lessons")
    monkeypatch.setattr(joining_in_browser, "_location", lambda: PAGE)
    monkeypatch.setattr(joining_in_browser, "_post", reached.post)
    monkeypatch.setattr(joining_in_browser, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(joining, "_page_sender", joining_in_browser.Sender())
    monkeypatch.setattr(joining, "_stuck", {})
    return reached


def learn(*cells: Callable[[], Any]) -> None:
    """Run cells of a notebook, and give the event loop time until all is sent."""

    async def run() -> None:
        for cell in cells:
            cell()
            await asyncio.sleep(0.05)
        task = joining._page_sender._task
        if task is not None:
            await asyncio.wait_for(task, 30)

    asyncio.run(run())


def test_checks_are_sent_without_answers(teacher: Class) -> None:
    def cell() -> None:
        assert lessons.check("00-1", "my answer").outcome == "not yet"

    learn(cell)
    assert [what for what, _ in teacher.sent] == ["seat", "report"]
    (state,) = teacher.reports()
    assert state.pop("stuck_s") >= 0
    assert set(state) == {"exercise", "tries", "solved"}
    assert "my answer" not in str(teacher.sent)


def test_who_has_not_joined_sends_nothing(teacher: Class) -> None:
    teacher.status["seat"] = 404
    learn(lambda: lessons.check("00-1", 1), lambda: lessons.check("00-1", 2))
    assert [what for what, _ in teacher.sent] == ["seat", "seat"]


def test_only_the_newest_state_is_sent_when_the_class_is_back(teacher: Class) -> None:
    def back() -> None:
        teacher.away = False

    teacher.away = True
    learn(lambda: [lessons.check("00-1", n) for n in range(9)], lambda: lessons.check("01-1", 1),
          back)  # fmt: skip
    assert [state["exercise"] for state in teacher.reports()] == ["01-1"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_class_is_asked_again(teacher: Class, status: int) -> None:
    def better() -> None:
        teacher.status["report"] = 200

    teacher.status["report"] = status
    learn(lambda: lessons.check("00-1", 1), better)
    assert len(teacher.reports()) > 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_class_that_refuses_is_asked_once(teacher: Class, status: int) -> None:
    teacher.status["report"] = status
    learn(lambda: lessons.check("00-1", 1))
    assert len(teacher.reports()) == 1


def test_who_leaves_gives_the_seat_back(teacher: Class) -> None:
    learn(lessons.leave)
    assert teacher.sent == [("leave", {})]


@pytest.mark.parametrize(("folder", "page"), [
    ("", PAGE), ("lessons", "http://10.0.0.1:8800/lite/worker.js"), ("other", PAGE),
])  # fmt: skip
def test_page_of_no_class_sends_nothing(
    teacher: Class, folder: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHLAB_CLASS", folder)
    monkeypatch.setattr(joining_in_browser, "_location", lambda: page)
    learn(lambda: lessons.check("00-1", 1), lessons.leave)
    assert teacher.sent == []


def test_class_behind_a_path_is_found(teacher: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "https://school.example/class/lessons/worker.js"
    monkeypatch.setattr(joining_in_browser, "_location", lambda: page)
    assert joining_in_browser.class_url() == "https://school.example/class"


@pytest.mark.code("OperationInvalidForCurrentState")
def test_joining_is_for_the_page(teacher: Class) -> None:
    with pytest.raises(bl.Conflict, match="open the address that the teacher shows") as refused:
        lessons.join("ABCDEF", CLASS)
    assert refused.value.code == "OperationInvalidForCurrentState"
    assert teacher.sent == []
