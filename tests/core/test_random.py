"""A random life of a lab: any request, any report, any order.

After every input the invariants hold, the machines accept what they are told, and a refused
request has changed nothing. Then faults and requests stop, everything that is owed is answered and
time passes: now everything must drain (*liveness*), and what was called hopeless must stay so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Union

import msgspec
import pytest
from digest import digest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_random
from machines import Machines

from batchlab.core import inputs, invariants
from batchlab.core import questions as q
from batchlab.core.machine import Core, Settings
from batchlab.core.outputs import Step
from batchlab.core.specs import (
    JobConstraints,
    JobPreparationTask,
    JobSpec,
    PoolInfo,
    PoolSpec,
    StartTask,
    TaskConstraints,
    TaskSpec,
)
from batchlab.errors import BatchError

POOLS = st.sampled_from(["p", "P2"])
JOBS = st.sampled_from(["a", "b", "c"])
TASKS = st.sampled_from(["t1", "t2", "t3", "T4", "t5"])
RETRIES = st.sampled_from([0, 0, 1, -1])
OPTIONS = st.sampled_from(["requeue", "terminate", "taskcompletion", "retaineddata"])
WHICH = st.integers(0, 7)
HOW = st.sampled_from(["", "", "", "1", "1", "overdue", "missing", "natural"])
RETENTION = st.sampled_from([None, timedelta(0), timedelta(seconds=20)])
START_TASKS = st.none() | st.builds(
    StartTask, command_line=st.just("s"), wait_for_success=st.booleans(),
    max_task_retry_count=RETRIES,
)  # fmt: skip
PREPARATIONS = st.builds(
    JobPreparationTask,
    command_line=st.just("prep"),
    wait_for_success=st.booleans(),
    rerun_on_node_reboot_after_success=st.booleans(),
    constraints=st.builds(TaskConstraints, max_task_retry_count=RETRIES, retention_time=RETENTION),
)
JOB_LIMITS = st.builds(
    JobConstraints,
    max_wall_clock_time=st.sampled_from([None, None, timedelta(seconds=60)]),
    max_task_retry_count=RETRIES,
)
TASK_LIMITS = st.builds(
    TaskConstraints, max_task_retry_count=st.none() | RETRIES, retention_time=RETENTION
)
COMPLETE = st.sampled_from([None, "noaction", "terminatejob"])
ANY_INPUT: Any = Union[inputs.REQUESTS + inputs.REPORTS]  # noqa: UP007
_decode = msgspec.json.Decoder(tuple[float, ANY_INPUT]).decode


class Life(RuleBasedStateMachine):
    """A core, machines that answer it, and whoever asks for things."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core()
        self.machines = Machines()
        self.now = 1_000_000.0
        self.history: list[tuple[bytes, Step | None]] = []
        self.sound = True

    @initialize(
        quota=st.sampled_from([None, None, 6]),
        nodes=st.integers(1, 3),
        slots=st.integers(1, 2),
        preparation=st.none() | PREPARATIONS,
        up=st.booleans(),
    )
    def begin(self, quota: int | None, nodes: int, slots: int, preparation: Any, up: bool) -> None:
        self.core = Core(Settings(dedicated_core_quota=quota))
        self.create_pool("p", nodes, slots, "spread", None)
        for _ in range(2 * nodes if up else 0):
            self.answer_one()
        self.create_job("a", "p", 0, preparation, True, JobConstraints(), None, 4)

    def feed(self, item: inputs.Input) -> None:
        written = msgspec.json.encode((self.now, item))
        self.sound = False
        before = digest(self.core) if isinstance(item, inputs.Request) else None
        try:
            step = self.core.handle(self.now, item)
        except BatchError as refusal:
            if before is None:
                raise AssertionError(f"the report {item} was refused") from refusal
            assert digest(self.core) == before, f"{item} was refused, and changed something"
            self.history.append((written, None))
        else:
            self.history.append((written, step))
            invariants.check(self.core)
            self.machines.obey(step.commands)
        self.sound = True

    def some_node(self, which: int) -> tuple[str, str]:
        nodes = list(self.core.nodes.values())
        if not nodes:
            return "p", "nowhere"
        node = nodes[which % len(nodes)]
        return node.pool.spec.id, node.id

    # -- requests: pools and nodes ---------------------------------------------------------------

    @rule(pool=POOLS, nodes=st.integers(0, 3), slots=st.integers(1, 2),
          fill=st.sampled_from(["spread", "pack"]), start=START_TASKS)  # fmt: skip
    def create_pool(
        self, pool: str, nodes: int, slots: int, fill: str, start: StartTask | None
    ) -> None:
        spec = PoolSpec(
            id=pool, target_dedicated_nodes=nodes, task_slots_per_node=slots,
            task_scheduling_policy=fill, start_task=start,
        )  # fmt: skip
        self.feed(inputs.CreatePool(spec=spec))

    @rule(pool=POOLS, start=START_TASKS)
    def update_pool(self, pool: str, start: StartTask | None) -> None:
        self.feed(inputs.UpdatePool(pool_id=pool, start_task=start))

    @rule(pool=POOLS, count=st.integers(-1, 3), option=OPTIONS)
    def resize(self, pool: str, count: int, option: Any) -> None:
        self.feed(
            inputs.ResizePool(
                pool_id=pool, target_dedicated_nodes=count, node_deallocation_option=option
            )
        )

    @rule(pool=POOLS)
    def stop_resize(self, pool: str) -> None:
        self.feed(inputs.StopPoolResize(pool_id=pool))

    @rule(pool=POOLS)
    def delete_pool(self, pool: str) -> None:
        self.feed(inputs.DeletePool(pool_id=pool))

    @rule(picks=st.lists(WHICH, min_size=0, max_size=3), option=OPTIONS)
    def remove_nodes(self, picks: list[int], option: Any) -> None:
        pool = self.some_node(picks[0] if picks else 0)[0]
        ids = tuple(self.some_node(which)[1] for which in picks)
        self.feed(inputs.RemoveNodes(pool_id=pool, node_ids=ids, node_deallocation_option=option))

    @rule(which=WHICH, option=OPTIONS)
    def reboot(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.RebootNode(pool_id=pool, node_id=node, node_reboot_option=option))

    @rule(which=WHICH, option=OPTIONS)
    def reimage(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.ReimageNode(pool_id=pool, node_id=node, node_reimage_option=option))

    @rule(which=WHICH, option=OPTIONS)
    def disable_node(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(
            inputs.DisableNodeScheduling(
                pool_id=pool, node_id=node, node_disable_scheduling_option=option
            )
        )

    @rule(which=WHICH)
    def enable_node(self, which: int) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.EnableNodeScheduling(pool_id=pool, node_id=node))

    # -- requests: jobs and tasks ----------------------------------------------------------------

    @rule(
        job=JOBS,
        pool=POOLS,
        priority=st.integers(-1, 1),
        preparation=st.none() | PREPARATIONS,
        release=st.booleans(),
        limits=JOB_LIMITS,
        complete=COMPLETE,
        tasks=st.integers(0, 4),
    )
    def create_job(
        self, job: str, pool: str, priority: int, preparation: JobPreparationTask | None,
        release: bool, limits: JobConstraints, complete: str | None, tasks: int,
    ) -> None:  # fmt: skip
        spec = JobSpec(
            id=job, pool_info=pool, priority=priority, constraints=limits,
            job_preparation_task=preparation,
            job_release_task="rel" if preparation and release else None,
            on_all_tasks_complete=complete or "noaction",
        )  # fmt: skip
        self.feed(inputs.CreateJob(spec=spec))
        ids = ["t1", "t2", "t3", "T4"][:tasks]
        specs = tuple(TaskSpec(id=i, command_line="x") for i in ids)
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    @rule(job=JOBS, priority=st.none() | st.integers(-1, 1), limits=st.none() | JOB_LIMITS,
          pool=st.none() | POOLS, complete=COMPLETE)  # fmt: skip
    def update_job(
        self, job: str, priority: int | None, limits: JobConstraints | None, pool: str | None,
        complete: Any,
    ) -> None:  # fmt: skip
        self.feed(
            inputs.UpdateJob(
                job_id=job,
                priority=priority,
                constraints=limits,
                pool_info=PoolInfo(pool_id=pool) if pool else None,
                on_all_tasks_complete=complete,
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

    @rule(job=JOBS, ids=st.lists(TASKS, max_size=3), slots=st.integers(1, 3), limits=TASK_LIMITS)
    def create_tasks(self, job: str, ids: list[str], slots: int, limits: TaskConstraints) -> None:
        specs = tuple(
            TaskSpec(id=i, command_line="x", required_slots=slots, constraints=limits) for i in ids
        )
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

    def answer_one(self) -> bool:
        report = self.machines.answer()
        if report is not None:
            self.feed(report)
        return report is not None

    @rule(count=st.integers(1, 6))
    def answer_some(self, count: int) -> None:
        for _ in range(count):
            self.answer_one()

    @precondition(lambda self: self.machines.runs)
    @rule(which=WHICH, how=HOW, again=st.booleans())
    def exit(self, which: int, how: str, again: bool) -> None:
        runs = list(self.machines.runs)
        report = self.machines.exit(runs[which % len(runs)], how)
        self.feed(report)
        if again:
            self.dropped(report)

    @precondition(lambda self: self.machines.at("asked", "allocated"))
    @rule(which=WHICH, well=st.booleans(), again=st.booleans())
    def boot(self, which: int, well: bool, again: bool) -> None:
        nodes = self.machines.at("asked", "allocated")
        node = nodes[which % len(nodes)]
        boots = self.machines.boots[node]
        if not well:
            report = self.machines.fail(node)
        elif self.machines.stages[node] == "asked":
            report = self.machines.allocate(node)
        else:
            report = self.machines.start(node)
        self.feed(report)
        if again:
            self.feed(report)
        if boots > 1:
            self.dropped(msgspec.structs.replace(report, boot=boots - 1))

    @precondition(lambda self: self.machines.at("asked", "allocated", "up"))
    @rule(which=WHICH, again=st.booleans())
    def lose(self, which: int, again: bool) -> None:
        nodes = self.machines.at("asked", "allocated", "up")
        report = self.machines.lose(nodes[which % len(nodes)])
        self.feed(report)
        if again:
            self.dropped(report)

    @precondition(lambda self: self.machines.at("stopping"))
    @rule(which=WHICH, again=st.booleans())
    def stop(self, which: int, again: bool) -> None:
        nodes = self.machines.at("stopping")
        report = self.machines.stop(nodes[which % len(nodes)])
        self.feed(report)
        if again:
            self.dropped(report)

    @precondition(lambda self: self.machines.ghosts)
    @rule(which=WHICH, cancelled=st.booleans())
    def late(self, which: int, cancelled: bool) -> None:
        ghosts = self.machines.ghosts
        run_id = ghosts.pop(which % len(ghosts))
        self.dropped(inputs.RunExited(run_id=run_id, exit_code=0, cancelled=cancelled))

    @precondition(lambda self: self.machines.at("up", "failed"))
    @rule(which=WHICH, kind=st.sampled_from(["allocated", "started", "failed", "lost"]))
    def out_of_turn(self, which: int, kind: str) -> None:
        """A report that repeats itself, or overtakes another, long after."""
        nodes = self.machines.at("up", "failed")
        node = nodes[which % len(nodes)]
        boot = self.machines.boots[node]
        if kind == "allocated" and self.machines.stages[node] == "up":
            self.feed(inputs.NodeAllocated(node_id=node, boot=boot, ip_address="127.0.1.1"))
        elif kind == "started":
            self.feed(inputs.NodeStarted(node_id=node, boot=boot))
        elif kind == "failed" and self.machines.stages[node] == "failed":
            self.feed(inputs.NodeStartFailed(node_id=node, boot=boot))
        elif kind == "lost" and self.machines.stages[node] == "failed":
            self.feed(inputs.NodeLost(node_id=node, boot=boot))

    def dropped(self, report: inputs.Report) -> None:
        """Feed a report that must have no effect."""
        before = digest(self.core)
        dropped = self.core.dropped
        self.feed(report)
        assert self.core.dropped >= dropped
        self.core.dropped = dropped
        assert digest(self.core) == before, f"{report} came too late, and changed something"

    # -- time ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 25, 31, 400, 1000, 700_000]), punctual=st.booleans())
    def later(self, seconds: float, punctual: bool) -> None:
        """Time passes; not punctual: the timer has not fired yet when the next input comes."""
        end = self.now + seconds
        while punctual and (due := self.core.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.feed(inputs.DeadlineReached())
        self.now = end

    # -- liveness --------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not self.sound:
            return  # something has failed already
        self.drain()
        self.at_rest()
        self.leave_nothing()
        self.replay()

    def drain(self) -> None:
        """Answer all that is owed, let all deadlines pass; nobody asks for anything."""
        hopeless = [c for c in self.conditions() if self.core.hopeless(c)]
        for _ in range(20_000):
            if not self.answer_one():
                due = self.core.next_deadline()
                if due is None:
                    return
                self.now = max(self.now, due)
                self.feed(inputs.DeadlineReached())
            for condition in list(hopeless):
                if not self.exists(condition):
                    hopeless.remove(condition)
                else:
                    assert not self.core.met(condition), f"{condition} was hopeless, and is met"
        raise AssertionError("the lab never comes to rest")

    def conditions(self) -> list[q.Condition]:
        found: list[q.Condition] = []
        for job in self.core.jobs.values():
            found.append(q.TasksCompleted(job_id=job.key))
            found.append(q.JobIs(job_id=job.key, state="completed"))
            found += [
                q.TaskIs(job_id=job.key, task_id=key, state="completed") for key in job.tasks
            ]
        found += [q.PoolIs(pool_id=key, state="steady") for key in self.core.pools]
        found += [q.PoolIs(pool_id=key, state="deleted") for key in self.core.pools]
        return found

    def exists(self, condition: Any) -> bool:
        if isinstance(condition, q.PoolIs):
            return condition.state == "deleted" or condition.pool_id in self.core.pools
        job = self.core.jobs.get(condition.job_id)
        return job is not None and getattr(condition, "task_id", None) in (None, *job.tasks)

    def at_rest(self) -> None:
        """Nothing is on its way, and whatever waits can say what it waits for."""
        for pool in self.core.pools.values():
            assert (pool.phase.state, pool.allocation.state) == ("active", "steady"), pool.key
        for node in self.core.nodes.values():
            assert node.phase.state in ("idle", "offline", "starttaskfailed", "unusable"), node.id
            assert node.drain is None, f"{node.id} still drains for {node.drain}"
        assert not self.core.runs
        for job in self.core.jobs.values():
            assert job.phase.state in ("active", "disabled", "completed"), job.key
            for task in job.tasks.values():
                question = q.ExplainTask(job_id=job.key, task_id=task.spec.id)
                reasons = self.core.ask(question, self.now)
                if task.phase.state == "active":
                    lasting = bool(reasons) and all(reason.lasting for reason in reasons)
                    assert lasting, f"{job.key}/{task.spec.id} waits for {reasons}"
                else:
                    assert task.phase.state == "completed"
                    assert reasons == []
        for condition in self.conditions():
            never = self.core.hopeless(condition)
            assert self.core.met(condition) or never, f"there is still hope for {condition}"

    def leave_nothing(self) -> None:
        """What is deleted goes, and takes everything with it."""
        for job in list(self.core.jobs.values()):
            self.feed(inputs.DeleteJob(job_id=job.spec.id))
        self.drain()
        assert not self.core.jobs
        for node in self.core.nodes.values():
            assert not node.footprints
            assert node.free == node.pool.spec.task_slots_per_node
        for pool in list(self.core.pools.values()):
            self.feed(inputs.DeletePool(pool_id=pool.spec.id))
        self.drain()
        assert not self.core.pools
        assert not self.core.nodes
        assert not self.machines.stages

    def replay(self) -> None:
        """The same inputs, written down and read again, lead to the same steps."""
        again = Core(self.core.settings)
        for written, step in self.history:
            now, item = _decode(written)
            try:
                assert again.handle(now, item) == step
            except BatchError:
                assert step is None


SMALL = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SOAK = settings(
    SMALL,
    max_examples=5_000,
    stateful_step_count=120,
    derandomize=False,
    phases=[Phase.generate, Phase.shrink],
)


def test_core_random_life_holds_invariants_and_drains() -> None:
    run_random(Life, settings=SMALL)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_core_long_random_life_holds_invariants_and_drains() -> None:
    run_random(Life, settings=SOAK)
