"""Who a run runs as: the auto user or a user of the pool, looked up where and when it begins."""

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import RunUser, StartNode, StartRun
from batchlab.core.model import (
    AutoUserSpecification,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    JobScheduleSpec,
    JobSpec,
    PoolSpec,
    StartTask,
    TaskSpec,
    UserAccount,
    UserIdentity,
)
from batchlab.core.model.values import FailureInfo
from batchlab.errors import InvalidRequest
from helpers.world import World

ADMIN = AutoUserSpecification(elevation_level="admin")
OWN = AutoUserSpecification(scope="task")
ANN = UserAccount(name="Ann", password="secret", elevation_level="admin")


def codes(world: World, task_id: str) -> list[str]:
    reasons = world.ask(questions.ExplainTask(job_id="j", task_id=task_id))
    return [reason.code for reason in reasons]


def test_run_without_identity_names_no_user(world: World) -> None:
    world.pool(user_accounts=[ANN])
    world.job()
    world.tasks("a")
    assert world.run().user is None
    assert codes(world, "a") == []


@pytest.mark.parametrize(
    ("identity", "user"),
    [
        (ADMIN, RunUser(elevation_level="admin")),
        (OWN, RunUser(scope="task")),
        ("ann", RunUser(name="Ann", elevation_level="admin")),
    ],
)
def test_run_of_each_kind_names_the_user_of_its_identity(
    world: World, identity: object, user: RunUser
) -> None:
    start = StartTask(command_line="s", user_identity=identity)
    world.pool(start_task=start, user_accounts=[ANN])
    orders = [world.run()]
    world.exit(orders[-1])
    world.job(
        job_preparation_task=JobPreparationTask(command_line="p", user_identity=identity),
        job_release_task=JobReleaseTask(command_line="r", user_identity=identity),
        job_manager_task=JobManagerTask(id="m", command_line="m", user_identity=identity),
    )
    for _ in range(3):
        orders.append(world.run())
        world.exit(orders[-1])
    assert [order.kind for order in orders] == [
        "starttask",
        "jobpreparation",
        "task",
        "jobrelease",
    ]
    assert [order.user for order in orders] == [user] * 4
    carried = orders[1].release
    assert carried is not None
    assert carried.user == user


def test_named_user_is_refused_where_the_pool_is_there_without_him(world: World) -> None:
    world.pool(user_accounts=[ANN])
    world.job()
    spec = TaskSpec(id="a", command_line="x", user_identity="bob")
    error = world.refused(inputs.CreateTasks(job_id="j", specs=(spec,)))
    assert error.code == "InvalidPropertyValue"
    assert "'bob'" in error.message
    assert "'Ann'" in error.message
    node_tasks = [
        {"job_preparation_task": JobPreparationTask(command_line="p", user_identity="bob")},
        {"job_manager_task": JobManagerTask(id="m", command_line="m", user_identity="bob")},
    ]
    for node_task in node_tasks:
        job = JobSpec(id="k", pool_info="p", **node_task)
        assert world.refused(inputs.CreateJob(spec=job)).code == "InvalidPropertyValue"
        schedule = JobScheduleSpec(
            id="s", schedule="1h", job_specification=JobSpec(pool_info="p", **node_task)
        )
        refusal = world.refused(inputs.CreateJobSchedule(spec=schedule))
        assert refusal.code == "InvalidPropertyValue"
    update = inputs.UpdatePool(
        pool_id="p", start_task=StartTask(command_line="s", user_identity="bob")
    )
    assert world.refused(update).code == "InvalidPropertyValue"


@pytest.mark.code("NodeUserNotFound")
def test_named_user_of_a_pool_that_comes_later_without_him_fails_the_run(world: World) -> None:
    world.job()
    world.tasks("a", user_identity="bob")
    assert codes(world, "a")[-1] == "UserIdentity"
    world.pool()
    run = world.run()
    assert run.user is None
    assert isinstance(run.failure, FailureInfo)
    assert (run.failure.category, run.failure.code) == ("UserError", "NodeUserNotFound")
    world.exit(run, None, failure=run.failure)
    view = world.task("a")
    assert (view.state, view.result, view.failure_info) == ("completed", "failure", run.failure)


def test_elevation_that_nobody_enforces_is_explained_while_and_after_it_runs(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a", user_identity=ADMIN)
    assert codes(world, "a") == ["UserIdentity"]
    world.exit(world.run())
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    assert "recorded but not enforced" in reason.text
    assert "'admin'" in reason.text
    assert reason.lasting  # nothing under way will change it


def test_elevation_that_is_enforced_needs_no_explanation() -> None:
    world = World(isolate_users=True)
    world.pool()
    world.job()
    world.tasks("a", user_identity=ADMIN)
    assert isinstance(world.run(), StartRun)
    assert codes(world, "a") == []


def test_start_task_as_a_user_the_pool_has_not_is_refused_with_the_pool() -> None:
    with pytest.raises(InvalidRequest, match="bob"):
        PoolSpec(id="p", start_task=StartTask(command_line="s", user_identity="bob"))


def test_identity_is_a_name_or_an_auto_user_and_not_both() -> None:
    assert (
        UserIdentity(username="ann")
        == TaskSpec(id="a", command_line="x", user_identity="ann").user_identity
    )
    for given in ({}, {"username": "ann", "auto_user": ADMIN}):
        with pytest.raises(InvalidRequest, match="either username or auto_user"):
            UserIdentity(**given)


@pytest.mark.parametrize("name", ["", "x" * 21, "a b", "a/b", "a:b", "a\n"])
def test_user_of_a_name_that_no_system_takes_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        UserAccount(name=name, password="x")
    assert caught.value.values["PropertyName"] == "name"


def test_two_users_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="two users"):
        PoolSpec(id="p", user_accounts=[ANN, UserAccount(name="ANN", password="y")])


def test_password_is_required_and_kept_and_shown_nowhere(world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        UserAccount(name="ann", password="")
    assert caught.value.code == "MissingRequiredProperty"
    with pytest.raises(InvalidRequest) as caught:
        UserAccount(name="ann", password=b"secret")
    assert "secret" not in str(caught.value) + str(caught.value.values)
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", user_accounts=[ANN])))
    shown = repr(ANN) + repr(world.ask(questions.GetPool(pool_id="p"))) + ANN.password
    assert "secret" not in shown
    assert not any(isinstance(command, StartNode) for command in world.said())
