"""Where the files of a task are, until when, and lists of tasks."""

from datetime import timedelta

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import FOREVER, TaskConstraints
from batchlab.errors import BatchError, InvalidRequest
from helpers.world import World

A_DIR = "workitems/j/job-1/a"


def running(world: World, nodes: int = 1, **kw: object) -> StartRun:
    """Task a of job j, running."""
    world.pool(nodes=nodes)
    world.job()
    world.tasks("a", **kw)
    return world.run()


def locate(world: World) -> object:
    return world.ask(questions.LocateTask(job_id="j", task_id="a"))


def code(world: World) -> str:
    with pytest.raises(BatchError) as caught:
        locate(world)
    return caught.value.code


@pytest.mark.rule(97)
def test_retention_deletes_the_directory_once_at_its_time(world: World) -> None:
    run = running(world, constraints=TaskConstraints(retention_time=timedelta(seconds=5)))
    node = run.run_id.node_id
    world.later(100)
    world.exit(run)
    world.later(4.9)
    world.nothing_else()
    assert locate(world) == questions.Location("p", node, A_DIR)
    world.later(0.1)
    assert world.told() == [("DeleteFiles", node, A_DIR)]
    assert code(world) == "TaskFilesCleanedup"
    world.later(1e7)
    world.nothing_else()


def test_retention_is_seven_days_by_default(world: World) -> None:
    world.exit(running(world))
    assert world.task("a").constraints.retention_time == timedelta(days=7)
    world.later(7 * 86_400 - 1)
    world.nothing_else()
    world.later(1)
    assert [command[0] for command in world.told()] == ["DeleteFiles"]


def test_retention_for_ever_has_no_end(world: World) -> None:
    node = running(world, constraints=TaskConstraints(retention_time=FOREVER))
    world.exit(node)
    for _ in range(10):
        world.later(1e10)
    world.nothing_else()
    assert locate(world) == questions.Location("p", node.run_id.node_id, A_DIR)
    assert world.task("a").constraints.retention_time == FOREVER


def test_retention_does_not_delete_the_files_of_a_task_that_runs_again(world: World) -> None:
    run = running(world, constraints=TaskConstraints(retention_time=timedelta(seconds=5)))
    world.exit(run, 1)
    world.feed(inputs.ReactivateTask(job_id="j", task_id="a"))
    deleted, again = world.said()
    assert isinstance(again, StartRun)
    world.later(100)
    world.nothing_else()
    world.exit(again)
    world.later(5)
    assert world.said() == [deleted]


@pytest.mark.rule(97, 98)
@pytest.mark.code("NodeNotReady")
def test_locate_says_why_there_are_no_files(world: World) -> None:
    world.job()
    world.tasks("a")
    assert code(world) == "TaskFilesUnavailable"
    (node,) = world.pool()
    world.exit(world.run())
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    assert code(world) == "NodeNotReady"
    world.boot()
    assert locate(world) == questions.Location("p", node, A_DIR)
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    assert code(world) == "NodeNotReady"
    assert world.told() == [("StopNode", node)]
    world.gone(node)
    assert code(world) == "NodeNotFound"
    assert world.task("a").exit_code == 0


def test_list_tasks_pages_and_filters(world: World) -> None:
    world.pool()
    world.job()
    world.tasks(*"abcd")
    world.exit(world.run())
    world.run()

    def ids(**kw: object) -> list[str]:
        return [task.id for task in world.ask(questions.ListTasks(job_id="j", **kw))]

    assert ids() == ["a", "b", "c", "d"]
    assert ids(skip=1, limit=2) == ["b", "c"]
    assert ids(states=("active", "completed")) == ["a", "c", "d"]
    assert ids(limit=0) == ids(skip=9) == []
    with pytest.raises(InvalidRequest):
        ids(skip=-1)


@pytest.mark.rule(36)
def test_counts_preparing_counts_as_running(world: World) -> None:
    world.pool()
    world.job(job_preparation_task="prep")
    world.tasks("a", "b")
    world.run()
    counts = world.ask(questions.CountTasks(job_id="j"))
    assert (counts.active, counts.running, counts.completed) == (1, 1, 0)
