"""What nodes cost, and the VM sizes they can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from batchlab.core.messages.views import CostView
from batchlab.core.model import OWN_SIZES, VM_SIZES, VmSize
from batchlab.display import Displayed
from batchlab.errors import NotFound, invalid
from batchlab.words import amount, money, plural

__all__ = ["Cost", "VmSizes"]


class Cost(Displayed, Sequence[CostView]):
    """What nodes did up to a moment and what that would have cost: a row per size and kind.

    A snapshot of the moment it was requested. Prices are list prices, for illustration.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[CostView]) -> None:
        self._rows = list(rows)

    @overload
    def __getitem__(self, index: int) -> CostView: ...
    @overload
    def __getitem__(self, index: slice) -> list[CostView]: ...
    def __getitem__(self, index: int | slice) -> CostView | list[CostView]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def node_hours(self) -> float:
        """Hours for which machines existed, whatever they did."""
        return sum(row.node_hours for row in self._rows)

    @property
    def task_hours(self) -> float:
        """Hours in which a task held slots of the node."""
        return sum(row.task_hours for row in self._rows)

    @property
    def idle_hours(self) -> float:
        """Hours in which the node could have run tasks but had none."""
        return sum(row.idle_hours for row in self._rows)

    @property
    def cost(self) -> float:
        """What it would have cost, in US dollars; sizes without a known price are not included."""
        return sum(row.cost or 0.0 for row in self._rows)

    @property
    def idle_cost(self) -> float:
        """The part of the cost that is for idle hours."""
        return sum(row.idle_hours * (row.price_per_hour or 0.0) for row in self._rows)

    @property
    def unpriced(self) -> list[str]:
        """The sizes of Azure without a known price."""
        return [size for size in self._without_price() if size not in OWN_SIZES]

    def _without_price(self) -> list[str]:
        sizes = [row.vm_size for row in self._rows if row.price_per_hour is None]
        return list(dict.fromkeys(sizes))

    @property
    def is_priced(self) -> bool:
        """Whether the price of any size is known, so that `cost` says something."""
        return not self._rows or any(row.price_per_hour is not None for row in self._rows)

    @property
    def cost_text(self) -> str:
        """The cost as text, with the sizes it leaves out; empty on machines without prices."""
        if not self.is_priced:
            return "price unknown" if self.unpriced else ""
        rest = ", ".join(self._without_price())
        why = " (price unknown)" if self.unpriced else ""
        return money(self.cost) + (f" without {rest}{why}" if rest else "")

    def to_frame(self, columns: Sequence[str] | None = None) -> Any:
        """A pandas DataFrame with a row for each size and kind; see `job.tasks.to_frame`."""
        from batchlab.handles.collections.frames import frame  # noqa: PLC0415 - pandas is heavy

        return frame(CostView, self, columns, "Cost.to_frame", index="vm_size")

    def __repr__(self) -> str:
        if not self._rows:
            return "no node has been allocated yet"
        text = (
            f"{amount(self.node_hours)} node-hours: {amount(self.task_hours)} busy, "
            f"{amount(self.idle_hours)} idle"
        )
        if self.is_priced:
            text += (
                f"; {money(self.cost)} at list prices, of which {money(self.idle_cost)} for idle "
                "time"
            )
        return text + "".join(f" ({size}: price unknown)" for size in self.unpriced)


class VmSizes(Displayed, Mapping[str, VmSize]):
    """The VM sizes with a known price, by name; names are not case-sensitive.

    A pool may also use any other Azure size, such as ``Standard_D16s_v5``: the number of cores is
    read from its name.
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> VmSize:
        if not isinstance(name, str):
            raise invalid("name", name, "must be the name of a size", owner="VmSizes")
        size = VM_SIZES.get(name.lower())
        if size is None:
            raise NotFound(
                "ResourceNotFound",
                f"unknown size {name!r}; known sizes: {', '.join(VM_SIZES)}",
            )
        return size

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in VM_SIZES

    def get(self, name: str, default: VmSize | None = None) -> VmSize | None:  # type: ignore[override]
        """Return the size of a name, or `default` if it is not known."""
        return self[name] if name in self else default  # noqa: SIM401

    def __iter__(self) -> Iterator[str]:
        return iter(VM_SIZES)

    def __len__(self) -> int:
        return len(VM_SIZES)

    def __repr__(self) -> str:
        return "\n".join(
            f"{size.name}  {plural(size.cores, 'core')}, {size.memory_gb:g} GB, "
            f"disk {size.disk_gb:g} GB, ${size.price_per_hour:g} an hour"
            for size in VM_SIZES.values()
        )
