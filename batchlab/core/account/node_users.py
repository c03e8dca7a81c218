"""Users of one node: added by name while it is up, until they expire or the node is reimaged.

A task that names such a user runs as it on that node, like a user of the pool. A node has no
remote login of its own, so a password or a key is accepted but not used.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from batchlab.core.messages import inputs
from batchlab.core.messages.views import RemoteLoginSettings
from batchlab.core.model.moments import moment
from batchlab.core.model.users import find
from batchlab.core.state.holdings import NodeUserRecord
from batchlab.core.state.records import NodeRecord
from batchlab.core.state.states import NODE
from batchlab.errors import Conflict, NotFound, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State

LIFETIME = timedelta(days=1)
"""How long a user exists if nothing else was said."""
PORT = 22
"""The port of remote login, on the node's own address."""


def create_node_user(state: State, request: inputs.CreateNodeUser) -> None:
    """Add a user to a node that is up."""
    node = state.node(request.pool_id, request.node_id)
    _refuse_away(node)
    key = request.name.lower()
    if key in node.users or find(request.name, node.pool.spec.user_accounts):
        raise Conflict(
            "NodeUserExists",
            f"node {node.id!r} already has a user {request.name!r}: replace or delete it, or "
            "choose another name",
        )
    _add(state, node, request.name, request.is_admin, request.expiry_time)


def replace_node_user(state: State, request: inputs.ReplaceNodeUser) -> None:
    """Give a user of a node a new password, key and expiry time."""
    node = state.node(request.pool_id, request.node_id)
    user = _find(node, request.user_name)
    _refuse_away(node)
    _add(state, node, user.name, user.is_admin, request.expiry_time)


def delete_node_user(state: State, request: inputs.DeleteNodeUser) -> None:
    """Delete a user of a node."""
    node = state.node(request.pool_id, request.node_id)
    user = _find(node, request.user_name)
    _refuse_away(node)
    _forget(state, node, user)


def forget_all(state: State, node: NodeRecord) -> None:
    """Forget the users of a node that has lost its data, or is gone."""
    for user in list(node.users.values()):
        _forget(state, node, user)


def remote_login(node: NodeRecord) -> RemoteLoginSettings:
    """Where a remote login to a node would go: its own address."""
    _refuse_away(node)
    assert node.ip_address is not None
    return RemoteLoginSettings(remote_login_ip_address=node.ip_address, remote_login_port=PORT)


def _find(node: NodeRecord, name: str) -> NodeUserRecord:
    user = node.users.get(name.lower())
    if user is None:
        known = ", ".join(repr(other.name) for other in node.users.values()) or "none"
        raise NotFound(
            "NodeUserNotFound", f"node {node.id!r} has no user {name!r}; existing users: {known}"
        )
    return user


def _add(
    state: State, node: NodeRecord, name: str, is_admin: bool, expiry: datetime | None
) -> None:
    until = state.now + LIFETIME.total_seconds() if expiry is None else expiry.timestamp()
    if until <= state.now:
        assert expiry is not None
        reason = f"must be in the future: it is {moment(state.now).isoformat()} now"
        raise invalid("expiry_time", expiry.isoformat(), reason)
    before = node.users.get(name.lower())
    if before is not None:
        state.deadlines.cancel(before.deadline)
    deadline = state.deadlines.at(until, _expire, node, name.lower())
    node.users[name.lower()] = NodeUserRecord(name=name, is_admin=is_admin, deadline=deadline)


def _expire(node: NodeRecord, key: str) -> None:
    node.users.pop(key, None)


def _forget(state: State, node: NodeRecord, user: NodeUserRecord) -> None:
    state.deadlines.cancel(user.deadline)
    node.users.pop(user.name.lower(), None)


def _refuse_away(node: NodeRecord) -> None:
    if not node.up or node.ip_address is None:
        state = node.phase.state
        raise Conflict(
            NODE[state].refusal, f"node {node.id!r} is {state}: this is possible once it is up"
        )
