"""Where Python runs in a browser it has no threads: everything else works as with them."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

import batchlab as bl
from batchlab.history.watch import watch
from batchlab.widgets.front_end import cell_id
from batchlab.widgets.newest import Newest
from batchlab.widgets.ui import UiThread
from helpers.waiting import WAIT_S


@pytest.fixture(autouse=True)
def in_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    monkeypatch.setattr("sys.platform", "emscripten")
    monkeypatch.setattr(threading.Thread, "start", start)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "wanted", [bl.Lab, lambda: bl.Lab("tcp://127.0.0.1:8786"),
               lambda: bl.SimulatedLab().serve()],
)  # fmt: skip
def test_what_needs_a_machine_says_so_and_what_to_use(wanted: Callable[[], Any]) -> None:
    with pytest.raises(bl.Conflict, match="a browser cannot: use") as refusal:
        wanted()
    assert refusal.value.code == "OperationInvalidForCurrentState"


def test_job_is_awaited_and_its_errors_are_raised() -> None:
    async def story() -> None:
        with bl.SimulatedLab() as lab:
            job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
            task = job.create_task("t", "sleep 3600")
            await task
            assert task.state == "completed"
            job.create_task("late", "sleep 3600")
            with pytest.raises(bl.WaitTimeout):
                await job.tasks.done(timeout=60)

    asyncio.run(story())


def test_changes_arrive_while_the_notebook_rests_and_to_the_end() -> None:
    async def story() -> None:
        lab = bl.SimulatedLab()
        followed = watch(lab._connection)
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        await until(lambda: followed.version > 0)
        pool.nodes.wait("idle")
        seen = followed.version
        await until(lambda: followed.version > seen)
        lab.close()
        assert followed.ended == "the lab is closed"
        await until(lambda: not followed._follows)
        followed.follow()
        assert not followed._follows

    asyncio.run(story())


def test_displays_are_sent_and_questions_answered_in_turns() -> None:
    class Beat:
        count = 0

        def beat(self) -> None:
            self.count += 1

    async def story() -> None:
        ui, beat, done = UiThread(hz=500), Beat(), []
        ui.add(beat)
        ui.ask(lambda: done.append("asked"))
        ui.send(lambda: done.append("sent"))
        await until(lambda: beat.count > 3 and len(done) == 2)
        ui.remove(beat)
        await until(lambda: not ui._sends)
        ui.ask(lambda: done.append("asked again"))
        await until(lambda: len(done) == 3)

    asyncio.run(story())


def test_newest_work_is_done() -> None:
    async def story() -> None:
        newest, done = Newest(), []
        for number in range(3):
            newest.put(lambda go_on, number=number: done.append(number))
        await until(lambda: bool(done))
        assert done == [2]

    asyncio.run(story())


def test_formulas_are_compared_in_this_process() -> None:
    formulas = {"few": "$TargetDedicatedNodes = 1;", "many": "$TargetDedicatedNodes = 9;"}
    result = bl.compare(formulas, bl.Arrivals.constant(200))
    assert set(result) == set(formulas)


def test_growing_file_is_uploaded_when_it_is_closed(tmp_path: Any) -> None:
    outputs = bl.SimulatedLab().create_job("j", "nowhere").create_task("t", "true").output_storage
    path = tmp_path / "log"
    path.write_text("one\n")
    with outputs.save_tracked(path, "log", interval=0.01):
        path.write_text("one\ntwo\n")
    assert outputs.text("TaskLog", "log") == "one\ntwo\n"


def test_cell_is_known_where_a_kernel_has_one_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernel:
        def get_parent(self) -> dict[str, Any]:
            return {"metadata": {"cellId": "cell 7"}}

    shell = types.SimpleNamespace(kernel=Kernel())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert cell_id() == "cell 7"
