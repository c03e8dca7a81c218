"""What grows with the number of resources: seconds of the core for n and for twice as many.

Each kind of population is made and lived through at three sizes; the ratio per doubling is the
median over the rounds. Goal: at most 2.3 for each, so that nothing is quadratic.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections import deque
from collections.abc import Callable

from batchlab.core.machine import Core, Settings
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import CancelRun, Command, StartNode, StartRun, StopNode
from batchlab.core.model import (
    AutoPoolSpecification,
    JobSpec,
    PoolSpec,
    Quotas,
    TaskSchedulingPolicy,
    TaskSpec,
)

ROUNDS = 3
GOAL = 2.3


class Driver:
    """Answers what a core commands, at once; runs wait until `finish`."""

    def __init__(self, **quotas: int) -> None:
        self.core = Core(Settings(quotas=Quotas(**quotas)))
        self.now = 0.0
        self.runs: deque[StartRun] = deque()

    def feed(self, item: inputs.Input) -> None:
        self.now += 0.001
        todo = deque(self.core.handle(self.now, item).commands)
        while todo:
            for report in self._answers(todo.popleft()):
                todo += self.core.handle(self.now, report).commands

    def _answers(self, command: Command) -> list[inputs.Input]:
        if isinstance(command, StartNode):
            about = {"node_id": command.node_id, "boot": command.boot}
            return [facts.NodeAllocated(**about, ip_address="10.0.0.4"),
                    facts.NodeStarted(**about)]  # fmt: skip
        if isinstance(command, StopNode):
            return [facts.NodeStopped(node_id=command.node_id)]
        if isinstance(command, CancelRun):
            return [facts.RunExited(run_id=command.run_id, exit_code=None, cancelled=True)]
        if isinstance(command, StartRun):
            self.runs.append(command)
        return []

    def finish(self) -> None:
        """End every run with exit code 0, until none is left."""
        while self.runs:
            self.feed(facts.RunExited(run_id=self.runs.popleft().run_id, exit_code=0))

    def pool(self, pool_id: str = "p", nodes: int = 1, **more: object) -> None:
        self.feed(
            inputs.CreatePool(spec=PoolSpec(id=pool_id, target_dedicated_nodes=nodes, **more))
        )

    def job(self, job_id: str, pool: object = "p", **more: object) -> None:
        self.feed(inputs.CreateJob(spec=JobSpec(id=job_id, pool_info=pool, **more)))

    def tasks(self, job_id: str, count: int, **more: object) -> None:
        specs = tuple(TaskSpec(id=f"t{n}", command_line="x", **more) for n in range(count))
        self.feed(inputs.CreateTasks(job_id=job_id, specs=specs))


def pools(n: int) -> None:
    """Pools, each with a job of one task."""
    driver = Driver()
    for number in range(n):
        driver.pool(f"p{number}")
        driver.job(f"j{number}", f"p{number}")
        driver.tasks(f"j{number}", 1)
    driver.finish()
    for number in range(n):
        driver.feed(inputs.DeleteJob(job_id=f"j{number}"))
        driver.feed(inputs.DeletePool(pool_id=f"p{number}"))


def nodes_under_quota(n: int) -> None:
    """Pools of two nodes under a core quota that leaves room for all."""
    driver = Driver(dedicated_core_quota=1_000_000, low_priority_core_quota=1_000_000)
    for number in range(n):
        driver.pool(f"p{number}", 2)
    for number in range(n):
        driver.feed(inputs.ResizePool(pool_id=f"p{number}", target_dedicated_nodes=1))


def jobs_on_a_pool(n: int) -> None:
    """Jobs of one priority on one pool."""
    driver = Driver()
    driver.pool(nodes=4)
    for number in range(n):
        driver.job(f"j{number}")
        driver.tasks(f"j{number}", 2)
    driver.finish()


def jobs_under_quota(n: int) -> None:
    """Jobs and schedules under a quota, deleted at the end."""
    driver = Driver(active_job_and_job_schedule_quota=1_000_000)
    for number in range(n):
        driver.job(f"j{number}")
    for number in range(n):
        driver.feed(inputs.DeleteJob(job_id=f"j{number}"))


def auto_pools(n: int) -> None:
    """Jobs with a pool each, which end one after the other."""
    driver = Driver(dedicated_core_quota=1_000_000)
    pool = PoolSpec(target_dedicated_nodes=1)
    auto = AutoPoolSpecification(pool=pool, pool_lifetime_option="job")
    for number in range(n):
        driver.job(f"j{number}", auto, on_all_tasks_complete="terminatejob")
        driver.tasks(f"j{number}", 1)
    driver.finish()


def priorities(n: int) -> None:
    """Jobs of many priorities on one pool."""
    driver = Driver()
    driver.pool(nodes=4)
    for number in range(n):
        driver.job(f"j{number}", priority=number % 2001 - 1000)
        driver.tasks(f"j{number}", 2)
    driver.finish()


def oldest_first(n: int) -> None:
    """Jobs that go in the order of their creation."""
    driver = Driver()
    policy = TaskSchedulingPolicy(job_default_order="creationtime")
    driver.pool(nodes=4, task_scheduling_policy=policy)
    for number in range(n):
        driver.job(f"j{number}")
        driver.tasks(f"j{number}", 2)
    driver.finish()


def preemption(n: int) -> None:
    """A job with a higher priority takes all nodes of one that can be preempted, task by task."""
    driver = Driver()
    driver.pool(nodes=n)
    driver.job("low", priority=-10, allow_task_preemption=True)
    driver.tasks("low", 2 * n)
    driver.job("high", priority=10)
    for number in range(n):
        task = TaskSpec(id=f"h{number}", command_line="x")
        driver.feed(inputs.CreateTasks(job_id="high", specs=(task,)))
    driver.finish()


def preemptible_queue(n: int) -> None:
    """Many queued tasks of jobs that can be preempted, and nothing to preempt."""
    driver = Driver()
    driver.pool(nodes=n // 4)
    driver.job("low", priority=-10, allow_task_preemption=True)
    driver.job("high", priority=10, allow_task_preemption=True)
    driver.tasks("high", n)
    driver.tasks("low", n)
    driver.finish()


def dependencies(n: int) -> None:
    """A chain of tasks, and one task that depends on all of them."""
    driver = Driver()
    driver.pool(nodes=4)
    driver.job("j", uses_task_dependencies=True)
    driver.tasks("j", 1)
    chain = tuple(
        TaskSpec(
            id=f"c{number}", command_line="x", depends_on=[f"c{number - 1}" if number else "t0"]
        )
        for number in range(n)
    )
    driver.feed(inputs.CreateTasks(job_id="j", specs=chain))
    last = TaskSpec(id="last", command_line="x", depends_on=[spec.id for spec in chain])
    driver.feed(inputs.CreateTasks(job_id="j", specs=(last,)))
    driver.finish()


def added_and_deleted(n: int) -> None:
    """Tasks that are deleted while they are queued, on a pool without nodes."""
    driver = Driver()
    driver.pool(nodes=0)
    driver.job("j")
    for number in range(n):
        task = TaskSpec(id=f"t{number}", command_line="x")
        driver.feed(inputs.CreateTasks(job_id="j", specs=(task,)))
        driver.feed(inputs.DeleteTask(job_id="j", task_id=f"t{number}"))


KINDS: dict[Callable[[int], None], int] = {
    pools: 1000, nodes_under_quota: 500, jobs_on_a_pool: 1000, jobs_under_quota: 1500,
    auto_pools: 500, priorities: 500, oldest_first: 500, preemption: 200,
    preemptible_queue: 500, dependencies: 1000, added_and_deleted: 1500,
}  # fmt: skip


def seconds(kind: Callable[[int], None], n: int) -> float:
    """Processor time of one population."""
    gc.collect()
    gc.disable()  # what Python's collector costs is not ours
    start = time.process_time()
    kind(n)
    took = time.process_time() - start
    gc.enable()
    return took


def main() -> None:
    """Print the ratio per doubling of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help="only these")
    wanted = parser.parse_args().kinds
    for kind, n in KINDS.items():
        if wanted and kind.__name__ not in wanted:
            continue
        rounds = [[seconds(kind, n * size) for size in (1, 2, 4)] for _ in range(ROUNDS)]
        small, middle, large = map(statistics.median, zip(*rounds, strict=True))
        worst = max(middle / small, large / middle)
        mark = "" if worst <= GOAL else f"  above {GOAL}"
        print(f"{kind.__name__:20} {n:6} {small:7.3f} s {middle:7.3f} s {large:7.3f} s   "
              f"x {middle / small:.2f}  x {large / middle:.2f}{mark}")  # fmt: skip


if __name__ == "__main__":
    main()
