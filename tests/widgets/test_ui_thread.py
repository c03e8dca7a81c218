"""Two threads behind all displays: one sends, at most so often; one asks."""

from __future__ import annotations

import gc
import logging
import threading

import pytest

from batchlab.widgets.ui import UiThread
from helpers.waiting import until


class Beat:
    def __init__(self) -> None:
        self.threads: list[str] = []

    def beat(self) -> None:
        self.threads.append(threading.current_thread().name)


def test_everything_is_sent_by_one_thread_and_asked_by_another() -> None:
    ui, beat, names = UiThread(hz=500), Beat(), []
    ui.add(beat)
    ui.send(lambda: names.append(threading.current_thread().name))
    ui.ask(lambda: names.append(threading.current_thread().name))
    until(lambda: len(beat.threads) > 2 and len(names) == 2)
    assert set(beat.threads) == {"batchlab-ui"}
    assert sorted(names) == ["batchlab-ask", "batchlab-ui"]


def test_answer_that_takes_long_holds_no_picture_up() -> None:
    ui, beat, go_on = UiThread(hz=500), Beat(), threading.Event()
    ui.ask(lambda: go_on.wait(60) and None)
    ui.add(beat)
    until(lambda: len(beat.threads) > 5)
    go_on.set()


def test_display_that_fails_is_told_of_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def beat(self) -> None:
            raise ValueError("no such colour")

    ui, beat, broken = UiThread(hz=500), Beat(), Broken()
    with caplog.at_level(logging.ERROR, logger="batchlab"):
        ui.add(broken)
        ui.add(beat)
        until(lambda: len(beat.threads) > 3)
        ui.remove(broken)
    assert "no such colour" in caplog.text


def test_display_that_nobody_holds_is_forgotten() -> None:
    ui, beat = UiThread(hz=500), Beat()
    count = beat.threads
    ui.add(beat)
    until(lambda: len(count) > 0)
    del beat
    gc.collect()
    until(lambda: not len(ui._open))
