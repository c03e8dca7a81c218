"""A simulated service without a façade, and one command run on one of its nodes."""

from __future__ import annotations

from typing import Any, NamedTuple

from batchlab.core.messages.inputs import CreateJob, CreatePool, CreateTasks
from batchlab.core.messages.questions import GetTask, LocateTask, TaskIs
from batchlab.core.messages.views import TaskView
from batchlab.core.model import JobSpec, PoolSpec, TaskSpec
from batchlab.drivers.simulated.connection import SimulatedConnection
from batchlab.drivers.simulated.workload import Workload
from batchlab.drivers.simulated.world import SimulatedWorld


def connect(
    workload: Workload | None = None, *, nodes: int = 1, slots: int = 1, **world: Any
) -> SimulatedConnection:
    """A lab with the pool ``p`` and the job ``j``."""
    connection = SimulatedConnection(SimulatedWorld(workload, **world))
    pool = PoolSpec(id="p", target_dedicated_nodes=nodes, task_slots_per_node=slots,
                    vm_size="extralarge")  # fmt: skip
    connection.request(CreatePool(spec=pool))
    connection.request(CreateJob(spec=JobSpec(id="j", pool_info="p")))
    return connection


def add(connection: SimulatedConnection, *specs: TaskSpec, job_id: str = "j") -> None:
    """Add tasks to a job."""
    connection.request(CreateTasks(job_id=job_id, specs=specs))


def task(connection: SimulatedConnection, task_id: str = "t") -> TaskView:
    view: TaskView = connection.ask(GetTask(job_id="j", task_id=task_id))
    return view


def text(connection: SimulatedConnection, path: str, task_id: str = "t") -> str:
    location = connection.ask(LocateTask(job_id="j", task_id=task_id))
    return connection.files.read(location, path).decode()


class Outcome(NamedTuple):
    code: int | None
    out: str
    err: str
    seconds: float
    failure: str | None


def outcome(command_line: str, *, workload: Workload | None = None, **spec: Any) -> Outcome:
    """What one command does on a simulated node."""
    connection = connect(workload, boot_s=0)
    add(connection, TaskSpec(id="t", command_line=command_line, **spec))
    connection.wait(TaskIs(job_id="j", task_id="t", state="completed"))
    view = task(connection)
    assert view.start_time
    assert view.end_time
    return Outcome(
        view.exit_code,
        text(connection, "stdout.txt"),
        text(connection, "stderr.txt"),
        round((view.end_time - view.start_time).total_seconds(), 3),
        view.failure_info.code if view.failure_info else None,
    )
