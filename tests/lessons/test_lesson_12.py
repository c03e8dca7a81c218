"""Lesson 12: each lab is broken in its own way, has its hint, and is not repaired by a trick."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.broken import labs
from batchlab.lessons.solving import solutions

BROKEN = [name for name in labs() if name.startswith("12-")]
LOCKED = [name for name in BROKEN if labs()[name].locked]
REASONS = {
    "12-1": "NoNodes",
    "12-2": "JobDisabled",
    "12-3": "SchedulingDisabled",
    "12-4": "PoolNotFound",
    "12-5": "ResizeFailed",
}
MOVE = """
work = broken.jobs["work"]
work.disable("requeue")
work.wait("disabled")
work.update(pool_info={pool!r})
work.enable()
"""
RECREATE = """
broken.jobs["work"].tasks.wait()
for name in ("frame1", "frame2", "frame3"):
    broken.jobs["work"].tasks[name].delete()
broken.jobs["work"].create_tasks(
    [bl.TaskSpec(id=f"frame{n}", command_line="/bin/true") for n in (1, 2, 3)]
)
"""
OTHERWISE = {
    "12-1": 'broken.pools["farm"].enable_auto_scale("$TargetDedicatedNodes = 1;")',
    "12-2": 'broken.jobs["WORK"].enable()\nbroken.jobs["work"].create_task("more", "echo more")',
    "12-3": 'broken.pools["farm"].resize(4)',
    "12-4": 'broken.create_pool("fram", target_low_priority_nodes=1)',
    "12-5": MOVE.format(pool="reserve"),
    "12-6": """
farm = broken.pools["farm"]
farm.resize(0)
farm.wait("steady")
farm.update(task_slots_per_node=4)
farm.resize(2)""",
    "12-7": """
farm = broken.pools["farm"]
farm.update(start_task='/bin/sh -c "echo 1 > $AZ_BATCH_NODE_SHARED_DIR/licence.txt"')
farm.resize(0)
farm.wait("steady")
farm.resize(3)""",
    "12-8": """
broken.jobs["work"].create_tasks(
    [bl.TaskSpec(id=name, command_line="render scene") for name in ("scene", "and", "more")]
)""",
    "12-9": """
farm = broken.pools["farm"]
farm.update(start_task='/bin/sh -c "echo a scene > $AZ_BATCH_TASK_WORKING_DIR/scene.txt"')
farm.resize(0)
farm.wait("steady")
farm.resize(2)""",
    "12-10": 'broken.jobs["archive"].update(priority=-1000)',
    "12-11": MOVE.format(pool="reserve"),
    "12-12": """
farm = broken.pools["farm"]
one = next(iter(farm.nodes.values()))
one.enable_scheduling()
bring = broken.create_job(
    "bring", farm, job_preparation_task=
    '/bin/sh -c "echo scene > $AZ_BATCH_NODE_SHARED_DIR/scene.txt"')
bring.create_task("bring", "/bin/true").wait()
broken.jobs["work"].tasks["scene"].reactivate()""",
    "12-13": 'broken.advance("2h")',
}
"""Another way to repair each lab."""
SHRINK = 'broken.pools["reserve"].resize(2); broken.pools["reserve"].wait("steady")'
EASY = 'broken.pools["farm"].update(start_task="/bin/true")'
GROW = 'broken.pools["farm"].resize(2)'
LATER = 'broken.advance("1h")'
AGAIN = 'broken.jobs["work"].tasks["scene"].reactivate()'
RESERVE = 'broken.pools["reserve"].delete(); broken.advance("5m")'
EACH_ARCHIVED = 'for task in broken.jobs["archive"].tasks.values(): task.'
EACH_NODE = 'for node in broken.pools["farm"].nodes.values(): node.'
HARM = [
    ("12-4", ['broken.pools["farm"].delete()', OTHERWISE["12-4"]], "someone else"),
    ("12-5", [RESERVE, GROW], "someone else"),
    ("12-10", ['broken.jobs["archive"].delete()'], "someone else"),
    ("12-10", ['broken.jobs["archive"].terminate()'], "someone else"),
    ("12-10", ['broken.jobs["archive"].disable("requeue")'], "someone else"),
    ("12-10", [f"{EACH_ARCHIVED}delete()"], "someone else"),
    ("12-10", [f"{EACH_ARCHIVED}terminate()"], "someone else"),
    ("12-10", [], "priority of the jobs"),
    ("12-11", [RESERVE, EASY, GROW], "someone else"),
    ("12-11", [SHRINK, GROW, LATER], "resize_errors"),
    ("12-11", [EASY, LATER], "resize_errors"),
    ("12-12", [f"{EACH_NODE}enable_scheduling()", AGAIN, LATER], "depend on"),
    ("12-12", [AGAIN, LATER], "depend on"),
    ("12-13", [LATER, f"{EACH_NODE}reboot()"], "only waited"),
    ("12-13", ['broken.pools["farm"].resize(4)'], "only waited"),
    ("12-13", ['broken.jobs["work"].update(priority=1000)'], "only waited"),
]


def repair(exercise: str, code: str, *, wait: bool = True) -> bl.SimulatedLab:
    """The broken lab after some code, as a learner writes it in a cell."""
    broken = lessons.broken(exercise)
    exec(code, {"broken": broken, "bl": bl, "lessons": lessons})
    if wait:
        broken.jobs["work"].tasks.wait()
    return broken


@pytest.mark.parametrize("exercise", REASONS)
def test_broken_lab_waits_for_its_own_reason_and_has_two_hints(exercise: str) -> None:
    with lessons.broken(exercise) as lab:
        lab.advance("2h")
        explanation = lab.jobs["work"].tasks["frame3"].explain()
        assert explanation.codes[0] == REASONS[exercise]
        assert any(reason.lasting for reason in explanation.reasons)
        first, second = lessons.check(exercise, lab), lessons.check(exercise, lab)
        assert explanation[0] in first.text
        assert first.hint
        assert second.hint not in first.hint


@pytest.mark.parametrize("exercise", LOCKED)
def test_locked_lab_explains_nothing_and_is_shown(exercise: str) -> None:
    with lessons.broken(exercise) as lab:
        task = lab.jobs["work"].tasks["frame3"]
        things: list[Any] = [task, lab.jobs["work"], lab.pools["farm"],
                             *lab.pools["farm"].nodes.values()]  # fmt: skip
        for thing in things:
            with pytest.raises(bl.Conflict, match="explain is locked in this lab"):
                thing.explain()
            assert thing._repr_html_()
        try:
            task.wait()
        except bl.WaitNeverEnds as error:
            assert error.code == "NothingUnderWay"  # noqa: PT017
            assert "explain is locked" in error.message  # noqa: PT017
        assert repr(lab) == f"lessons.broken({exercise!r})"


@pytest.mark.parametrize("exercise", BROKEN)
def test_lab_as_solved_is_right_for_its_own_exercise_only(exercise: str) -> None:
    namespace: dict[str, Any] = {"bl": bl, "lessons": lessons}
    exec(solutions("12")[exercise].code, namespace)
    with namespace["repaired"] as lab:
        assert lessons.check(exercise, lab).is_right
        for other in BROKEN:
            if other != exercise:
                answer = lessons.check(other, lab)
                assert not answer.is_right
                assert answer.text == f"this is the lab of exercise {exercise}."


@pytest.mark.parametrize("exercise", BROKEN)
def test_lab_repaired_in_another_way_is_right(exercise: str) -> None:
    with repair(exercise, OTHERWISE[exercise]) as lab:
        answer = lessons.check(exercise, lab)
        assert answer.is_right, answer


@pytest.mark.parametrize("exercise", BROKEN)
def test_lab_with_other_tasks_or_ended_ones_is_not_repaired(exercise: str) -> None:
    with lessons.broken(exercise) as lab:
        assert not lessons.check(exercise, lab).is_right
    replaced = OTHERWISE[exercise] + RECREATE
    with repair(exercise, replaced) as lab:
        assert "do not replace them" in lessons.check(exercise, lab).hint
    ended = 'for n in (1, 2, 3): broken.jobs["work"].tasks[f"frame{n}"].terminate()'
    with repair(exercise, ended, wait=False) as lab:
        answer = lessons.check(exercise, lab)
        assert "terminated" in answer.hint
        assert "of the tasks failed" in answer.text


@pytest.mark.parametrize(("exercise", "code", "hint"), HARM)
def test_lab_repaired_by_harm_or_by_half_is_not_repaired(
    exercise: str, code: list[str], hint: str
) -> None:
    with repair(exercise, "\n".join(code), wait=LATER not in code[-1:]) as lab:
        answer = lessons.check(exercise, lab)
        assert answer.outcome == "not yet"
        assert hint in answer.hint


def test_lab_that_was_never_broken_is_not_repaired() -> None:
    with bl.SimulatedLab() as lab:
        lab.create_pool("farm", target_dedicated_nodes=2)
        work = lab.create_job("work", "farm")
        work.create_tasks([bl.TaskSpec(id=f"frame{n}", command_line="a") for n in (1, 2, 3)])
        work.tasks.wait()
        assert "has its own broken lab" in lessons.check("12-1", lab).hint


def test_broken_of_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(bl.InvalidRequest, match="the broken labs are 12-1, 12-2"):
        lessons.broken("03-1")


def test_12_1_with_a_new_job_in_its_place_is_not_repaired() -> None:
    with lessons.broken("12-1") as lab:
        lab.jobs["work"].delete()
        lab.pools["farm"].resize(1)
        lab.create_job("work", "farm").create_tasks(["/bin/true"] * 3)
        lab.jobs["work"].tasks.wait()
        assert "are gone" in lessons.check("12-1", lab).text


def test_12_1_repaired_but_not_waited_for_says_so() -> None:
    with lessons.broken("12-1") as lab:
        lab.pools["farm"].resize(2)
        assert "waits for them" in lessons.check("12-1", lab).hint
        lab.jobs["work"].tasks.wait()
        assert lessons.check("12-1", lab).is_right


@pytest.mark.parametrize(
    ("exercise", "code"),
    [
        ("12-8", 'work.create_task("scene", "/bin/sh -c \'exit 1\'")'),
        ("12-12", 'for node in broken.pools["farm"].nodes.values(): node.enable_scheduling()'),
    ],
)
def test_a_scene_that_failed_may_be_deleted_and_made_again(exercise: str, code: str) -> None:
    again = 'work.tasks["scene"].delete(); work.create_task("scene", "render scene")'
    lines = ['work = broken.jobs["work"]', code, LATER, again]
    broken = repair(exercise, "\n".join(lines))
    answer = lessons.check(exercise, broken)
    assert answer.is_right, answer
