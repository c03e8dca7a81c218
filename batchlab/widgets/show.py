"""Which display a thing gets: live in a notebook, a picture in a stored one, else text and HTML.

A live display needs a kernel and a page that listens. What a notebook stores of it is a picture
and a card, which need neither (see `outputs`). With ``BATCHLAB_STATIC=1`` a notebook gets only
those.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from batchlab.background import threads
from batchlab.display import is_kernel, is_static
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.extras import install_command
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task, Tasks
from batchlab.html import muted, tag
from batchlab.job_comparison import JobComparison
from batchlab.laboratory import AutoScaleLab
from batchlab.predictions import Prediction
from batchlab.widgets import cards

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["StoredThing", "connection_of", "mimebundle", "page", "show_live", "watch"]

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURED = ("lab", "pool", "job", "autoscale", "comparison")
"""Kinds that have a picture."""
LIBRARIES = {
    "live": ("anywidget", "Live displays need anywidget"),
    "picture": ("PIL", "Pictures need Pillow"),
}


def mimebundle(thing: object) -> dict[str, Any]:
    """The MIME bundle for Jupyter: text, and the best display that is possible here."""
    way = _way(thing)
    if not _installed(way):
        return {"text/plain": repr(thing), "text/html": _html(thing, way)}
    if way == "live":
        view = _view(thing)
        return {**stored(thing), **_reference(view)}
    return stored(thing) if way == "picture" else cards.mimebundle(thing)


def page(thing: object) -> str:
    """HTML of a thing."""
    way = _way(thing)
    if way == "picture" and _installed(way):
        return str(stored(thing)["text/html"])
    return _html(thing, way)


def show_live(thing: object, view: Any = None) -> bool:
    """Display a thing live below the running cell; return False if that is not possible here.

    Parameters
    ----------
    thing : object
    view : LiveView or AutoScaleView, optional
        The live display; a new one if omitted.
    """
    if _way(thing) != "live" or not _installed("live"):
        return False
    from batchlab.widgets.front_end import front_end  # noqa: PLC0415 - for kernels

    listening = front_end()
    if listening == "widgets":
        return False
    from batchlab.widgets.outputs import outputs  # noqa: PLC0415 - as above

    place = ""
    if listening == "page":
        place = (view or _view(thing)).place
    outputs.show(StoredThing(thing, place), [connection_of(thing)])
    return True


def stored(thing: object) -> dict[str, Any]:
    """What a notebook stores of a thing: text, HTML with its picture and its card, and PNG."""
    found = StoredThing(thing, "")
    found.take()
    return found.bundle()


class StoredThing:
    """What a notebook stores of a thing whose live display has a place."""

    def __init__(self, thing: object, place: str) -> None:
        self._thing, self._place = thing, place
        self._card = ""
        self._picture: Any = None
        self._over = False

    @property
    def version(self) -> int:
        """Increases with what happens to a thing that belongs to no lab."""
        return self._thing.version if isinstance(self._thing, Prediction) else 0

    def take(self, closing: Connection | None = None) -> None:
        """Query the lab, and remember what it says; if it says nothing, keep what was known.

        A lab that is closing is queried for the last time.
        """
        if self._over:
            return
        self._over = closing is not None and closing is connection_of(self._thing)
        try:
            self._card = str(cards.draw(self._thing))
        except BatchError:
            self._card = self._card or str(cards.mimebundle(self._thing)["text/html"])
        if _kind(self._thing) in PICTURED and _installed("picture"):
            picture = _picture(self._thing)
            if picture.complete or self._picture is None:
                self._picture = picture

    def sketch(self) -> dict[str, Any]:
        """Its place and its text, without a picture."""
        from batchlab.widgets.still import bundle  # noqa: PLC0415 - needs Pillow

        return bundle(repr(self._thing), str(cards.mimebundle(self._thing)["text/html"]), None,
                      self._place)  # fmt: skip

    def bundle(self) -> dict[str, Any]:
        """Draw what is remembered."""
        from batchlab.widgets.still import bundle  # noqa: PLC0415 - needs Pillow

        return bundle(repr(self._thing), self._card, self._picture, self._place)


def _reference(view: ipywidgets.Widget) -> dict[str, Any]:
    return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": view.model_id}}


def watch(thing: object) -> Any:
    """A display to keep, which may be a part of other widgets; the thing itself without a kernel.

    In a notebook that is stored, or run by a program, nobody sees it live: there it is a picture.
    """
    if not is_kernel() or not _installed("live"):
        return thing
    from batchlab.widgets.boxes import StillView, hook  # noqa: PLC0415 - for kernels
    from batchlab.widgets.front_end import front_end  # noqa: PLC0415 - as above

    hook()
    return StillView(thing) if is_static() or front_end() == "none" else _view(thing)


def _way(thing: object) -> Literal["live", "picture", "card"]:
    """The best way to show a thing here."""
    kind = _kind(thing)
    if is_static() or kind == "comparison":  # which is over already
        return "picture" if kind in PICTURED else "card"
    return "live" if kind and is_kernel() else "card"


def _kind(thing: object) -> str:
    if isinstance(thing, (JobComparison, Prediction)):
        return "comparison" if isinstance(thing, JobComparison) else "prediction"
    return "autoscale" if isinstance(thing, AutoScaleLab) else (_subject(thing) or ("",))[0]


def connection_of(thing: Any) -> Connection | None:
    """The connection to its lab, if it is of one."""
    if isinstance(thing, AutoScaleLab):
        return thing.pool._connection if thing.pool else None
    if isinstance(thing, Prediction):
        return None
    found: Connection = thing._connection
    return found


def _installed(way: str) -> bool:
    return way not in LIBRARIES or find_spec(LIBRARIES[way][0]) is not None


def _html(thing: object, way: str) -> str:
    """Its card, with a note on what is missing for a better display, and can be installed."""
    html = str(cards.mimebundle(thing)["text/html"])
    if _installed(way) or not threads():
        return html
    return html + str(tag("p", muted(f"{LIBRARIES[way][1]}: {install_command('notebook')}")))


def _view(thing: object) -> Any:
    # Takes a third of a second, only needed here.
    if isinstance(thing, AutoScaleLab):
        from batchlab.widgets.autoscale import AutoScaleView  # noqa: PLC0415

        view: Any = AutoScaleView(thing)
    elif isinstance(thing, Prediction):
        from batchlab.widgets.predicting import PredictionView  # noqa: PLC0415

        view = PredictionView(thing)
    else:
        from batchlab.widgets.live import LiveView  # noqa: PLC0415

        kind, target = _subject(thing) or ("", {})
        connection = thing._connection  # type: ignore[attr-defined]
        view = LiveView(connection, kind, target, repr(thing))
    view.thing = thing
    view.displays = (lambda: show_live(thing, view), lambda: {**stored(thing), **_reference(view)})
    return view


def _picture(thing: object) -> Any:
    if isinstance(thing, JobComparison):
        from batchlab.widgets.comparison_picture import ComparisonPicture  # noqa: PLC0415 - needs Pillow

        return ComparisonPicture(thing)
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
    if isinstance(thing, Tasks) and not thing.narrowed:
        return "tasks", {"job": _name(Job(thing._connection, thing._job_id))}
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
