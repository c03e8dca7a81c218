"""Small pieces of HTML: escaped unless already HTML, readable on light and on dark pages.

Colours come from JupyterLab's theme variables; elsewhere text keeps the colour of the page and
lines are half transparent, which suits both. A state always has its name beside its colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

__all__ = [
    "Html",
    "bar",
    "card",
    "code",
    "details",
    "join",
    "muted",
    "none",
    "state",
    "table",
    "tag",
    "time_text",
]


class Html(str):
    """Text that is HTML already; every other text is escaped where it enters a tag."""

    __slots__ = ()


# Okabe and Ito's palette, which colour-blind people can tell apart.
_COLOURS = {
    "creating": "#bbbbbb",
    "starting": "#f0e442",
    "waitingforstarttask": "#56b4e9",
    "preparing": "#56b4e9",
    "idle": "#ffffff",
    "active": "#ffffff",
    "steady": "#ffffff",
    "running": "#009e73",
    "resizing": "#f0e442",
    "completed": "#0072b2",
    "success": "#009e73",
    "failure": "#d55e00",
    "failed": "#d55e00",
    "starttaskfailed": "#d55e00",
    "leavingpool": "#cc79a7",
    "deleting": "#cc79a7",
    "terminating": "#cc79a7",
    "unusable": "#e69f00",
    "unknown": "#000000",
    "offline": "#0072b2",
}
# What waits is the empty part of a bar.
_BAR = {**_COLOURS, "active": "transparent"}

NO_MATH = "mathjax_ignore tex2jax_ignore"
"""Classes that keep notebooks from reading what stands between two dollar signs as mathematics."""

_STYLE = """<style>
.bl-card { position: relative; padding: 0 0 8px 40px; min-height: 26px; max-width: 60em;
  color: var(--jp-content-font-color1, inherit); line-height: 1.45; }
.bl-card .bl-icon { position: absolute; left: 0; top: 2px; width: 22px; height: 22px;
  border-radius: 5px; border: 3px solid; }
.bl-card h3.bl-title { margin: 0; font-size: 1.1em; font-weight: 600; }
.bl-card .bl-muted { opacity: .65; }
.bl-card p.bl-id { margin: 0 0 4px; }
.bl-card table.bl-table { border-collapse: collapse; margin: 2px 0 6px; font-size: .95em;
  border: 0; }
.bl-card table.bl-pairs { width: 100%; table-layout: fixed; }
.bl-card .bl-table caption { text-align: left; font-weight: bold; padding: 4px 0 2px;
  color: inherit; }
.bl-card .bl-table tr:nth-child(n) { background: transparent; border: 0;
  border-bottom: 1px solid var(--jp-border-color2, rgba(128, 128, 128, .35)); }
.bl-card .bl-table tr th, .bl-card .bl-table tr td { text-align: left; vertical-align: top;
  padding: 3px 14px 3px 0; max-width: none; white-space: normal; overflow-wrap: break-word;
  border: 0; }
.bl-card .bl-table tr .bl-number { text-align: right; font-variant-numeric: tabular-nums; }
.bl-card code { font-size: .9em; background: rgba(128, 128, 128, .15); padding: 1px 4px;
  border-radius: 3px; color: inherit; white-space: pre-wrap; }
.bl-card .bl-state { white-space: nowrap; }
.bl-card .bl-dot { display: inline-block; width: .62em; height: .62em; margin-right: .4em;
  border: 1px solid rgba(128, 128, 128, .9); border-radius: 2px; }
.bl-card .bl-bar { display: inline-flex; width: 9em; height: .7em; margin-right: .6em;
  border: 1px solid rgba(128, 128, 128, .6); border-radius: 3px; overflow: hidden; }
.bl-card .bl-bar > span { display: block; height: 100%; }
.bl-card details > summary { cursor: pointer; font-weight: bold; }
.bl-card ul { margin: 0; padding-left: 1.2em; }
</style>"""


def tag(name: str, *children: str, **attributes: str) -> Html:
    """Build an element; `cls` is its class, and ``_`` in a name of an attribute is ``-``."""
    text = "".join(
        f' {"class" if key == "cls" else key.replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value
    )
    return Html(f"<{name}{text}>{join(children)}</{name}>")


def join(children: Iterable[str], separator: str = "") -> Html:
    """Put texts one after the other; what is not HTML is escaped."""
    return Html(
        separator.join(
            child if isinstance(child, Html) else escape(_printable(child)) for child in children
        )
    )


def _printable(text: str) -> str:
    # A control character in HTML is an error, and some of them turn writing around.
    return "".join(
        char if char.isprintable() or char in "\n\t " else "\N{REPLACEMENT CHARACTER}"
        for char in str(text)
    )


def card(
    title: str, name: str, pairs: Sequence[tuple[str, str]], *more: str, colour: str = "#0072b2"
) -> Html:
    """A card in Dask's manner: a square, a title, an id, properties in two columns, the rest."""
    cells = [tag("td", tag("strong", label + ":"), " ", value) for label, value in pairs if value]
    if len(cells) % 2:
        cells.append(tag("td"))
    rows = [tag("tr", *cells[i : i + 2]) for i in range(0, len(cells), 2)]
    body = tag("table", tag("tbody", *rows), cls="bl-table bl-pairs") if rows else ""
    square = tag("div", cls="bl-icon", style=f"border-color: {colour}; background: {colour}55")
    subtitle = tag("p", name, cls="bl-id bl-muted") if name else ""
    heading = tag("h3", title, cls="bl-title")
    parts = (Html(_STYLE), square, heading, Html(subtitle), Html(body), *more)
    return tag("div", *parts, cls=f"bl-card {NO_MATH}")


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left_out: int = 0,
    numbers: Sequence[str] = (),
) -> Html:
    """A table with a caption; `numbers` are the columns set to the right."""
    marks = ["bl-number" if column in numbers else "" for column in columns]
    head = tag("tr", *(tag("th", c, cls=m, scope="col")
                       for c, m in zip(columns, marks, strict=True)))  # fmt: skip
    body = [
        tag("tr", *(tag("td", cell, cls=mark) for cell, mark in zip(row, marks, strict=True)))
        for row in rows
    ]
    grid = tag("table", tag("caption", caption) if caption else Html(), tag("thead", head),
               tag("tbody", *body), cls="bl-table")  # fmt: skip
    note = tag("p", f"… and {left_out:,} more", cls="bl-muted") if left_out else Html()
    return join([grid, note])


def details(summary: str, *children: str) -> Html:
    """Something to unfold."""
    return tag("details", tag("summary", summary), *children)


def muted(text: str) -> Html:
    """Text that matters less."""
    return tag("span", text, cls="bl-muted")


def none(what: str) -> Html:
    """What stands in place of an empty table."""
    return tag("p", f"no {what}", cls="bl-muted")


def time_text(moment: datetime | None) -> str:
    """A moment of the lab's clock; empty where there is none."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def code(text: str) -> Html:
    """A command line, cut when it is long."""
    return tag("code", text if len(text) <= 300 else text[:299] + "…")


def state(name: str) -> Html:
    """A state: its colour and its name."""
    colour = _COLOURS.get(name, "#bbbbbb")
    dot = tag("span", cls="bl-dot", style=f"background: {colour}")
    return tag("span", dot, name, cls="bl-state")


def bar(parts: Sequence[tuple[str, int]]) -> Html:
    """Counts by state as a bar; the words beside it say the same."""
    total = sum(count for _, count in parts) or 1
    pieces = [
        tag("span", style=f"width: {100 * count / total:.1f}%; background: {_BAR[name]}")
        for name, count in parts
        if count
    ]
    return tag("span", *pieces, cls="bl-bar", aria_hidden="true")
