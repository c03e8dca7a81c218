"""Random lives without Hypothesis: thousands of inputs a second, each life from one seed.

The rules and what must hold are those of `Life`; arguments are drawn from samples of its
strategies. Invariants are checked after every few inputs, and liveness at the end. A life that
fails can be lived again from its seed with a check after every input, which shows the first that
breaks something.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import INITIALIZE_RULE_MARKER, RULE_MARKER

from batchlab.core import invariants
from batchlab.core.messages import facts, inputs
from batchlab.errors import BatchError
from helpers.random_life.life import Life

SAMPLES = 80
"""How many values are drawn of each argument."""
REPORTS = 6
"""How much more often something is answered than anything else happens."""


class Step(NamedTuple):
    """A rule of a life: when it applies, and samples of its arguments."""

    name: str
    applies: tuple[Callable[[Any], bool], ...]
    samples: tuple[tuple[str, list[Any]], ...]


class Walk(Life):
    """One life, driven by a random number generator.

    Parameters
    ----------
    seed : int
    every : int, default 16
        After how many inputs the invariants are checked.
    """

    def __init__(self, seed: int, every: int = 16) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.every = every
        self.count = 0

    def feed(self, item: inputs.Input) -> None:
        """Feed an input, and check the invariants from time to time."""
        self.count += 1
        try:
            step = self.core.handle(self.now, item)
        except BatchError as refusal:
            if not isinstance(item, inputs.Request):
                raise AssertionError(f"the report {item} was refused") from refusal
        else:
            self.machines.obey(step.commands)
            self.pay(step)
        if self.count % self.every == 0:
            invariants.check(self.core.state)
            if self.count % (8 * self.every) == 0:
                self.nothing_idle()

    def dropped(self, report: facts.Report) -> None:
        """Feed a report that must have no effect."""
        self.count += 1
        step = self.core.handle(self.now, report)
        self.core.state.dropped = 0
        done = [*step.commands, *step.changes]
        assert not done, f"{report} came too late, and did {done}"

    def live(self, steps: int) -> None:
        """Begin, take so many random steps, and come to rest."""
        begin, rules = plan(type(self))
        self.act(begin)
        for _ in range(steps):
            step = self.random.choice(rules)
            if all(applies(self) for applies in step.applies):
                self.act(step)
        self.drain()
        self.at_rest()
        self.leave_nothing()
        invariants.check(self.core.state)

    def act(self, step: Step) -> None:
        """Take one step, with arguments drawn from their samples."""
        choice = self.random.choice
        getattr(self, step.name)(**{name: choice(values) for name, values in step.samples})


@cache
def plan(life: type[Life] = Walk) -> tuple[Step, list[Step]]:
    """The first step of every life, and all others, those that answer several times."""
    first = getattr(life.begin, INITIALIZE_RULE_MARKER)
    found = []
    for _, method in inspect.getmembers(life, callable):
        rule = getattr(method, RULE_MARKER, None)
        if rule is None:
            continue
        name = rule.function.__name__
        if name != "restart":  # hypothesis' lives do that
            answers = name in ("answer_some", "exit", "boot", "later", "run_on")
            found += [_step(rule)] * (REPORTS if answers else 1)
    return _step(first), found


def _step(rule: Any) -> Step:
    samples = tuple((name, samples_of(strategy)) for name, strategy in rule.arguments.items())
    return Step(rule.function.__name__, tuple(rule.preconditions), samples)


def samples_of(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Values of a strategy, the same in every process."""
    found: list[Any] = []

    @settings(max_examples=SAMPLES, database=None, derandomize=True, phases=[Phase.generate],
              deadline=None, suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found
