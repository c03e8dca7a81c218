"""A live display that leaves a picture in a saved notebook."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

__all__ = ["LastingView"]


class LastingView(anywidget.AnyWidget):
    """The base of live displays; within other widgets it is a widget like any other.

    Attributes
    ----------
    place : str
        The key by which a page finds where it is displayed.
    thing : object
        What it shows, if a notebook can store that.
    displays : (callable, callable) or None
        Displays it below the running cell, if that is possible; makes its MIME bundle.
    """

    place = traitlets.Unicode().tag(sync=True)
    thing: Any = None
    displays: tuple[Callable[[], bool], Callable[[], dict[str, Any]]] | None = None

    def __init__(self, **state: Any) -> None:
        super().__init__(place=uuid.uuid4().hex[:12], **state)

    def _ipython_display_(self, **options: Any) -> None:
        # Jupyter then asks for the bundle.
        if self.displays is None or not self.displays[0]():
            raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        if self.displays is None:
            return bundle
        return {**self.displays[1](), "text/plain": repr(self)}
