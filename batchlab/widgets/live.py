"""The live displays: widgets whose pictures are drawn in the browser.

There is one `Feed` for each lab: it alone carries the lab's history, whatever the number of views.
Each `LiveView` is one display of one thing; through it the browser asks questions and presses
buttons. Both identify what they show only by name and number.

While a cell runs, a browser's message is handled only if its channel is not bound to the shell
that runs the cell. ipykernel 7.4 binds a channel to the shell that last sent through it; `unbind`
undoes that after each message we send.
"""

from __future__ import annotations

import math
import re
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import ipywidgets
import traitlets

from batchlab import colours
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.history.watch import Watch, watch
from batchlab.widgets.answers import answer
from batchlab.widgets.lasting import LastingView
from batchlab.widgets.ui import ui
from batchlab.widgets.viewers import Viewers
from batchlab.widgets.wire import SCHEMA, Place, rows_since

__all__ = ["Feed", "LiveView", "feed_of", "module"]

FOLLOW_S = 0.5
"""The shortest time between two queries of an open panel."""
COSTS = ("about", "node")
"""Questions whose answers hold costs, which grow while nodes are idle."""
MOVING = {**dict.fromkeys(("tail", "files", "tasks"), FOLLOW_S), **dict.fromkeys(COSTS, 2.0)}
"""How soon answers may change without a change in the lab, in seconds."""
SCRIPTS = (
    "log", "kernel_gone", "feed", "snapshot", "format", "layout", "dom", "theme", "tip", "tabs",
    "questions", "viewer", "places", "shown_runs", "draw", "past_tasks", "task_table",
    "task_panel", "ending", "header", "grid", "timeline", "time_machine", "panels",
    "file_viewer", "files_panel", "past_waits", "past_states", "past_waiting_panel",
    "past_panels", "panel_tabs", "view",
)  # fmt: skip

_feeds: weakref.WeakKeyDictionary[Connection, Feed] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_IMPORT = re.compile(r"^import\b[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def module(scripts: tuple[str, ...] = SCRIPTS) -> str:
    """Scripts as one module: tests load each one separately, a page needs a single one."""
    files = resources.files("batchlab.widgets") / "static"
    texts = ((files / f"{name}.js").read_text("utf-8") for name in scripts)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


@cache
def style(*sheets: str) -> str:
    """Style sheets, by default the one shared by all displays."""
    files = resources.files("batchlab.widgets") / "static"
    texts = [(files / f"{name}.css").read_text("utf-8") for name in sheets or ("style",)]
    return "".join([colours.css(".bl-view"), *texts])


def unbind(widget: ipywidgets.Widget) -> None:
    """Have the browser's messages handled even while a cell is running."""
    getattr(widget.comm, "__dict__", {}).pop("_reply_subshell_id", None)


def feed_of(connection: Connection) -> Feed:
    """The feed of a lab, created on first use."""
    with _lock:
        feed = _feeds.get(connection)
        if feed is None or feed.comm is None:
            feed = _feeds[connection] = Feed(watch(connection))
    watch(connection)
    ui.add(feed)
    return feed


class Feed(ipywidgets.Widget):  # type: ignore[misc]
    """The history of one lab on its way to all views of it.

    Parameters
    ----------
    watch : Watch
        The watch of the lab.
    """

    history = traitlets.Any().tag(sync=True, to_json=lambda _, feed: feed.whole())

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._place = Place()
        self._seen = -1
        super().__init__()
        unbind(self)
        self.on_msg(self._hear)

    def whole(self) -> dict[str, Any]:
        """Everything: for pages that open or reload."""
        head, data, place = rows_since(self._watch, Place())
        if self._seen < 0:
            self._place = place
        return {"head": head, "bytes": data}

    def beat(self) -> None:
        """Send what is new to the pages."""
        version = self._watch.version
        if version == self._seen or self.comm is None:
            return
        self._seen = version
        head, data, self._place = rows_since(self._watch, self._place)
        self._tell(head, data)

    def _tell(self, head: dict[str, Any], data: bytes) -> None:
        self.send(head, buffers=[data])
        unbind(self)

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("type") == "hello":
            have = content.get("have") or {}
            place = Place(**{name: have[name] for name in ("generation", "rows", "names")})
            ui.send(lambda: self._catch_up(place))

    def _catch_up(self, place: Place) -> None:
        head, data, _ = rows_since(self._watch, place)
        self._tell({**head, "answers": True}, data)


class LiveView(LastingView):
    """A live display of a lab, pool, job, task or node.

    Parameters
    ----------
    connection : Connection
    kind : {"lab", "pool", "job", "task", "node"}
    target : dict of str
        The ids that say what it shows: ``pool``, ``job``, ``task``, ``node``.
    title : str
        The name of the thing.
    """

    _esm = module()
    _css = style("style", "tasks")
    kind = traitlets.Unicode().tag(sync=True)
    target = traitlets.Dict().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    feed = traitlets.Unicode().tag(sync=True)
    schema = traitlets.Dict().tag(sync=True)

    def __init__(
        self, connection: Connection, kind: str, target: dict[str, str], title: str
    ) -> None:
        self._connection = connection
        self._feed = feed_of(connection)
        self._viewers = Viewers()
        self._last: dict[str, Any] = {}
        self._asked_at = 0.0
        self._asked_version = -1
        self._asking = False
        super().__init__(
            kind=kind, target=target, title=title, feed=self._feed.model_id, schema=SCHEMA
        )
        unbind(self)
        self.on_msg(self._hear)
        ui.add(self)

    def __repr__(self) -> str:
        return f"<live view of {self.title}>"

    # -- what the browser says --------------------------------------------------------------------

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        kind = content.get("type")
        if kind == "ask":
            ui.ask(lambda: self._reply(content))
        elif kind == "follow":
            key = str(content.get("key"))
            news = self._viewers.hear(content.get("viewer"), (key, content.get("question")))
            if news or content.get("again"):
                self._last.pop(key, None)
                self._asked_version = -1
                self._asked_at = 0.0
        elif kind == "bye":
            self._viewers.leave(content.get("viewer"))

    def _reply(self, content: dict[str, Any]) -> None:
        said, data = self._answer(content.get("question"))
        message = {"type": "answer", "id": content.get("id"), **said}
        ui.send(lambda: self._tell(message, data))

    def _answer(self, question: Any) -> tuple[dict[str, Any], bytes | None]:
        try:
            value = answer(self._connection, question)
        except BatchError as error:
            return {"error": error.message}, None
        data = value.pop("data", None) if isinstance(value, dict) else None
        return {"value": value}, data

    def _tell(self, message: dict[str, Any], data: bytes | None = None) -> None:
        if self.comm is not None:
            self.send(message, buffers=[data] if data is not None else None)
            unbind(self)

    # -- what is followed -------------------------------------------------------------------------

    def beat(self) -> None:
        """Query again what the open panels show, if something may have changed."""
        version = self._feed._watch.version
        now = time.monotonic()
        questions = self._questions()
        due = now - self._asked_at > FOLLOW_S and not self._asking
        still = version == self._asked_version and now - self._asked_at < min(
            map(self._changes_after, questions.values()), default=0.0
        )
        if not questions or not due or still:
            return
        self._asked_version, self._asked_at, self._asking = version, now, True
        ui.ask(self._follow)

    def _changes_after(self, question: Any) -> float:
        """How long an answer stays as it is while nothing changes in the lab."""
        what = question.get("what") if isinstance(question, dict) else None
        if what in COSTS and not self._feed._watch.speed:
            return math.inf
        return MOVING.get(str(what), math.inf)

    def _follow(self) -> None:
        try:
            questions = self._questions()
            for gone in self._last.keys() - questions.keys():
                del self._last[gone]
            for key, question in questions.items():
                said, _ = self._answer(question)
                if self._last.get(key) != said:
                    self._last[key] = said
                    ui.send(self._news(key, said))
        finally:
            self._asking = False

    def _questions(self) -> dict[str, Any]:
        """The questions of all viewers, without duplicates."""
        return {key: question for key, question in self._viewers.wanted() if question}

    def _news(self, key: str, said: dict[str, Any]) -> Callable[[], None]:
        return lambda: self._tell({"type": "news", "key": key, **said})
