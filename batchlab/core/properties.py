"""What can be changed about a pool that is there; its nodes take it up when they next start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.core import inputs, references
from batchlab.core.pools import refuse_deleting
from batchlab.core.records import PoolRecord
from batchlab.core.specs import StartTask
from batchlab.core.specs.common import check_display_name
from batchlab.core.specs.users import check_known

if TYPE_CHECKING:
    from batchlab.core.machine import Core


def update_pool(core: Core, request: inputs.UpdatePool) -> None:
    """Change what is given; nodes take it up when they next start."""
    pool = core.pool(request.pool_id)
    refuse_deleting(pool)
    given = msgspec.structs.asdict(request)
    _change(core, pool, {name: value for name, value in given.items() if value is not None})


def replace_properties(core: Core, request: inputs.ReplacePoolProperties) -> None:
    """Change what can be changed, or take it away."""
    pool = core.pool(request.pool_id)
    refuse_deleting(pool)
    _change(core, pool, msgspec.structs.asdict(request))


def _change(core: Core, pool: PoolRecord, given: dict[str, Any]) -> None:
    del given["pool_id"]
    packages = given.get("application_package_references")
    references.check(core, packages, given.get("certificate_references"), "Pool.update")
    check_display_name(given.get("display_name"), "Pool.update")
    start_task: StartTask | None = given.get("start_task")
    if start_task and start_task.user_identity:
        check_known(start_task.user_identity, pool.spec.user_accounts, "StartTask")
    pool.spec = msgspec.structs.replace(pool.spec, **given)
