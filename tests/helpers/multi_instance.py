"""What tests of multi-instance tasks have in common."""

from __future__ import annotations

from typing import Any

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import StartApplication, StartRun
from batchlab.core.model import MultiInstanceSettings, TaskSpec
from helpers.world import World


def talking(world: World, nodes: int = 3, **kw: Any) -> list[str]:
    return world.pool(nodes=nodes, enable_inter_node_communication=True, **kw)


def together(world: World, count: int = 3, task_id: str = "m", job: str = "j", **kw: Any) -> None:
    settings = MultiInstanceSettings(
        coordination_command_line="coordinate", number_of_instances=count,
        common_resource_files=["/common"],
    )  # fmt: skip
    spec = TaskSpec(id=task_id, command_line="apply", multi_instance_settings=settings, **kw)
    world.feed(inputs.CreateTasks(job_id=job, specs=(spec,)))


def coordinate(world: World, *runs: StartRun) -> None:
    for run in runs:
        world.feed(facts.RunCoordinated(run_id=run.run_id))


def running(world: World, count: int = 3, **kw: Any) -> list[StartRun]:
    """The runs of a task whose application has been started."""
    talking(world, count)
    world.job()
    together(world, count, **kw)
    runs = world.runs()
    coordinate(world, *runs)
    assert world.said() == [StartApplication(run_id=runs[0].run_id)]
    return runs


def cancels(*runs: StartRun) -> list[tuple[str, str, str]]:
    return [("CancelRun", "m", run.run_id.node_id) for run in runs]


def end_cancelled(world: World, *runs: StartRun) -> None:
    for run in runs:
        world.nothing_else()
        world.exit(run, 137, cancelled=True)


def subtasks(world: World, task_id: str = "m") -> list[Any]:
    found: list[Any] = world.ask(questions.ListSubtasks(job_id="j", task_id=task_id))
    return found
