"""Lesson 01: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons


def eight(lab: bl.SimulatedLab, nodes: int, slots: int) -> lessons.Answer:
    pool = lab.create_pool("mine", target_dedicated_nodes=nodes, task_slots_per_node=slots)
    pool.nodes.wait("idle")
    job = lab.create_job("eight", pool)
    job.create_tasks(["render frame"] * 8)
    job.tasks.wait()
    return lessons.check("01-1", job)


def test_01_1_with_four_slots_each_is_right(lab: bl.SimulatedLab) -> None:
    answer = eight(lab, 2, 4)
    assert answer.text == "8 tasks ran at the same time, on 2 nodes."
    assert answer.is_right


def test_01_1_with_too_many_nodes_or_too_few_slots_gives_its_hint(lab: bl.SimulatedLab) -> None:
    assert "What decides how many tasks" in eight(lab, 8, 1).hint


def test_01_1_with_too_few_slots_asks_how_many(lab: bl.SimulatedLab) -> None:
    answer = eight(lab, 2, 2)
    assert answer.text == "at most 4 of the tasks ran at the same time."
    assert "how many slots" in answer.hint


def shrink(lab: bl.SimulatedLab, after: str = "20s", **resize: Any) -> lessons.Answer:
    pool = lab.create_pool("mine", target_dedicated_nodes=4)
    pool.nodes.wait("idle")
    job = lab.create_job("twelve", pool)
    job.create_tasks(["render frame"] * 12)
    lab.advance(after)
    if resize:
        pool.resize(1, **resize)
        pool.wait("steady")
    job.tasks.wait()
    return lessons.check("01-2", pool, job)


def test_01_2_with_nodes_that_stay_for_their_tasks_is_right(lab: bl.SimulatedLab) -> None:
    assert shrink(lab, node_deallocation_option="taskcompletion").is_right


@pytest.mark.parametrize(
    ("after", "resize", "hint"),
    [
        ("20s", {}, "end with one"),
        ("20s", {"node_deallocation_option": "requeue"}, "by default"),
        ("20s", {"node_deallocation_option": "terminate"}, "but loses work"),
        ("20s", {"node_deallocation_option": "retaineddata"}, "more than tasks"),
        ("1h", {"node_deallocation_option": "taskcompletion"}, "move the clock"),
    ],
)
def test_01_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, after: str, resize: dict[str, Any], hint: str
) -> None:
    assert hint in shrink(lab, after, **resize).hint


def test_01_2_after_an_earlier_try_with_the_same_pool_is_right(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("mine", target_dedicated_nodes=4)
    pool.nodes.wait("idle")
    for size in (1, 4):
        pool.resize(size)
        pool.wait("steady")
    pool.nodes.wait("idle")
    job = lab.create_job("twelve", pool)
    job.create_tasks(["render frame"] * 12)
    lab.advance("20s")
    pool.remove_nodes(pool.nodes.ids()[:3], node_deallocation_option="taskcompletion")
    pool.wait("steady")
    job.tasks.wait()
    assert lessons.check("01-2", pool, job).is_right
    other = lab.create_pool("other", target_dedicated_nodes=4)
    assert "the one that runs the job" in lessons.check("01-2", other, job).hint


def test_01_2_before_the_resize_is_over_says_how_to_wait(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("mine", target_dedicated_nodes=5)
    pool.nodes.wait("idle")
    job = lab.create_job("twelve", pool)
    job.create_tasks(["render frame"] * 12)
    lab.advance("20s")
    pool.resize(2, node_deallocation_option="taskcompletion")
    job.tasks.wait()
    answer = lessons.check("01-2", pool, job)
    assert answer.text == "the pool has 2 nodes, not one."


def equip(lab: bl.SimulatedLab, start_task: Any, nodes: int = 2) -> lessons.Answer:
    pool = lab.create_pool("mine", target_dedicated_nodes=nodes, start_task=start_task)
    lab.advance("5m")
    return lessons.check("01-3", pool)


def test_01_3_with_the_file_on_each_node_is_right(lab: bl.SimulatedLab) -> None:
    start = "/bin/sh -c 'echo saw > $AZ_BATCH_NODE_SHARED_DIR/tools.txt'"
    assert equip(lab, start).is_right


@pytest.mark.parametrize(
    ("start_task", "nodes", "hint"),
    [
        (
            bl.StartTask(
                command_line="/bin/sh -c 'echo saw > $AZ_BATCH_NODE_SHARED_DIR/tools.txt'",
                wait_for_success=False,
            ),
            2,
            "for the first task",
        ),
        (None, 2, "has a parameter for it"),
        ("echo saw > $AZ_BATCH_NODE_SHARED_DIR/tools.txt", 2, "not started by a shell"),
        ("/bin/sh -c 'exit 1'", 2, "startup/stderr.txt"),
        ("/bin/sh -c 'echo saw > tools.txt'", 2, "holds the path of the shared folder"),
        ("/bin/true", 1, "There should be two"),
    ],
)
def test_01_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, start_task: Any, nodes: int, hint: str
) -> None:
    assert hint in equip(lab, start_task, nodes).hint


@pytest.mark.parametrize(
    ("nodes", "slots", "end", "hint"),
    [
        (1, 4, False, "how many slots"),
        (2, 4, True, "ended early"),
        (4, 2, False, "What decides how many tasks"),
    ],
)
def test_01_1_on_another_number_of_nodes_or_ended_is_wrong(
    lab: bl.SimulatedLab, nodes: int, slots: int, end: bool, hint: str
) -> None:
    pool = lab.create_pool("mine", target_dedicated_nodes=nodes, task_slots_per_node=slots)
    pool.nodes.wait("idle")
    job = lab.create_job("eight", pool)
    job.create_tasks(["render frame"] * 8)
    if end:
        lab.advance("1s")
        for task in job.tasks.values():
            task.terminate()
    job.tasks.wait()
    answer = lessons.check("01-1", job)
    assert not answer.is_right
    assert hint in answer.hint


def test_01_1_on_a_large_single_node_asks_for_the_second(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool(
        "mine", vm_size="large", target_dedicated_nodes=1, task_slots_per_node=8
    )
    pool.nodes.wait("idle")
    job = lab.create_job("eight", pool)
    job.create_tasks(["render frame"] * 8)
    job.tasks.wait()
    assert "asks for two nodes" in lessons.check("01-1", job).hint


def test_01_1_with_more_tasks_and_another_command_is_right(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool(
        "mine", target_dedicated_nodes=2, vm_size="large", task_slots_per_node=6
    )
    pool.nodes.wait("idle")
    job = lab.create_job("more", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(12)])
    job.tasks.wait()
    assert lessons.check("01-1", job).is_right


def test_01_2_of_idle_nodes_that_leave_asks_for_busy_ones(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool(
        "mine",
        vm_size="extralarge",
        target_dedicated_nodes=4,
        task_slots_per_node=12,
        task_scheduling_policy=bl.TaskSchedulingPolicy(node_fill_type="pack"),
    )
    pool.nodes.wait("idle")
    job = lab.create_job("twelve", pool)
    job.create_tasks(["render frame"] * 12)
    lab.advance("20s")
    pool.resize(1, node_deallocation_option="taskcompletion")
    pool.wait("steady")
    job.tasks.wait()
    assert "Each of the four nodes should be working" in lessons.check("01-2", pool, job).hint


def test_01_2_by_removing_named_nodes_with_more_tasks_is_right(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("mine", target_dedicated_nodes=4)
    pool.nodes.wait("idle")
    job = lab.create_job("many", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(16)])
    lab.advance("30s")
    pool.remove_nodes(pool.nodes.ids()[1:], node_deallocation_option="TaskCompletion")
    job.tasks.wait()
    pool.wait("steady")
    assert lessons.check("01-2", pool, job).is_right


def test_01_3_of_a_file_that_a_task_wrote_is_wrong(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("mine", target_dedicated_nodes=2, start_task="/bin/true")
    pool.nodes.wait("idle")
    job = lab.create_job("writer", pool)
    job.create_tasks(["/bin/sh -c 'echo saw > $AZ_BATCH_NODE_SHARED_DIR/tools.txt; sleep 1'"] * 2)
    job.tasks.wait()
    assert "Who wrote it?" in lessons.check("01-3", pool).hint


def test_01_3_of_a_start_task_that_came_too_late_is_wrong(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("mine", target_dedicated_nodes=2)
    pool.nodes.wait("idle")
    job = lab.create_job("writer", pool)
    job.create_tasks(["/bin/sh -c 'echo saw > $AZ_BATCH_NODE_SHARED_DIR/tools.txt; sleep 1'"] * 2)
    job.tasks.wait()
    pool.update(start_task="/bin/sh -c 'echo saw > $AZ_BATCH_NODE_SHARED_DIR/tools.txt'")
    assert "Who wrote it?" in lessons.check("01-3", pool).hint


def test_01_3_with_another_quoting_and_a_fetched_file_is_right(lab: bl.SimulatedLab) -> None:
    box = lab.storage.create_container("box")
    box.upload(b"saw", "tools.txt")
    start = bl.StartTask(
        command_line='/bin/sh -c "cp tools.txt ${AZ_BATCH_NODE_SHARED_DIR}/tools.txt"',
        resource_files=[bl.ResourceFile(http_url=box.url_of("tools.txt"), file_path="tools.txt")],
    )
    assert equip(lab, start).is_right
