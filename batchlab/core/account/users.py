"""The user that a run uses: names are looked up in the pool's `user_accounts`.

A name is checked at once if the pool exists. A task may also name a user before its pool exists;
the name is then looked up when a run starts, and if the pool has no such user, the run fails
before its command is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.answers.reasons import Reason
from batchlab.core.messages.outputs import RunUser, StartRun
from batchlab.core.model import JobSpec, UserIdentity
from batchlab.core.model.ids import fold
from batchlab.core.model.users import UserAccount, check_known, find
from batchlab.core.model.values import FailureInfo

if TYPE_CHECKING:
    from batchlab.core.state.records import JobRecord, PoolRecord, TaskRecord
    from batchlab.core.state.state import State


def check_job(state: State, spec: JobSpec) -> None:
    """Refuse a job if its manager, preparation or release task names an unknown user."""
    accounts = _accounts(state, spec, spec.pool_info.pool_id or "")
    for node_task in (spec.job_manager_task, spec.job_preparation_task, spec.job_release_task):
        if accounts is not None and node_task and node_task.user_identity:
            check_known(node_task.user_identity, accounts, type(node_task).__name__)


def check_task(state: State, job: JobRecord, identity: UserIdentity) -> None:
    """Refuse a task that names a user that its pool does not have."""
    accounts = _accounts(state, job.spec, job.pool_id)
    if accounts is not None:
        check_known(identity, accounts, "TaskSpec")


def _accounts(state: State, spec: JobSpec, pool_id: str) -> tuple[UserAccount, ...] | None:
    """The users of a job's pool; None if the pool does not exist yet."""
    auto = spec.pool_info.auto_pool_specification
    if auto is not None:
        return auto.pool.user_accounts
    pool = state.pools.get(fold(pool_id))
    return pool.spec.user_accounts if pool else None


def run_as(start_run: StartRun, pool: PoolRecord, identity: UserIdentity) -> StartRun:
    """Set the user of a run, or make it fail if the pool has no such user."""
    if identity.username is None:
        auto = identity.auto_user
        assert auto is not None
        user = RunUser(scope=auto.scope, elevation_level=auto.elevation_level)
        return msgspec.structs.replace(start_run, user=user)
    account = find(identity.username, pool.spec.user_accounts)
    if account is None:
        return msgspec.structs.replace(start_run, failure=_unknown(identity.username, pool))
    user = RunUser(name=account.name, elevation_level=account.elevation_level)
    return msgspec.structs.replace(start_run, user=user)


def _unknown(name: str, pool: PoolRecord) -> FailureInfo:
    return FailureInfo(
        category="UserError",
        code="NodeUserNotFound",
        message="The user account that the task is to run as does not exist on the node",
        details={"Message": f"pool {pool.spec.id!r} has no user {name!r} in its user_accounts"},
    )


def explain(state: State, task: TaskRecord) -> list[Reason]:
    """Say that the user of a task is only recorded, if the lab does not isolate users."""
    identity = task.spec.user_identity
    if identity is None or state.settings.isolate_users:
        return []
    level = "nonadmin"
    if identity.auto_user is not None:
        level = identity.auto_user.elevation_level
    else:
        pool = state.pools.get(fold(task.job.pool_id))
        account = find(identity.username or "", pool.spec.user_accounts) if pool else None
        level = account.elevation_level if account else level
    who = "an auto user" if identity.username is None else f"user {identity.username!r}"
    text = (
        f"The task asks to run as {who} with elevation level {level!r}. This is recorded but not "
        "enforced: it runs as the lab's own user. If the lab runs as root, "
        "Lab(isolate_users=True) enforces it."
    )
    return [Reason(code="UserIdentity", text=text, lasting=True)]
