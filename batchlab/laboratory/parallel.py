"""Simulates several formulas in parallel processes.

Each process is a new interpreter that gets its part of the work on stdin and answers on stdout.
Unlike with `multiprocessing`, the user's script and the threads of a notebook do not interfere.
This process does its own part at the same time, and all of the work if that is not worth starting
interpreters or cannot be sent to them.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from batchlab import background
from batchlab.laboratory.patterns import DAY_S
from batchlab.laboratory.play import Conditions, play
from batchlab.laboratory.results import Simulation

__all__ = ["play_all"]

WORTH = 2_000
"""The number of tasks and samples of all formulas from which processes pay off."""
_WORKER = "from batchlab.laboratory.parallel import work; work()"


def play_all(formulas: Sequence[str], conditions: Conditions) -> list[Simulation]:
    """Simulate each formula; return the results in the same order."""
    workers = min(_cores(), len(formulas))
    if workers < 2 or not background.threads() or not _is_worth(len(formulas), conditions):
        return [play(formula, conditions) for formula in formulas]
    return _share_out(formulas, conditions, workers)


def _is_worth(count: int, conditions: Conditions) -> bool:
    looks = conditions.days * DAY_S / 30
    if looks * count >= WORTH:
        return True  # without drawing tasks just to count them
    tasks = len(conditions.arrivals.draw(conditions.days, seed=conditions.seed))
    return (tasks + looks) * count >= WORTH


def _share_out(formulas: Sequence[str], conditions: Conditions, workers: int) -> list[Simulation]:
    parts = [list(range(first, len(formulas), workers)) for first in range(workers)]
    results: dict[int, Simulation] = {}
    others = [_begin([formulas[index] for index in part], conditions) for part in parts[1:]]
    try:
        for index in parts[0]:
            results[index] = play(formulas[index], conditions)
        for part, other in zip(parts[1:], others, strict=True):
            played = _end(other)
            for number, index in enumerate(part):
                # What failed elsewhere is repeated here, where its error is raised.
                results[index] = played[number] if played else play(formulas[index], conditions)
    finally:
        for other in others:
            other.kill()
            other.wait()
            assert other.stdout is not None
            other.stdout.close()
    return [results[index] for index in range(len(formulas))]


def _begin(formulas: list[str], conditions: Conditions) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pickle.dump((formulas, conditions), pipe)
    return process


def _end(process: subprocess.Popen[bytes]) -> list[Simulation]:
    assert process.stdout is not None
    answer = process.stdout.read()
    if process.wait() or not answer:
        return []
    results: list[Simulation] = pickle.loads(answer)
    return results


def work() -> None:
    """Do the part of the work received on stdin."""
    formulas, conditions = pickle.load(sys.stdin.buffer)
    pickle.dump([play(formula, conditions) for formula in formulas], sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
