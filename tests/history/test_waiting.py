"""What `explain` says at a moment is what a report books for it, in any life of a lab."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from hypothesis.stateful import run_state_machine_as_test as run_random

import batchlab as bl
from batchlab.core.answers.wait_kinds import WAITS
from batchlab.core.messages import inputs
from batchlab.core.messages import questions as q
from batchlab.core.model import TaskSpec
from batchlab.core.tasks import dependencies
from batchlab.history.subject import SubjectHistory
from batchlab.history.tables import Tables
from batchlab.history.waiting import Waiting
from batchlab.reports import report_of
from helpers.random_life.life import Life
from helpers.random_life.strategies import JOBS

LIMITS = {
    "JobManager", "NoInterNodeCommunication", "NotOneSlot", "TooManySlots", "MaxParallelTasks",
    "SpotNode", "TooFewNodes", "UserIdentity",
}  # fmt: skip
"""Reasons that lie with a task or its job, whatever its pool is like."""
FULL = {"Busy", "Held", "Room", "HigherPriority", "EqualPriority", "Queue"}
NOT_TAKING = {
    "NoNodes", "ResizeFailed", "StartTaskFailed", "Unusable", "ContactLost", "Leaving", "Draining",
    "SchedulingDisabled", "PreparationFailed", "Restarting", "Deallocated",
}  # fmt: skip
SAID = {
    "slots": FULL | NOT_TAKING | {"Coming"},
    "held back": FULL | NOT_TAKING | {"Coming"},
    "starting": {"Coming"} | NOT_TAKING,
    "no nodes": NOT_TAKING,
    "no pool": {"PoolNotFound", "PoolBeingDeleted"},
    "preparation": {"Preparing"},
    "dependencies": {"Dependencies"},
    "disabled": {"JobDisabled"},
    "": {"JobEnded"},
}
"""The codes that go with each kind of wait."""
KINDS = [kind for kind in WAITS if kind != "others"]
seen: Counter[str] = Counter()


class ReportedLife(Life):
    """A life whose changes become a report, and whose tasks are asked why they wait."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = Tables()
        self.explained: dict[float, Counter[str]] = {}

    def feed(self, item: inputs.Input) -> None:
        self.now += 0.01  # each input has a moment of its own
        super().feed(item)
        step = self.history[-1][1]
        self.tables.take(step.changes if step else (), self.now)
        self.explained[self.now] = self.waits()

    @rule(job=JOBS, length=st.integers(2, 4))
    def create_chain(self, job: str, length: int) -> None:
        """Tasks of which each waits for the one before."""
        name = f"chain{len(self.history)}-"
        specs = tuple(
            TaskSpec(id=f"{name}{number}", command_line="x",
                     depends_on=[f"{name}{number - 1}"] if number else None)
            for number in range(length)
        )  # fmt: skip
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    def waits(self) -> Counter[str]:
        """How many tasks wait for what, by what is explained of each."""
        found: Counter[str] = Counter()
        for job in self.core.state.jobs.values():
            for task in job.tasks.values():
                if task.phase.state == "completed":
                    continue  # what happened to it is no wait
                question = q.ExplainTask(job_id=job.key, task_id=task.spec.id)
                reasons = [
                    reason
                    for reason in self.core.ask(question, self.now)
                    if reason.code not in ("UserIdentity", "NodeUserNotFound")
                ]
                if not reasons:
                    continue
                (kind,) = {reason.wait for reason in reasons}
                codes = {reason.code for reason in reasons}
                assert codes <= SAID[kind] | LIMITS, f"{kind}: {codes}"
                if kind == "starting":
                    assert codes & {"Coming", *LIMITS}
                found[kind] += bool(kind)
        return found

    def teardown(self) -> None:
        super().teardown()
        if not self.sound:
            return
        history = SubjectHistory(self.tables, "lab")
        line = Waiting(history).steps.series(
            [*WAITS, "capacity", "used"], history.begin, history.end
        )
        for at, explained in self.explained.items():
            if not history.begin <= at < history.end:
                continue
            booked = {kind: line.at(kind, at) for kind in WAITS}
            booked["slots"] += booked.pop("others")
            for kind in KINDS:
                assert abs(booked[kind] - explained[kind]) < 1e-6, f"{kind} at {at}"
            seen.update(explained)


@pytest.mark.timeout(600)
def test_explanation_and_report_agree_at_any_moment_of_any_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dependencies, "SHORT", 2)
    seen.clear()
    run_random(
        ReportedLife,
        settings=settings(
            max_examples=100, stateful_step_count=40, phases=[Phase.generate, Phase.shrink],
            deadline=None, derandomize=True, database=None, print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )  # fmt: skip
    assert all(seen[kind] for kind in KINDS), seen


def test_a_lost_node_is_on_its_way_back_for_explanation_and_report_alike() -> None:
    with bl.SimulatedLab(boot="60s") as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)
        task = job.create_task("t", "sleep 600")
        lab.advance("10s")
        (node,) = pool.nodes.values()
        lab._connection.lose_node("p", node.id)
        lab.advance("10s")
        (reason,) = task.explain().reasons
        assert reason.code == "Coming"
        assert WAITS[reason.wait].label == "no node was up yet"
        report: Any = report_of(lab._connection, "lab", "")
        assert report.numbers.waiting_hours["starting"] * 3600 >= 10
        assert "no nodes" not in report.numbers.waiting_hours
