"""Cards of costs and VM sizes."""

from __future__ import annotations

from markupsafe import Markup

from batchlab.core.messages.views import CostView
from batchlab.core.model import OWN_SIZES
from batchlab.handles.costs import Cost, VmSizes
from batchlab.html import ROWS, card, muted, table
from batchlab.words import amount, money

__all__ = ["cost_card", "cost_line", "sizes_card"]

_NOTE = "List prices of 2025 in US dollars (small … extralarge: of 2015), for illustration."

_OWN = "Nodes on your own machines have no prices, unless the lab is opened with prices=True."


def cost_card(cost: Cost) -> Markup:
    """A table of what nodes did, by size and kind."""
    shown = cost[:ROWS]
    columns: tuple[str, ...] = (
        "size", "kind", "machines", "node-hours", "tasks", "preparation", "release", "start task",
        "idle", "boot", "down", "price per hour", "cost",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = [_cost_row(row) for row in shown]
    note = _NOTE
    if not cost.is_priced and not cost.unpriced:
        columns, rows, note = columns[:-2], [row[:-2] for row in rows], _OWN
    grid = table("", columns, rows, left_out=len(cost) - len(shown), numbers=columns[2:])
    return card("Cost", "", [("Total", cost_line(cost))], grid, muted(note))


def sizes_card(sizes: VmSizes) -> Markup:
    """A table of the sizes with a known price."""
    columns = (
        "size",
        "cores",
        "memory",
        "disk",
        "GPUs",
        "most slots",
        "price per hour",
        "spot price",
    )
    rows = [
        (
            size.name, str(size.cores), f"{size.memory_gb:g} GB", f"{size.disk_gb:g} GB",
            str(size.gpus or ""), str(size.most_task_slots), f"${size.price_per_hour:.3f}",
            f"${size.spot_price_per_hour:.3f}",
        )
        for size in sizes.values()
    ]  # fmt: skip
    grid = table("", columns, rows, numbers=columns[1:])
    return card("VM sizes", "", [], grid, muted(_NOTE))


def cost_line(cost: Cost) -> str:
    """The total in one line; empty if there is none."""
    if not cost:
        return ""
    share = f", {cost.idle_hours / cost.node_hours:.0%} idle" if cost.node_hours else ""
    price = cost.cost_text
    return f"{price}{' for ' * bool(price)}{amount(cost.node_hours)} node-hours{share}"


def _cost_row(row: CostView) -> tuple[str, ...]:
    hours = (
        row.node_hours, row.task_hours, row.preparation_hours, row.release_hours,
        row.start_task_hours, row.idle_hours, row.boot_hours, row.down_hours,
    )  # fmt: skip
    price, cost = row.price_per_hour, row.cost
    unknown = "" if row.vm_size in OWN_SIZES else "unknown"
    return (
        row.vm_size,
        "dedicated" if row.is_dedicated else "spot",
        str(row.machines),
        *(amount(span) if span else "" for span in hours),
        unknown if price is None else f"${price:.3f}",
        unknown if cost is None else money(cost),
    )
