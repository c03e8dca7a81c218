"""The scripts and style sheets of the live displays, as a page loads them."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from batchlab import colours

__all__ = ["FORMULA_SCRIPTS", "SCRIPTS", "module", "style"]

SCRIPTS = (
    "log", "kernel_gone", "feed", "snapshot", "format", "layout", "dom", "theme", "tip", "tabs",
    "questions", "viewer", "places", "shown_runs", "draw", "past_tasks", "task_table",
    "task_panel", "ending", "header", "load_series", "load_area", "grid", "timeline",
    "time_machine", "panels", "file_viewer", "files_panel", "past_waits", "past_states",
    "past_waiting_panel", "past_panels", "panel_tabs", "view",
)  # fmt: skip
"""Of the display of a lab, pool, job, task or node."""
FORMULA_SCRIPTS = (
    "format", "layout", "dom", "theme", "tabs", "questions", "viewer", "kernel_gone", "places",
    "formula", "chart", "editor", "evaluations", "curve", "what_if", "autoscale",
)  # fmt: skip
"""Of the display of an autoscale formula."""

_IMPORT = re.compile(r"^import\b[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def module(scripts: tuple[str, ...] = SCRIPTS) -> str:
    """Scripts as one module: tests load each one separately, a page needs a single one."""
    files = resources.files("batchlab.widgets") / "static"
    texts = ((files / f"{name}.js").read_text("utf-8") for name in scripts)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


@cache
def style(*sheets: str) -> str:
    """Style sheets, by default the one shared by all displays."""
    files = resources.files("batchlab.widgets") / "static"
    texts = [(files / f"{name}.css").read_text("utf-8") for name in sheets or ("style",)]
    return "".join([colours.css(".bl-view"), *texts])
