"""`batchlab demo`: what it tells, in both worlds, and how it ends when something is wrong."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

import batchlab as bl
from batchlab.cli import app
from batchlab.cli.terminal import remembered_interrupt
from batchlab.demo import JOB_ID, POOL_ID, Demo

NODE = r"tvm-\d+_\d+-\w+"


def told(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def told_outside(*arguments: str) -> str:
    """What the command tells that somebody types."""
    done = subprocess.run(
        [sys.executable, "-m", "batchlab", "demo", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("world", [
    pytest.param(["--simulated"], id="simulated"), pytest.param([], id="light"),
    pytest.param(["--processes"], id="processes", marks=pytest.mark.ci("processes")),
])  # fmt: skip
def test_demo_tells_the_whole_sample(world: list[str]) -> None:
    lines = iter(told_outside(*world).splitlines())

    def after(pattern: str) -> str:
        for line in lines:
            if re.fullmatch(pattern, line):
                return line
        raise AssertionError(f"the demo did not tell {pattern!r} in its place")

    after(f"Created pool {POOL_ID} with 2 nodes")
    after(f"Checking for existing job {JOB_ID}...")
    after(f"Job {JOB_ID} not found, creating...")
    after("Submitting tasks and awaiting completion...")
    after("All tasks completed.")
    ran: list[str] = []
    for _ in range(2):
        node = after(f"Contents of shared/job_prep_and_release.txt on {NODE}:").split()[-1][:-1]
        after("-+")
        assert after(NODE) == node
        assert next(lines) == "tasks:"
        while (line := next(lines)).startswith("task"):
            ran.append(line)
    assert sorted(ran) == [f"task{number:03d}" for number in range(1, 9)]
    after(f"Waiting for job {JOB_ID} to reach state completed...")
    for _ in range(2):
        after(f"{NODE}:")
        assert next(lines) == "  Prep task exit code: 0"
        assert next(lines) == "  Release task exit code: 0"
    for _ in range(2):
        after(rf"shared/job_prep_and_release\.txt on {NODE} is gone\.")
    after(r"Delete job\? \[yes\] no yes")
    after(r"Delete pool\? \[yes\] no yes")
    after("Sample complete.")


def test_demo_shows_a_node_that_ran_nothing_as_such() -> None:
    text = told("--simulated", "--nodes", "3", "--tasks", "2")
    assert (
        len(
            re.findall(
                f"{NODE} ran no tasks, so there was no preparation and there is no file", text
            )
        )
        == 1
    )
    assert (
        len(re.findall(f"{NODE} ran no tasks, so there was no preparation and no release", text))
        == 1
    )
    assert text.count("Prep task exit code: 0") == 2
    assert text.count("is gone.") == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--simulated", "--processes"],
        ["--simulated", "--scheduler", "tcp://x:1"],
        ["--scheduler", "tcp://x:1", "--processes"],
        ["--nodes", "0"],
        ["--tasks", "-1"],
        ["--nodes", "many"],
        ["--bogus"],
    ],
    ids=" ".join,
)
def test_demo_with_wrong_options_says_how_to_use_it(arguments: list[str]) -> None:
    assert "Traceback" not in told(*arguments, code=2)


def test_demo_without_its_scheduler_says_so() -> None:
    result = CliRunner().invoke(app, ["demo", "--scheduler", "nonsense"])
    assert result.exit_code == 1
    assert result.stderr.startswith("batchlab: InvalidUri: 'nonsense'")


def showing(
    lab: bl.SimulatedLab, answer: bool = True, check: Callable[[], None] = lambda: None
) -> tuple[Demo, Callable[[], str]]:
    text = StringIO()
    console = Console(file=text, width=200, highlight=False)
    return Demo(lab, console, lambda question: answer, check), text.getvalue


def test_demo_goes_on_with_a_pool_that_is_there() -> None:
    with bl.SimulatedLab() as lab:
        lab.create_pool(POOL_ID, target_dedicated_nodes=1)
        demo, text = showing(lab)
        assert demo.run(5, 3)
        assert "already existed" in text()
        assert f"Using pool {POOL_ID} with 1 node\n" in text()


def test_demo_with_a_job_that_is_there_says_how_to_get_rid_of_it() -> None:
    with bl.SimulatedLab() as lab:
        lab.create_job(JOB_ID, "other")
        demo, _ = showing(lab)
        with pytest.raises(bl.Conflict, match=re.escape(f"lab.jobs['{JOB_ID}'].delete()")):
            demo.run(1, 1)
        demo.clean_up()
        lab.pools[POOL_ID].wait("deleted")
        assert list(lab.jobs) == [JOB_ID]


def test_demo_leaves_what_the_user_wants_to_keep() -> None:
    with bl.SimulatedLab() as lab:
        demo, _ = showing(lab, answer=False)
        assert demo.run(1, 1)
        assert lab.jobs[JOB_ID].state == "completed"
        assert lab.pools[POOL_ID].state == "active"


def test_demo_whose_tasks_fail_says_why() -> None:
    workload = bl.Workload(rules={"task*": bl.Behavior(exit_code=1)})
    with bl.SimulatedLab(workload=workload) as lab:
        demo, text = showing(lab)
        assert not demo.run(1, 2)
        assert "but 2 failed" in text()
        assert "task001: FailureExitCode" in text()


def test_demo_with_too_few_nodes_tells_the_resize_error() -> None:
    with bl.SimulatedLab(max_nodes=1) as lab:
        demo, text = showing(lab)
        assert demo.run(3, 2)
        assert "AllocationFailed" in text()
        assert f"Created pool {POOL_ID} with 1 node\n" in text()


Terminal = Callable[..., tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def in_terminal() -> Iterator[Terminal]:
    """Start the command in a terminal of its own; nothing of it outlives the test."""
    with ExitStack() as stack:

        def start(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
            own, other = pty.openpty()
            process = subprocess.Popen(
                [sys.executable, "-m", "batchlab", "demo", *arguments],
                stdin=other, stdout=other, stderr=other, start_new_session=True,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
            )  # fmt: skip
            os.close(other)
            stack.callback(os.close, own)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process, own

        yield start


def read_until(terminal: int, words: str, seconds: float = 60.0) -> str:
    text, deadline = "", time.monotonic() + seconds
    while words not in text:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{words!r} did not come:\n{text}"
        try:
            text += os.read(terminal, 65536).decode(errors="replace")
        except OSError:
            pytest.fail(f"the command ended without {words!r}:\n{text}")
    return text


def test_interrupt_that_was_lost_in_a_hook_is_raised_at_the_next_step() -> None:
    before = signal.getsignal(signal.SIGINT)
    with remembered_interrupt() as check:
        check()
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with bl.SimulatedLab() as lab:
            demo, text = showing(lab, check=check)
            with pytest.raises(KeyboardInterrupt):
                demo.run(1, 1)
        assert text() == ""
    assert signal.getsignal(signal.SIGINT) is before


INTERRUPTED_IN_A_HOOK = """
import gc, signal
from batchlab.cli.terminal import remembered_interrupt

def hook(phase, info):
    if phase == "start":
        signal.raise_signal(signal.SIGINT)

class Faulty:
    def __del__(self):
        raise ValueError("shown")

with remembered_interrupt() as check:
    gc.callbacks.append(hook)
    gc.collect()
    gc.callbacks.remove(hook)
    Faulty()
    try:
        check()
    except KeyboardInterrupt:
        print("remembered")
"""


def test_interrupt_that_was_lost_in_a_hook_is_not_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IN_A_HOOK], capture_output=True, text=True, check=True
    )
    assert done.stdout == "remembered\n"
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.endswith("ValueError: shown\n")


def test_demo_on_a_terminal_shows_progress_and_asks(in_terminal: Terminal) -> None:
    process, terminal = in_terminal("--simulated", "--tasks", "50")
    text = read_until(terminal, "Delete job? [yes] no")
    assert "50/50" in text
    os.write(terminal, b"\n")
    read_until(terminal, "Delete pool? [yes] no")
    os.write(terminal, b"no\n")
    read_until(terminal, "Sample complete.")
    assert process.wait(60) == 0


@pytest.mark.parametrize("world", [
    pytest.param([], id="light"),
    pytest.param(["--processes"], id="processes", marks=pytest.mark.ci("processes")),
])  # fmt: skip
def test_demo_that_is_interrupted_says_in_one_line_that_it_cleaned_up(
    world: list[str], in_terminal: Terminal
) -> None:
    process, terminal = in_terminal("--tasks", "2000", *world)
    read_until(terminal, "Submitting tasks")
    os.killpg(process.pid, signal.SIGINT)
    text = read_until(terminal, "Interrupted:")
    assert process.wait(60) == 130
    assert "Traceback" not in text


def test_version_and_help_read_well() -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["--version"]).output == f"batchlab {bl.__version__}\n"
    text = runner.invoke(app, ["demo", "--help"]).output
    options = ("--nodes", "--tasks", "--processes", "--scheduler", "--simulated", "--yes")
    assert all(option in text for option in options)
