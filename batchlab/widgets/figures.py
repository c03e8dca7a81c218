"""Figures of plotly in a notebook: a picture is stored, and a live figure covers it.

JupyterLab would store a picture of its own beside a figure, as wide as the page was then, and show
that alone when the notebook is opened again, even on a page that is narrower.
"""

from __future__ import annotations

from base64 import b64encode
from importlib.util import find_spec
from typing import Any

from batchlab.display import is_static
from batchlab.html import image
from batchlab.plots import as_json
from batchlab.widgets.front_end import front_end
from batchlab.widgets.still import PNG, WIDTH, still

__all__ = ["show_figure"]

PLOTLY = "application/vnd.plotly.v1+json"


def show_figure(figure: Any) -> None:
    """Display a plotly figure of a report below the running cell."""
    from IPython.display import display  # noqa: PLC0415 - this is a kernel

    bundle, metadata = _bundle(figure)
    display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]


def _bundle(figure: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    text, data = figure.layout.title.text, as_json(figure)
    listening = "none" if is_static() else front_end()
    if find_spec("PIL") is None or (listening == "page" and find_spec("anywidget") is None):
        return {"text/plain": text, PLOTLY: data}, {}
    from batchlab.reports.pictures import picture_of  # noqa: PLC0415 - needs Pillow

    png, words = picture_of(figure)
    place = ""
    if listening == "page":
        from batchlab.widgets.figure_view import FigureView  # noqa: PLC0415 - needs anywidget

        place = FigureView(data, words).place
    bundle = {
        "text/plain": text, "text/html": still(image(png, "png", words, WIDTH), place),
        PNG: b64encode(png).decode(),
    }  # fmt: skip
    if listening == "widgets":  # editors draw figures by themselves, and store no pictures of them
        bundle[PLOTLY] = data
    return bundle, {PNG: {"alt": words, "width": WIDTH}}
