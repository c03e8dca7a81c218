"""Which display a thing gets: live in a notebook, a picture in a stored one, else text and HTML.

Live displays need a kernel and a page that listens. With ``BATCHLAB_STATIC=1`` a notebook gets
pictures instead, which are visible wherever it is stored, without a kernel.
"""

from __future__ import annotations

from base64 import b64encode
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from batchlab.display import is_kernel, is_static
from batchlab.errors import BatchError
from batchlab.extras import install_command
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.laboratory import AutoScaleLab
from batchlab.widgets import cards
from batchlab.widgets.html import muted, tag

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["mimebundle", "page", "watch"]

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURED = ("lab", "pool", "job", "autoscale")
"""Kinds that are pictures in a stored notebook."""
LIBRARIES = {
    "live": ("anywidget", "Live displays need anywidget"),
    "picture": ("PIL", "Pictures need Pillow"),
}


def mimebundle(thing: object) -> dict[str, Any]:
    """The MIME bundle for Jupyter: text, and the best display that is possible here."""
    way = _way(thing)
    if way == "picture" and _installed(way):
        return {"text/plain": repr(thing), "image/png": b64encode(_picture(thing)).decode()}
    bundle: dict[str, Any] = {"text/plain": repr(thing), "text/html": _html(thing, way)}
    if way == "live" and _installed(way):
        view = _view(thing)
        bundle[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    return bundle


def page(thing: object) -> str | None:
    """HTML of a thing; None if it has a picture."""
    way = _way(thing)
    return None if way == "picture" and _installed(way) else _html(thing, way)


def watch(thing: object) -> Any:
    """A live display to keep; the thing itself outside a notebook."""
    return _view(thing) if _way(thing) == "live" and _installed("live") else thing


def _way(thing: object) -> Literal["live", "picture", "card"]:
    """The best way to show a thing here."""
    kind = "autoscale" if isinstance(thing, AutoScaleLab) else (_subject(thing) or ("",))[0]
    if is_static():
        return "picture" if kind in PICTURED else "card"
    return "live" if kind and is_kernel() else "card"


def _installed(way: str) -> bool:
    return way not in LIBRARIES or find_spec(LIBRARIES[way][0]) is not None


def _html(thing: object, way: str) -> str:
    """Its card, with a note on what is missing for a better display."""
    html = str(cards.mimebundle(thing)["text/html"])
    if _installed(way):
        return html
    return html + tag("p", muted(f"{LIBRARIES[way][1]}: {install_command('notebook')}"))


def _view(thing: object) -> ipywidgets.Widget:
    # Takes a third of a second, only needed here.
    if isinstance(thing, AutoScaleLab):
        from batchlab.widgets.autoscale import AutoScaleView  # noqa: PLC0415

        return AutoScaleView(thing)
    from batchlab.widgets.live import LiveView  # noqa: PLC0415

    kind, target = _subject(thing) or ("", {})
    return LiveView(thing._connection, kind, target, repr(thing))  # type: ignore[attr-defined]


def _picture(thing: object) -> bytes:
    if isinstance(thing, AutoScaleLab):
        from batchlab.widgets.autoscale_picture import lab_picture  # noqa: PLC0415 - as above

        return lab_picture(thing)
    from batchlab.widgets.picture import picture  # noqa: PLC0415

    kind, target = _subject(thing) or ("", {})
    return picture(thing._connection, kind, target)  # type: ignore[attr-defined]


def _subject(thing: object) -> tuple[str, dict[str, str]] | None:
    """The kind of display of a thing, and the ids of what it shows."""
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
    """Its id, as written when it was created."""
    try:
        return str(thing.view().id)  # type: ignore[attr-defined]
    except BatchError:
        return thing.id
