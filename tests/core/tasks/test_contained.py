"""Runs in containers: what a node is told, and when it is not told at all."""

import pytest

import batchlab as bl
from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import StartNode, StartRun
from batchlab.core.model.common import ENTRY_POINT
from helpers.multi_instance import running, subtasks
from helpers.world import World

REGISTRY = bl.ContainerRegistryReference(
    username="ann", password="hidden-word", registry_server="own.io"
)
CONFIGURATION = bl.ContainerConfiguration(
    container_image_names=["own.io/a"], container_registries=[REGISTRY]
)
SETTINGS = bl.TaskContainerSettings(image_name="own.io/b:1")


def runs_of(configuration, *specs, no_containers="", **job):
    """What the only node of a pool is told to run."""
    world = World()
    pool = bl.PoolSpec(id="p", target_dedicated_nodes=1, task_slots_per_node=4,
                       virtual_machine_configuration=configuration)  # fmt: skip
    world.feed(inputs.CreatePool(spec=pool))
    (start,) = world.said()
    assert isinstance(start, StartNode)
    assert start.containers == configuration
    world.feed(facts.NodeAllocated(node_id=start.node_id, boot=1, ip_address="10.0.0.4"))
    world.feed(facts.NodeStarted(node_id=start.node_id, boot=1, no_containers=no_containers))
    world.feed(inputs.CreateJob(spec=bl.JobSpec(id="j", pool_info="p", **job)))
    world.feed(inputs.CreateTasks(job_id="j", specs=specs))
    return world, [command for command in world.said() if isinstance(command, StartRun)]


def spec(task_id="t", command_line="x", **options):
    return bl.TaskSpec(id=task_id, command_line=command_line, **options)


def test_run_has_the_container_of_its_task_and_the_registry_of_its_pool():
    _, (run,) = runs_of(CONFIGURATION, spec(container_settings=SETTINGS))
    assert run.failure is None
    assert run.container.image_name == "own.io/b:1"
    assert run.container.registry == REGISTRY
    _, (run,) = runs_of(CONFIGURATION, spec(container_settings="ubuntu"))
    assert run.container == bl.TaskContainerSettings(image_name="ubuntu")
    _, (run,) = runs_of(CONFIGURATION, spec())
    assert run.container is None


@pytest.mark.parametrize("command", ["x", "", "  "])
@pytest.mark.code("ContainerPoolNotSupported")
def test_container_needs_a_pool_that_runs_containers(command):
    task = spec(command_line=command, container_settings=SETTINGS)
    assert task.command_line == (command.strip() or ENTRY_POINT)
    _, (run,) = runs_of(None, task)
    assert run.container is None
    assert run.failure.code == "ContainerPoolNotSupported"
    assert "container configuration" in run.failure.details["Message"]


def test_node_without_an_engine_fails_containers_and_says_what_to_install():
    why = "the node runs no containers: there is no program 'podman'. To run some, install podman"
    world, runs = runs_of(
        CONFIGURATION, spec("a", container_settings=SETTINGS), spec("b"), no_containers=why
    )
    assert [run.failure and run.failure.details["Message"] for run in runs] == [why, None]
    (reason,) = world.ask(questions.ExplainPool(pool_id="p"))
    assert reason.code == "NoContainers"
    assert reason.remedy == "install podman"
    assert "ContainerPoolNotSupported" in reason.text


def test_every_kind_of_task_can_run_in_a_container():
    preparation = bl.JobPreparationTask(command_line="", container_settings=SETTINGS)
    release = bl.JobReleaseTask(command_line="", container_settings=SETTINGS)
    _, (run,) = runs_of(
        CONFIGURATION, spec(), job_preparation_task=preparation, job_release_task=release
    )
    assert run.kind == "jobpreparation"
    assert run.container.image_name == run.release.container.image_name == "own.io/b:1"
    manager = bl.JobManagerTask(id="m", command_line="", container_settings=SETTINGS)
    _, runs = runs_of(CONFIGURATION, job_manager_task=manager)
    assert [run.container.image_name for run in runs] == ["own.io/b:1"]
    start = bl.StartTask(command_line="", container_settings=SETTINGS)
    assert start.command_line == ENTRY_POINT


def container(state):
    return bl.TaskContainerExecutionInfo(container_id="c0ffee", state=state)


def test_container_is_shown_while_it_runs_and_afterwards():
    retried = bl.TaskConstraints(max_task_retry_count=1)
    world, (run,) = runs_of(CONFIGURATION, spec(container_settings=SETTINGS, constraints=retried))

    def shown():
        return world.ask(questions.GetTask(job_id="j", task_id="t")).container_info

    assert shown() is None
    world.feed(facts.RunContained(run_id=run.run_id, container=container("running")))
    assert shown() == container("running")
    world.feed(facts.RunExited(run_id=run.run_id, exit_code=1, container=container("exited")))
    assert shown() is None, "it runs again, and has no container yet"
    world.feed(facts.RunContained(run_id=run.run_id, container=container("running")))
    assert (shown(), world.core.state.dropped) == (None, 1)
    (again,) = world.said()
    world.feed(facts.RunExited(run_id=again.run_id, exit_code=0, container=container("exited")))
    assert shown() == container("exited")


def test_container_goes_with_its_node():
    world, (run,) = runs_of(CONFIGURATION, spec(container_settings=SETTINGS))
    world.feed(facts.RunContained(run_id=run.run_id, container=container("running")))
    world.feed(facts.NodeLost(node_id=run.run_id.node_id, boot=1))
    world.said()
    assert world.ask(questions.GetTask(job_id="j", task_id="t")).container_info is None


def test_task_of_several_nodes_shows_the_container_of_its_primary():
    world = World()
    primary, other = running(world, 2)
    for run, state in ((primary, "running"), (other, "other")):
        world.feed(facts.RunContained(run_id=run.run_id, container=container(state)))
    task = world.ask(questions.GetTask(job_id="j", task_id="m"))
    assert task.container_info == container("running")
    assert [one.container_info for one in subtasks(world)] == [container("other")]


def test_start_task_shows_its_container_while_it_runs():
    world = World()
    start = bl.StartTask(command_line="x", container_settings=SETTINGS)
    pool = bl.PoolSpec(id="p", target_dedicated_nodes=1, start_task=start,
                       virtual_machine_configuration=CONFIGURATION)  # fmt: skip
    world.feed(inputs.CreatePool(spec=pool))
    (node,) = world.said()
    world.feed(facts.NodeAllocated(node_id=node.node_id, boot=1, ip_address="10.0.0.4"))
    world.feed(facts.NodeStarted(node_id=node.node_id, boot=1))
    (run,) = world.said()

    def shown():
        about = world.ask(questions.GetNode(pool_id="p", node_id=node.node_id))
        return about.start_task_info.container_info

    assert shown() is None
    world.feed(facts.RunContained(run_id=run.run_id, container=container("running")))
    assert shown() == container("running")
    world.feed(facts.RunExited(run_id=run.run_id, exit_code=0, container=container("exited")))
    assert shown() == container("exited")


@pytest.mark.parametrize(
    ("image", "server", "serves"),
    [
        ("own.io/a/b:1", "own.io", True),
        ("own.io/a/b:1", "https://own.io/", True),
        ("own.io:5000/a", "own.io", False),
        ("ubuntu", "docker.io", True),
        ("me/ubuntu", "docker.io", True),
        ("docker.io/me/ubuntu", "docker.io", True),
        ("ubuntu", "own.io", False),
        ("localhost/a", "docker.io", False),
    ],
)
def test_registry_serves_the_images_that_name_it(image, server, serves):
    assert bl.ContainerRegistryReference(registry_server=server).serves(image) is serves


@pytest.mark.parametrize("name", ["", "-v", "a b", "a\tb"])
def test_what_cannot_be_an_image_is_refused(name):
    with pytest.raises(bl.InvalidRequest, match="image_name"):
        bl.TaskContainerSettings(image_name=name)


def test_password_is_not_shown():
    assert "hidden-word" not in repr(REGISTRY) + repr(CONFIGURATION)
