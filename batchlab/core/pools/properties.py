"""Changes of a pool's properties; nodes apply them when they next start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.core.account import references, users
from batchlab.core.messages import inputs
from batchlab.core.model import StartTask
from batchlab.core.pools.resizing import refuse_deleting
from batchlab.core.state.records import PoolRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def update_pool(state: State, request: inputs.UpdatePool) -> None:
    """Change the given properties; nodes apply them when they next start."""
    pool = state.pool(request.pool_id)
    refuse_deleting(pool)
    given = msgspec.structs.asdict(request)
    _change(state, pool, {name: value for name, value in given.items() if value is not None})


def replace_properties(state: State, request: inputs.ReplacePoolProperties) -> None:
    """Replace all properties that can change; those that are not given are removed."""
    pool = state.pool(request.pool_id)
    refuse_deleting(pool)
    _change(state, pool, msgspec.structs.asdict(request))


def _change(state: State, pool: PoolRecord, given: dict[str, Any]) -> None:
    del given["pool_id"]
    packages = given.get("application_package_references")
    references.check(state, packages, given.get("certificate_references"))
    start_task: StartTask | None = given.get("start_task")
    if start_task and start_task.user_identity:
        users.check_known(state, start_task.user_identity, pool.spec.user_accounts)
    pool.spec = msgspec.structs.replace(pool.spec, **given)
