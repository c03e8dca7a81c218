"""Waiting with something to look at: counts, rate, time left; nothing where nobody looks."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

import batchlab as bl
from batchlab.core.model.values import TaskCounts
from batchlab.handles import progress as waiting
from batchlab.handles.progress import Pace, Progress
from batchlab.widgets.progress import TerminalBar, progress_html, progress_text, span_text
from helpers.fake_connection import FakeConnection


class Screen:
    """A bar that remembers; shared by all that are made in a test."""

    def __init__(self) -> None:
        self.shown: list[Progress] = []
        self.closed = 0

    def show(self, progress: Progress, pace: Pace) -> None:
        self.shown.append(progress)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(waiting, "bar_for", lambda: lambda: screen)
    return screen


class Slow(FakeConnection):
    """A job of ten tasks, one of which ends each quarter of a second of `clock`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, steps: int = 10) -> None:
        super().__init__(CountTasks=lambda question: self.counts())
        self.clock, self.steps, self.end = 100.0, 0, steps
        monkeypatch.setattr(waiting.time, "monotonic", lambda: self.clock)

    def counts(self) -> TaskCounts:
        done = self.steps
        return TaskCounts(active=10 - done, completed=done, succeeded=done - 1, failed=1)

    def wait(self, condition: Any, timeout: Any = None, watch: Any = None) -> None:
        assert watch is not None
        while self.steps < self.end:
            self.steps += 1
            self.clock += 0.25
            watch()


def test_wait_shows_how_far_it_is_until_all_are_done(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    bl.Job(Slow(monkeypatch), "j").tasks.wait()
    assert [progress.done for progress in screen.shown] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 10]
    assert screen.shown[0] == Progress(
        "job j", "tasks",
        (("succeeded", 1), ("failed", 1), ("running", 0), ("waiting", 8)), 2, 10,
    )  # fmt: skip
    assert screen.closed == 1


def test_wait_that_is_over_at_once_shows_nothing(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    bl.Job(Slow(monkeypatch, steps=1), "j").tasks.wait()
    assert not screen.shown
    assert not screen.closed


@pytest.mark.parametrize(("options", "shows"), [
    ({"progress": False}, False), ({"progress": True, "watch": lambda: None}, True),
    ({"watch": lambda: None}, False),
])  # fmt: skip
def test_progress_can_be_turned_off_and_stays_out_of_the_way_of_a_watch(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], shows: bool
) -> None:
    calls = []
    if "watch" in options:
        options = {**options, "watch": lambda: calls.append(1)}
    connection = Slow(monkeypatch)
    if not shows and "watch" not in options:
        monkeypatch.setattr(Slow, "wait", FakeConnection.wait)
    bl.Job(connection, "j").tasks.wait(**options)
    assert bool(screen.shown) == shows
    assert len(calls) == (10 if "watch" in options else 0)


def test_awaited_wait_shows_it_too(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        await bl.Job(Slow(monkeypatch), "j").tasks.done()

    asyncio.run(main())
    assert screen.shown[-1].done == 10
    assert screen.closed == 1


def test_wait_that_fails_takes_the_bar_away(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Slow):
        def wait(self, *args: Any, **kwargs: Any) -> None:
            super().wait(*args, **kwargs)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bl.Job(Failing(monkeypatch), "j").tasks.wait()
    assert screen.closed == 1


@pytest.mark.parametrize("wait", [
    lambda lab: lab.pools["p"].wait("steady"),
    lambda lab: lab.pools["p"].nodes.wait(),
    lambda lab: lab.jobs["j"].tasks.wait(),
    lambda lab: lab.jobs["j"].create_task("last", "sleep 9").wait() or lab.jobs["j"].tasks.wait(),
])  # fmt: skip
def test_waits_of_a_real_service_show_parts_that_add_up(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, wait: Callable[[bl.SimulatedLab], None]
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.0)
    monkeypatch.setattr(waiting, "PAUSE_S", 0.0)
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, start_task="echo hi")
        lab.create_job("j", pool).create_tasks(["sleep 60"] * 5)
        wait(lab)
    assert screen.shown
    for progress in screen.shown:
        assert sum(count for _, count in progress.parts) == progress.total
    assert screen.shown[-1].done == screen.shown[-1].total > 0


def test_results_show_how_many_are_there(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.0)
    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        assert lab.create_job("j", pool).map(time.sleep, [0.5, 0.3]).results() == [None] * 2
    assert screen.shown[-1] == Progress("job j", "tasks", (("completed", 2), ("waiting", 0)), 2, 2)


def test_pace_follows_what_happens_now() -> None:
    pace = Pace(0.0)
    assert pace.left(5) is None
    for second in range(1, 101):
        pace.take(float(second), 10 * second if second <= 50 else 500 + 2 * (second - 50))
    assert pace.rate == pytest.approx(2.0, rel=0.01)
    assert pace.left(100) == pytest.approx(50.0, rel=0.01)
    assert pace.elapsed == 100.0


def test_pace_when_tasks_are_to_be_done_again_starts_from_there() -> None:
    pace = Pace(0.0)
    for at, done in ((1.0, 10), (2.0, 20), (3.0, 5)):
        pace.take(at, done)
    assert pace.rate == 0.0
    assert pace.left(1) is None
    pace.take(4.0, 7)
    assert pace.rate == pytest.approx(2.0)


def test_text_says_counts_rate_and_time_left() -> None:
    pace = Pace(0.0)
    parts = (("succeeded", 995), ("failed", 5), ("running", 8), ("waiting", 2992))
    progress = Progress("job j", "tasks", parts, 1000, 4000)
    pace.take(1.0, 500)
    assert progress_text(progress, pace) == (
        "1,000 of 4,000 tasks, 5 failed, 8 running, 2,992 waiting"
    )
    pace.take(11.0, 1000)
    assert progress_text(progress, pace).endswith(" waiting · 50 per second · 1 min left")
    done = Progress("job j", "tasks", (("succeeded", 4), ("failed", 0)), 4, 4)
    assert progress_text(done, pace) == "4 of 4 tasks · 11 s"


def test_spans_are_said_as_people_say_them() -> None:
    spans = [0.0, 0.44, 9.94, 9.97, 59.6, 61, 3599.7, 7800, 200_000]
    assert [span_text(span) for span in spans] == [
        "0 s", "0.4 s", "9.9 s", "10 s", "1 min", "1 min 01 s", "1 h", "2 h 10 min",
        "2 d 7 h",
    ]  # fmt: skip


def test_html_of_a_progress_is_escaped_and_says_it_to_readers_of_screens() -> None:
    parts = (("succeeded", 1), ("waiting", 3))
    html = progress_html(Progress("job <b>", "tasks", parts, 1, 4), Pace(0.0))
    assert "<b>" not in html
    assert "job &lt;b&gt;" in html
    assert 'role="progressbar"' in html
    assert 'aria-valuenow="1"' in html
    assert "1 of 4 tasks, 3 waiting" in html


def test_terminal_bar_leaves_the_terminal_as_it_was() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, color_system=None, _environ={})
    bar = TerminalBar(console)
    parts = (("succeeded", 1), ("waiting", 3))
    bar.show(Progress("job " + "x" * 90, "tasks", parts, 1, 4), Pace(0.0))
    bar.close()
    assert "1 of 4 tasks, 3 waiting" in file.getvalue()
    assert file.getvalue().endswith("\x1b[1A\x1b[2K")  # up, and the line is cleared
    assert "\x1b[?25h" in file.getvalue()  # the cursor is there again


SCRIPT = textwrap.dedent("""
    import batchlab as bl
    with bl.Lab() as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        job.create_tasks(["sleep {seconds}"])
        print("waiting", flush=True)
        job.tasks.wait()
        print("over", flush=True)
""")


def on_a_terminal(script: str, until: bytes, do: Callable[[int], None], **env: str) -> bytes:
    """Run a script on a terminal of its own; `do` something once it has said `until`."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=slave, stdout=slave, stderr=slave,
        env={**os.environ, "TERM": "xterm", **env}, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    said, done, deadline = b"", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            data = os.read(master, 65536)
        except OSError:
            break  # everybody has gone
        if not data:
            break
        said += data
        if not done and until in said:
            done = True
            do(process.pid)
    process.wait(30)
    os.close(master)
    return said


def test_script_on_a_terminal_shows_a_bar_and_clears_it() -> None:
    said = on_a_terminal(SCRIPT.format(seconds=1.2), b"", lambda pid: None)
    assert b"0 of 1 tasks" in said
    assert said.count(b"\x1b[?25l") == said.count(b"\x1b[?25h") == 1
    assert said.rstrip().endswith(b"\x1b[2Kover")


def test_script_that_is_interrupted_leaves_the_terminal_clean() -> None:
    said = on_a_terminal(
        SCRIPT.format(seconds=30), b"0 of 1 tasks", lambda pid: os.kill(pid, signal.SIGINT)
    )
    assert b"KeyboardInterrupt" in said
    assert said.count(b"\x1b[?25l") == said.count(b"\x1b[?25h") == 1
    assert said.index(b"\x1b[?25h") < said.index(b"Traceback")


@pytest.mark.ci("processes")
def test_script_in_static_mode_or_in_a_pipe_shows_nothing() -> None:
    script = SCRIPT.format(seconds=0.8)
    said = on_a_terminal(script, b"", lambda pid: None, BATCHLAB_STATIC="1")
    assert said.split() == [b"waiting", b"over"]
    piped = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )
    assert (piped.stdout.split(), piped.stderr) == ([b"waiting", b"over"], b"")
