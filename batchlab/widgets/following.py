"""What open panels follow: their questions, asked again while the answers may have changed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from batchlab.history.watch import Watch
from batchlab.widgets.viewers import Viewers

__all__ = ["Following", "Said"]

FOLLOW_S = 0.5
"""The shortest time between two queries of an open panel."""
COSTS = ("about", "node")
"""Questions whose answers hold costs, which grow while nodes are idle."""
MOVING = {
    **dict.fromkeys(("tail", "files", "tasks", "pool_line"), FOLLOW_S),
    **dict.fromkeys(COSTS, 2.0),
}
"""How soon answers may change without a change in the lab, in seconds."""

Said = dict[str, Any]


class Following:
    """The questions that viewers follow.

    Parameters
    ----------
    watch : Watch
    answer : callable
        Answers a question, with ``value`` or ``error``.
    ask : callable
        Runs something where a lab may be queried.
    tell : callable
        Called there with the key of a question and its answer, whenever that has changed.
    """

    def __init__(
        self, watch: Watch, answer: Callable[[Any], Said],
        ask: Callable[[Callable[[], None]], object], tell: Callable[[str, Said], None],
    ) -> None:  # fmt: skip
        self._watch, self._answer, self._ask, self._tell = watch, answer, ask, tell
        self._viewers = Viewers()
        self._last: dict[str, Said] = {}
        self._asked_at = 0.0
        self._asked_version = -1
        self._asking = False

    def hear(self, viewer: object, key: str, question: Any, *, again: bool = False) -> None:
        """Note what a viewer follows from now on; with `again`, it has not heard the answer."""
        if self._viewers.hear(viewer, (key, question)) or again:
            self._last.pop(key, None)
            self._asked_version = -1
            self._asked_at = 0.0

    def leave(self, viewer: object) -> None:
        """Note that a viewer has gone."""
        self._viewers.leave(viewer)

    def beat(self) -> None:
        """Query again what the open panels show, if something may have changed."""
        version = self._watch.version
        now = time.monotonic()
        questions = self._questions()
        due = now - self._asked_at > FOLLOW_S and not self._asking
        still = version == self._asked_version and now - self._asked_at < min(
            map(self._changes_after, questions.values()), default=0.0
        )
        if not questions or not due or still:
            return
        self._asked_version, self._asked_at, self._asking = version, now, True
        self._ask(self._follow)

    def _changes_after(self, question: Any) -> float:
        """How long an answer stays as it is while nothing changes in the lab."""
        what = question.get("what") if isinstance(question, dict) else None
        if what in COSTS and not self._watch.speed:
            return math.inf
        return MOVING.get(str(what), math.inf)

    def _follow(self) -> None:
        try:
            questions = self._questions()
            for gone in self._last.keys() - questions.keys():
                self._last.pop(gone, None)
            for key, question in questions.items():
                said = self._answer(question)
                if self._last.get(key) != said:
                    self._last[key] = said
                    self._tell(key, said)
        finally:
            self._asking = False

    def _questions(self) -> dict[str, Any]:
        """The questions of all viewers, without duplicates."""
        return {key: question for key, question in self._viewers.wanted() if question}
