"""The broken labs of lesson 12.

Each has a job ``work`` with three waiting tasks. They are broken with public methods only, so
`explain` finds what is wrong, and other public methods repair it. Two labs have a second fault
behind the first, and in one nothing is wrong.
"""

from __future__ import annotations

from typing import Any

from batchlab.core.model import TaskDependencies, TaskSpec
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import breaking

__all__ = ["TASKS"]

TASKS = 3
"""The number of tasks in the job."""


def _work(lab: SimulatedLab, *, pool: str = "farm", each: Any = None, **job: Any) -> None:
    work = lab.create_job("work", pool, **job)
    more = each or {}
    names = [f"frame{number}" for number in range(1, TASKS + 1)]
    work.create_tasks([TaskSpec(id=name, command_line="render frame", **more) for name in names])


def _farm(lab: SimulatedLab, nodes: int = 2, **pool: Any) -> None:
    made = lab.create_pool("farm", target_dedicated_nodes=nodes, **pool)
    if nodes and "start_task" not in pool:
        made.nodes.wait("idle")


@breaking("12-1")
def _empty(lab: SimulatedLab) -> None:
    _farm(lab, nodes=0)
    _work(lab)


@breaking("12-2")
def _switched_off(lab: SimulatedLab) -> None:
    _farm(lab)
    _work(lab)
    lab.jobs["work"].disable("requeue")
    lab.advance("1m")


@breaking("12-3")
def _out_of_turn(lab: SimulatedLab) -> None:
    _farm(lab)
    for node in lab.pools["farm"].nodes.values():
        node.disable_scheduling()
    _work(lab)


@breaking("12-4")
def _elsewhere(lab: SimulatedLab) -> None:
    _farm(lab)
    _work(lab, pool="fram")


@breaking("12-5")
def _all_taken(lab: SimulatedLab) -> None:
    lab.create_pool("reserve", target_dedicated_nodes=4).nodes.wait("idle")
    _farm(lab, nodes=0)
    lab.pools["farm"].resize(2)
    lab.advance("20m")
    _work(lab)


@breaking("12-6", locked=True)
def _too_big(lab: SimulatedLab) -> None:
    _farm(lab, task_slots_per_node=2)
    _work(lab, each={"required_slots": 4})


@breaking("12-7", locked=True)
def _unfit(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt'")
    lab.advance("5m")
    _work(lab)


@breaking("12-8", locked=True)
def _waiting_for_nobody(lab: SimulatedLab) -> None:
    _farm(lab)
    needs = TaskDependencies(task_ids=("scene",))
    _work(lab, each={"depends_on": needs}, uses_task_dependencies=True)


@breaking("12-9", locked=True)
def _unprepared(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/true")
    lab.pools["farm"].nodes.wait("idle")
    _work(lab, job_preparation_task="/bin/sh -c 'cat $AZ_BATCH_NODE_STARTUP_DIR/wd/scene.txt'")
    lab.advance("1m")


@breaking("12-10", locked=True)
def _behind(lab: SimulatedLab) -> None:
    _farm(lab)
    hog = lab.create_job("archive", "farm", priority=500)
    hog.create_tasks(["sleep 3600"] * 200)
    _work(lab)


@breaking("12-11", locked=True)
def _two_behind_each_other(lab: SimulatedLab) -> None:
    lab.create_pool("reserve", target_dedicated_nodes=4).nodes.wait("idle")
    licence = "/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt'"
    _farm(lab, nodes=0, start_task=licence)
    lab.pools["farm"].resize(2)
    lab.advance("20m")
    _work(lab)


@breaking("12-12", locked=True)
def _failed_and_disabled(lab: SimulatedLab) -> None:
    _farm(lab)
    needs = TaskDependencies(task_ids=("scene",))
    work = lab.create_job("work", "farm", uses_task_dependencies=True)
    work.create_task("scene", "/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/scene.txt'").wait()
    names = [f"frame{number}" for number in range(1, TASKS + 1)]
    work.create_tasks(
        [TaskSpec(id=name, command_line="render frame", depends_on=needs) for name in names]
    )
    for node in lab.pools["farm"].nodes.values():
        node.disable_scheduling()


@breaking("12-13", locked=True)
def _nothing(lab: SimulatedLab) -> None:
    _farm(lab, start_task="/bin/sh -c 'sleep 1200; echo installed'")
    lab.advance("10m")
    _work(lab)
