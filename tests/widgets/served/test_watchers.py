"""What those who watch a served lab are told, and what they may do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

import batchlab as bl
from batchlab.widgets.answers import answer
from batchlab.widgets.served import served_lab, watcher
from batchlab.widgets.wire import rows_since
from helpers.watchers import PLACE, TOKEN, Channel, channel, cookie_of


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(account="ada", workload=bl.Workload(default="40s")) as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=2))
        job.create_tasks(["sleep 40"] * 3)
        lab.advance("4m")
        yield lab


def watched(lab: bl.SimulatedLab, what: Any, *, watchers: int = 1, **settings: Any) -> Any:
    """Run a coroutine function with the channels of some pages, and the lab's endpoint."""

    async def run(url: str) -> Any:
        async with AsyncExitStack() as stack:
            cookie = await asyncio.to_thread(cookie_of, url)
            pages = [
                await stack.enter_async_context(channel(url, cookie)) for _ in range(watchers)
            ]
            return await what(*pages)

    with lab.serve(page_token=TOKEN, speed=1e-6, **settings) as endpoint:
        return asyncio.run(run(endpoint.url))


def logged(caplog: pytest.LogCaptureFixture, level: int) -> list[logging.LogRecord]:
    """What the server logged, and not what else lives in this process."""
    own = [one for one in caplog.records if one.name.startswith(("batchlab", "tornado"))]
    return [one for one in own if one.levelno >= level]


def test_page_is_told_the_history_and_what_happens_then(lab: bl.SimulatedLab) -> None:
    async def story(page: Channel) -> None:
        welcome = await page.next("welcome")
        assert (welcome["account"], welcome["manage"]) == ("ada", False)
        await page.say({"type": "hello", "have": PLACE})
        rows = await page.next("rows", lambda said: said["rows"]["runs"] == [0, 3])
        assert rows["names"]["pools"] == [0, ["p"]]
        lab.jobs["j"].create_task("more", "sleep 1")
        lab.advance("1m")
        told = await page.next("rows", lambda said: said["rows"]["runs"][1] == 4)
        assert told["rows"]["runs"][0] == 3, "only what is new"

    watched(lab, story)


def test_each_watcher_follows_its_own_and_hears_of_it(lab: bl.SimulatedLab) -> None:
    async def story(one: Channel, other: Channel) -> None:
        await one.follow("a", "mine", what="why", job="j")
        await other.follow("a", "theirs", what="why", job="j")
        await other.follow("b", "task", what="task", job="j", task="task001")
        assert (await one.next("news"))["value"]["title"] == "Job j"
        assert {(await other.next("news"))["key"] for _ in range(2)} == {"theirs", "task"}
        lab.jobs["j"].disable("requeue")
        lab.jobs["j"].create_task("more", "sleep 1")
        for page, key in ((one, "mine"), (other, "theirs")):
            news = await page.next("news", lambda said: "waiting" in str(said))
            assert news["key"] == key
        await one.say({"type": "bye", "viewer": "a"})
        await one.ask(what="task", job="j", task="task001")
        lab.jobs["j"].create_task("and-more", "sleep 1")
        await other.next("news", lambda said: "2 waiting" in str(said))
        await one.ask(2, what="task", job="j", task="task001")
        assert [said for said, _ in one.heard if "2 waiting" in str(said)] == []

    watched(lab, story, watchers=2)


ACTS = [
    {"what": "act_on_tasks", "do": "delete", "tasks": [["j", "task001"]]},
    {"what": "act_on_tasks", "do": "terminate", "query": {"job": "j"}},
    {"what": "fault", "name": "fill", "pool": "p"},
    {"what": "apply", "pool": "p", "text": "$TargetDedicatedNodes = 1;", "interval": 300},
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act["what"])
def test_who_may_only_watch_changes_nothing(lab: bl.SimulatedLab, act: dict[str, Any]) -> None:
    def state() -> Any:
        jobs = {job.id: sorted(job.tasks) for job in lab.jobs.values()}
        return jobs, lab.pools["p"].view().enable_auto_scale

    async def story(page: Channel) -> None:
        assert (await page.ask(**act))["error"] == "this lab may only be watched here"
        await page.follow(**act)
        assert (await page.next("news"))["error"] == "this lab may only be watched here"

    before = state()
    watched(lab, story)
    assert state() == before


@pytest.mark.code("AuthorizationFailure")
def test_button_is_refused_with_a_code(lab: bl.SimulatedLab) -> None:
    with pytest.raises(bl.Forbidden, match="AuthorizationFailure: this lab may only be watched"):
        answer(lab._connection, ACTS[0], acts=False)


def test_who_may_manage_acts_but_not_by_following(lab: bl.SimulatedLab) -> None:
    async def story(page: Channel) -> None:
        assert (await page.next("welcome"))["manage"] is True
        await page.follow(**ACTS[0])
        assert "only be watched" in (await page.next("news"))["error"]
        assert (await page.ask(1, **ACTS[0]))["value"]["text"] == "Deleted 1 task."
        assert "full" in (await page.ask(2, **ACTS[2]))["value"]["text"]
        assert "follows this formula" in (await page.ask(3, **ACTS[3]))["value"]["text"]

    watched(lab, story, manage=True)
    assert len(lab.jobs["j"].tasks) == 2
    assert lab.pools["p"].view().enable_auto_scale


def test_formula_is_tried_explained_and_simulated_by_who_only_watches(
    lab: bl.SimulatedLab,
) -> None:
    async def story(page: Channel) -> None:
        asked = {"pool": "P", "text": "$TargetDedicatedNodes = 1 +;"}
        opened = (await page.ask(1, what="formula", pool="P"))["value"]
        assert opened["pool"] == "p"
        assert "$TargetDedicatedNodes = 2" in opened["formula"]
        tried = await page.ask(2, what="try", **asked)
        assert tried["value"]["marks"][0]["severity"] == "error"
        await page.follow("f", "3600", what="pool_line", pool="p", window=3600)
        assert (await page.next("news"))["value"]["pool"]["target"] == 2
        asked["text"] = "$TargetDedicatedNodes = 1;"
        load = {"load": 1, "task_length": 1, "boot": 90, "interval": 300, "window": 3600}
        played = await page.ask(3, what="what_if", **asked, **load)
        assert [name for name, _ in played["value"]["columns"]] == ["actual", "this formula"]
        assert (await page.ask(4, what="formula", pool="none"))["error"]

    watched(lab, story)


def test_what_if_that_fails_in_batchlab_is_answered_all_the_same(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    async def story(page: Channel) -> None:
        said = await page.ask(1, what="what_if", pool="p")
        assert said["error"] == "an internal error of batchlab: RuntimeError"

    monkeypatch.setattr("batchlab.widgets.autoscale_answers.what_if", fail)
    watched(lab, story)


@pytest.mark.parametrize("message", [
    "", "{", "[]", "7", "\"hello\"", "null", "[" * 5000, b"\xff\xfe", b"",
    {}, {"type": "nothing"}, {"type": "ask"},
    {"type": "ask", "id": "x", "question": {"what": "why"}},
    {"type": "ask", "id": 1, "question": {"what": "why", "job": ["j"]}},
    {"type": "ask", "id": 1, "question": {"what": "tasks", "__class__": "x"}},
    {"type": "ask", "id": -1, "question": {"what": "why"}},
    {"type": "ask", "id": 1, "question": {"what": "tasks", "from": -5}},
    {"type": "ask", "id": 1, "question": {"what": "why", "job": "j" * 5000}},
    {"type": "hello", "have": {"generation": 0, "rows": {"runs": "x"}, "names": {}}},
    {"type": "hello", "have": {"generation": 0, "rows": {}, "names": {}}, "more": 1},
    {"type": "follow", "viewer": "v" * 100, "key": "k"},
    {"type": "bye"},
], ids=str)  # fmt: skip
def test_what_cannot_be_understood_is_refused_and_harms_nothing(
    lab: bl.SimulatedLab, message: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(page: Channel) -> None:
        await page.say(message)
        assert "not a message of a page" in (await page.next("refused"))["error"]
        assert (await page.ask(what="why"))["value"]

    watched(lab, story)
    assert logged(caplog, logging.WARNING) == []


@pytest.mark.parametrize("question", [
    {"what": "nothing"}, {"what": "__init__"}, {"what": "task", "job": "j"}, {"what": "node"},
    {"what": "task", "job": "none", "task": "t"}, {"what": "files", "job": "j", "task": "task001"},
    {"what": "tail", "job": "j", "task": "task001", "path": "../../etc/passwd"},
    {"what": "download", "pool": "p", "node": "none", "path": "x"},
    {"what": "act_on_tasks"}, {"what": "fault"}, {"what": "fault", "name": "none"},
    {"what": "output", "pool": "p", "node": "n", "directory": "../.."},
    {"what": "try", "pool": "p"}, {"what": "explain", "pool": "p", "at": 0}, {"what": "apply"},
    {"what": "pool_line", "pool": "p"}, {"what": "what_if", "pool": "p"},
    {"what": "what_if", "pool": "none", "window": 1e10},
    {"what": "try", "pool": "p", "text": "x" * 30_000},
], ids=str)  # fmt: skip
def test_question_without_an_answer_gets_an_error(
    lab: bl.SimulatedLab, question: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def story(page: Channel) -> None:
        answer = await page.ask(**question)
        said = answer.get("error") or answer["value"].get("text", "")
        assert said, answer
        assert "Traceback" not in said

    watched(lab, story, manage=True)
    assert logged(caplog, logging.ERROR) == []


def test_place_that_does_not_exist_starts_over(lab: bl.SimulatedLab) -> None:
    async def story(page: Channel) -> None:
        wrong = {"generation": 99, "rows": {"runs": 10**9}, "names": {"pools": 10**6}}
        await page.say({"type": "hello", "have": wrong})
        await page.next("rows", lambda said: said["rows"]["runs"] == [0, 3])

    watched(lab, story)


def test_fifty_watchers_cost_one_reading_of_what_is_new(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []

    def counted(*given: Any) -> Any:
        read.append(given)
        return rows_since(*given)

    monkeypatch.setattr(served_lab, "rows_since", counted)

    async def all_have(pages: tuple[Channel, ...], runs: int) -> None:
        for page in pages:
            await page.next("rows", lambda said: said["rows"]["runs"][1] == runs)

    async def story(*pages: Channel) -> None:
        for page in pages:
            await page.say({"type": "hello", "have": PLACE})
        await all_have(pages, 3)
        read.clear()
        lab.jobs["j"].create_task("more", "sleep 1")
        lab.advance("1m")
        await all_have(pages, 4)
        assert len(read) < 15, "what is new is read once for all"

    watched(lab, story, watchers=50)


def test_one_too_many_is_told_to_come_again(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_lab, "MOST", 2)

    async def story(one: Channel, two: Channel, three: Channel) -> None:
        assert await three.closed() == served_lab.FULL
        one.connection.close()
        assert (await two.ask(what="why"))["value"]

    watched(lab, story, watchers=3)


def test_watchers_leave_half_of_the_connections_to_others(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.rest.accepting.most_connections", lambda: 4)

    async def story(one: Channel, two: Channel) -> None:
        with pytest.raises(HTTPClientError, match="503"):
            await open_another(two.url)
        one.connection.close()
        await one.closed()
        while True:  # the server may not have heard of it yet
            with contextlib.suppress(HTTPClientError):
                return await open_another(two.url)

    async def open_another(url: str) -> None:
        async with channel(url, await asyncio.to_thread(cookie_of, url)) as page:
            assert (await page.ask(what="why"))["value"]

    watched(lab, story, watchers=2)


def test_page_that_floods_the_server_is_closed(lab: bl.SimulatedLab) -> None:
    async def story(page: Channel, other: Channel) -> None:
        async def flood() -> None:
            while page.connection.close_code is None:
                for _ in range(50):
                    page.connection.write_message("{")
                await asyncio.sleep(0)

        assert (await asyncio.gather(flood(), page.closed(), return_exceptions=True))[1] == (
            watcher.TOO_MUCH
        )
        assert (await other.ask(what="why"))["value"]

    watched(lab, story, watchers=2)


def test_page_that_reads_nothing_delays_nobody_and_gets_everything_at_once(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    found = served_lab.ServedLab.say

    def slow(self: served_lab.ServedLab, question: Any, **how: Any) -> Any:
        asked.append(question)
        if question["what"] == "download":
            return {"value": {"data": b"x" * 2**22}}
        return found(self, question, **how)

    monkeypatch.setattr(served_lab.ServedLab, "say", slow)

    async def story(stuck: Channel, page: Channel) -> None:
        for number in range(watcher.OPEN):
            question = {"what": "download", "job": "j", "task": "task001", "path": "x"}
            await stuck.say({"type": "ask", "id": number, "question": question})
        await page.say({"type": "hello", "have": PLACE})
        await page.next("rows")
        for number in range(20):
            assert (await page.ask(number, what="why"))["value"]
        waiting = sum(one["what"] == "download" for one in asked)
        assert waiting < watcher.OPEN // 2, "of what nobody takes, little is made"

    watched(lab, story, watchers=2)


@pytest.mark.parametrize(("ends", "why"), [
    ("close", "the lab is closed"), ("stop", "the lab is no longer served"),
])  # fmt: skip
def test_pages_are_told_how_it_ended(lab: bl.SimulatedLab, ends: str, why: str) -> None:
    endpoint = lab.serve(page_token=TOKEN)

    async def story() -> None:
        cookie = await asyncio.to_thread(cookie_of, endpoint.url)
        async with channel(endpoint.url, cookie) as page:
            await page.say({"type": "hello", "have": PLACE})
            await page.next("rows")
            lab.jobs["j"].create_task("last", "sleep 1")
            await asyncio.to_thread(lab.close if ends == "close" else endpoint.stop)
            assert (await page.next("end"))["why"] == why
            last = [said for said, _ in page.heard if said["type"] == "rows"][-1]
            assert last["ended"] == ("the lab is closed" if ends == "close" else "")
            assert await page.closed() == watcher.AWAY

    asyncio.run(asyncio.wait_for(story(), 60))
