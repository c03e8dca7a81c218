"""The style of all plotly figures, readable on light and dark pages."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["INK", "as_json", "dress"]

INK = "#767c85"
"""Readable on white and on black."""
_LINE = "rgba(128, 128, 128, .28)"


def dress(figure: Any, **more: Any) -> None:
    """Apply the common style to a plotly figure; `more` are further layout options."""
    axis = {"gridcolor": _LINE, "linecolor": _LINE, "zeroline": False, "automargin": True}
    figure.update_layout(
        template="none", font={"color": INK, "size": 12.5, "family": "system-ui, sans-serif"},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", bargap=0.18,
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0,
                "traceorder": "normal", "bgcolor": "rgba(0,0,0,0)"},
        hoverlabel={"namelength": -1}, modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK},
        **more,
    )  # fmt: skip
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis, rangemode="tozero")


def as_json(figure: Any) -> dict[str, Any]:
    """A plotly figure as its JSON, without the buttons that lead to plotly's own site."""
    config = {"displaylogo": False, "showSendToCloud": False, "responsive": True}
    return {**json.loads(figure.to_json()), "config": config}
