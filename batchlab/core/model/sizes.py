"""VM sizes: the four names of 2015 and some current ones, with their hourly prices.

The prices are list prices in US dollars that show what a pool *would* cost: East US, Linux, pay as
you go, from public price lists in 2025; the prices of the four old names are those of Cloud
Services in 2015. A spot node costs `SPOT_FRACTION` of the price, the fixed discount of 80 % that
Batch gave on low-priority Linux nodes; today's spot prices move with the market. The prices are
illustrations: do not plan a budget with them.

A pool may use any other Azure size as well: its number of cores is read from the name, and its
price is unknown. Azure forms a name from the family, the number of cores (after it a smaller one,
if some of them are switched off), letters for features, the accelerator, and the version:
``Standard_NC24ads_A100_v4``, ``Standard_E8-4s_v5``. The earliest families only numbered their
sizes; `_EARLY` has the cores of those where the number is not that of the cores.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

from batchlab.errors import invalid

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


_FORM = re.compile(
    r"standard_(?P<family>a|b|d|dc|dcs|ds|e|ec|f|fx|g|gs|h|hb|hc|hx|l|m|pb|(?P<gpu>n(?:c|cc|d|g|p|v)))"
    r"(?P<number>[1-9]\d{0,3})(?:-(?P<active>[1-9]\d{0,3}))?(?P<features>[abdehilmnoprstx]{0,6})"
    r"(?P<accelerator>(?(gpu)(?:_(?!v\d{1,2}(?!\d))[a-z0-9]+){0,2}|(?:_cc|_\d{1,2})?))"
    r"(?:_(?P<version>v\d{1,2}))?(?:_promo)?"
)
_A = {3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 9: 16, 10: 8, 11: 16}
_D = {3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
_G = {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
_EARLY: dict[tuple[str, str | None], dict[int, int]] = {
    ("a", None): _A, ("d", None): _D, ("d", "v2"): _D, ("ds", None): _D, ("ds", "v2"): _D,
    ("g", None): _G, ("gs", None): _G,
}  # fmt: skip
"""Cores of the early sizes by family and version, then by number, unless the two are equal."""
_CLOUD_SERVICES = re.compile(r"a(?:[5-9]|10|11)")
"""The other sizes of Cloud Services; Azure also has them with ``standard_`` before."""


def _cores(vm_size: str) -> int | None:
    """Number of cores of a size that Azure may have; None if it does not look like one."""
    size = vm_size.lower()
    if size in VM_SIZES:
        return VM_SIZES[size].cores
    form = _FORM.fullmatch(f"standard_{size}" if _CLOUD_SERVICES.fullmatch(size) else size)
    if form is None:
        return None
    number, active = int(form["number"]), int(form["active"] or 0)
    if not form["features"]:
        number = _EARLY.get((form["family"], form["version"]), {}).get(number, number)
    if active > number:
        return None
    return active or number


def check_size(vm_size: str, owner: str = "PoolSpec") -> None:
    """Refuse a size that Azure cannot have, and name the nearest known one."""
    if _cores(vm_size) is not None:
        return
    size = vm_size.strip().lower()
    nearest = f"standard_{size}"
    if _cores(nearest) is None:
        (nearest,) = get_close_matches(size, VM_SIZES, n=1, cutoff=0)
    raise invalid(
        "vm_size", vm_size,
        f"there is no such size: did you mean {nearest!r}? lab.vm_sizes lists those with a known "
        "price",
        owner=owner,
    )  # fmt: skip


def vm_cores(vm_size: str) -> int:
    """Number of cores of a size: looked up, or else read from Azure's name.

    ``standard_d64s_v3`` has 64. Earlier labs accepted any name: its first number counts, and a
    name without a number counts as 64, enough for the maximum of 256 task slots.
    """
    cores = _cores(vm_size)
    if cores is not None:
        return cores
    digits = ""
    for char in vm_size.lower().removeprefix("standard_").removeprefix("basic_"):
        if char.isdecimal():
            digits += char
        elif digits:
            break
    return max(1, int(digits[:4])) if digits else 64


OWN_SIZES = frozenset(size for size in VM_SIZES if "_" not in size)
"""Those whose names are not Azure's today: what a lab on one's own machines calls them."""


def price_per_hour(vm_size: str, *, dedicated: bool) -> float | None:
    """Price of a node per hour in US dollars; None if it is unknown."""
    size = VM_SIZES.get(vm_size.lower())
    if size is None:
        return None
    return size.price_per_hour if dedicated else size.spot_price_per_hour
