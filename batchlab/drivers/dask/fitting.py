"""Which workers of an existing cluster fit a VM size.

A worker fits if it has as many threads as the size has cores. A lab can say something else about
a size: fewer threads, memory, or resources that Dask's workers declare, such as ``{"GPU": 1}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from dask.utils import format_bytes, parse_bytes

from batchlab.core.model import check_size, vm_cores
from batchlab.core.model.ranges import is_number, is_whole
from batchlab.errors import BatchError, invalid
from batchlab.words import plural

__all__ = ["WorkerNeeds", "needs_of", "read_vm_sizes"]

NAMED = 3
"""How many workers that do not fit are named."""


class WorkerNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """What a node needs of its worker.

    Parameters
    ----------
    vm_size : str
        The size that has these needs.
    threads : int
    memory : int
        The least memory limit of the worker, in bytes; 0 for any.
    resources : dict
        Dask resources that the worker declares, with the least amount of each.
    """

    vm_size: str = ""
    threads: int = 0
    memory: int = 0
    resources: dict[str, float] = {}

    def shortage(self, worker: Any) -> str:
        """Say what a worker lacks; empty if it fits."""
        lacks = []
        if worker.nthreads < self.threads:
            lacks.append(f"has {plural(worker.nthreads, 'thread')} instead of {self.threads}")
        if worker.memory_limit and worker.memory_limit < self.memory:
            has, needs = format_bytes(worker.memory_limit), format_bytes(self.memory)
            lacks.append(f"has {has} of memory instead of {needs}")
        for name, amount in self.resources.items():
            found = worker.resources.get(name, 0)
            if found < amount:
                lacks.append(
                    f"has {found:g} {name} instead of {amount:g}" if found else f"has no {name}"
                )
        return " and ".join(lacks)

    def unfit(self, workers: Iterable[Any]) -> str:
        """Say which of these workers do not fit, and why; empty if there are none."""
        found = [
            f"worker {worker.name} {lack}" for worker in workers if (lack := self.shortage(worker))
        ]
        if not found:
            return ""
        more = f", and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
        return f"no free worker fits {self.vm_size!r}: {'; '.join(found[:NAMED])}{more}"


def needs_of(vm_size: str, vm_sizes: Mapping[str, WorkerNeeds]) -> WorkerNeeds:
    """Return what a size needs of a worker: what the lab says, or as many threads as cores."""
    return vm_sizes.get(vm_size.lower()) or WorkerNeeds(
        vm_size=vm_size.lower(), threads=vm_cores(vm_size)
    )


def read_vm_sizes(value: Any, *, owner: str) -> dict[str, WorkerNeeds]:
    """Read what a user says about VM sizes, or refuse it.

    Parameters
    ----------
    value : mapping
        From the name of a size to a mapping with any of ``threads``, ``memory``, ``resources``.
    owner : str
        What the value was given to.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``.
    """
    form = "must be like {'standard_nc4as_t4_v3': {'threads': 1, 'resources': {'GPU': 1}}}"
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise invalid("vm_sizes", value, form, owner=owner)
    return {name.lower(): _read(name, needs, form, owner) for name, needs in value.items()}


def _read(name: str, needs: Any, form: str, owner: str) -> WorkerNeeds:
    def refuse(value: Any, reason: str) -> BatchError:
        return invalid(f"vm_sizes[{name!r}]", value, reason, owner=owner)

    if not isinstance(needs, Mapping) or not {"threads", "memory", "resources"}.issuperset(needs):
        raise refuse(needs, form)
    check_size(name, owner)
    threads = needs.get("threads", vm_cores(name))
    if not is_whole(threads) or threads < 0:
        raise refuse(needs, "threads must be a whole number, 0 or more")
    resources = needs.get("resources", {})
    if not isinstance(resources, Mapping) or not all(
        isinstance(key, str) and is_number(amount) and amount > 0
        for key, amount in resources.items()
    ):
        raise refuse(needs, "resources must be positive amounts by name, such as {'GPU': 1}")
    try:
        memory = int(parse_bytes(needs.get("memory", 0)))
    except (ValueError, TypeError):
        memory = -1
    if memory < 0:
        raise refuse(needs, "memory must be a number of bytes, or a text such as '8 GB'")
    return WorkerNeeds(
        vm_size=name.lower(), threads=threads, memory=memory,
        resources={key: float(amount) for key, amount in resources.items()},
    )  # fmt: skip
