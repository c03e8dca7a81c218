"""The log of a node keeps its latest lines, and fewer where thousands of nodes have one."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab.drivers.node_log import MOST_LINES, LogLimit, NodeLog


def texts(log: NodeLog) -> list[str]:
    return [text for _, text in log.lines()]


@pytest.mark.parametrize(
    ("nodes", "lines"), [(0, 1000), (1, 1000), (1000, 1000), (4000, 250), (10**6, 100)]
)
def test_log_keeps_the_latest_lines(nodes: int, lines: int) -> None:
    limit = LogLimit()
    limit.share(nodes)
    log = NodeLog(limit)
    for number in range(MOST_LINES + 50):
        log.note(float(number), "line %s of %s", number, "many")
    assert len(log.lines()) == lines
    assert texts(log)[0] == f"line {MOST_LINES + 50 - lines} of many"
    assert texts(log)[-1] == f"line {MOST_LINES + 49} of many"


def test_log_is_cut_when_more_nodes_share_and_grows_again() -> None:
    limit = LogLimit()
    log = NodeLog(limit)
    for number in range(500):
        log.note(0.0, "%s", number)
    limit.share(10_000)
    log.note(0.0, "%s", 500)
    assert texts(log) == [str(number) for number in range(401, 501)]
    limit.share(1)
    log.note(0.0, "%s", 501)
    assert len(log.lines()) == 101


def test_simulated_nodes_share_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[int] = []
    monkeypatch.setattr(LogLimit, "share", lambda limit, nodes: shared.append(nodes))
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=3)
        pool.nodes.wait("idle")
        pool.resize(1)
        pool.wait("steady")
    assert shared[:5] == [1, 2, 3, 2, 1]
