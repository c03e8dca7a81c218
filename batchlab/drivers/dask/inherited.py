"""What the commands of a node inherit from its worker."""

from __future__ import annotations

import os
from typing import Any

from batchlab.core.tasks.environment import PACKAGE_PREFIX, SYSTEM_NAMES

__all__ = ["inherited"]


def inherited(worker: Any) -> dict[str, str]:
    """Return the worker's environment for tasks, without our variables, a shell's and Dask's."""
    dropped = SYSTEM_NAMES | {"PWD", "OLDPWD"}
    values = {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and not name.startswith(PACKAGE_PREFIX)
    }
    if worker.nanny is not None:
        import dask.config  # noqa: PLC0415

        given = dask.config.get("distributed.nanny.pre-spawn-environ", {})
        for name, value in {"PYTHONHASHSEED": "6640", **given}.items():
            if values.get(name) == str(value):
                del values[name]
    return values
