"""Small pieces of HTML: escaped unless already HTML, readable on light and on dark pages.

Colours come from JupyterLab's theme variables; elsewhere text keeps the colour of the page and
lines are half transparent, which suits both. A state always has its name beside its colour.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime

from markupsafe import Markup, escape

from batchlab.colours import BLUE, OTHER, light
from batchlab.core.state.states import colour_of
from batchlab.masking import mask
from batchlab.words import node_name

__all__ = [
    "NO_MATH",
    "ROWS",
    "bar",
    "card",
    "code",
    "details",
    "image",
    "join",
    "muted",
    "node_text",
    "none",
    "printable",
    "shortened",
    "state",
    "styled",
    "table",
    "tag",
    "time_text",
]


NO_MATH = "mathjax_ignore tex2jax_ignore"
"""Classes that keep notebooks from rendering text between dollar signs as mathematics."""

ROWS = 20
"""The most rows that a card shows in a table."""

MANY = 7
"""Columns that fit on a narrow page; wider tables scroll sideways, also with the keyboard."""

_SOFT = "color: var(--jp-content-font-color2, inherit); opacity: .85"
_CELL = (
    "text-align: left; vertical-align: top; padding: 4px 14px 4px 0; max-width: none; "
    "white-space: normal; border: 0; font-weight: 400"
)
_REASON = "padding: 0 0 0 9px; margin: 0 0 7px; border-left: 3px solid"
_STYLES = {
    "bl-card": "position: relative; padding: 2px 0 8px 30px; min-height: 26px; max-width: 62em; "
    "color: var(--jp-content-font-color1, inherit); line-height: 1.45; font-size: 13px",
    "bl-icon": "position: absolute; left: 0; top: 4px; width: 18px; height: 18px; "
    "border-radius: 5px; border: 3px solid; box-sizing: border-box",
    "h3": "margin: 0 0 4px; padding: 0; font-size: 15px; font-weight: 600; line-height: 1.5; "
    "overflow-wrap: anywhere",
    "small": f"font-size: 13px; font-weight: 400; {_SOFT}",
    "bl-label": f"font-weight: 400; {_SOFT}",
    "bl-muted": _SOFT,
    "table": "border-collapse: collapse; margin: 2px 0 8px; font-size: inherit; border: 0",
    "bl-pairs": "width: 100%; table-layout: fixed",
    "caption": "text-align: left; font-weight: 600; padding: 6px 0 2px; color: inherit",
    "tr": "background: transparent; border: 0; "
    "border-bottom: 1px solid var(--jp-border-color2, rgba(128, 128, 128, .35))",
    "th": f"{_CELL}; vertical-align: bottom; color: var(--jp-content-font-color2, inherit)",
    "td": f"{_CELL}; overflow-wrap: anywhere; min-width: 5.5em",
    "bl-number": "text-align: right; font-variant-numeric: tabular-nums; min-width: 0",
    "td.bl-number": "white-space: nowrap",
    "bl-wide": "overflow-x: auto; scrollbar-width: thin",
    "code": "font-size: 12px; background: rgba(128, 128, 128, .15); padding: 1px 4px; "
    "border-radius: 3px; color: inherit; white-space: pre-wrap; box-decoration-break: clone",
    "pre": "font-size: 11.5px; line-height: 1.5; margin: 4px 0 8px; padding: 8px 10px; "
    "background: rgba(128, 128, 128, .1); border-radius: 5px; white-space: pre-wrap; "
    "overflow-wrap: anywhere",
    "p": "margin: 0 0 6px",
    "bl-state": "white-space: nowrap",
    "bl-dot": "display: inline-block; width: .65em; height: .65em; margin-right: .4em; "
    "border-radius: 2px; box-sizing: border-box; border: 1px solid rgba(128, 128, 128, .7)",
    "bl-bar": "display: inline-flex; width: 11em; height: 8px; margin-right: .7em; "
    "border-radius: 4px; overflow: hidden; background: rgba(128, 128, 128, .22)",
    "bl-part": "display: block; height: 100%",
    "details": "margin: 2px 0 6px",
    "summary": "cursor: pointer",
    "ul": "margin: 0; padding-left: 1.2em",
    "bl-reasons": "list-style: none; padding: 0",
    "bl-reason": f"{_REASON} #56b4e9",
    "bl-lasting": f"{_REASON} #d55e00",
}
"""The looks of elements and classes within a card. They are written into each element: a notebook
that is not trusted, such as a fresh clone, loses its style sheets."""
_TAG = re.compile(r'<([a-z0-9]+)((?: [a-z-]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')


def tag(name: str, *children: str, **attributes: str) -> Markup:
    """Build an element; `cls` is its class, and ``_`` in a name of an attribute is ``-``."""
    text = "".join(
        f' {"class" if key == "cls" else key.replace("_", "-")}="{escape(mask(str(value)))}"'
        for key, value in attributes.items()
        if value
    )
    return Markup(f"<{name}{text}>{join(children)}</{name}>")


def join(children: Iterable[str], separator: str = "") -> Markup:
    """Join texts, escaping those that are not HTML, and masking secrets in them."""
    parts = (child if isinstance(child, Markup) else mask(printable(child)) for child in children)
    return Markup(separator).join(parts)


def printable(text: str) -> str:
    """Text without control characters: they are invalid in HTML, and some reverse the text."""
    return "".join(
        char if char.isprintable() or char in "\n\t " else "\N{REPLACEMENT CHARACTER}"
        for char in str(text)
    )


def shortened(text: str, most: int) -> str:
    """A text shortened to at most `most` characters, with an ellipsis; secrets are masked."""
    text = mask(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def card(
    title: str, name: str, pairs: Sequence[tuple[str, str]], *more: str, colour: str = BLUE
) -> Markup:
    """A card in the style of Dask: a square, a title with an id, properties, and the rest."""
    cells = [
        tag("td", tag("strong", label + ":", cls="bl-label"), " ", value)
        for label, value in pairs
        if value
    ]
    if len(cells) > 1 and len(cells) % 2:
        cells.append(tag("td"))
    rows = [tag("tr", *cells[i : i + 2]) for i in range(0, len(cells), 2)]
    body = tag("table", tag("tbody", *rows), cls="bl-table bl-pairs") if rows else ""
    square = tag("div", cls="bl-icon", style=f"border-color: {colour}; background: {colour}55")
    named = (tag("small", title), " ", name) if name else (title,)
    heading = tag("h3", *named, cls="bl-title")
    return styled(tag("div", square, heading, Markup(body), *more, cls=f"bl-card {NO_MATH}"))


def styled(html: Markup) -> Markup:
    """HTML with the style of each element and class written into its tags."""
    return Markup(_TAG.sub(_styled_tag, html))


def _styled_tag(found: re.Match[str]) -> str:
    name, attributes = found[1], dict(_ATTRIBUTE.findall(found[2]))
    classes = attributes.get("class", "").split()
    names = [name, *classes, *(f"{name}.{each}" for each in classes)]
    styles = [*(_STYLES.get(each, "") for each in names), attributes.pop("style", "")]
    if style := "; ".join(filter(None, styles)):
        attributes["style"] = style
    text = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{text}>"


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left_out: int = 0,
    numbers: Sequence[str] = (),
) -> Markup:
    """A table with a caption; `numbers` are the right-aligned columns.

    Without rows it says so: a head above nothing looks like something that failed.
    """
    if not rows:
        return tag("p", f"{caption}: none" if caption else "none", cls="bl-muted")
    marks = ["bl-number" if column in numbers else "" for column in columns]
    head = tag("tr", *(tag("th", c, cls=m, scope="col")
                       for c, m in zip(columns, marks, strict=True)))  # fmt: skip
    body = [
        tag("tr", *(tag("td", cell, cls=mark) for cell, mark in zip(row, marks, strict=True)))
        for row in rows
    ]
    grid = tag("table", tag("caption", caption) if caption else Markup(), tag("thead", head),
               tag("tbody", *body), cls="bl-table")  # fmt: skip
    if len(columns) > MANY:
        name = caption or "a wide table"
        grid = tag("div", grid, cls="bl-wide", tabindex="0", role="group", aria_label=name)
    note = tag("p", f"… and {left_out:,} more", cls="bl-muted") if left_out else Markup()
    return join([grid, note])


def image(data: bytes, kind: str, alt: str, width: int) -> Markup:
    """A picture within the page, such as ``png`` or ``svg+xml``, at most `width` pixels wide.

    Unlike drawings in the page itself, it is also shown in notebooks that are not trusted.
    """
    source = Markup(f"data:image/{kind};base64,{b64encode(data).decode()}")  # nothing to mask
    style = f"width: {width}px; max-width: 100%; height: auto; display: block"
    return Markup('<img alt="{}" src="{}" style="{}">').format(mask(printable(alt)), source, style)


def details(summary: str, *children: str) -> Markup:
    """A part that can be expanded."""
    return tag("details", tag("summary", summary), *children)


def muted(text: str) -> Markup:
    """Less important text."""
    return tag("span", text, cls="bl-muted")


def none(what: str) -> Markup:
    """Shown instead of an empty table."""
    return tag("p", f"no {what}", cls="bl-muted")


def node_text(node_id: str | None) -> Markup:
    """A node by its number, as in the live displays; its id is the tooltip."""
    name = node_name(node_id) if node_id else ""
    short = node_id or "" if name == f"node {node_id}" else name
    return tag("span", short, title=node_id or "")


def time_text(moment: datetime | None) -> str:
    """A moment on the lab's clock; empty if there is none."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def code(text: str, most: int = 300) -> Markup:
    """A command line, shortened if it is long."""
    return tag("code", shortened(text, most))


def state(name: str) -> Markup:
    """A state: its colour and its name."""
    role = colour_of(name)
    colour = light(role) if role else OTHER
    dot = tag("span", cls="bl-dot", style=f"background: {colour}")
    return tag("span", dot, name, cls="bl-state")


def bar(parts: Sequence[tuple[str, int]]) -> Markup:
    """Counts by role of their colour as a bar; the text beside it says the same."""
    total = sum(count for _, count in parts) or 1
    pieces = [
        tag(
            "span",
            cls="bl-part",
            style=f"width: {100 * count / total:.1f}%; background: {light(role)}",
        )
        for role, count in parts
        if role and count
    ]
    return tag("span", *pieces, cls="bl-bar", aria_hidden="true")
