"""Millions of random inputs with faults, on all cores: ``python tests/chaos/walk.py``.

Prints how many inputs were lived through, at which rate, and the seeds of lives that broke
something; ``--again SEED`` lives one of them again, with all checks after every input.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from helpers.random_life.ahead import AheadWalk
from helpers.random_life.walk import Walk

STEPS = 150
"""Random steps of one life."""


def walk_of(seed: int, **options: int) -> Walk:
    """The life of a seed: every third is one of short tasks that wait on nodes."""
    return AheadWalk(seed, **options) if seed % 3 == 0 else Walk(seed, **options)


class Outcome(NamedTuple):
    """What a range of seeds came to."""

    inputs: int
    cpu_s: float
    broken: list[tuple[int, str]]


def live(seeds: range) -> Outcome:
    """Live one life for each seed."""
    count, broken, start = 0, [], time.process_time()
    for seed in seeds:
        walk = walk_of(seed)
        try:
            walk.live(STEPS)
        except Exception as error:
            broken.append((seed, "".join(traceback.format_exception_only(error))[:300]))
        count += walk.count
    return Outcome(count, time.process_time() - start, broken)


def main() -> int:
    """Live until enough inputs were handled; return 1 if anything was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many, at least")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--again", type=int, help="live this seed again, and show what it breaks")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if asked.again is not None:
        walk_of(asked.again, every=1).live(STEPS)
        print(f"the life of seed {asked.again} is sound")
        return 0
    total, cpu_s, broken, seed, chunk = 0, 0.0, [], asked.seed, 200
    with ProcessPoolExecutor(asked.processes) as workers:
        while total < asked.inputs:
            ranges = [range(seed + n * chunk, seed + (n + 1) * chunk)
                      for n in range(asked.processes)]  # fmt: skip
            seed = ranges[-1].stop
            for outcome in workers.map(live, ranges):
                total += outcome.inputs
                cpu_s += outcome.cpu_s
                broken += outcome.broken
            print(f"\r{total:,} inputs, {len(broken)} broken", end="", flush=True)
            if len(broken) > 20:
                break
    lives = seed - asked.seed
    print(f"\n{total:,} inputs in {lives:,} lives (seeds {asked.seed} to {seed - 1}), "
          f"{total / cpu_s:,.0f} a second of processor time")  # fmt: skip
    for number, why in broken:
        print(f"broken: seed {number}: {why.strip()}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
