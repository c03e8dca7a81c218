"""One eventful life of a lab, drawn from a seed: the same on any machine, at any speed.

As a script it prints a digest of all steps, so that a test can run it under another hash seed.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from batchlab.core.machine import Core
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import Step
from batchlab.core.model import JobSpec, PoolSpec, TaskConstraints, TaskSpec
from batchlab.errors import BatchError
from helpers.machines import Machines


def live(seed: int, length: int = 2000) -> Iterator[tuple[float, inputs.Input, Step | None]]:
    """Each input, its time, and the step it led to; None for one that was refused."""
    draw = random.Random(seed)
    core, machines, now = Core(), Machines(), 1_000_000.0
    for _ in range(length):
        now += draw.choice([0, 0, 1, 20])
        for item in _next(draw, core, machines):
            try:
                step = core.handle(now, item)
            except BatchError:
                yield now, item, None
            else:
                machines.obey(step.commands)
                yield now, item, step


def _next(draw: random.Random, core: Core, machines: Machines) -> Iterator[inputs.Input]:
    due = core.next_deadline()
    if due is not None and due <= core.state.now:
        yield facts.DeadlineReached()
    if draw.random() < 0.6:
        report = _report(draw, machines)
        if report is not None:
            yield report
    else:
        yield _request(draw, core)


def _report(draw: random.Random, machines: Machines) -> facts.Report | None:
    up = machines.at("up")
    if up and draw.random() < 0.03:
        return machines.lose(draw.choice(up))
    if machines.runs and draw.random() < 0.7:
        run_id = draw.choice(list(machines.runs))
        return machines.exit(run_id, draw.choice(["", "", "", "1", "natural"]))
    return machines.answer()


def _request(draw: random.Random, core: Core) -> inputs.Request:
    pool, job = draw.choice(["p", "q"]), draw.choice("abcdef")
    node = draw.choice([*core.state.nodes, "nowhere"])
    option: Any = draw.choice(["requeue", "terminate", "taskcompletion"])
    task = f"t{draw.randrange(100)}"
    prepared = {"job_preparation_task": "p", "job_release_task": "r"}
    return draw.choice(
        [
            lambda: inputs.CreatePool(
                spec=PoolSpec(id=pool, target_dedicated_nodes=3, task_slots_per_node=2)
            ),
            lambda: inputs.ResizePool(
                pool_id=pool,
                target_dedicated_nodes=draw.randrange(1, 5),
                node_deallocation_option=option,
            ),
            *[
                lambda: inputs.CreateJob(
                    spec=JobSpec(
                        id=job, pool_info=pool, priority=draw.choice([0, 0, 1]),
                        **draw.choice([{}, prepared]),
                    )
                )
            ] * 4,
            *[lambda: inputs.CreateTasks(job_id=job, specs=tuple(_tasks(draw)))] * 10,
            lambda: inputs.DisableJob(
                job_id=job, disable_tasks=draw.choice(["requeue", "terminate", "wait"])
            ),
            *[lambda: inputs.EnableJob(job_id=job)] * 2,
            lambda: inputs.UpdateJob(job_id=job, priority=draw.choice([-1, 0, 1])),
            lambda: inputs.TerminateJob(job_id=job),
            lambda: inputs.DeleteJob(job_id=job),
            lambda: inputs.TerminateTask(job_id=job, task_id=task),
            lambda: inputs.ReactivateTask(job_id=job, task_id=task),
            lambda: inputs.DeleteTask(job_id=job, task_id=task),
            lambda: inputs.RebootNode(pool_id=pool, node_id=node, node_reboot_option=option),
            lambda: inputs.ReimageNode(pool_id=pool, node_id=node, node_reimage_option=option),
        ]
    )()  # fmt: skip


def _tasks(draw: random.Random) -> Iterator[TaskSpec]:
    for number in draw.sample(range(100), 8):
        limits = TaskConstraints(max_task_retry_count=draw.choice([0, 2]))
        slots = draw.choice([1, 1, 2])
        yield TaskSpec(id=f"t{number}", command_line="x", required_slots=slots, constraints=limits)


def fingerprint(seed: int) -> str:
    """A digest of everything that was said in one life."""
    encode = msgspec.json.Encoder().encode
    digest = hashlib.sha256()
    for now, item, step in live(seed):
        digest.update(encode((now, item, step)))
    return digest.hexdigest()


if __name__ == "__main__":
    print(fingerprint(int(sys.argv[1])))
