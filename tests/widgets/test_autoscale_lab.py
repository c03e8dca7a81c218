"""The place to work on a formula, without a browser: what it answers, sends, and looks like."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

import batchlab as bl
from batchlab.widgets import autoscale_answers as answers
from batchlab.widgets.autoscale import AutoScaleView
from batchlab.widgets.newest import Newest, Superseded
from batchlab.widgets.scripts import FORMULA_SCRIPTS, module, style
from batchlab.widgets.ui import ui
from helpers.waiting import until

FORMULA = "$TargetDedicatedNodes = min(5, val($PendingTasks.GetSample(1), 0));"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in ("send", "ask"):
        monkeypatch.setattr(ui, name, lambda act: act())
    monkeypatch.setattr(ui, "add", lambda beating: None)
    monkeypatch.setattr(AutoScaleView, "send", lambda _, content: found.append(content))
    return found


@pytest.fixture
def pool() -> Iterator[bl.Pool]:
    with bl.SimulatedLab(boot="0s", workload=bl.Workload(default="4m")) as lab:
        pool = lab.create_pool("p", enable_auto_scale=True, auto_scale_formula=FORMULA,
                               auto_scale_evaluation_interval="5m")  # fmt: skip
        lab.create_job("j", pool).create_tasks(["work"] * 9)
        lab.advance("12m")
        yield pool


def ask(view: AutoScaleView, sent: list[dict[str, Any]], **question: Any) -> dict[str, Any]:
    view._hear(None, {"type": "ask", "id": 7, "question": question}, [])
    until(lambda: sent and sent[-1]["type"] == "answer")
    answer = sent.pop()
    assert answer["id"] == 7
    return answer


def test_text_that_cannot_be_read_is_marked_where_it_is_wrong(
    pool: bl.Pool, sent: list[dict[str, Any]]
) -> None:
    view = AutoScaleView(pool.auto_scale_lab())
    value = ask(view, sent, what="try", text="a = 1;\n$TargetDedicatedNodes = (2 + ;")["value"]
    (mark,) = value["marks"]
    assert (mark["severity"], mark["line"], mark["start"], mark["end"]) == ("error", 2, 30, 31)
    assert mark["message"] == "unexpected ';'"
    assert value["run"] is None


def test_text_that_will_fail_is_marked_under_the_whole_part(
    pool: bl.Pool, sent: list[dict[str, Any]]
) -> None:
    view = AutoScaleView(pool.auto_scale_lab())
    text = "$TargetDedicatedNodes = $PendngTasks + 1;"
    value = ask(view, sent, what="try", text=text)["value"]
    mark, warning = sorted(value["marks"], key=lambda one: one["severity"])
    assert (mark["severity"], warning["severity"]) == ("error", "warning")
    assert text[mark["start"] - 1 : mark["end"] - 1] == "$PendngTasks"
    assert mark["hint"] == "did you mean $PendingTasks?"
    assert value["run"]["failed"]
    assert view.formula == text


def test_text_that_works_shows_each_value_each_look_and_why(
    pool: bl.Pool, sent: list[dict[str, Any]]
) -> None:
    view = AutoScaleView(pool.auto_scale_lab())
    text = ("span = 5 * TimeInterval_Minute;\nseen = $PendingTasks.GetSample(span, 10);\n"
            "now = time();\n$TargetDedicatedNodes = min(3, avg(seen));")  # fmt: skip
    run = ask(view, sent, what="try", text=text)["value"]["run"]
    told = [(one["line"], one["target"], one["type"]) for one in run["statements"]]
    assert told == [
        (1, "span", "timeinterval"), (2, "seen", "doubleVec"), (3, "now", "timestamp"),
        (4, "$TargetDedicatedNodes", "double"),
    ]  # fmt: skip
    assert run["statements"][0]["value"] == "5m"
    assert run["statements"][1]["value"].endswith("values")
    (look,) = run["samples"]
    assert (look["variable"], look["wanted"], look["required"]) == ("$PendingTasks", 10, 10.0)
    assert 0 < look["received"] < look["wanted"], "the newest sample is missing"
    assert run["why"]


@pytest.mark.parametrize(("excerpt", "column", "found"), [
    ("  a = b;\n      ^~~", 5, (5, 8)), ("  ... abc ...\n      ~~^~", 40, (38, 42)),
    ("", 3, (3, 4)), ("  x\n  ^", 1, (1, 2)),
])  # fmt: skip
def test_span_is_what_the_excerpt_marks(excerpt: str, column: int, found: tuple[int, int]) -> None:
    assert answers.span(excerpt, column) == found


def test_view_tells_the_pool_only_while_somebody_looks_and_only_what_is_new(
    pool: bl.Pool, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.widgets.autoscale.LOOK_S", 0.0)
    view = AutoScaleView(pool.auto_scale_lab())
    view.beat()
    assert sent == []
    view._hear(None, {"type": "follow", "viewer": "a", "window": 3600}, [])
    for _ in range(3):
        view.beat()
    (told,) = sent
    state = told["value"]
    assert state["pool"]["enabled"]
    assert state["pool"]["target"] == state["lines"]["target"][-1] == 4
    assert [row["outcome"] for row in state["history"]] == ["resized", "resized", "unchanged"]
    pool.disable_auto_scale()
    view.beat()
    assert not sent[-1]["value"]["pool"]["enabled"]
    pool.delete()
    pool.wait("deleted")
    view.beat()
    assert "p" in sent[-1]["error"]
    count = len(sent)
    view._hear(None, {"type": "bye", "viewer": "a"}, [])
    view.beat()
    assert len(sent) == count


def test_two_viewers_of_one_formula_have_each_its_window(
    pool: bl.Pool, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.widgets.autoscale.LOOK_S", 0.0)
    view = AutoScaleView(pool.auto_scale_lab())
    for viewer, window in (("a", 3600), ("b", 60), ("c", 60)):
        view._hear(None, {"type": "follow", "viewer": viewer, "window": window}, [])
    view.beat()
    begins = {told["window"]: told["value"]["begin"] for told in sent}
    assert len(sent) == 2
    assert begins[60] > begins[3600]
    sent.clear()
    view._hear(None, {"type": "bye", "viewer": "b"}, [])
    pool.disable_auto_scale()
    view.beat()
    assert sorted(told["window"] for told in sent) == [60, 3600]


def test_past_evaluation_is_explained(pool: bl.Pool, sent: list[dict[str, Any]]) -> None:
    bench = pool.auto_scale_lab()
    view = AutoScaleView(bench)
    at = answers.state(bench, 3600)["history"][0]["at"]
    why = ask(view, sent, what="explain", at=at)["value"]["why"]
    assert why == list(pool.auto_scale_history[-1].explain())
    assert ask(view, sent, what="explain", at=1.0)["error"]


def settings(**more: Any) -> dict[str, Any]:
    return {"what": "what_if", "text": "$TargetDedicatedNodes = 2;", "window": 3600, "load": 1,
            "task_length": 1, "boot": 90, "interval": 300, **more}  # fmt: skip


def test_what_if_stands_beside_what_was(pool: bl.Pool, sent: list[dict[str, Any]]) -> None:
    view = AutoScaleView(pool.auto_scale_lab())
    value = ask(view, sent, **settings())["value"]
    names, columns = zip(*value["columns"], strict=True)
    assert names == ("actual", "this formula")
    assert [column[4:] for column in columns] == [["5", "9"], ["2", "9"]]
    assert value["end"] - value["begin"] == pytest.approx(720)
    assert max(value["lines"]["target"]) == 2
    assert "error" in ask(view, sent, **settings(window="long"))
    assert "interval" in ask(view, sent, **settings(interval=1))["error"]


def test_what_if_without_a_pool_has_one_column(sent: list[dict[str, Any]]) -> None:
    view = AutoScaleView(bl.AutoScaleLab(arrivals=[("10m", 7)]))
    value = ask(view, sent, **settings())["value"]
    assert [name for name, _ in value["columns"]] == ["this formula"]
    assert answers.state(view._lab, 3600) == {"pool": None, "lines": None, "history": []}


def test_apply_says_in_words_what_it_did(pool: bl.Pool, sent: list[dict[str, Any]]) -> None:
    view = AutoScaleView(pool.auto_scale_lab())
    said = ask(view, sent, what="apply", text="$TargetDedicatedNodes = 1;", interval=600)
    assert said["value"]["text"].startswith(
        "Pool p now follows this formula, evaluated every 10 minutes. The first evaluation "
    )
    assert pool.auto_scale_formula == "$TargetDedicatedNodes = 1;"
    again = ask(view, sent, what="apply", text="$TargetDedicatedNodes = 1;", interval=600)
    assert again["error"]


@pytest.mark.parametrize("question", [
    {"what": "nothing"}, {"what": "try"}, {"what": "apply", "text": "x"}, {},
    {"what": "what_if"}, {"what": "try", "text": "x" * 30_000},
])  # fmt: skip
def test_question_that_cannot_be_answered_is_answered_so(
    pool: bl.Pool, sent: list[dict[str, Any]], question: dict[str, Any]
) -> None:
    assert ask(AutoScaleView(pool.auto_scale_lab()), sent, **question)["error"]


def test_newest_question_wins_and_ends_the_one_before() -> None:
    newest, begun, done = Newest(), threading.Event(), []

    def endless(go_on: Callable[[], None]) -> None:
        begun.set()
        try:
            while True:
                go_on()
        except Superseded:
            done.append("ended")
            raise

    newest.put(endless)
    assert begun.wait(60)
    newest.put(lambda go_on: done.append("second"))
    until(lambda: done == ["ended", "second"])


def test_question_that_fails_is_told_of_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    newest, done = Newest(), []
    newest.put(lambda go_on: done[0])
    until(lambda: "could not be tried" in caplog.text)
    newest.put(lambda go_on: done.append("went on"))
    until(lambda: done == ["went on"])


def test_scripts_of_the_lab_are_one_module_that_fetches_nothing() -> None:
    text = module(FORMULA_SCRIPTS)
    assert "\nimport " not in text
    assert text.count("\nexport ") == 1
    assert "http" not in text + style("style", "autoscale")
    assert style("style", "autoscale").startswith(style())


def test_static_display_is_a_picture_with_a_constant_text(
    pool: bl.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", "1")
    for bench in (pool.auto_scale_lab(), bl.AutoScaleLab("a = 1;\n" * 30)):
        bundle = bench._repr_mimebundle_()
        assert list(bundle) == ["text/plain", "text/html", "image/png"]
        assert bundle["text/plain"] == repr(bench)
        assert bench._repr_html_() == bundle["text/html"]
        image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
        assert image.width in (720, 1440)
        assert sum(map(len, bundle.values())) <= 60_000


def test_display_outside_of_a_notebook_is_text_and_escaped_html(pool: bl.Pool) -> None:
    bundle = pool.auto_scale_lab(f"// {EVIL}\n$TargetDedicatedNodes = 1;")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "<img" not in bundle["text/html"]
    assert "&lt;img" in bundle["text/html"]
    wrong = bl.AutoScaleLab("$TargetDedicatedNodes = ;")._repr_html_() or ""
    assert "unexpected" in wrong
