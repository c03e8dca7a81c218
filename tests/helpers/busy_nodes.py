"""What tests of nodes in a hand-moved world share: a busy node, its state, its reboot."""

from __future__ import annotations

from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import StartRun
from helpers.world import World


def busy(world: World, *tasks: str, **kw: object) -> tuple[str, list[StartRun]]:
    """A node that runs these tasks of job j, one for each slot."""
    (node,) = world.pool(task_slots_per_node=len(tasks))
    world.job()
    world.tasks(*tasks, **kw)
    return node, world.runs()


def node_state(world: World) -> str:
    return world.nodes()[0].state


def reboot(node: str, option: str = "requeue") -> inputs.RebootNode:
    return inputs.RebootNode(pool_id="p", node_id=node, node_reboot_option=option)
