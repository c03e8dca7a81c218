"""When reports happened: those that arrive together keep their order and their distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchlab.core.machine import Core
from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import Command, NodeChanged, StartNode
from batchlab.core.model import PoolSpec
from batchlab.drivers.engine import Engine

NOW = 1_000_000.0


class StillDriver:
    """A driver whose clock stands still, and which keeps the commands."""

    pause_s = 1.0

    def __init__(self) -> None:
        self.clock = NOW
        self.commands: list[Command] = []

    def now(self) -> float:
        return self.clock

    def obey(self, commands: Sequence[Command]) -> None:
        self.commands += commands

    def wake_at(self, when: float | None) -> None:
        pass


def test_report_has_the_time_when_it_happened_but_never_before_another_input() -> None:
    driver: Any = StillDriver()
    engine = Engine(Core(), driver)
    seen: list[Any] = []
    engine.watchers.append(seen.extend)
    engine.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    node_id = next(each.node_id for each in driver.commands if isinstance(each, StartNode))
    driver.clock = NOW + 10
    engine.report(
        facts.NodeAllocated(node_id=node_id, boot=1, ip_address="10.0.0.4"),
        facts.NodeStarted(node_id=node_id, boot=1),
        facts.NodeLost(node_id=node_id, boot=1),
        ages=[40.0, 3.0, 1.0],
    )
    times = [change.at for change in seen if isinstance(change, NodeChanged)]
    assert times == [NOW, NOW, NOW + 7, NOW + 9]
    engine.report(facts.NodeAllocated(node_id=node_id, boot=2, ip_address="10.0.0.4"))
    assert seen[-1].at == NOW + 10
    (node,) = engine.ask(questions.ListNodes(pool_id="p"))
    assert node.state == "starting"
