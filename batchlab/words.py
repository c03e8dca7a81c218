"""Numbers as text, the same in messages, displays and reports: counts, amounts, durations."""

from __future__ import annotations

import math
import re

__all__ = ["amount", "money", "natural", "node_name", "plural", "span_text"]


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 task``, ``2,000 tasks``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def natural(text: str) -> list[tuple[bool, int, str]]:
    """A key to sort ids as people count: ``task2`` is before ``task10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text.lower())
    return [(False, int(part), "") if "0" <= part[0] <= "9" else (True, 0, part) for part in parts]


def node_name(node_id: str) -> str:
    """A node by its number, ``node 3``; by its id where that has none."""
    found = re.search(r"_(\d+)-\d{8}t\d{6}z$", node_id)
    return f"node {found[1] if found else node_id}"


def amount(value: float) -> str:
    """Write a number with two decimals; below a tenth with two digits, up to six decimals."""
    digits = 2
    if 0 < value < 0.1:
        digits = min(6, 1 - math.floor(math.log10(value)))
    return f"{value:,.{digits}f}"


def money(dollars: float) -> str:
    """Write an amount of US dollars, with as many digits as matter."""
    return f"${amount(dollars)}"


def span_text(seconds: float) -> str:
    """Write a duration for people: ``0.4 s``, ``3 min 05 s``, ``2 h``.

    Pages in a browser use the same rule: `duration` in ``widgets/static/format.js``. Durations
    that users wrote are shown in the form they can write, by `durations.format_duration`.
    """
    if seconds < 9.95:
        tenths = math.floor(seconds * 10 + 0.5)
        return f"{tenths / 10:.1f} s" if tenths else "0 s"
    whole = math.floor(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two_units(whole // 60, "min", whole % 60, "02d", "s")
    if whole < 48 * 3600:
        return _two_units(whole // 3600, "h", whole % 3600 // 60, "02d", "min")
    return _two_units(whole // 86400, "d", whole % 86400 // 3600, "d", "h")


def _two_units(count: int, unit: str, rest: int, form: str, smaller: str) -> str:
    """A duration in two units, or only in the larger one if nothing is left."""
    return f"{count} {unit} {rest:{form}} {smaller}" if rest else f"{count} {unit}"
