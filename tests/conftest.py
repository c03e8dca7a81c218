"""What all tests share: interrupts that arrive, leaks that have a name, and a word about CI."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Started in the background, a shell's commands are deaf to interrupts, and so would be all that
# the tests start, some of it to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests neither see nor change what the developer did in the exercises.
os.environ["BATCHLAB_PROGRESS"] = ""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep ten thousand collected tests out of the garbage collector's way."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _what_is_left_open_shows_here() -> Iterator[None]:
    """Free what a test has left open and forgotten, so that Python's warning names this test."""
    before = count_descriptors()
    yield
    if count_descriptors() > before:
        gc.collect()


def count_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


left_to_ci: Counter[str] = Counter()
"""Tests that this run leaves out because they carry the mark `ci`, by kind."""


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("ci")
        if mark is not None:
            left_to_ci[mark.args[0]] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_to_ci"] = dict(left_to_ci)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear from a worker of pytest-xdist; each has looked at all tests."""
    left_to_ci.update(Counter(node.workeroutput.get("left_to_ci", {})) - left_to_ci)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if left_to_ci and "not ci" in config.option.markexpr and not config.option.keyword:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_to_ci.items()))
        total = sum(left_to_ci.values())
        terminalreporter.write_line(
            f"{total} slow tests are left to CI ({kinds}); run them with: pytest -m ci"
        )
