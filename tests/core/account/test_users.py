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


def everywhere(name: str) -> list[inputs.Request]:
    """Requests that name this user, each in another place, for a pool that is there."""
    node_tasks: list[dict[str, object]] = [
        {"job_preparation_task": JobPreparationTask(command_line="p", user_identity=name)},
        {"job_release_task": JobReleaseTask(command_line="p", user_identity=name),
         "job_preparation_task": JobPreparationTask(command_line="p")},
        {"job_manager_task": JobManagerTask(id="m", command_line="m", user_identity=name)},
    ]  # fmt: skip
    spec = TaskSpec(id="a", command_line="x", user_identity=name)
    requests: list[inputs.Request] = [inputs.CreateTasks(job_id="j", specs=(spec,))]
    for number, node_task in enumerate(node_tasks):
        job = JobSpec(pool_info="p", **node_task)
        schedule = JobScheduleSpec(id=f"s{number}", schedule="1h", job_specification=job)
        requests += [
            inputs.CreateJob(spec=JobSpec(id=f"j{number}", pool_info="p", **node_task)),
            inputs.CreateJobSchedule(spec=schedule),
        ]
    start = StartTask(command_line="s", user_identity=name)
    return [
        *requests,
        inputs.UpdatePool(pool_id="p", start_task=start),
        inputs.ReplacePoolProperties(
            pool_id="p", start_task=start, application_package_references=(),
            certificate_references=(), metadata={},
        ),
    ]  # fmt: skip


def test_named_user_that_the_pool_lacks_is_accepted_everywhere(world: World) -> None:
    world.pool(user_accounts=[ANN])
    world.job()
    for request in everywhere("bob"):
        world.feed(request)
    start = StartTask(command_line="s", user_identity="bob")
    world.feed(inputs.CreatePool(spec=PoolSpec(id="q", start_task=start)))
    world.said()


def test_earlier_rules_refuse_a_named_user_that_the_pool_lacks() -> None:
    world = World(rules=2)
    world.pool(user_accounts=[ANN])
    world.job()
    for request in everywhere("bob"):
        error = world.refused(request)
        assert error.code == "InvalidPropertyValue"
        assert "'bob'" in error.message


@pytest.mark.code("NodeUserNotFound")
def test_named_user_of_a_pool_that_comes_later_without_him_fails_the_run(world: World) -> None:
    world.job()
    world.tasks("a", user_identity="bob")
    assert codes(world, "a")[-1] == "UserIdentity"
    spec = PoolSpec(id="p", target_dedicated_nodes=1, user_accounts=[ANN])
    world.feed(inputs.CreatePool(spec=spec))
    reason = world.ask(questions.ExplainTask(job_id="j", task_id="a"))[-1]
    assert (reason.code, reason.lasting) == ("NodeUserNotFound", False)  # it will start, and fail
    assert "'bob'" in reason.text
    assert "'Ann'" in reason.text
    world.boot()
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


@pytest.mark.parametrize("isolate", [False, True])
def test_start_task_as_a_user_the_pool_lacks_fails_and_says_why(isolate: bool) -> None:
    world = World(isolate_users=isolate)
    start = StartTask(command_line="s", user_identity="bob", max_task_retry_count=2)
    (node_id,) = world.pool(start_task=start, user_accounts=[ANN])
    run = world.run()
    assert run.failure is not None
    world.exit(run, None, failure=run.failure)
    world.nothing_else()
    view = world.ask(questions.GetNode(pool_id="p", node_id=node_id))
    assert view.state == "starttaskfailed"
    assert view.start_task_info.failure_info.code == "NodeUserNotFound"
    world.job()
    world.tasks("a")
    for question in (
        questions.ExplainPool(pool_id="p"), questions.ExplainTask(job_id="j", task_id="a")
    ):  # fmt: skip
        (reason,) = [one for one in world.ask(question) if one.code == "StartTaskFailed"]
        assert "NodeUserNotFound: pool 'p' has no user 'bob'" in reason.text


def test_preparation_as_a_user_the_pool_lacks_fails_and_says_why(world: World) -> None:
    world.pool()
    world.job(job_preparation_task=JobPreparationTask(command_line="p", user_identity="bob"))
    world.tasks("a")
    run = world.run()
    assert run.failure is not None
    world.exit(run, None, failure=run.failure)
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    assert reason.code == "PreparationFailed"
    assert "NodeUserNotFound: pool 'p' has no user 'bob'" in reason.text


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
