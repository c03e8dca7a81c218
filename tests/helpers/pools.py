"""What tests of pools have in common."""

from typing import Any

from batchlab.core.messages import inputs
from helpers.world import World


def resize(world: World, target: int, option: str = "requeue", **kw: Any) -> None:
    world.feed(
        inputs.ResizePool(
            pool_id="p", target_dedicated_nodes=target, node_deallocation_option=option, **kw
        )
    )


def busy(world: World, nodes: int = 1, **kw: Any) -> tuple[list[str], list[Any]]:
    """A pool of one-slot nodes, each running a task of job j."""
    ids = world.pool(nodes=nodes)
    world.job()
    world.tasks(*"abcdef"[:nodes], **kw)
    return ids, world.runs()


def state(world: World) -> tuple[str, int, int, list[str]]:
    view = world.pool_view()
    codes = [error.code for error in view.resize_errors]
    return (
        view.allocation_state, view.target_dedicated_nodes, view.current_dedicated_nodes, codes,
    )  # fmt: skip
