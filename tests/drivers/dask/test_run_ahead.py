"""The queue of a node: what starts when, what is reported when, and how long the queue is."""

from __future__ import annotations

import asyncio
import time

import pytest

from batchlab.core.messages.facts import DepthMeasured, RunStarted, TakenBack
from batchlab.drivers.dask import run_ahead
from batchlab.drivers.dask.run_ahead import depth_for
from helpers.run_ahead import Node, exited, run


def test_next_run_starts_with_the_exit_and_is_reported_with_it() -> None:
    node = Node()
    node.start(run("a"))
    node.wait("b", "c")
    assert node.started == ["a"]
    node.exit("a")
    assert node.started == ["a", "b"]
    node.exit("b")
    node.exit("c")
    assert node.said() == [exited("a", "b"), exited("b", "c"), exited("c")]


def test_run_that_finds_a_free_slot_starts_at_once() -> None:
    node = Node(slots=2)
    node.start(run("a"))
    node.wait("b", "c")
    assert node.started == ["a", "b"]
    assert node.said() == [RunStarted(run_id=run("b").run_id)]


def test_run_is_either_taken_back_or_started() -> None:
    node = Node()
    node.start(run("a"))
    node.wait("b", "c", "d")
    node.exit("a")
    node.ahead.take_back([run(name).run_id for name in "bc"])
    taken = TakenBack(taken=(run("c").run_id,), started=(run("b").run_id,))
    assert node.said() == [exited("a", "b"), taken]
    node.exit("b")
    assert node.started == ["a", "b", "d"]
    node.ahead.close()
    node.exit("d")
    assert node.started == ["a", "b", "d"]


def test_reports_are_held_while_there_is_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_ahead, "HOLD_S", 0.05)
    asyncio.run(hold())


async def hold() -> None:
    node = Node(speed=10.0)
    node.start(run("a"))
    node.wait(*"bcdef")
    node.exit("a")
    assert node.said() == [exited("a", "b")]  # there is work for a moment only
    node.ahead._mean_s = 0.1
    node.exit("b")
    node.exit("c")
    assert node.said() == []
    while not node.sent:
        await asyncio.sleep(0.005)
    assert node.said() == [exited("b", "c"), exited("c", "d")]
    assert 0.4 <= max(node.ages) < 100  # in lab time
    node.ahead._mean_s = 0.1
    node.exit("d")
    node.exit("e")  # the last one has begun
    assert node.said() == [exited("d", "e"), exited("e", "f")]
    node.exit("f")
    assert node.said() == [exited("f")]


def test_exit_that_is_learnt_of_later_has_its_own_moment() -> None:
    node, now = Node(speed=10.0), time.monotonic()
    node.ahead.begin(run("a"), now - 3)
    node.exit("a", when=now - 2)
    assert node.ahead._mean_s == pytest.approx(1)
    assert node.said() == [exited("a")]
    assert 20 <= node.ages[0] < 100


@pytest.mark.parametrize(
    ("run_s", "round_trip_s", "slots", "depth"),
    [
        (0.002, 0.0, 2, 24),
        (0.02, 0.0, 1, 2),
        (0.5, 0.0, 4, 0),  # nothing to gain
        (0.5, 0.1, 4, 2),
        (2.0, 0.3, 4, 0),  # tasks that take seconds
        (0.002, 0.05, 8, 497),
        (0.001, 1.0, 8, 1024),
        (0.0, 0.0, 1, 1024),
    ],
)
def test_depth_covers_two_round_trips(
    run_s: float, round_trip_s: float, slots: int, depth: int
) -> None:
    assert depth_for(run_s, round_trip_s, slots) == depth


def test_depth_is_reported_when_it_has_changed_much_and_after_a_recall() -> None:
    node, found = Node(round_trip_s=0.1), []
    node.send = lambda reports, ages: found.extend(  # type: ignore[method-assign]
        each for each in reports if isinstance(each, DepthMeasured)
    )
    node.ahead._send = node.send
    for _ in range(5):
        node.start(run("a"))
        node.exit("a")
    assert [each.depth for each in found] == [1024]
    assert found[0].patience_s == pytest.approx(1.4)
    node.start(run("a"))
    node.wait("b", "c")
    node.ahead.take_back([run("c").run_id])
    node.exit("a")
    assert len(found) == 1
    node.wait("d")
    node.ahead.take_back([run("d").run_id])
    assert len(found) == 1  # what runs may be long: first it must exit
    node.exit("b")
    assert len(found) == 2


def test_depth_changes_at_once_when_runs_become_long() -> None:
    node, found = Node(round_trip_s=0.1), []
    node.ahead._send = lambda reports, ages: found.extend(
        each.depth for each in reports if isinstance(each, DepthMeasured)
    )
    for took_s in (0.01, 0.011, 0.009, 20.0):
        node.start(run("a"))
        node.ahead._began[run("a").run_id] -= took_s
        node.exit("a")
    assert found[0] > 10
    assert found[1:] == [0]
