"""VM sizes: the four names of 2015 and some current ones, with their hourly prices.

The prices are list prices in US dollars that show what a pool *would* cost: East US, Linux, pay as
you go, from public price lists in 2025; the prices of the four old names are those of Cloud
Services in 2015. A spot node costs `SPOT_FRACTION` of the price, the fixed discount of 80 % that
Batch gave on low-priority Linux nodes; today's spot prices move with the market. The prices are
illustrations: do not plan a budget with them.

A pool may use any other Azure size as well: its number of cores is read from the name, and its
price is unknown.
"""

from __future__ import annotations

import msgspec

SPOT_FRACTION = 0.2


class VmSize(msgspec.Struct, frozen=True):
    """The hardware of a VM size, and its price.

    Attributes
    ----------
    name : str
        Lower case, as the service returns it.
    cores : int
    memory_gb, disk_gb : float
        Memory, and the temporary disk for the node's directories (0: no temporary disk, the
        directories are on the OS disk).
    price_per_hour : float
        Price of a dedicated node in US dollars: a list price, as an illustration.
    gpus : int
    """

    name: str
    cores: int
    memory_gb: float
    disk_gb: float
    price_per_hour: float
    gpus: int = 0

    @property
    def spot_price_per_hour(self) -> float:
        """Price of a spot node: a fifth of a dedicated node's."""
        return self.price_per_hour * SPOT_FRACTION

    @property
    def most_task_slots(self) -> int:
        """The maximum number of task slots per node: 4 per core, at most 256."""
        return min(4 * self.cores, 256)


VM_SIZES: dict[str, VmSize] = {
    size.name: size
    for size in (
        VmSize("small", 1, 1.75, 225, 0.08),
        VmSize("medium", 2, 3.5, 490, 0.16),
        VmSize("large", 4, 7, 1000, 0.32),
        VmSize("extralarge", 8, 14, 2040, 0.64),
        VmSize("standard_a1_v2", 1, 2, 10, 0.043),
        VmSize("standard_a2_v2", 2, 4, 20, 0.091),
        VmSize("standard_a4_v2", 4, 8, 40, 0.191),
        VmSize("standard_d2s_v3", 2, 8, 16, 0.096),
        VmSize("standard_d4s_v3", 4, 16, 32, 0.192),
        VmSize("standard_d8s_v3", 8, 32, 64, 0.384),
        VmSize("standard_d2s_v5", 2, 8, 0, 0.096),
        VmSize("standard_d4s_v5", 4, 16, 0, 0.192),
        VmSize("standard_e4s_v5", 4, 32, 0, 0.252),
        VmSize("standard_f2s_v2", 2, 4, 16, 0.085),
        VmSize("standard_f4s_v2", 4, 8, 32, 0.169),
        VmSize("standard_nc4as_t4_v3", 4, 28, 176, 0.526, gpus=1),
    )
}


def vm_cores(vm_size: str) -> int:
    """Number of cores of a size: looked up, or else read from Azure's name.

    ``standard_d64s_v3`` has 64. A name without a number counts as 64: with that many cores a node
    may have the maximum of 256 task slots.
    """
    size = vm_size.lower()
    if size in VM_SIZES:
        return VM_SIZES[size].cores
    digits = ""
    for char in size.removeprefix("standard_").removeprefix("basic_"):
        if char.isdecimal():
            digits += char
        elif digits:
            break
    return max(1, int(digits[:4])) if digits else 64


def price_per_hour(vm_size: str, *, dedicated: bool) -> float | None:
    """Price of a node per hour in US dollars; None if it is unknown."""
    size = VM_SIZES.get(vm_size.lower())
    if size is None:
        return None
    return size.price_per_hour if dedicated else size.spot_price_per_hour
