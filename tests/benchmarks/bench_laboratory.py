"""The laboratory: a day of a pool, and eight formulas side by side.

Goals: a simulated day with 5,000 tasks and an evaluation every 5 minutes in at most 1 s; eight
formulas compared over such a day in at most 6 s on two cores. Each time is also told as a multiple
of a calibration loop, so that busy and slow machines can be compared with others.
"""

from __future__ import annotations

import sys
import time

import batchlab as bl

LOAD = bl.Arrivals.constant(208, task="5m")
SETTINGS = {"auto_scale_evaluation_interval": "5m"}
FORMULAS = {
    "fixed": bl.formulas.fixed(20),
    "day of week": bl.formulas.day_of_week(),
    "office hours": bl.formulas.office_hours(),
    "pending tasks": bl.formulas.pending_tasks(),
    "slots": bl.formulas.slots(1),
    "slow decay": bl.formulas.slow_decay(25),
    "CPU rule": bl.formulas.cpu_rule(25),
    "idle off": bl.formulas.idle_off(20),
}


def calibrate() -> float:
    """Seconds for a fixed piece of pure Python: the best of many."""
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        total = 0
        for number in range(100_000):
            total += number % 7
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    unit = calibrate()
    print(f"calibration loop {unit * 1e3:.2f} ms")
    for name, formula in FORMULAS.items():
        walls, cpus = [], []
        for _ in range(rounds):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            result = bl.simulate(formula, LOAD, **SETTINGS)
            walls.append(time.perf_counter() - begin)
            cpus.append(time.process_time() - begin_cpu)
        assert result.task_count > 4_800
        assert result.evaluation_count == 289
        cpu = min(cpus)
        print(f"a day, {name:14} {min(walls):6.2f} s, CPU {cpu:5.2f} s {cpu / unit:6.1f}x")
    walls = []
    for _ in range(rounds):
        begin = time.perf_counter()
        bl.compare(FORMULAS, LOAD, **SETTINGS)
        walls.append(time.perf_counter() - begin)
    print(f"eight formulas compared: {min(walls):.2f} s")


if __name__ == "__main__":
    main()
