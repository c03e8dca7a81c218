"""Users of one node: added, changed, deleted, expired, and gone with what the node was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import EvictNode, RestartNode, RunUser
from batchlab.core.model import PoolSpec, UserAccount
from batchlab.errors import Conflict
from helpers.world import World

DAY = 86400.0


def create(node: str, name: str = "Ada", **more: Any) -> inputs.CreateNodeUser:
    return inputs.CreateNodeUser(pool_id="p", node_id=node, name=name, **more)


def replace(node: str, name: str = "ada", **more: Any) -> inputs.ReplaceNodeUser:
    return inputs.ReplaceNodeUser(pool_id="p", node_id=node, user_name=name, **more)


def delete(node: str, name: str = "ada") -> inputs.DeleteNodeUser:
    return inputs.DeleteNodeUser(pool_id="p", node_id=node, user_name=name)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.code("NodeUserExists")
def test_user_is_there_until_it_is_deleted_whatever_the_case_of_its_name(world: World) -> None:
    first, second = world.pool(nodes=2)
    world.feed(create(first))
    assert world.refused(create(first, "ADA")).code == "NodeUserExists"
    world.feed(create(second))
    world.feed(replace(first, "ADA", password="new"))
    world.feed(delete(first, "aDa"))
    for request in (replace(first), delete(first)):
        error = world.refused(request)
        assert (error.code, error.status) == ("NodeUserNotFound", 404)
    assert world.refused(create(second)).code == "NodeUserExists"
    world.feed(create(first))


def test_user_of_the_pool_is_on_each_node_already(world: World) -> None:
    (node,) = world.pool(user_accounts=[UserAccount(name="ann", password="x")])
    assert world.refused(create(node, "Ann")).code == "NodeUserExists"


def test_user_expires_in_a_day_unless_another_time_is_given(world: World) -> None:
    (node,) = world.pool()
    world.feed(create(node))
    world.feed(create(node, "bob", expiry_time=at(world.now + 2 * DAY)))
    world.later(DAY - 1)
    assert world.refused(create(node)).code == "NodeUserExists"
    world.later(1)
    world.feed(create(node))
    world.feed(replace(node, "bob"))  # a day from now, not what was said first
    world.later(DAY)
    assert world.refused(replace(node, "bob")).code == "NodeUserNotFound"
    world.said()


@pytest.mark.parametrize("make", [create, replace])
def test_expiry_in_the_past_is_refused(world: World, make: Any) -> None:
    (node,) = world.pool()
    world.feed(create(node, "ada" if make is replace else "bob"))
    error = world.refused(make(node, expiry_time=at(world.now)))
    assert (error.code, error.values["PropertyName"]) == ("InvalidPropertyValue", "expiry_time")


@pytest.mark.parametrize("name", ["", "a b", "x" * 21, "a/b"])
def test_name_that_no_system_accepts_is_refused(world: World, name: str) -> None:
    (node,) = world.pool()
    assert world.refused(create(node, name)).code == "InvalidPropertyValue"


def test_node_that_is_not_up_has_no_users_and_no_login(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    (start,) = world.said()
    question = questions.GetRemoteLoginSettings(pool_id="p", node_id=start.node_id)
    assert world.refused(create(start.node_id)).code == "NodeBeingCreated"
    with pytest.raises(Conflict, match="NodeBeingCreated"):
        world.ask(question)
    world.allocated(start.node_id)
    world.started(start.node_id)
    world.feed(create(start.node_id))
    settings = world.ask(question)
    assert (settings.remote_login_ip_address, settings.remote_login_port) == ("127.0.1.1", 22)
    world.feed(inputs.RebootNode(pool_id="p", node_id=start.node_id))
    assert world.refused(delete(start.node_id)).code == "NodeBeingRebooted"
    world.said()
    for request in (create("other"), delete("other"), replace("other")):
        assert world.refused(request).code == "NodeNotFound"


def test_reboot_keeps_users_and_reimage_does_not(world: World) -> None:
    (node,) = world.pool()
    world.feed(create(node))
    for kind, code in ((inputs.RebootNode, "NodeUserExists"), (inputs.ReimageNode, None)):
        world.feed(kind(pool_id="p", node_id=node))
        (restart,) = world.said()
        assert isinstance(restart, RestartNode)
        world.allocated(node, restart.boot)
        world.started(node, restart.boot)
        if code:
            assert world.refused(create(node)).code == code
        else:
            world.feed(create(node))


def test_preempted_and_removed_nodes_leave_no_deadline_behind(world: World) -> None:
    world.pool(nodes=0)
    world.feed(inputs.ResizePool(pool_id="p", target_low_priority_nodes=2))
    first, second = world.boot()
    before = world.core.next_deadline()
    world.feed(create(first, expiry_time=at(world.now + 9 * DAY)))
    world.feed(create(second, expiry_time=at(world.now + 9 * DAY)))
    world.feed(inputs.RemoveNodes(pool_id="p", node_ids=(second,)))
    world.said()
    world.gone(second)
    world.feed(inputs.PreemptNode(pool_id="p", node_id=first))
    (evict,) = world.said()
    assert isinstance(evict, EvictNode)
    assert not world.core.state.nodes[first].users
    world.later(400)
    world.boot()
    world.feed(create(first))
    world.feed(delete(first))
    assert world.core.next_deadline() == before


def test_task_runs_as_a_user_of_its_node_and_fails_without_it(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.feed(create(node, is_admin=True))
    world.tasks("a", user_identity="ada")
    assert world.run().user == RunUser(name="Ada", elevation_level="admin")
    world.tasks("b", user_identity="ada")
    assert codes(world, "b")[-1] == "UserIdentity"
    world.feed(delete(node))
    assert codes(world, "b")[-1] == "NodeUserNotFound"
    world.exit(world.core.state.nodes[node].runs.copy().popitem()[0])
    run = world.run()
    assert run.failure is not None
    assert run.failure.code == "NodeUserNotFound"


def codes(world: World, task_id: str) -> list[str]:
    reasons = world.ask(questions.ExplainTask(job_id="j", task_id=task_id))
    return [reason.code for reason in reasons]


def test_password_and_key_are_kept_nowhere(world: World) -> None:
    (node,) = world.pool()
    for request in (
        create(node, password="s3cr", ssh_public_key="s3cr"), replace(node, password="s3cr")
    ):  # fmt: skip
        world.feed(request)
        shown = repr(request) + msgspec.json.encode(request).decode()
        assert "s3cr" not in shown
        again = msgspec.json.decode(msgspec.json.encode(request), type=type(request))
        assert again == request
