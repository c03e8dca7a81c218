"""The live displays: widgets whose pictures are drawn in the browser.

There is one `Feed` for each lab: it alone carries the lab's history, whatever the number of views.
Each `LiveView` is one display of one thing; through it the browser asks questions and presses
buttons. Both identify what they show only by name and number.

While a cell runs, a browser's message is handled only if its channel is not bound to the shell
that runs the cell. ipykernel 7.4 binds a channel to the shell that last sent through it; `unbind`
undoes that after each message we send.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import ipywidgets
import traitlets

from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.history.watch import Watch, watch
from batchlab.widgets.answers import answer
from batchlab.widgets.following import Following, Said
from batchlab.widgets.lasting import LastingView
from batchlab.widgets.scripts import module, style
from batchlab.widgets.ui import ui
from batchlab.widgets.wire import SCHEMA, Place, rows_since

__all__ = ["Feed", "LiveView", "feed_of", "unbind"]

_feeds: weakref.WeakKeyDictionary[Connection, Feed] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


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
        self._following = Following(
            self._feed._watch, lambda question: self._answer(question)[0], ui.ask, self._news
        )
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
            self._following.hear(
                content.get("viewer"), str(content.get("key")), content.get("question"),
                again=bool(content.get("again")),
            )  # fmt: skip
        elif kind == "bye":
            self._following.leave(content.get("viewer"))

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
        self._following.beat()

    def _news(self, key: str, said: Said) -> None:
        ui.send(lambda: self._tell({"type": "news", "key": key, **said}))
