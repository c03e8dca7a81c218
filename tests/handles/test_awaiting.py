"""What `wait` blocks for can be awaited: the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from helpers.fake_connection import FakeConnection
from helpers.waiting import until


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        yield lab


def blocking() -> tuple[bl.Job, threading.Event, list[str]]:
    """A job whose wait lasts until it is told to end, and watches itself as real ones do."""
    end, log = threading.Event(), []

    class Slow(FakeConnection):
        def wait(self, condition: Any, timeout: Any = None, watch: Any = None) -> None:
            log.append("begun")
            while not end.wait(0.002):
                try:
                    watch()
                except BaseException:
                    log.append("given up")
                    raise

    return bl.Job(Slow(), "j"), end, log


def test_awaited_wait_lets_the_loop_go_on() -> None:
    job, end, _ = blocking()
    seen = []

    async def other() -> None:
        for turn in range(5):
            await asyncio.sleep(0.001)
            seen.append(turn)
        end.set()

    async def main() -> None:
        await asyncio.gather(job.done(), other())

    asyncio.run(main())
    assert seen == [0, 1, 2, 3, 4]


def test_awaited_wait_that_is_cancelled_ends_its_thread() -> None:
    job, _, log = blocking()

    async def main() -> None:
        waiting = asyncio.ensure_future(job.done())
        while not log:
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    until(lambda: log == ["begun", "given up"])


def test_many_are_awaited_at_once() -> None:
    job, end, log = blocking()

    async def main() -> None:
        waits = [asyncio.ensure_future(job.tasks.done()) for _ in range(40)]
        while len(log) < 40:
            await asyncio.sleep(0.001)
        end.set()
        await asyncio.gather(*waits)

    asyncio.run(main())


def test_things_are_awaited_as_they_are_waited_for(lab: bl.SimulatedLab) -> None:
    async def main() -> None:
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        await pool
        await pool.nodes.done("idle")
        job = lab.create_job("j", pool)
        tasks = job.create_tasks(["/bin/sh -c 'sleep 5; exit 0'"] * 3)
        await tasks[0]
        await job.tasks.done(timeout="1h")
        job.terminate()
        await job

    asyncio.run(main())
    assert lab.jobs["j"].state == "completed"


def test_errors_of_a_wait_come_to_whoever_awaits(lab: bl.SimulatedLab) -> None:
    job = lab.create_job("j", lab.create_pool("p"))
    job.create_task("t", "true")
    with pytest.raises(bl.WaitNeverEnds):
        asyncio.run(job.tasks.done())
    with pytest.raises(bl.InvalidRequest):
        asyncio.run(job.done("nonsense"))
    with pytest.raises(bl.NotFound):
        asyncio.run(bl.Job(job._connection, "nowhere").done())
