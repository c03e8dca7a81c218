"""A lab whose life is checked: at every input, when it comes to rest, and lived again.

After every input the invariants hold, the machines accept what they are told, no slot is idle that
a queued task could take, and a refused request has changed nothing. At the end faults and requests
stop, everything that is owed is answered and time passes: now everything must drain (*liveness*),
and what was called hopeless must stay so.
"""

from __future__ import annotations

from typing import Any, Union

import msgspec
from hypothesis.stateful import RuleBasedStateMachine, rule

from batchlab.core import invariants
from batchlab.core.machine import Core
from batchlab.core.messages import facts, inputs
from batchlab.core.messages import questions as q
from batchlab.core.messages.outputs import JobChanged, NodeChanged, Step, TaskChanged
from batchlab.core.state import phases
from batchlab.drivers.freezing import freeze, thaw
from batchlab.errors import BatchError
from helpers.digest import digest
from helpers.machines import Machines

ANY_INPUT: Any = Union[inputs.REQUESTS + facts.REPORTS]  # noqa: UP007
_decode = msgspec.json.Decoder(tuple[float, ANY_INPUT]).decode


class CheckedLife(RuleBasedStateMachine):
    """A core, the machines that answer it, and what must be true of them."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core()
        self.machines = Machines()
        self.now = 1_000_000.0
        self.paid: dict[str, float] = {}
        self.paid_s = 0.0
        self.told: dict[str, dict[str, tuple[str, bool]]] = {}
        self.history: list[tuple[bytes, Step | None]] = []
        self.sound = True
        self.depth = 0

    def feed(self, item: inputs.Input) -> None:
        written = msgspec.json.encode((self.now, item))
        self.sound = False
        running = {id(job): job.running for job in self.core.state.jobs.values()}
        before = digest(self.core, self.now) if isinstance(item, inputs.Request) else None
        try:
            step = self.core.handle(self.now, item)
        except BatchError as refusal:
            if before is None:
                raise AssertionError(f"the report {item} was refused") from refusal
            assert digest(self.core, self.now) == before, (
                f"{item} was refused, and changed something"
            )
            self.history.append((written, None))
        else:
            self.history.append((written, step))
            invariants.check(self.core.state)
            self.machines.obey(step.commands)
            self.pay(step)
            self.hear(step)
            self.nothing_idle()
            self.not_too_many(running)
        self.sound = True

    @rule()
    def restart(self) -> None:
        """Write the whole state and read it: it is the same, bit for bit, and life goes on."""
        before = digest(self.core), freeze(self.core, shared=False)
        self.core = thaw(freeze(self.core))
        invariants.check(self.core.state)
        assert (digest(self.core), freeze(self.core, shared=False)) == before

    def pay(self, step: Step) -> None:
        """Count for ourselves how long machines were there: what is charged must agree."""
        for change in step.changes:
            if isinstance(change, NodeChanged):
                if change.state == "starting":
                    self.paid.setdefault(change.node_id, change.at)
                elif change.state in ("preempted", "deallocated"):
                    self.paid_s += change.at - self.paid.pop(change.node_id, change.at)
        for node_id in [node_id for node_id in self.paid if node_id not in self.core.state.nodes]:
            self.paid_s += self.now - self.paid.pop(node_id)

    def hear(self, step: Step) -> None:
        """Whoever listens to the changes knows what each task is, and which wait for others."""
        for change in step.changes:
            if isinstance(change, TaskChanged):
                tasks = self.told.setdefault(change.job_id, {})
                tasks[change.task_id] = (change.state, change.blocked)
                if change.state == "deleted":
                    del tasks[change.task_id]
            elif isinstance(change, JobChanged) and change.state == "deleted":
                self.told.pop(change.job_id, None)
        for job in self.core.state.jobs.values():
            assert self.told.get(job.spec.id, {}) == {
                task.spec.id: (task.phase.state, task.phase.state == "active" and task.unmet > 0)
                for task in job.tasks.values()
            }

    def not_too_many(self, before: dict[int, int]) -> None:
        """A job starts no more tasks than it may run; what ran when it was limited goes on."""
        for job in self.core.state.jobs.values():
            most = job.spec.max_parallel_tasks
            allowed = max(most, before.get(id(job), 0))
            assert most == -1 or job.running <= allowed, f"{job.key} runs {job.running} of {most}"

    def nothing_idle(self) -> None:
        """No queued task could run now: there is always something in its way."""
        for pool in self.core.state.pools.values():
            self.core.ask(q.ExplainPool(pool_id=pool.key), self.now)
        for schedule in self.core.state.schedules.values():
            asked = q.ExplainJobSchedule(job_schedule_id=schedule.key)
            found = {reason.code for reason in self.core.ask(asked, self.now)}
            live = schedule.phase.state in ("active", "disabled")
            named = found & {"JobNotEnded", "SingleJob", "LastJob"}
            assert bool(named) == (live and schedule.job is not None), f"{schedule.key}: {found}"
        for job in self.core.state.jobs.values():
            told = self.core.ask(q.ExplainJob(job_id=job.key), self.now)
            ends = job.phase.state in ("terminating", "deleting")
            assert told or ends or not job.active, f"{job.key} waits for nothing"
            for task in job.tasks.values() if job.active else ():
                question = q.ExplainTask(job_id=job.key, task_id=task.spec.id)
                codes = [reason.code for reason in self.core.ask(question, self.now)]
                assert "Room" not in codes, f"{job.key}/{task.spec.id} could run: {codes}"
                assert codes or task.phase.state != "active", f"{task.spec.id} waits for nothing"

    def some_node(self, which: int) -> tuple[str, str]:
        nodes = list(self.core.state.nodes.values())
        if not nodes:
            return "p", "nowhere"
        node = nodes[which % len(nodes)]
        return node.pool.spec.id, node.id

    def answer_one(self) -> bool:
        report = self.machines.answer()
        if report is not None:
            self.feed(report)
            self.deepen(report)
        return report is not None

    def deepen(self, report: facts.Report) -> None:
        """Let runs wait on a node that has just started."""
        if isinstance(report, facts.NodeStarted) and self.depth:
            self.feed(
                facts.DepthMeasured(node_id=report.node_id, depth=self.depth, patience_s=20.0)
            )

    def dropped(self, report: facts.Report) -> None:
        """Feed a report that must have no effect."""
        before = digest(self.core)
        dropped = self.core.state.dropped
        self.feed(report)
        assert self.core.state.dropped >= dropped
        self.core.state.dropped = dropped
        assert digest(self.core, self.now) == before, (
            f"{report} came too late, and changed something"
        )

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
                self.feed(facts.DeadlineReached())
            for condition in list(hopeless):
                if not self.exists(condition):
                    hopeless.remove(condition)
                else:
                    assert not self.core.met(condition), f"{condition} was hopeless, and is met"
        last = [item for item, _ in self.history[-6:]]
        raise AssertionError(f"the lab never comes to rest: {last}")

    def conditions(self) -> list[q.Condition]:
        found: list[q.Condition] = []
        for job in self.core.state.jobs.values():
            found.append(q.TasksCompleted(job_id=job.key))
            found.append(q.JobIs(job_id=job.key, state="completed"))
            found += [
                q.TaskIs(job_id=job.key, task_id=key, state="completed") for key in job.tasks
            ]
        for key in self.core.state.schedules:
            found += [
                q.JobScheduleIs(job_schedule_id=key, state=state)
                for state in ("completed", "deleted")
            ]
        found += [
            q.CertificateIs(thumbprint=key, state=state)
            for key in self.core.state.certificates
            for state in ("deleted", "deletefailed")
        ]
        found += [q.PoolIs(pool_id=key, state="steady") for key in self.core.state.pools]
        found += [q.PoolIs(pool_id=key, state="deleted") for key in self.core.state.pools]
        return found

    def exists(self, condition: Any) -> bool:
        if isinstance(condition, q.PoolIs):
            return condition.state == "deleted" or condition.pool_id in self.core.state.pools
        if isinstance(condition, q.JobScheduleIs):
            return condition.job_schedule_id in self.core.state.schedules
        if isinstance(condition, q.CertificateIs):
            return condition.thumbprint in self.core.state.certificates
        job = self.core.state.jobs.get(condition.job_id)
        return job is not None and getattr(condition, "task_id", None) in (None, *job.tasks)

    def at_rest(self) -> None:
        """Nothing is on its way, and whatever waits can say what it waits for."""
        for pool in self.core.state.pools.values():
            assert (pool.phase.state, pool.allocation.state) == ("active", "steady"), pool.key
        for node in self.core.state.nodes.values():
            resting = ("idle", "offline", "starttaskfailed", "unusable", "deallocated")
            assert node.phase.state in resting, node.id
            assert node.drain is None, f"{node.id} still drains for {node.drain}"
        assert not self.core.state.runs
        until_now = sum(self.now - since for since in self.paid.values())
        charged = sum(row.node_hours for row in self.core.ask(q.GetCost(), self.now))
        assert abs(charged * 3600 - self.paid_s - until_now) < 1e-3
        for node in self.core.state.nodes.values():
            asked = q.GetCost(pool_id=node.pool.key, node_id=node.id)
            own = sum(row.node_hours for row in self.core.ask(asked, self.now))
            since = self.paid.get(node.id, self.now)
            assert own * 3600 + 1e-3 > self.now - since, f"{node.id} was paid for longer"
        for job in self.core.state.jobs.values():
            assert job.phase.state in ("active", "disabled", "completed"), job.key
            for task in job.tasks.values():
                question = q.ExplainTask(job_id=job.key, task_id=task.spec.id)
                asked = self.core.ask(question, self.now)
                users = ("UserIdentity", "NodeUserNotFound")  # of a task that has failed, too
                reasons = [reason for reason in asked if reason.code not in users]
                if task.phase.state == "active":
                    lasting = bool(reasons) and all(reason.lasting for reason in reasons)
                    assert lasting, f"{job.key}/{task.spec.id} waits for {reasons}"
                else:
                    assert isinstance(task.phase, phases.TaskCompleted)
                    failed = task.phase.failure is not None
                    assert bool(asked if failed else reasons) == failed, asked
        for schedule in self.core.state.schedules.values():
            assert schedule.phase.state in ("active", "disabled", "completed"), schedule.key
            assert schedule.job or schedule.phase.state != "active", f"{schedule.key} stays active"
        for certificate in self.core.state.certificates.values():
            assert certificate.phase.state in ("active", "deletefailed"), certificate.thumbprint
        for condition in self.conditions():
            never = self.core.hopeless(condition)
            assert self.core.met(condition) or never, f"there is still hope for {condition}"

    def leave_nothing(self) -> None:
        """What is deleted goes, and takes everything with it."""
        for schedule in list(self.core.state.schedules.values()):
            self.feed(inputs.DeleteJobSchedule(job_schedule_id=schedule.spec.id))
        self.drain()
        assert not self.core.state.schedules
        for job in list(self.core.state.jobs.values()):
            self.feed(inputs.DeleteJob(job_id=job.spec.id))
        self.drain()
        assert not self.core.state.jobs
        for pool in self.core.state.pools.values():
            assert not pool.preemptible
            assert not pool.clearing
        assert not self.core.state.restarting
        for node in self.core.state.nodes.values():
            assert not node.footprints
            assert node.free == node.pool.spec.task_slots_per_node
        for pool in list(self.core.state.pools.values()):
            self.feed(inputs.DeletePool(pool_id=pool.spec.id))
        self.drain()
        assert not self.core.state.pools
        assert not self.core.state.nodes
        assert not self.machines.stages

    def replay(self) -> None:
        """The same inputs, written down and read again, lead to the same steps."""
        again = Core(self.core.state.settings)
        for written, step in self.history:
            now, item = _decode(written)
            try:
                assert again.handle(now, item) == step
            except BatchError:
                assert step is None
