"""The labs of lesson 19, in which the functions of learners are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import uuid4

from batchlab import formulas
from batchlab.drivers.simulated.workload import Workload
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab

__all__ = ["ACCOUNTS", "BUDGET", "ENDED", "HOURS", "KEPT", "SCENES", "TIMES", "GuardedLab",
           "Names", "crowd"]  # fmt: skip

TIMES = Workload(default="10m", rules={"film": "1h", "simulate *": "10h"})


class Names(dict[str, str]):
    """The ids of jobs in one lab: no function can know them."""

    def __missing__(self, name: str) -> str:
        self[name] = f"job-{uuid4().hex[:12]}"
        return self[name]


class Scene(NamedTuple):
    """How a lab comes about, the jobs that are stuck in it, and what is easy to miss."""

    make: Callable[[SimulatedLab, Names], None]
    stuck: frozenset[str]
    what: str
    hint: str


def _no_nodes(lab: SimulatedLab, names: Names) -> None:
    lab.create_job(names["dawn"], lab.create_pool("none")).create_tasks(["render"] * 3)
    lab.advance("31m")


def _long_queue(lab: SimulatedLab, names: Names) -> None:
    lab.create_job(names["noon"], lab.create_pool("two", target_dedicated_nodes=2))
    lab.jobs[names["noon"]].create_tasks(["render"] * 60)
    lab.advance("3h")


def _just_created(lab: SimulatedLab, names: Names) -> None:
    job = lab.create_job(names["dusk"], lab.create_pool("none"))
    lab.advance("3h")
    job.create_tasks(["render"] * 3)
    lab.advance("29m")


def _long_task(lab: SimulatedLab, names: Names) -> None:
    lab.create_job(names["tide"], lab.create_pool("one", target_dedicated_nodes=1))
    lab.jobs[names["tide"]].create_tasks(["simulate tide"] * 2)
    lab.advance("5h")


def _nothing_left(lab: SimulatedLab, names: Names) -> None:
    pool = lab.create_pool("two", target_dedicated_nodes=2)
    lab.create_job(names["done"], pool).create_tasks(["render"] * 4)
    lab.create_job(names["empty"], pool)
    lab.advance("9h")


def _nodes_gone(lab: SimulatedLab, names: Names) -> None:
    pool = lab.create_pool("two", target_dedicated_nodes=2)
    lab.create_job(names["half"], pool).create_tasks(["render"] * 8)
    lab.advance("20m")
    pool.resize(0)
    lab.create_job(names["whole"], lab.create_pool("other", target_dedicated_nodes=1))
    lab.jobs[names["whole"]].create_tasks(["render"] * 30)
    lab.advance("31m")


def _ended_just_now(lab: SimulatedLab, names: Names) -> None:
    pool = lab.create_pool("two", target_dedicated_nodes=2)
    lab.create_job(names["pause"], pool).create_tasks(["render"] * 20)
    lab.advance("62m")
    pool.resize(0, node_deallocation_option="taskcompletion")
    lab.advance("31m")  # the last tasks end two minutes after the resize


def _blocked(lab: SimulatedLab, names: Names) -> None:
    pool = lab.create_pool("two", target_dedicated_nodes=2)
    chain = lab.create_job(names["chain"], pool, uses_task_dependencies=True)
    chain.create_task("first", "/bin/sh -c 'exit 1'")
    chain.create_task("then", "render", depends_on=["first"])
    lab.advance("2h")


def _not_active(lab: SimulatedLab, names: Names) -> None:
    pool = lab.create_pool("none")
    for name in ("ended", "off"):
        lab.create_job(names[name], pool).create_tasks(["render"] * 3)
    lab.jobs[names["ended"]].terminate()
    lab.jobs[names["off"]].disable("requeue")
    lab.advance("2h")


SCENES = (
    Scene(_no_nodes, frozenset({"dawn"}), "a job in a pool without nodes",
          "Its tasks have been active for 31 minutes."),
    Scene(_long_queue, frozenset(), "a long queue",
          "Tasks wait for hours there, but others of the job run."),
    Scene(_just_created, frozenset(), "an old job with new tasks",
          "Which time says since when a task has been active?"),
    Scene(_long_task, frozenset(), "a task of ten hours, and another behind it",
          "None ended for hours, but one is running."),
    Scene(_nothing_left, frozenset(), "a job whose tasks are all completed, and an empty one",
          "No task waits there."),
    Scene(_nodes_gone, frozenset({"half"}), "a job that has lost its nodes, beside a healthy one",
          "Some of its tasks were completed, but half an hour ago. Look at each job by itself."),
    Scene(_ended_just_now, frozenset(), "a job in which a task ended 29 minutes ago",
          "None runs, but when did the last one end?"),
    Scene(_blocked, frozenset({"chain"}), "a task that waits for a failed one",
          "Its nodes are idle, but the task cannot run."),
    Scene(_not_active, frozenset(), "jobs that are completed or disabled",
          "Their tasks stay active. What is the state of the jobs?"),
)  # fmt: skip


ENDED = {
    "reports": "a job whose tasks have all succeeded hours ago",
    "failures": "a job whose tasks have all ended hours ago, one of them with a failure",
}
KEPT = {
    "recent": "a job whose last task ended half an hour ago",
    "working": "a job with a running task",
    "queued": "a job with waiting tasks",
    "coming": "a job whose tasks have not been created yet",
    "off": "a disabled job with waiting tasks",
    "again": "a job whose task was run again less than an hour ago",
}


def crowd(lab: SimulatedLab, names: Names) -> None:
    """Jobs in all states, three hours later."""
    pool = lab.create_pool("farm", target_dedicated_nodes=8)
    pool.nodes.wait("idle")
    jobs = {name: lab.create_job(names[name], pool) for name in (*ENDED, *KEPT)}
    gone = lab.create_job(names["gone"], pool)
    jobs["reports"].create_tasks(["render"] * 3)
    jobs["failures"].create_tasks(["/bin/sh -c 'exit 1'", "render"])
    jobs["working"].create_tasks(["render", "simulate tide"])
    jobs["again"].create_task("t", "/bin/sh -c 'exit 1'")
    gone.create_task("t", "render")
    lab.advance("2h")
    gone.terminate()
    jobs["again"].tasks["t"].reactivate()
    jobs["off"].create_tasks(["render"] * 2)
    jobs["off"].disable("requeue")
    jobs["recent"].create_tasks(["render"] * 2)
    lab.advance("40m")
    jobs["queued"].create_tasks(["simulate tide"] * 9)
    lab.advance("10m")


HOURS = 5
BUDGET = 1.0


class GuardedLab(NamedTuple):
    """A lab to guard, and whether its budget is used up within the time."""

    make: Callable[[SimulatedLab], None]
    runs_out: bool
    what: str
    hint: str = "Add up what is spent, and what all nodes cost until the guard runs again."


def _work(lab: SimulatedLab, pool: Pool, command: str = "film") -> None:
    lab.create_job(f"work-{pool.id}", pool).create_tasks([command] * 20)


def _fixed(lab: SimulatedLab) -> None:
    _work(lab, lab.create_pool("farm", target_dedicated_nodes=6))


def _long_tasks(lab: SimulatedLab) -> None:
    _work(lab, lab.create_pool("farm", target_dedicated_nodes=6), "simulate tide")


def _with_formula(lab: SimulatedLab) -> None:
    pool = lab.create_pool("farm")
    pool.enable_auto_scale(formulas.pending_tasks(6), auto_scale_evaluation_interval="5m")
    _work(lab, pool)


def _two_pools(lab: SimulatedLab) -> None:
    _work(lab, lab.create_pool("farm", target_dedicated_nodes=2, target_low_priority_nodes=2))
    _work(lab, lab.create_pool("big", vm_size="large", target_dedicated_nodes=5))


def _idle(lab: SimulatedLab) -> None:
    lab.create_pool("farm", target_dedicated_nodes=8)


def _cheap(lab: SimulatedLab) -> None:
    pool = lab.create_pool("farm", target_dedicated_nodes=2)
    lab.create_job("work-farm", pool).create_tasks(["render"] * 20)
    lab.create_pool("follows").enable_auto_scale(formulas.fixed(0))


ACCOUNTS = (
    GuardedLab(_cheap, runs_out=False, what="an account that never reaches its budget",
            hint="While there is money left for ten minutes, change nothing."),
    GuardedLab(_fixed, runs_out=True, what="a pool of six nodes"),
    GuardedLab(_long_tasks, runs_out=True, what="a pool with tasks of ten hours",
            hint="When do the nodes leave? There is node_deallocation_option."),
    GuardedLab(_with_formula, runs_out=True, what="a pool with a formula",
            hint="After pool.disable_auto_scale() it keeps its nodes, and can be resized."),
    GuardedLab(_two_pools, runs_out=True, what="two pools, with large and with spot nodes",
            hint="Each size has its price. Spot nodes are a target of their own: "
            "target_low_priority_nodes."),
    GuardedLab(_idle, runs_out=True, what="a pool with idle nodes only",
            hint="Idle nodes cost as much as busy ones."),
)  # fmt: skip
