"""Progress of a wait: a line that is redrawn in place, in a notebook or on a terminal."""

from __future__ import annotations

import sys
from typing import Any

from markupsafe import Markup
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from batchlab.colours import light
from batchlab.core.state.states import colour_of
from batchlab.handles.progress import Pace, Progress
from batchlab.html import tag
from batchlab.words import span_text

__all__ = ["NotebookBar", "TerminalBar", "progress_html", "progress_text"]

WIDTH = 32


def progress_text(progress: Progress, pace: Pace) -> str:
    """Progress as text: counts, rate and time left."""
    words = [f"{progress.done:,} of {progress.total:,} {progress.unit}"]
    words += [
        f"{count:,} {state}"
        for state, count in progress.parts
        if count and count != progress.total and state not in ("succeeded", "completed")
    ]
    line = ", ".join(words)
    left = progress.total - progress.done
    if not left:
        return f"{line} · {span_text(pace.elapsed)}"
    if pace.rate:
        line += f" · {_rate(pace.rate)}"
    time_left = pace.left(left)
    return line if time_left is None else f"{line} · {span_text(time_left)} left"


def _rate(rate: float) -> str:
    if rate >= 1:
        return f"{rate:,.0f} per second" if rate >= 10 else f"{rate:.1f} per second"
    return f"{rate * 60:.1f} per minute"


def _colour(state: str) -> str:
    """The colour of a state; empty for waiting."""
    role = {"idle": "good", "running": "going"}.get(state, colour_of(state))  # idle: ready
    return light(role) if role and state != "active" else ""


def progress_html(progress: Progress, pace: Pace) -> Markup:
    """Progress as HTML with a bar; text is escaped."""
    total = progress.total or 1
    pieces = [
        tag("span", style=f"width: {100 * count / total:.2f}%; background: {colour}")
        for state, count in progress.parts
        if count and (colour := _colour(state))
    ]
    style = (
        "display: inline-flex; width: 16em; height: .7em; margin: 0 .8em; overflow: hidden; "
        "border-radius: 4px; background: rgba(128, 128, 128, .25); flex: none"
    )
    bar = tag(
        "span", *pieces, style=style, role="progressbar", aria_valuemin="0",
        aria_valuemax=str(progress.total), aria_valuenow=str(progress.done),
        aria_label=progress.title,
    )  # fmt: skip
    words = tag("span", progress_text(progress, pace),
                style="font-variant-numeric: tabular-nums")  # fmt: skip
    name = tag("strong", progress.title, style="font-weight: 600; overflow-wrap: anywhere")
    outer = "display: flex; flex-wrap: wrap; align-items: center; font-size: 13px; padding: 2px 0"
    return tag("div", name, bar, words, style=outer, cls="bl-wait")


class NotebookBar:
    """A line below the cell that stays after the wait."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, progress: Progress, pace: Pace) -> None:
        """Draw it, or redraw it in place."""
        # Only HTML: the plain text of a stored notebook must not depend on timing.
        bundle = {"text/html": str(progress_html(progress, pace))}
        if self._handle is None:
            from IPython.display import display  # noqa: PLC0415 - this is a kernel

            show: Any = display
            self._handle = show(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def close(self) -> None:
        """Nothing to clean up."""


class TerminalBar:
    """A line on the terminal (stderr) that disappears after the wait, however it ends.

    Parameters
    ----------
    console : Console, optional
        Where to draw it.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(file=sys.stderr)
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._live.start()

    def show(self, progress: Progress, pace: Pace) -> None:
        """Draw it, or redraw it in place."""
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(progress.title, style="bold", overflow="ellipsis"), _bar(progress))
        self._live.update(Group(line, Text(progress_text(progress, pace))), refresh=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._live.stop()


def _bar(progress: Progress) -> Text:
    text, begin, total = Text(), 0.0, progress.total or 1
    for state, count in progress.parts:
        end = begin + WIDTH * count / total
        cells = round(end) - round(begin)
        colour = _colour(state)
        text.append(("━" if colour else "─") * cells, style=colour or "dim")
        begin = end
    return text
