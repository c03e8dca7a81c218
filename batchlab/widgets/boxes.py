"""Displays within boxes and tabs of ipywidgets: a saved notebook keeps their pictures, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import ipywidgets
import traitlets
from IPython.display import display
from markupsafe import escape

from batchlab.display import is_static
from batchlab.drivers.ports import Connection
from batchlab.html import tag
from batchlab.widgets.front_end import front_end
from batchlab.widgets.lasting import LastingView
from batchlab.widgets.live import unbind
from batchlab.widgets.outputs import outputs
from batchlab.widgets.scripts import module
from batchlab.widgets.show import StoredThing, connection_of, show_live, stored
from batchlab.widgets.still import PNG, still

__all__ = ["ContainerView", "StillView", "hook"]

SCRIPTS = ("kernel_gone", "places", "guest", "container")


class ContainerView(LastingView):
    """What covers the picture of a container: the container itself.

    Parameters
    ----------
    box : ipywidgets.Box
    """

    _esm = module(SCRIPTS)
    content = traitlets.Unicode().tag(sync=True)

    def __init__(self, box: ipywidgets.Box) -> None:
        self._box = box
        super().__init__(content=box.model_id)
        unbind(self)


class StillView(ipywidgets.HTML):  # type: ignore[misc]
    """The picture of a thing where no display is live; also within other widgets.

    Parameters
    ----------
    thing : object
    """

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        super().__init__(str(escape(repr(thing))))

    def open(self) -> None:
        """Do nothing: by itself it needs no channel, and leaves nothing else in a notebook."""

    @property
    def model_id(self) -> str:
        """Its channel, which it needs within other widgets."""
        super().open()
        return str(super().model_id)

    def __repr__(self) -> str:
        return repr(self.thing)

    def _ipython_display_(self, **options: Any) -> None:
        if not show_live(self.thing):
            raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return stored(self.thing)


class _StoredContainer:
    """What a notebook stores of a container: what it would store of each display in it."""

    def __init__(self, box: ipywidgets.Box, views: list[tuple[str, Any]], place: str) -> None:
        self._text, self._place = f"<{type(box).__name__} of displays>", place
        self._parts = [(title, StoredThing(thing, "")) for title, thing in views]

    @property
    def version(self) -> int:
        return sum(part.version for _, part in self._parts)

    def take(self, closing: Connection | None = None) -> None:
        for _, part in self._parts:
            part.take(closing)

    def sketch(self) -> dict[str, Any]:
        html = "".join(part.sketch()["text/html"] for _, part in self._parts)
        return {"text/plain": self._text, "text/html": still(html, self._place)}

    def bundle(self) -> dict[str, Any]:
        found = [(title, part.bundle()) for title, part in self._parts]
        html = "".join(
            str(tag("h4", title) if title else "") + bundle["text/html"] for title, bundle in found
        )
        png = [bundle[PNG] for _, bundle in found if PNG in bundle]
        return {"text/plain": self._text, "text/html": still(html, self._place),
                **({PNG: png[0]} if png else {})}  # fmt: skip


def hook() -> None:
    """Have IPython show containers with displays in them by `_show`."""
    formatter = sys.modules["IPython"].get_ipython().display_formatter.ipython_display_formatter
    if ipywidgets.Box not in formatter.type_printers:
        formatter.for_type(ipywidgets.Box, _show)


def _show(box: ipywidgets.Box) -> None:
    views = list(_within(box))
    listening = front_end()
    if not views or (listening == "widgets" and not is_static()):
        raise NotImplementedError  # the notebook shows it as it shows all others
    if is_static():
        found = _StoredContainer(box, views, "")
        found.take()
        display(found.bundle(), raw=True)  # type: ignore[no-untyped-call]
        return
    place = ContainerView(box).place if listening == "page" else ""
    labs = [connection_of(thing) for _, thing in views]
    outputs.show(_StoredContainer(box, views, place), labs)


def _within(box: ipywidgets.Box, title: str = "") -> Iterator[tuple[str, Any]]:
    """The things whose displays are in a container, with the titles of their tabs."""
    titles = getattr(box, "titles", ())
    for number, child in enumerate(box.children):
        named = titles[number] if number < len(titles) else title
        if isinstance(child, (LastingView, StillView)) and child.thing is not None:
            yield named, child.thing
        elif isinstance(child, ipywidgets.Box):
            yield from _within(child, named)
