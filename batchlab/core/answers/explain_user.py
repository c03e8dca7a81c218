"""What becomes of the user that a task names: it may not exist, or is only recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.account import users
from batchlab.core.answers.reasons import Reason
from batchlab.core.model.ids import fold
from batchlab.core.model.users import find
from batchlab.core.state import phases
from batchlab.core.state.records import PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def explain_user(state: State, task: TaskRecord) -> list[Reason]:
    """Say that the user of a task is missing, or that it is only recorded."""
    identity, phase = task.spec.user_identity, task.phase
    if identity is None:
        return []
    failure = phase.failure if isinstance(phase, phases.TaskCompleted) else None
    if failure is not None and failure.code == users.MISSING:
        return []  # as every failure, in `explain_ended`
    level, name = "nonadmin", identity.username
    pool = state.pools.get(fold(task.job.pool_id))
    if identity.auto_user is not None:
        level = identity.auto_user.elevation_level
    elif name is not None and pool is not None:
        if isinstance(phase, phases.TaskActive) and _is_missing(name, pool):
            text = f"The task fails when it starts ({users.MISSING}): {users.missing(name, pool)}."
            return [Reason(code=users.MISSING, text=text)]
        account = find(name, pool.spec.user_accounts)
        level = account.elevation_level if account else level
    if state.settings.isolate_users:
        return []
    who = "an auto user" if name is None else f"user {name!r}"
    text = (
        f"The task asks to run as {who} with elevation level {level!r}. This is recorded but not "
        "enforced: it runs as the lab's own user. If the lab runs as root, "
        "Lab(isolate_users=True) enforces it."
    )
    return [Reason(code="UserIdentity", text=text, lasting=True)]


def _is_missing(name: str, pool: PoolRecord) -> bool:
    """Whether neither the pool nor any of its nodes has a user of this name."""
    if find(name, pool.spec.user_accounts) is not None:
        return False
    return all(name.lower() not in node.users for node in pool.nodes.values())
