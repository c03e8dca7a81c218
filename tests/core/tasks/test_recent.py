"""The last tasks of a node: those that have completed there and still exist."""

from typing import Any

from batchlab.core.messages import inputs, questions
from batchlab.core.tasks.runs import RECENT
from helpers.world import World


def recent(world: World) -> dict[str, list[Any]]:
    found = world.ask(questions.ListRecentTasks(pool_id="p"))
    return {node: list(tasks) for node, tasks in found.items()}


def test_node_remembers_how_its_tasks_ended(world: World) -> None:
    (node,) = world.pool()
    world.job()
    assert recent(world) == {}
    world.tasks("a", "b")
    world.exit(world.run())
    world.later(5)
    world.exit(world.run(), 3)
    first, second = recent(world)[node]
    assert (first.task_id, first.result, first.exit_code) == ("a", "success", 0)
    assert (second.task_id, second.result, second.exit_code) == ("b", "failure", 3)
    assert second.failure_info.code == "FailureExitCode"
    assert (second.end_time - second.start_time).total_seconds() == 5


def test_node_remembers_its_last_tasks_only(world: World) -> None:
    (node,) = world.pool()
    world.job()
    ids = [str(number) for number in range(RECENT + 2)]
    world.tasks(*ids)
    for _ in ids:
        world.exit(world.run())
    assert [task.task_id for task in recent(world)[node]] == ids[-RECENT:]


def test_task_that_was_deleted_while_it_ran_is_not_remembered(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    world.feed(inputs.DeleteTask(job_id="j", task_id="a"))
    world.said()
    world.exit(run, 137, cancelled=True)
    world.said()
    assert recent(world) == {}
