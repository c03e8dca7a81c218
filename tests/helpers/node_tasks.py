"""What tests of preparation and release have in common."""

from typing import Any

from helpers.world import World

PREP, REL = "prep", "rel"


def node_tasked(world: World, nodes: int = 1, **kw: Any) -> list[str]:
    ids = world.pool(nodes=nodes)
    world.job(job_preparation_task=kw.pop("prep", PREP), job_release_task=REL, **kw)
    return ids


def finish(world: World, *tasks: str) -> None:
    """Run tasks of job j, and their preparations, to their end."""
    world.tasks(*tasks)
    while runs := world.runs():
        for run in runs:
            world.exit(run)
