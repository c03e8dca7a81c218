"""Displays within boxes and tabs of ipywidgets: a saved notebook keeps their pictures, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import ipywidgets
import traitlets

from batchlab.html import tag
from batchlab.widgets.front_end import front_end
from batchlab.widgets.lasting import LastingView
from batchlab.widgets.live import unbind
from batchlab.widgets.outputs import outputs
from batchlab.widgets.scripts import module
from batchlab.widgets.show import StoredThing, connection_of
from batchlab.widgets.still import PNG, still

__all__ = ["ContainerView", "hook"]

SCRIPTS = ("kernel_gone", "places", "container")


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


class _StoredContainer:
    """What a notebook stores of a container: what it would store of each display in it."""

    version = 0

    def __init__(self, box: ipywidgets.Box, views: list[tuple[str, Any]], place: str) -> None:
        self._text, self._place = f"<{type(box).__name__} of displays>", place
        self._parts = [(title, StoredThing(thing, "")) for title, thing in views]

    def take(self) -> None:
        for _, part in self._parts:
            part.take()

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
    if not views or listening == "widgets":
        raise NotImplementedError  # the notebook shows it as it shows all others
    place = ContainerView(box).place if listening == "page" else ""
    outputs.show(_StoredContainer(box, views, place), connection_of(views[0][1]))


def _within(box: ipywidgets.Box, title: str = "") -> Iterator[tuple[str, Any]]:
    """The things whose displays are in a container, with the titles of their tabs."""
    titles = getattr(box, "titles", ())
    for number, child in enumerate(box.children):
        named = titles[number] if number < len(titles) else title
        if isinstance(child, LastingView) and child.thing is not None:
            yield named, child.thing
        elif isinstance(child, ipywidgets.Box):
            yield from _within(child, named)
