"""Predictions in a notebook: where they are answered, and cards for those who only read."""

from __future__ import annotations

from typing import Any

import traitlets

from batchlab.errors import BatchError
from batchlab.predictions import Prediction
from batchlab.widgets.lasting import LastingView
from batchlab.widgets.live import unbind
from batchlab.widgets.scripts import module, style

__all__ = ["PredictionView"]

SCRIPTS = ("format", "dom", "kernel_gone", "places", "prediction_text", "prediction_curve",
           "prediction")  # fmt: skip


class PredictionView(LastingView):
    """Where a prediction is answered.

    Parameters
    ----------
    prediction : Prediction
    """

    _esm = module(SCRIPTS)
    _css = style("style", "prediction")
    kind = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    value = traitlets.Any(None, allow_none=True).tag(sync=True)

    def __init__(self, prediction: Prediction) -> None:
        self._prediction = prediction
        super().__init__(
            kind=prediction.kind.name, question=prediction.question,
            options=prediction.kind.options, value=prediction.answer,
        )  # fmt: skip
        unbind(self)
        self.observe(self._answer, "value")

    def _answer(self, change: Any) -> None:
        try:
            self._prediction.answer = change["new"]
        except BatchError:
            self.value = self._prediction.answer

    def __repr__(self) -> str:
        return f"<live view of {self._prediction!r}>"
