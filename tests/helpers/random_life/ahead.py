"""Lives of many short tasks on few nodes, where runs wait for a free slot nearly all the time."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from batchlab.core.machine import Core, Settings
from batchlab.core.messages import inputs
from batchlab.core.model import JobSpec, TaskConstraints, TaskSpec
from helpers.random_life.life import Life
from helpers.random_life.strategies import ORDERS, PREPARATIONS
from helpers.random_life.walk import Walk
from helpers.random_life.without_rules import without_rules

PLAIN_JOBS = st.sampled_from(["a", "b", "c"])


class Ahead(Life):
    """Jobs of the same or of different priority on nodes with queues."""

    @initialize(
        nodes=st.integers(1, 3), spot=st.integers(0, 1), slots=st.integers(1, 2), order=ORDERS,
        depth=st.integers(1, 4), preparation=st.none() | st.none() | PREPARATIONS,
        priorities=st.tuples(*[st.integers(0, 1)] * 3), counts=st.tuples(*[st.integers(0, 9)] * 3),
    )  # fmt: skip
    def begin(
        self, nodes: int, spot: int, slots: int, order: Any, depth: int, preparation: Any,
        priorities: tuple[int, ...], counts: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.core = Core(Settings())
        self.depth, self.added = depth, 0
        self.create_pool("p", nodes, spot, slots, "spread", order, None, False)
        for _ in range(2 * (nodes + spot)):
            self.answer_one()
        for number, job in enumerate("abc"):
            spec = JobSpec(
                id=job, pool_info="p", priority=priorities[number],
                job_preparation_task=preparation if number == 0 else None,
            )  # fmt: skip
            self.feed(inputs.CreateJob(spec=spec))
            self.add_tasks(job, counts[number], 0)

    @rule(job=PLAIN_JOBS, count=st.integers(1, 6), retries=st.integers(0, 1))
    def add_tasks(self, job: str, count: int, retries: int) -> None:
        """Add tasks that can run anywhere."""
        numbers = range(self.added, self.added + count)
        self.added += count
        specs = tuple(
            TaskSpec(
                id=f"n{number}",
                command_line="x",
                constraints=TaskConstraints(max_task_retry_count=retries),
            )
            for number in numbers
        )
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    def _ahead(self, which: int) -> tuple[str, str]:
        found = [run_id for pool in self.core.state.pools.values() for run_id in pool.ahead.runs]
        return found[which % len(found)][:2] if found else ("a", "n0")

    @rule(which=st.integers(0, 50), how=st.sampled_from(["terminate", "delete", "update"]))
    def end_ahead(self, which: int, how: str) -> None:
        """End or change a task that waits on a node."""
        job_id, task_id = self._ahead(which)
        if how == "terminate":
            self.feed(inputs.TerminateTask(job_id=job_id, task_id=task_id))
        elif how == "delete":
            self.feed(inputs.DeleteTask(job_id=job_id, task_id=task_id))
        else:
            self.feed(
                inputs.UpdateTask(job_id=job_id, task_id=task_id, constraints=TaskConstraints())
            )

    @rule(count=st.integers(1, 8), then=st.booleans())
    def run_on(self, count: int, then: bool) -> None:
        """Tasks exit one after the other, and the nodes go on by themselves."""
        for _ in range(count):
            tasks = [
                run_id for run_id, run in self.machines.runs.items()
                if run.kind == "task" and run.coordination is None
            ]  # fmt: skip
            if tasks:
                self.feed(self.machines.exit(tasks[0], then=then))


without_rules(Ahead, (
    "create_pool", "update_pool", "delete_pool", "measure_pool", "measured", "create_job_schedule",
    "update_job_schedule", "disable_job_schedule", "enable_job_schedule", "terminate_job_schedule",
    "delete_job_schedule", "out_of_turn", "application", "certificate", "change_users",
))  # fmt: skip


class AheadWalk(Walk, Ahead):
    """The same without Hypothesis."""
