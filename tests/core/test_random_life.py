"""Random lives of a lab: of any kind, and of multi-instance tasks, nearly all of it about them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize
from hypothesis.stateful import run_state_machine_as_test as run_random

from batchlab.core.machine import Core, Settings
from batchlab.core.messages import inputs
from batchlab.core.model import JobSpec, MultiInstanceSettings, TaskConstraints, TaskSpec
from batchlab.core.tasks import dependencies
from helpers.random_life.ahead import Ahead, AheadWalk
from helpers.random_life.life import Life
from helpers.random_life.strategies import INSTANCES, PREPARATIONS, TASK_LIMITS
from helpers.random_life.walk import Walk
from helpers.random_life.without_rules import without_rules

SMALL = settings(
    max_examples=150,
    stateful_step_count=40,
    phases=[Phase.generate, Phase.shrink],
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SOAK = settings(SMALL, max_examples=5_000, stateful_step_count=100, derandomize=False)


@pytest.fixture
def short_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of three numbers are long ones: both kinds occur."""
    monkeypatch.setattr(dependencies, "SHORT", 2)


@pytest.mark.timeout(600)  # finding the smallest life that fails takes its time
@pytest.mark.usefixtures("short_ranges")
def test_core_random_life_holds_invariants_and_drains() -> None:
    run_random(Life, settings=SMALL)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.usefixtures("short_ranges")
def test_core_long_random_life_holds_invariants_and_drains() -> None:
    run_random(Life, settings=SOAK)


class Together(Life):
    """Two jobs of different priority on one pool of talking nodes."""

    @initialize(
        nodes=st.integers(2, 4), spot=st.integers(0, 1), up=st.booleans(),
        preparation=st.none() | PREPARATIONS, preempted=st.booleans(),
        together=st.lists(INSTANCES, min_size=1, max_size=3), limits=TASK_LIMITS,
    )  # fmt: skip
    def begin(
        self, nodes: int, spot: int, up: bool, preparation: Any, preempted: bool,
        together: list[MultiInstanceSettings], limits: TaskConstraints,
    ) -> None:  # fmt: skip
        self.core = Core(Settings())
        self.create_pool("p", nodes, spot, 1, "spread", "none", None, True)
        for _ in range(2 * (nodes + spot) if up else 0):
            self.answer_one()
        for number, job in enumerate(("a", "b")):
            spec = JobSpec(
                id=job, pool_info="p", priority=number, job_preparation_task=preparation,
                allow_task_preemption=preempted,
            )  # fmt: skip
            self.feed(inputs.CreateJob(spec=spec))
        for name in ("x", "y"):
            plain = TaskSpec(id=name, command_line="x", constraints=limits)
            self.feed(inputs.CreateTasks(job_id="a", specs=(plain,)))
        specs = tuple(
            TaskSpec(
                id=f"m{number}", command_line="x", constraints=limits,
                multi_instance_settings=one,
            )
            for number, one in enumerate(together)
        )  # fmt: skip
        self.feed(inputs.CreateTasks(job_id="b", specs=specs))
        self.feed(inputs.CreateTasks(job_id="a", specs=specs))


without_rules(Together, (
    "create_pool", "update_pool", "delete_pool", "measure_pool", "measured", "update_task",
    "delete_job", "terminate_job", "create_job_schedule", "update_job_schedule",
    "disable_job_schedule", "enable_job_schedule", "terminate_job_schedule",
    "delete_job_schedule", "out_of_turn",
))  # fmt: skip

FEW = settings(SMALL, max_examples=40)
FEW_LONG = settings(SMALL, max_examples=3_000, stateful_step_count=80, derandomize=False)


@pytest.mark.timeout(600)
def test_core_random_life_of_multi_instance_tasks_drains() -> None:
    run_random(Together, settings=FEW)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_core_long_random_life_of_multi_instance_tasks_drains() -> None:
    run_random(Together, settings=FEW_LONG)


@pytest.mark.parametrize("hundred", range(5))
def test_core_random_walk_holds_invariants_and_drains(hundred: int) -> None:
    """A few of the lives that ``python tests/chaos/walk.py`` lives by the thousand."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        Walk(seed).live(60)


@pytest.mark.timeout(600)
def test_core_random_life_of_short_tasks_drains() -> None:
    run_random(Ahead, settings=FEW)


def test_core_random_walk_of_short_tasks_drains() -> None:
    for seed in range(150):
        AheadWalk(seed).live(60)
