"""Nodes far away: how many round trips are lost, and how many messages a task needs."""

from __future__ import annotations

import asyncio

import pytest

from helpers.far_nodes import BEAT_S, FarHost, play


@pytest.mark.parametrize(
    ("round_trip_s", "slots", "run_s", "tasks", "messages"),
    [
        (0.1, 1, 0.01, 200, 0.6),
        (0.1, 4, 0.002, 1600, 0.1),
        (0.1, 4, 0.05, 200, 0.35),
        (0.3, 4, 0.002, 2400, 0.1),
        (0.3, 2, 0.01, 400, 0.4),
    ],
)
def test_two_round_trips_are_lost_at_most(
    monkeypatch: pytest.MonkeyPatch,
    round_trip_s: float, slots: int, run_s: float, tasks: int, messages: float,
) -> None:  # fmt: skip
    """The ways of the first command and the last report, and until the node has a queue."""

    async def work() -> None:
        host = FarHost(round_trip_s, slots=slots, run_s=run_s)
        took_s = await host.run(tasks)
        lost_s = took_s - tasks * run_s / slots
        assert lost_s == pytest.approx(2 * round_trip_s, abs=0.03)
        (node,) = host.nodes.values()
        assert node.messages <= messages * tasks

    play(monkeypatch, work)


def test_round_trip_is_at_least_as_long_as_the_first_answer_has_taken_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        host = FarHost(0.1, slots=1, run_s=0.01)
        (node,) = host.nodes.values()
        assert node.lease.round_trip_s() == 0.0
        await asyncio.sleep(0.04)
        assert node.lease.round_trip_s() == pytest.approx(0.04)
        await asyncio.sleep(0.07)
        assert node.lease.round_trip_s() == pytest.approx(0.1)
        host.way_s = 0.02
        await asyncio.sleep(BEAT_S)
        assert node.lease.round_trip_s() == pytest.approx(0.04)

    play(monkeypatch, work)
