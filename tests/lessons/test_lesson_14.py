"""Lesson 14: what learners try, and the hint that is meant for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

import batchlab as bl
from batchlab import lessons
from helpers.dask_labs import sleepers
from helpers.waiting import until


@pytest.fixture
def three(lab: bl.SimulatedLab) -> bl.Pool:
    made = lab.create_pool("three", target_dedicated_nodes=3)
    made.nodes.wait("idle")
    return made


def on(pool: bl.Pool, lab: bl.SimulatedLab, count: int = 3) -> bl.Job:
    job = lab.create_job("on-three", pool)
    job.create_tasks(["sleep 10"] * count)
    lab.advance("5m")
    return job


def test_14_1_with_tasks_on_three_nodes_is_right(lab: bl.SimulatedLab, three: bl.Pool) -> None:
    assert lessons.check("14-1", on(three, lab)).is_right


def test_14_1_on_a_pool_that_is_too_small_asks_who_makes_a_worker_a_node(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    assert "How does it become a node" in lessons.check("14-1", on(pool, lab)).hint


def test_14_1_without_a_third_worker_asks_for_it() -> None:
    with bl.SimulatedLab(max_nodes=2) as lab:
        pool = lab.create_pool("three", target_dedicated_nodes=3)
        lab.advance("20m")
        assert "Is there a third worker?" in lessons.check("14-1", on(pool, lab)).hint


def test_14_1_with_a_node_that_had_no_task_or_too_few_tasks_gives_its_hint(
    lab: bl.SimulatedLab, three: bl.Pool
) -> None:
    next(iter(three.nodes.values())).disable_scheduling()
    assert "takes the next task" in lessons.check("14-1", on(three, lab)).hint
    few = lab.create_job("few", three)
    few.create_tasks(["/bin/true"] * 2)
    few.tasks.wait()
    assert "list of command lines" in lessons.check("14-1", few).hint


def die(
    lab: bl.SimulatedLab,
    pool: bl.Pool,
    *,
    after: str = "5s",
    command_line: str = "sleep 30",
    idle: bool = False,
) -> bl.Job:
    """Six tasks, and a machine that dies a while after they were made."""
    node = next(iter(pool.nodes.values()))
    if idle:
        node.disable_scheduling()
    job = lab.create_job("survivor", pool)
    job.create_tasks([command_line] * 6)
    lab.advance(after)
    lab._connection.lose_node(pool.id, node.id)
    return job


def test_14_2_with_a_machine_that_died_and_came_back_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = die(lab, pool)
    assert "waits for them" in lessons.check("14-2", job).hint
    lab.advance("1h")
    assert lessons.check("14-2", job).is_right


@pytest.mark.parametrize(
    ("after", "command_line", "idle", "hint"),
    [
        ("20m", "sleep 30", False, "When do the tasks run?"),
        ("5s", "sleep 30", True, "Which workers are nodes"),
        ("5s", "/bin/sh -c 'sleep 30; exit 1'", False, "does not make a task fail"),
    ],
)
def test_14_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, after: str, command_line: str, idle: bool, hint: str
) -> None:
    job = die(lab, pool, after=after, command_line=command_line, idle=idle)
    lab.advance("1h")
    answer = lessons.check("14-2", job)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_14_2_with_a_machine_that_is_still_away_asks_for_it(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    node = next(iter(pool.nodes.values()))
    job = lab.create_job("survivor", pool)
    job.create_tasks(["sleep 5"] * 6)
    lab.advance("2s")
    lab._connection.world.lose_node(node.id, for_good=True)
    lab.advance("1h")
    answer = lessons.check("14-2", job)
    assert answer.text == f"the node {node.id} has not come back."
    assert "the old place" in answer.hint


def test_14_1_of_failed_tasks_is_wrong(lab: bl.SimulatedLab, three: bl.Pool) -> None:
    job = lab.create_job("failing", three)
    job.create_tasks(["/bin/sh -c 'sleep 10; exit 1'"] * 3)
    job.tasks.wait()
    assert "They should succeed" in lessons.check("14-1", job).hint


def test_14_1_of_three_nodes_that_were_never_there_together_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job("moved", pool)
    job.create_tasks(["sleep 10"] * 2)
    job.tasks.wait()
    pool.remove_nodes([pool.nodes.ids()[0]])
    pool.wait("steady")
    pool.resize(2)
    pool.nodes.wait("idle")
    job.create_tasks([bl.TaskSpec(id=f"more{n}", command_line="sleep 10") for n in range(2)])
    job.tasks.wait()
    assert len({task.node_id for task in job.tasks.values()}) == 3
    assert lessons.check("14-1", job).outcome == "not yet"


@pytest.mark.parametrize("how", ["shrunk", "deleted"])
def test_14_1_of_a_pool_that_was_cleaned_up_afterwards_is_right(
    lab: bl.SimulatedLab, three: bl.Pool, how: str
) -> None:
    job = on(three, lab)
    if how == "shrunk":
        three.resize(0)
    else:
        three.delete()
    lab.advance("20m")
    assert lessons.check("14-1", job).is_right


def test_14_1_with_more_nodes_and_tasks_is_right(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("four", target_dedicated_nodes=2, target_low_priority_nodes=2)
    pool.nodes.wait("idle")
    job = lab.create_job("more", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="/bin/sleep 10") for n in range(8)])
    job.tasks.wait()
    assert lessons.check("14-1", job).is_right


def test_14_2_with_all_machines_lost_at_the_begin_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job("mine", pool)
    job.create_tasks(["sleep 30"] * 6)
    lab.advance("5s")
    for node_id in pool.nodes.ids():
        lab._connection.lose_node(pool.id, node_id)
    lab.advance("1h")
    answer = lessons.check("14-2", job)
    assert answer.is_right, answer


@pytest.mark.parametrize("how", ["idle", "reboot", "removed"])
def test_14_2_of_an_idle_machine_or_one_that_does_not_come_back_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, how: str
) -> None:
    first, second = pool.nodes.values()
    if how == "idle":
        first.disable_scheduling()
    job = lab.create_job("mine", pool)
    job.create_tasks(["sleep 30"] * 6)
    lab.advance("5s")
    if how == "reboot":
        first.reboot()
    else:
        lab._connection.world.lose_node(first.id, for_good=how == "removed")
    if how == "idle":
        second.reboot()
    lab.advance("30m")
    if how == "removed":
        pool.remove_nodes([first.id])
        lab.advance("30m")
    assert lessons.check("14-2", job).outcome == "not yet"


def test_14_2_with_another_machine_in_its_place_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    first = pool.nodes.ids()[0]
    job = lab.create_job("mine", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(9)])
    lab.advance("5s")
    lab._connection.world.lose_node(first, for_good=True)
    lab.advance("30m")
    pool.remove_nodes([first])
    lab.advance("10m")
    pool.resize(2)
    lab.advance("10m")
    answer = lessons.check("14-2", job)
    assert answer.is_right, answer


KERNEL = """
import json, sys, time
exec(json.load(sys.stdin))
from distributed import Client
with Client(scheduler_file=str(folder / "scheduler.json"), set_as_default=False) as client:
    client.wait_for_workers(2)
    lab = bl.Lab(client.scheduler.address)
    lab.create_pool("p", target_dedicated_nodes=2).nodes.wait("idle")
    lab.create_job("j", "p").create_tasks(["sleep 7301"] * 2)
    print(json.dumps([program.pid for program in programs.values()]), flush=True)
    time.sleep(600)
"""
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "14-from-laptop-to-cluster.ipynb"


@pytest.mark.ci("clusters")
def test_programs_of_the_notebook_end_when_its_kernel_is_killed() -> None:
    cells = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells]
    setup = next(source for source in cells if "def start_worker" in source)
    kernel = subprocess.Popen(
        [sys.executable, "-c", f"import batchlab as bl{KERNEL}"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert kernel.stdin is not None
    assert kernel.stdout is not None
    with kernel, kernel.stdin, kernel.stdout:
        kernel.stdin.write(json.dumps(setup))
        kernel.stdin.close()
        sessions = set(json.loads(kernel.stdout.readline()))
        until(lambda: len(sleepers(7301)) == 2)
        family = psutil.Process(kernel.pid).children(recursive=True)
        assert sessions <= {process.pid for process in family}
        kernel.kill()
    until(lambda: not any(map(is_alive, family)))
    assert not sleepers(7301)


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
