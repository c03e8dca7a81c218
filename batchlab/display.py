"""The one door to displays: how a thing is shown is asked here, and answered far above.

What draws knows all that is drawn, so it stands at the top, and `import batchlab` must not load
it. A thing with a rich display only says so (`Displayed`). The modules that draw are named in one
table, and are imported when a notebook or a terminal first asks. No other module looks upwards in
this way: each imports what is below it.
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
    "progress_bar",
    "watched",
]

_DRAWN_BY = {
    "display": "batchlab.widgets",
    "bar": "batchlab.widgets.progress",
}
"""Which module draws what."""


def _drawing(what: str) -> Any:
    return import_module(_DRAWN_BY[what])


class Displayed:
    """Something with a rich display: text, and HTML where a notebook can show it."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = _drawing("display").mimebundle(self)
        return bundle

    def _repr_html_(self) -> str | None:
        html: str | None = _drawing("display").page(self)
        return html


def watched(thing: Displayed) -> Any:
    """Return a live display of a thing; the thing itself where nobody can look at one."""
    return _drawing("display").watch(thing)


def progress_bar(place: str) -> Any:
    """Return a new bar for a wait; its place is ``notebook`` or ``terminal``."""
    bars = _drawing("bar")
    return bars.NotebookBar() if place == "notebook" else bars.TerminalBar()


def is_kernel() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def is_static() -> bool:
    """Whether displays are pictures, as for a notebook that is stored (``BATCHLAB_STATIC=1``)."""
    return os.environ.get("BATCHLAB_STATIC", "0") not in ("", "0")
