"""Ten simulated labs in which nothing runs, each for a different reason.

Each has a job ``work`` with three waiting tasks. The labs are broken with public methods only, so
`explain` finds what is wrong, and other public methods repair it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchlab.core.model import TaskDependencies, TaskSpec
from batchlab.drivers.simulated.workload import Workload
from batchlab.errors import invalid
from batchlab.lab import SimulatedLab

__all__ = ["BROKEN", "TASKS", "broken"]

TASKS = 3
"""The number of tasks in the job."""


def broken(exercise: str) -> SimulatedLab:
    """Open the broken lab of an exercise of lesson 12.

    Parameters
    ----------
    exercise : str
        ``"12-1"`` to ``"12-10"``.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such lab.
    """
    if exercise not in BROKEN:
        reason = f"the broken labs are {', '.join(BROKEN)}"
        raise invalid("exercise", exercise, reason, owner="lessons.broken")
    lab = SimulatedLab(workload=Workload(default="60s"), max_nodes=4)
    BROKEN[exercise](lab)
    return lab


def _work(lab: SimulatedLab, *, pool: str = "farm", each: Any = None, **job: Any) -> None:
    work = lab.create_job("work", pool, **job)
    more = each or {}
    names = [f"frame{number}" for number in range(1, TASKS + 1)]
    work.create_tasks([TaskSpec(id=name, command_line="render frame", **more) for name in names])


def _farm(lab: SimulatedLab, nodes: int = 2, **pool: Any) -> None:
    made = lab.create_pool("farm", target_dedicated_nodes=nodes, **pool)
    if nodes and "start_task" not in pool:
        made.nodes.wait("idle")


def _empty(lab: SimulatedLab) -> None:
    _farm(lab, nodes=0)
    _work(lab)


def _switched_off(lab: SimulatedLab) -> None:
    _farm(lab)
    _work(lab)
    lab.jobs["work"].disable("requeue")
    lab.advance("1m")


def _out_of_turn(lab: SimulatedLab) -> None:
    _farm(lab)
    for node in lab.pools["farm"].nodes.values():
        node.disable_scheduling()
    _work(lab)


def _elsewhere(lab: SimulatedLab) -> None:
    _farm(lab)
    _work(lab, pool="fram")


def _all_taken(lab: SimulatedLab) -> None:
    lab.create_pool("reserve", target_dedicated_nodes=4).nodes.wait("idle")
    _farm(lab, nodes=0)
    lab.pools["farm"].resize(2)
    lab.advance("20m")
    _work(lab)


def _too_big(lab: SimulatedLab) -> None:
    _farm(lab, task_slots_per_node=2)
    _work(lab, each={"required_slots": 4})


def _unfit(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt'")
    lab.advance("5m")
    _work(lab)


def _waiting_for_nobody(lab: SimulatedLab) -> None:
    _farm(lab)
    needs = TaskDependencies(task_ids=("scene",))
    _work(lab, each={"depends_on": needs}, uses_task_dependencies=True)


def _unprepared(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/true")
    lab.pools["farm"].nodes.wait("idle")
    _work(lab, job_preparation_task="/bin/sh -c 'cat $AZ_BATCH_NODE_STARTUP_DIR/wd/scene.txt'")
    lab.advance("1m")


def _behind(lab: SimulatedLab) -> None:
    _farm(lab)
    hog = lab.create_job("archive", "farm", priority=500)
    hog.create_tasks(["sleep 3600"] * 200)
    _work(lab)


BROKEN: dict[str, Callable[[SimulatedLab], None]] = {
    f"12-{number}": breaking
    for number, breaking in enumerate(
        (
            _empty,
            _switched_off,
            _out_of_turn,
            _elsewhere,
            _all_taken,
            _too_big,
            _unfit,
            _waiting_for_nobody,
            _unprepared,
            _behind,
        ),
        1,
    )
}
