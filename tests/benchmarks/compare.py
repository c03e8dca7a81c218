"""Alternating rounds of several contenders on one machine, reported as ratios of medians.

Rates of a busy machine say little; what two contenders do in the same minutes, in turns, says
more. Every benchmark here is a script: ``python tests/benchmarks/bench_….py``.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Self

import psutil


def fast_folder() -> str:
    """A folder to work in: tmpfs, where files cost no disk, if there is one."""
    shm = Path("/dev/shm")
    return str(shm) if shm.is_dir() else tempfile.gettempdir()


@cache
def compiled(source: Path) -> str:
    """Compile a C program; return its path."""
    program = f"{tempfile.mkdtemp()}/{source.stem}"
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


class Stopwatch:
    """Takes the time and the CPU, of this process and all below it, of a ``with`` block."""

    def __enter__(self) -> Self:
        self.cpu_s, self.wall_s = -self.cpu_s_now(), -time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s += time.perf_counter()
        self.cpu_s += self.cpu_s_now()

    def cpu_s_now(self) -> float:
        """The CPU seconds that have been used so far."""
        me = psutil.Process()
        return sum(map(used_s, [me, *me.children(recursive=True)]))


def used_s(process: psutil.Process) -> float:
    """The CPU seconds of a process and of those that it has waited for."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def alternate(
    contenders: Mapping[str, Callable[[], float]], rounds: int = 5
) -> dict[str, list[float]]:
    """Run each contender once per round, in turns, the order reversed every other round.

    A contender returns its own measure (seconds, or a rate).
    """
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
        for name in names:
            results[name].append(contenders[name]())
    return results


def report(
    title: str, results: Mapping[str, list[float]], unit: str, base: str, goal: str = ""
) -> None:
    """Print the median of each contender, its range, and its ratio to the base."""
    print(f"\n{title}" + (f"   (goal: {goal})" if goal else ""))
    for name, values in results.items():
        ratios = [mine / other for mine, other in zip(values, results[base], strict=True)]
        spread = f"[{min(values):.4g} … {max(values):.4g}]"
        ratio = f"x {statistics.median(ratios):.2f} of {base}"
        print(f"  {name:34s} {statistics.median(values):10.4g} {unit:9s} {spread}   {ratio}")
