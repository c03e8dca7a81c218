"""A report as one HTML file, with interactive figures that need no kernel and no network.

The file contains plotly.js, once. A content security policy keeps it from fetching anything.
Every text is escaped; the figures are data, not scripts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from batchlab.html import tag
from batchlab.plots import as_json
from batchlab.reports.sentences import Grid

__all__ = ["page"]

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_STYLE = """
:root { color-scheme: light dark; --ink: #1d1f23; --muted: #5c6068; --paper: #f4f5f7;
  --raised: #ffffff; --line: rgba(128, 128, 128, .25); }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --muted: #a9afb8; --paper: #16181c;
  --raised: #1f2227; --line: rgba(160, 160, 160, .22); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui,
  sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 48px; }
header { display: flex; align-items: center; gap: 12px; margin-bottom: 18px; }
.logo { width: 26px; height: 26px; border-radius: 6px; flex: none;
  background: conic-gradient(#009e73 25%, #56b4e9 0 50%, #e69f00 0 75%, #0072b2 0); }
h1 { font-size: 24px; line-height: 1.25; margin: 0; font-weight: 650; overflow-wrap: anywhere;
  unicode-bidi: plaintext; }
h1 small { font-weight: 400; color: var(--muted); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(124px, 1fr)); gap: 12px;
  margin: 0 0 16px; padding: 0; list-style: none; }
.tiles li, section { background: var(--raised); border: 1px solid var(--line);
  border-radius: 10px; }
.tiles li { padding: 12px 16px; color: var(--muted); font-size: 13px; }
.tiles b { display: block; font-size: 22px; font-weight: 650; color: var(--ink);
  font-variant-numeric: tabular-nums; line-height: 1.3; }
section { padding: 14px 18px; margin: 0 0 16px; min-width: 0; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 18px; margin: 0; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; }
.grids { columns: 2 460px; column-gap: 16px; margin-bottom: 16px; }
section { break-inside: avoid; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
caption { text-align: left; font-weight: 650; font-size: 15px; padding-bottom: 6px; }
th { color: var(--muted); font-weight: 500; }
th, td { text-align: left; vertical-align: top; padding: 4px 14px 4px 0; overflow-wrap: break-word;
  border-bottom: 1px solid var(--line); unicode-bidi: plaintext; }
tr > :last-child { padding-right: 0; }
tbody tr:last-child td { border-bottom: 0; }
.bl-number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.bl-muted, footer { color: var(--muted); font-size: 13px; }
"""
_SCRIPT = """
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--muted").trim();
const drawings = [...document.querySelectorAll("figure")];
for (const drawing of drawings) {
  const { data, layout, config } = JSON.parse(drawing.querySelector("script").textContent);
  layout.font.color = ink();
  const place = drawing.appendChild(document.createElement("div"));
  Plotly.newPlot(place, data, layout, config);
}
dark.addEventListener("change", () => {
  for (const drawing of drawings)
    Plotly.relayout(drawing.lastElementChild, { "font.color": ink() });
});
"""


def page(
    title: str,
    name: str,
    tiles: Sequence[tuple[str, str]],
    told: Sequence[tuple[str, str]],
    figures: Mapping[str, Any],
    grids: Sequence[Grid],
) -> str:
    """Return the HTML; the figures are plotly figures."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]  # noqa: PLC0415

    heading = tag("h1", tag("small", f"{title} "), name) if name else tag("h1", title)
    header = tag("header", tag("div", cls="logo"), heading)
    numbers = [tag("li", tag("b", value), label) for value, label in tiles]
    pairs = [cell for label, text in told for cell in (tag("dt", label), tag("dd", text))]
    drawn = [tag("section", _drawing(figure)) for figure in figures.values()]
    narrow: list[Markup] = []
    wide: list[Markup] = []
    for grid in grids:
        (narrow if len(grid.columns) < 5 else wide).append(tag("section", grid.html()))
    body = tag(
        "main", header, tag("ul", *numbers, cls="tiles"), tag("section", tag("dl", *pairs)),
        *drawn, tag("div", *narrow, cls="grids"), *wide,
        tag("footer", tag("p", "Made by batchlab. Times are lab time. Costs are list prices in US "
                               "dollars, for illustration.")),
    )  # fmt: skip
    scripts = [tag("script", Markup(text)) for text in (get_plotlyjs(), _SCRIPT)] if drawn else []
    head = tag(
        "head", Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width">'),
        tag("title", f"{title} {name}".strip()), tag("style", Markup(_STYLE)),
    )  # fmt: skip
    return f'<!doctype html>\n<html lang="en">{head}{tag("body", body, *scripts)}</html>\n'


def _drawing(figure: Any) -> Markup:
    # No text may close the script element.
    data = json.dumps(as_json(figure)).replace("<", "\\u003c")
    script = tag("script", Markup(data), type="application/json")
    return tag("figure", script, role="group", aria_label=figure.layout.title.text)
