"""A random life of a lab: any request, any report, any order; what must hold is in `checked`."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from batchlab.core.machine import Core, Settings
from batchlab.core.messages import facts, inputs
from batchlab.core.model import (
    ExitConditions,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobSpec,
    MultiInstanceSettings,
    PoolInfo,
    Quotas,
    TaskConstraints,
    TaskDependencies,
    TaskSpec,
)
from helpers.random_life.pools import WithPools
from helpers.random_life.strategies import (
    AUTO_POOLS,
    COMPLETE,
    CONDITIONS,
    FAILURE,
    HOW,
    INSTANCES,
    JOB_LIMITS,
    JOBS,
    MANAGERS,
    NEW_JOBS,
    PARALLEL,
    PARENTS,
    POOL_INFOS,
    POOLS,
    PREPARATIONS,
    QUOTAS,
    TASK_LIMITS,
    TASKS,
    WHICH,
)


class Life(WithPools):
    """What can be asked for and what can happen, in any order."""

    @initialize(
        quotas=QUOTAS,
        nodes=st.integers(1, 3),
        spot=st.integers(0, 2),
        slots=st.integers(1, 2),
        preparation=st.none() | PREPARATIONS,
        up=st.booleans(),
        together=st.none() | INSTANCES,
        depth=st.integers(0, 3),
    )
    def begin(
        self, quotas: Quotas | None, nodes: int, spot: int, slots: int, preparation: Any,
        up: bool, together: MultiInstanceSettings | None, depth: int,
    ) -> None:  # fmt: skip
        self.depth = depth
        talk = together is not None
        nodes, slots = (nodes + 1, 1) if talk else (nodes, slots)
        self.core = Core(Settings(quotas=quotas or Quotas()))
        self.create_pool("p", nodes, spot, slots, "spread", "none", None, talk)
        for _ in range(2 * (nodes + spot) if up else 0):
            self.answer_one()
        self.create_job(
            "a", PoolInfo(pool_id="p"), 0, preparation, True, JobConstraints(), None, 4, None,
            -1, True, "noaction",
        )  # fmt: skip
        if together:
            self.create_multi_instance_tasks(
                "a", ["02", "3"], 1, TaskConstraints(max_task_retry_count=1), together, None, None,
                0,
            )  # fmt: skip

    # -- requests: jobs and tasks ----------------------------------------------------------------

    @rule(
        job=NEW_JOBS,
        pool=POOL_INFOS | POOL_INFOS | AUTO_POOLS,
        priority=st.integers(-1, 1),
        preparation=st.none() | PREPARATIONS,
        release=st.booleans(),
        limits=JOB_LIMITS,
        complete=COMPLETE,
        tasks=st.integers(0, 4),
        manager=st.none() | MANAGERS,
        parallel=PARALLEL,
        preempted=st.booleans(),
        failure=FAILURE,
    )
    def create_job(
        self, job: str, pool: PoolInfo, priority: int, preparation: JobPreparationTask | None,
        release: bool, limits: JobConstraints, complete: str | None, tasks: int,
        manager: JobManagerTask | None, parallel: int, preempted: bool, failure: Any,
    ) -> None:  # fmt: skip
        spec = JobSpec(
            id=job, pool_info=pool, priority=priority, constraints=limits,
            job_preparation_task=preparation,
            job_release_task="rel" if preparation and release else None,
            on_all_tasks_complete=complete or "noaction", job_manager_task=manager,
            max_parallel_tasks=parallel, allow_task_preemption=preempted,
            on_task_failure=failure, uses_task_dependencies=True,
        )  # fmt: skip
        self.feed(inputs.CreateJob(spec=spec))
        ids = ["t1", "t2", "t3", "T4"][:tasks]
        specs = tuple(TaskSpec(id=i, command_line="x") for i in ids)
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    @rule(job=JOBS, priority=st.none() | st.integers(-1, 1), limits=st.none() | JOB_LIMITS,
          pool=st.none() | POOLS, complete=COMPLETE, parallel=st.none() | PARALLEL,
          preempted=st.none() | st.booleans())  # fmt: skip
    def update_job(
        self, job: str, priority: int | None, limits: JobConstraints | None, pool: str | None,
        complete: Any, parallel: int | None, preempted: bool | None,
    ) -> None:  # fmt: skip
        self.feed(
            inputs.UpdateJob(
                job_id=job,
                priority=priority,
                constraints=limits,
                pool_info=PoolInfo(pool_id=pool) if pool else None,
                on_all_tasks_complete=complete,
                max_parallel_tasks=parallel,
                allow_task_preemption=preempted,
            )
        )

    @rule(job=JOBS, how=st.sampled_from(["requeue", "terminate", "wait"]))
    def disable_job(self, job: str, how: Any) -> None:
        self.feed(inputs.DisableJob(job_id=job, disable_tasks=how))

    @rule(job=JOBS)
    def enable_job(self, job: str) -> None:
        self.feed(inputs.EnableJob(job_id=job))

    @rule(job=JOBS)
    def terminate_job(self, job: str) -> None:
        self.feed(inputs.TerminateJob(job_id=job))

    @rule(job=JOBS)
    def delete_job(self, job: str) -> None:
        self.feed(inputs.DeleteJob(job_id=job))

    @rule(job=JOBS, ids=st.lists(TASKS, max_size=3), slots=st.integers(1, 3), limits=TASK_LIMITS,
          parents=PARENTS, conditions=CONDITIONS, near=st.none() | WHICH)  # fmt: skip
    def create_tasks(
        self, job: str, ids: list[str], slots: int, limits: TaskConstraints,
        parents: TaskDependencies | None, conditions: ExitConditions | None, near: int | None,
    ) -> None:  # fmt: skip
        hint = None if near is None else f"TVM:{self.some_node(near)[1]}"
        specs = tuple(
            TaskSpec(
                id=i, command_line="x", required_slots=slots, constraints=limits,
                depends_on=parents, exit_conditions=conditions, affinity_info=hint,
            )
            for i in ids
        )  # fmt: skip
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    @rule(job=JOBS, ids=st.lists(TASKS, min_size=1, max_size=2),
          slots=st.sampled_from([1, 1, 1, 2]), limits=TASK_LIMITS, instances=INSTANCES,
          parents=st.none() | PARENTS, conditions=CONDITIONS, near=st.none() | WHICH)  # fmt: skip
    def create_multi_instance_tasks(
        self, job: str, ids: list[str], slots: int, limits: TaskConstraints,
        instances: MultiInstanceSettings, parents: TaskDependencies | None,
        conditions: ExitConditions | None, near: int | None,
    ) -> None:  # fmt: skip
        hint = None if near is None else f"TVM:{self.some_node(near)[1]}"
        specs = tuple(
            TaskSpec(
                id=i, command_line="x", required_slots=slots, constraints=limits,
                depends_on=parents, exit_conditions=conditions, affinity_info=hint,
                multi_instance_settings=instances,
            )
            for i in ids
        )  # fmt: skip
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    @rule(job=JOBS, task=TASKS, limits=TASK_LIMITS)
    def update_task(self, job: str, task: str, limits: TaskConstraints) -> None:
        self.feed(inputs.UpdateTask(job_id=job, task_id=task, constraints=limits))

    @rule(job=JOBS, task=TASKS)
    def terminate_task(self, job: str, task: str) -> None:
        self.feed(inputs.TerminateTask(job_id=job, task_id=task))

    @rule(job=JOBS, task=TASKS)
    def reactivate_task(self, job: str, task: str) -> None:
        self.feed(inputs.ReactivateTask(job_id=job, task_id=task))

    @rule(job=JOBS, task=TASKS)
    def delete_task(self, job: str, task: str) -> None:
        self.feed(inputs.DeleteTask(job_id=job, task_id=task))

    # -- reports ---------------------------------------------------------------------------------

    @rule(count=st.integers(1, 6))
    def answer_some(self, count: int) -> None:
        for _ in range(count):
            self.answer_one()

    @precondition(lambda self: self.machines.runs)
    @rule(which=WHICH, how=HOW, again=st.booleans(), then=st.booleans())
    def exit(self, which: int, how: str, again: bool, then: bool) -> None:
        runs = list(self.machines.runs)
        report = self.machines.exit(runs[which % len(runs)], how, then=then)
        self.feed(report)
        if again:
            self.dropped(report)

    @precondition(lambda self: self.machines.at("up"))
    @rule(which=WHICH, depth=st.integers(0, 4), patience_s=st.sampled_from([0.5, 2.0, 30.0]))
    def measure_depth(self, which: int, depth: int, patience_s: float) -> None:
        nodes = self.machines.at("up")
        node_id = nodes[which % len(nodes)]
        self.feed(facts.DepthMeasured(node_id=node_id, depth=depth, patience_s=patience_s))

    @rule()
    def start_ahead(self) -> None:
        report = self.machines.start_ahead()
        if report is not None:
            self.feed(report)
            self.dropped(report)

    @precondition(lambda self: self.machines.recalls)
    @rule(again=st.booleans())
    def take_back(self, again: bool) -> None:
        report = self.machines.take_back()
        self.feed(report)
        if again:
            self.dropped(report)

    @precondition(lambda self: self.machines.lost_ahead)
    @rule(which=WHICH, started=st.booleans())
    def late_ahead(self, which: int, started: bool) -> None:
        lost = self.machines.lost_ahead
        run_id = lost.pop(which % len(lost))
        late = facts.RunStarted(run_id=run_id) if started else facts.TakenBack(taken=(run_id,))
        self.dropped(late)

    @precondition(lambda self: self.machines.at("asked", "trying", "allocated"))
    @rule(which=WHICH, well=st.booleans(), trying=st.booleans(), again=st.booleans())
    def boot(self, which: int, well: bool, trying: bool, again: bool) -> None:
        nodes = self.machines.at("asked", "trying", "allocated")
        node = nodes[which % len(nodes)]
        boots = self.machines.boots[node]
        if not well:
            report = self.machines.fail(node, trying=trying)
        elif self.machines.stages[node] != "allocated":
            report = self.machines.allocate(node)
        else:
            report = self.machines.start(node)
        self.feed(report)
        self.deepen(report)
        if again:
            self.feed(report)
        if boots > 1:
            self.dropped(msgspec.structs.replace(report, boot=boots - 1))

    @precondition(lambda self: self.machines.at("asked", "allocated", "up", "evicted"))
    @rule(which=WHICH, again=st.booleans())
    def lose(self, which: int, again: bool) -> None:
        nodes = self.machines.at("asked", "allocated", "up", "evicted")
        report = self.machines.lose(nodes[which % len(nodes)])
        self.feed(report)
        if again:
            self.dropped(report)

    @rule(closed=st.booleans())
    def resume(self, closed: bool) -> None:
        if closed:
            self.feed(facts.LabClosing())
        self.feed(self.machines.lose_all())

    @precondition(lambda self: self.machines.at("stopping"))
    @rule(which=WHICH, again=st.booleans())
    def stop(self, which: int, again: bool) -> None:
        nodes = self.machines.at("stopping")
        report = self.machines.stop(nodes[which % len(nodes)])
        self.feed(report)
        if again:
            self.dropped(report)

    @precondition(lambda self: self.machines.at("releasing"))
    @rule(which=WHICH, files_kept=st.booleans(), again=st.booleans())
    def release(self, which: int, files_kept: bool, again: bool) -> None:
        nodes = self.machines.at("releasing")
        report = self.machines.release(nodes[which % len(nodes)], files_kept=files_kept)
        self.feed(report)
        if again:
            self.feed(report)

    @precondition(lambda self: self.machines.ghosts)
    @rule(which=WHICH, cancelled=st.booleans())
    def late(self, which: int, cancelled: bool) -> None:
        ghosts = self.machines.ghosts
        run_id = ghosts.pop(which % len(ghosts))
        self.dropped(facts.RunExited(run_id=run_id, exit_code=0, cancelled=cancelled))

    @precondition(lambda self: self.machines.at("up", "failed", "releasing", "deallocated"))
    @rule(which=WHICH, kind=st.sampled_from(["allocated", "started", "failed", "lost"]))
    def out_of_turn(self, which: int, kind: str) -> None:
        """A report that repeats itself, or overtakes another, long after."""
        nodes = self.machines.at("up", "failed", "releasing", "deallocated")
        node = nodes[which % len(nodes)]
        boot = self.machines.boots[node]
        if kind == "allocated" and self.machines.stages[node] == "up":
            self.feed(facts.NodeAllocated(node_id=node, boot=boot, ip_address="127.0.1.1"))
        elif kind == "started":
            self.feed(facts.NodeStarted(node_id=node, boot=boot))
        elif kind == "failed" and self.machines.stages[node] == "failed":
            self.feed(facts.NodeStartFailed(node_id=node, boot=boot))
        elif kind == "lost" and self.machines.stages[node] in ("failed", "deallocated"):
            self.feed(facts.NodeLost(node_id=node, boot=boot))

    # -- time ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 25, 31, 400, 1000, 700_000]), punctual=st.booleans())
    def later(self, seconds: float, punctual: bool) -> None:
        """Time passes; not punctual: the timer has not fired yet when the next input comes."""
        end = self.now + (min(seconds, 1000) if self.follows else seconds)
        while punctual and (due := self.core.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.feed(facts.DeadlineReached())
        self.now = end
