"""The user that a run uses: names are looked up in the pool's `user_accounts`.

A name is looked up when a run starts. If the pool has no such user, the run fails before its
command is started. Earlier rules refused the name if the pool already existed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.messages.outputs import RunUser, StartRun
from batchlab.core.model import JobSpec, UserIdentity
from batchlab.core.model.ids import fold
from batchlab.core.model.users import UserAccount, find
from batchlab.core.model.values import FailureInfo
from batchlab.errors import invalid

if TYPE_CHECKING:
    from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord
    from batchlab.core.state.state import State

MISSING = "NodeUserNotFound"
"""The code of a run whose user does not exist."""


def check_job(state: State, spec: JobSpec) -> None:
    """Refuse a job if one of its own tasks names an unknown user, as earlier rules did."""
    for node_task in (spec.job_manager_task, spec.job_preparation_task, spec.job_release_task):
        if node_task and node_task.user_identity:
            _check(state, spec, spec.pool_info.pool_id or "", node_task.user_identity)


def check_task(state: State, job: JobRecord, identity: UserIdentity) -> None:
    """Refuse a task that names an unknown user, as earlier rules did."""
    _check(state, job.spec, job.pool_id, identity)


def _check(state: State, spec: JobSpec, pool_id: str, identity: UserIdentity) -> None:
    accounts = _accounts(state, spec, pool_id)
    if accounts is not None:
        check_known(state, identity, accounts)


def check_known(state: State, identity: UserIdentity, accounts: tuple[UserAccount, ...]) -> None:
    """Refuse the name of a user that the pool does not have, as earlier rules did."""
    name = identity.username
    if state.settings.rules < 3 and name is not None and find(name, accounts) is None:
        raise invalid("user_identity", name, "the pool's user_accounts have no such user")


def _accounts(state: State, spec: JobSpec, pool_id: str) -> tuple[UserAccount, ...] | None:
    """The users of a job's pool; None if the pool does not exist yet."""
    auto = spec.pool_info.auto_pool_specification
    if auto is not None:
        return auto.pool.user_accounts
    pool = state.pools.get(fold(pool_id))
    return pool.spec.user_accounts if pool else None


def run_as(start_run: StartRun, node: NodeRecord, identity: UserIdentity) -> StartRun:
    """Set the user of a run, or make it fail if neither the pool nor the node has such a user."""
    if identity.username is None:
        auto = identity.auto_user
        assert auto is not None
        user = RunUser(scope=auto.scope, elevation_level=auto.elevation_level)
        return msgspec.structs.replace(start_run, user=user)
    pool, own = node.pool, node.users.get(identity.username.lower())
    account = find(identity.username, pool.spec.user_accounts)
    if account is not None:
        user = RunUser(name=account.name, elevation_level=account.elevation_level)
    elif own is not None:
        user = RunUser(name=own.name, elevation_level="admin" if own.is_admin else "nonadmin")
    else:
        return msgspec.structs.replace(start_run, failure=_unknown(identity.username, pool))
    return msgspec.structs.replace(start_run, user=user)


def _unknown(name: str, pool: PoolRecord) -> FailureInfo:
    return FailureInfo(
        category="UserError",
        code=MISSING,
        message="The user account that the task is to run as does not exist on the node",
        details={"Message": missing(name, pool)},
    )


def missing(name: str, pool: PoolRecord) -> str:
    """That a pool has no user of this name, and which it has."""
    known = ", ".join(repr(account.name) for account in pool.spec.user_accounts) or "none"
    return f"pool {pool.spec.id!r} has no user {name!r} in its user_accounts (it has {known})"
