"""The live display of an `AutoScaleLab`: an editor, what a formula decides, and would have done.

As in all displays, one thread queries and another sends. What-ifs are simulated in one extra
thread per display: a new question cancels the running simulation, and only the newest one gets a
result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import traitlets

from batchlab.errors import BatchError
from batchlab.laboratory.auto_scale_lab import AutoScaleLab
from batchlab.widgets import autoscale_answers as answers
from batchlab.widgets.lasting import LastingView
from batchlab.widgets.live import unbind
from batchlab.widgets.newest import Newest
from batchlab.widgets.scripts import FORMULA_SCRIPTS, module, style
from batchlab.widgets.ui import ui
from batchlab.widgets.viewers import Viewers

__all__ = ["AutoScaleView"]

LOOK_S = 0.5
"""How often the pool is queried while the display is visible."""


class AutoScaleView(LastingView):
    """A live display of an `AutoScaleLab`.

    Parameters
    ----------
    lab : AutoScaleLab
    """

    _esm = module(FORMULA_SCRIPTS)
    _css = style("style", "autoscale")
    title = traitlets.Unicode().tag(sync=True)
    pool = traitlets.Unicode().tag(sync=True)
    formula = traitlets.Unicode().tag(sync=True)
    library: Any = traitlets.List().tag(sync=True)

    def __init__(self, lab: AutoScaleLab) -> None:
        self._lab = lab
        self._newest = Newest()
        self._viewers = Viewers()
        self._last: dict[float, Any] = {}  # the last state sent, by window in seconds
        self._looked_at = 0.0
        self._looking = False
        super().__init__(
            title=repr(lab), pool=lab.pool.id if lab.pool else "", formula=lab.formula,
            library=answers.library(lab),
        )  # fmt: skip
        unbind(self)
        self.on_msg(self._hear)
        ui.add(self)

    def __repr__(self) -> str:
        return f"<live view of {self.title}>"

    # -- what the browser says --------------------------------------------------------------------

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        kind, question = content.get("type"), content.get("question")
        if kind == "ask" and isinstance(question, dict) and question.get("what") == "what_if":
            self._newest.put(lambda go_on: self._play(content, go_on))
        elif kind == "ask":
            ui.ask(lambda: self._reply(content))
        elif kind == "follow":
            window = float(content.get("window") or 3600)
            if self._viewers.hear(content.get("viewer"), window) or content.get("again"):
                self._last.pop(window, None)
                self._looked_at = 0.0
        elif kind == "bye":
            self._viewers.leave(content.get("viewer"))

    def _reply(self, content: dict[str, Any]) -> None:
        self._answer(content, lambda: self._do(content.get("question")))

    def _play(self, content: dict[str, Any], go_on: Callable[[], None]) -> None:
        asked = content["question"]
        self._answer(content, lambda: answers.what_if(self._lab, asked, go_on))

    def _answer(self, content: dict[str, Any], find: Callable[[], Any]) -> None:
        try:
            said = {"value": find()}
        except BatchError as error:
            said = {"error": error.message}
        except (KeyError, TypeError, ValueError) as error:
            said = {"error": f"unknown question of a display: {error}"}
        self._say({"type": "answer", "id": content.get("id"), **said})

    def _do(self, asked: Any) -> Any:
        value = answers.answer(self._lab, asked)
        if asked["what"] == "try" and (text := str(asked["text"])) != self.formula:
            ui.send(lambda: self._keep(text))
        return value

    def _keep(self, text: str) -> None:
        """Keep the text for other views, and for pages that reload."""
        self.formula = text
        unbind(self)

    def _say(self, message: dict[str, Any]) -> None:
        ui.send(lambda: self._tell(message))

    def _tell(self, message: dict[str, Any]) -> None:
        if self.comm is not None:
            self.send(message)
            unbind(self)

    # -- what the pool does -----------------------------------------------------------------------

    def beat(self) -> None:
        """Query the pool again if the display is visible."""
        now = time.monotonic()
        if self._looking or now - self._looked_at < LOOK_S or not self._viewers.wanted():
            return
        self._looking, self._looked_at = True, now
        ui.ask(self._look)

    def _look(self) -> None:
        try:
            windows = set(self._viewers.wanted())
            for gone in self._last.keys() - windows:
                del self._last[gone]
            for window in windows:
                self._tell_state(window)
        finally:
            self._looking = False

    def _tell_state(self, window: float) -> None:
        try:
            said: dict[str, Any] = {"value": answers.state(self._lab, window)}
        except BatchError as error:
            said = {"error": error.message}
        if said != self._last.get(window):
            self._last[window] = said
            self._say({"type": "state", "window": window, **said})
