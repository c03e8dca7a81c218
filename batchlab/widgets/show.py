"""Which display a thing gets: live in a notebook, a picture in a stored one, else text and HTML.

Live displays need a kernel and a page that listens. With ``BATCHLAB_STATIC=1`` a notebook gets
pictures instead, which can be seen wherever it is stored, by whoever has no kernel at all.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from batchlab.errors import BatchError
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.laboratory import AutoScaleLab
from batchlab.widgets import cards

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["is_kernel", "mimebundle", "page", "watch"]

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURED = ("lab", "pool", "job")
"""What a stored notebook has a picture of."""


def mimebundle(thing: object) -> dict[str, Any]:
    """What Jupyter asks for: text, and the best display that can be had here."""
    if _static():
        return _picture(thing) or cards.mimebundle(thing)
    bundle = cards.mimebundle(thing)
    view = _view(thing)
    if view is not None:
        bundle[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    return bundle


def page(thing: object) -> str | None:
    """HTML of a thing; None where a picture stands for it."""
    drawn = isinstance(thing, AutoScaleLab) or (_subject(thing) or ("",))[0] in PICTURED
    pictured = _static() and drawn
    return None if pictured else str(cards.mimebundle(thing)["text/html"])


def watch(thing: object) -> Any:
    """A live display to hold on to; the thing itself where there is nobody to look."""
    return thing if _static() else _view(thing) or thing


def _static() -> bool:
    return os.environ.get("BATCHLAB_STATIC", "0") not in ("", "0")


def is_kernel() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def _live() -> bool:
    """Whether it can show widgets."""
    return is_kernel() and find_spec("anywidget") is not None


def _view(thing: object) -> ipywidgets.Widget | None:
    if isinstance(thing, AutoScaleLab) and _live():
        from batchlab.widgets.autoscale import AutoScaleView  # noqa: PLC0415 - as below

        return AutoScaleView(thing)
    subject = _subject(thing)
    if subject is None or not _live():
        return None
    # A third of a second, and only for those who look.
    from batchlab.widgets.live import View  # noqa: PLC0415

    kind, target = subject
    return View(thing._connection, kind, target, repr(thing))  # type: ignore[attr-defined]


def _picture(thing: object) -> dict[str, Any] | None:
    if isinstance(thing, AutoScaleLab):
        from batchlab.widgets.autoscale_picture import lab_picture  # noqa: PLC0415 - as below

        return {"text/plain": repr(thing), "image/png": b64encode(lab_picture(thing)).decode()}
    subject = _subject(thing)
    if subject is None or subject[0] not in PICTURED:
        return None
    from batchlab.widgets.picture import picture  # noqa: PLC0415

    kind, target = subject
    png = picture(thing._connection, kind, target)  # type: ignore[attr-defined]
    return {"text/plain": repr(thing), "image/png": b64encode(png).decode()}


def _subject(thing: object) -> tuple[str, dict[str, str]] | None:
    """What kind of display a thing has, and the ids that say what it shows."""
    if isinstance(thing, BaseLab):
        return "lab", {}
    if isinstance(thing, Pool):
        return "pool", {"pool": _name(thing)}
    if isinstance(thing, Job):
        return "job", {"job": _name(thing)}
    if isinstance(thing, Task):
        return "task", {"job": thing._job_id, "task": _name(thing)}
    if isinstance(thing, Node):
        return "node", {"pool": thing._pool_id, "node": _name(thing)}
    return None


def _name(thing: Handle) -> str:
    """Its id, as it was given when the thing was made."""
    try:
        return str(thing.view().id)  # type: ignore[attr-defined]
    except BatchError:
        return thing.id
