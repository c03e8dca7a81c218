"""The live display of a figure of plotly."""

from __future__ import annotations

from typing import Any

import traitlets

from batchlab.widgets.lasting import LastingView
from batchlab.widgets.live import unbind
from batchlab.widgets.scripts import module

__all__ = ["FigureView"]

SCRIPTS = ("kernel_gone", "places", "guest", "figure")


class FigureView(LastingView):
    """What covers the picture of a figure: the figure itself.

    Parameters
    ----------
    figure : dict
        The figure as plotly's JSON.
    words : str
        What it shows.
    """

    _esm = module(SCRIPTS)
    figure = traitlets.Dict().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)

    def __init__(self, figure: dict[str, Any], words: str) -> None:
        super().__init__(figure=figure, words=words)
        unbind(self)
