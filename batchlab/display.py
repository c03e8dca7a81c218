"""The one door to displays: how a thing is shown is requested here and implemented far above.

The modules that draw know everything they draw, so they are at the top, and `import batchlab` must
not load them. A thing with a rich display is only marked as such (`Displayed`). The modules that
draw are named in one table, and imported when a notebook or a terminal first needs them. No other
module looks upwards like this: each imports only what is below it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

__all__ = [
    "Displayed",
    "is_kernel",
    "is_static",
    "page_before",
    "progress_bar",
    "show_figure",
    "watched",
]

_DRAWN_BY = {
    "display": "batchlab.widgets",
    "bar": "batchlab.widgets.progress",
    "figure": "batchlab.widgets.figures",
    "page": "batchlab.widgets.served",
}
"""Which module draws what."""


def _drawing(what: str) -> Any:
    return import_module(_DRAWN_BY[what])


class Displayed:
    """Something with a rich display: text, and HTML in a notebook."""

    __slots__ = ()

    def _ipython_display_(self, **options: Any) -> None:
        # Jupyter then asks for the bundle.
        if not is_kernel() or not _drawing("display").show_live(self):
            raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = _drawing("display").mimebundle(self)
        return bundle

    def _repr_html_(self) -> str | None:
        html: str | None = _drawing("display").page(self)
        return html


def watched(thing: Displayed) -> Any:
    """Return a live display of a thing; the thing itself outside a notebook."""
    return _drawing("display").watch(thing)


def progress_bar(place: str) -> Any:
    """Return a new bar for a wait; its place is ``notebook`` or ``terminal``."""
    bars = _drawing("bar")
    return bars.NotebookBar() if place == "notebook" else bars.TerminalBar()


def show_figure(figure: Any) -> None:
    """Display a plotly figure below the running cell of a notebook."""
    _drawing("figure").show_figure(figure)


def page_before(service: Any, *about: Any, **settings: Any) -> Any:
    """Return the page of a served lab, which stands before its service."""
    return _drawing("page").Page(service, *about, **settings)


def is_kernel() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def is_static() -> bool:
    """Whether displays are images, for notebooks that are stored (``BATCHLAB_STATIC=1``)."""
    return os.environ.get("BATCHLAB_STATIC", "0") not in ("", "0")
