"""The capstone: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from helpers.evenings import CHECKED, LIMIT, evening_job, prepare

INHERITED = """
$samples = $ActiveTasks.GetSamplePercent(5 * TimeInterval_Minute);
$tasks = $samples < 70 ? 1 : max(0, $ActiveTasks.GetSample(1));
$TargetLowPriorityNodes = min(40, $tasks);
"""
RIGHT = """
$books = max(0, $PendingTasks.GetSample(1));
$TargetLowPriorityNodes = min(60, $books);
$NodeDeallocationOption = taskcompletion;
"""


# -- 21-1: what went wrong ------------------------------------------------------------------------


@pytest.fixture
def first() -> Iterator[bl.SimulatedLab]:
    """Night 1 with the inherited design, three hours later."""
    with lessons.night(1) as lab:
        pool = lab.create_pool("risk")
        pool.enable_auto_scale(INHERITED, auto_scale_evaluation_interval="5m")
        evening_job(lab, pool)
        lab.advance("3h")
        yield lab


def truth(lab: bl.SimulatedLab) -> dict[str, Any]:
    job = lab.jobs["evening"]
    spans = {}
    for row in job.preparations:
        info = row.job_preparation_task_execution_info
        spans[row.node_id] = (info.end_time or lab.now) - info.start_time
    return {
        "broken": job.tasks.filter(result="failure")[:1][0].node_id,
        "slow": max(spans, key=lambda node: spans[node]),
        "cut short": sum(task.requeue_count for task in job.tasks.views()),
    }


def test_21_1_with_what_the_lab_shows_is_right(first: bl.SimulatedLab) -> None:
    found = truth(first)
    assert lessons.check("21-1", first, found).is_right
    found |= {"more": "the formula", "cut short": str(found["cut short"])}
    assert lessons.check("21-1", first, found).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"broken": "tvm-1_6-20260105t090000z"}, "Which node ran the books that failed"),
        ({"broken": 6}, "Which node ran the books that failed"),
        ({"slow": "the first one"}, "when each preparation started"),
        ({"cut short": 0}, "because its node leaves"),
        ({"cut short": "many"}, "because its node leaves"),
    ],
)
def test_21_1_with_a_wrong_finding_gives_its_hint(
    first: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("21-1", first, truth(first) | changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_21_1_with_nodes_exchanged_or_keys_forgotten_says_so(first: bl.SimulatedLab) -> None:
    found = truth(first)
    swapped = {**found, "broken": found["slow"], "slow": found["broken"]}
    assert "slow, not broken" in lessons.check("21-1", first, swapped).hint
    del found["cut short"]
    assert "the findings have no 'cut short'" in lessons.check("21-1", first, found).text


def test_21_1_of_another_lab_or_an_empty_night_is_wrong(first: bl.SimulatedLab) -> None:
    with bl.SimulatedLab() as lab, lessons.night(2) as empty:
        assert "lessons.night(...)" in lessons.check("21-1", lab, {}).hint
        assert "Run the inherited design" in lessons.check("21-1", empty, truth(first)).hint


# -- 21-2: the formula ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        RIGHT.replace("60", "100"),
        RIGHT.replace("$PendingTasks.GetSample(1)", "$PendingTasks.GetSample(1) + 0"),
        bl.formulas.pending_tasks(40).text.replace("$TargetDedicated", "$TargetLowPriority"),
        RIGHT.replace("$PendingTasks.GetSample(1)",
                      "$ActiveTasks.GetSample(1) + $RunningTasks.GetSample(1)"),
        RIGHT.replace("taskcompletion", "retaineddata"),
    ],
)  # fmt: skip
def test_21_2_that_counts_running_books_is_right(text: str) -> None:
    answer = lessons.check("21-2", bl.Formula(text))
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (INHERITED, "need their nodes, too"),
        (RIGHT.replace("taskcompletion", "requeue"), "What happens then"),
        (RIGHT.replace("$NodeDeallocationOption = taskcompletion;", ""), "What happens then"),
        (RIGHT.replace("60", "20"), "enough nodes for the deadline"),
        (RIGHT.replace("min(60, $books)", "$books"), "an upper bound"),
        (RIGHT.replace("min(60", "max(40"), "an upper bound"),
        ("$TargetLowPriorityNodes = 60; $NodeDeallocationOption = taskcompletion;",
         "none when there is nothing"),
        (RIGHT.replace("LowPriority", "Dedicated"), "the other kind"),
        (RIGHT.replace("max(0, $PendingTasks.GetSample(1))",
                       "avg($PendingTasks.GetSample(5 * TimeInterval_Minute))"), "No samples yet"),
        ("$TargetLowPriorityNodes = $nothing;", "says where"),
    ],
)  # fmt: skip
def test_21_2_of_a_wrong_formula_gives_its_hint(text: str, hint: str) -> None:
    answer = lessons.check("21-2", bl.Formula(text))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


# -- 21-3: nodes that are not fit -----------------------------------------------------------------


def protected(
    number: int = 2, *, count: int = 200, start: str | None = None, nodes: int = 40, **job: Any
) -> lessons.Answer:
    with lessons.night(number) as lab:
        more = {"start_task": start} if start else {}
        pool = lab.create_pool("forty", target_dedicated_nodes=nodes, **more)
        made = evening_job(lab, pool, count, **job)
        lab.advance("7h")
        return lessons.check("21-3", made)


@pytest.mark.parametrize(
    "way",
    [
        {"job_preparation_task": prepare(constraints=LIMIT)},
        {"job_preparation_task": prepare(constraints=LIMIT), "count": 400, "number": 300},
        {"job_preparation_task": prepare(constraints=bl.TaskConstraints(
            max_wall_clock_time="20m", max_task_retry_count=1))},
        {"job_preparation_task": prepare("download prices", constraints=LIMIT),
         "start": "check disk"},
        {"start": CHECKED, "job_preparation_task": prepare("/bin/true")},
        {"job_preparation_task": prepare("/bin/sh -c 'download prices; check disk'",
                                         constraints=LIMIT)},
    ],
)  # fmt: skip
def test_21_3_that_keeps_unfit_nodes_away_is_right(way: dict[str, Any]) -> None:
    answer = protected(**way)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("way", "hint"),
    [
        ({}, "They should succeed"),
        ({"job_preparation_task": prepare("download prices", constraints=LIMIT)},
         "They should succeed"),
        ({"job_preparation_task": prepare()}, "Who says when it has taken too long"),
        ({"job_preparation_task": prepare("/bin/sh -c 'check disk; download prices'",
                                          constraints=LIMIT)}, "They should succeed"),
        ({"job_preparation_task": prepare(constraints=LIMIT), "nodes": 2, "count": 200},
         "a pool of 40 nodes"),
        ({"job_preparation_task": prepare(constraints=LIMIT), "count": 40},
         "takes a list of command lines"),
        ({"job_preparation_task": prepare(constraints=bl.TaskConstraints(
            max_wall_clock_time="2h"))}, "Who says when it has taken too long"),
    ],
)  # fmt: skip
def test_21_3_of_a_wrong_preparation_gives_its_hint(way: dict[str, Any], hint: str) -> None:
    answer = protected(**way)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_21_3_with_nodes_switched_off_by_hand_fails_in_another_night() -> None:
    with lessons.night(1) as lab:
        pool = lab.create_pool("forty", target_dedicated_nodes=40)
        pool.nodes.wait("idle")
        for node in pool.nodes.values():
            if any(f"_{number}-" in node.id for number in (6, 20)):
                node.disable_scheduling()
        job = evening_job(lab, pool, 200)
        job.tasks.wait()
        assert job.counts.succeeded == 200
        answer = lessons.check("21-3", job)
    assert "in another night" in answer.text
    assert "before the first book" in answer.hint


def test_21_3_with_many_retries_is_wrong() -> None:
    with lessons.night(2) as lab:
        pool = lab.create_pool("forty", target_dedicated_nodes=40)
        job = lab.create_job("retried", pool, job_preparation_task=prepare("download prices"),
                             constraints=bl.JobConstraints(max_task_retry_count=-1))  # fmt: skip
        job.create_tasks(["value book"] * 200)
        lab.advance("2h")
        next(n for n in pool.nodes.values() if "_29-" in n.id).disable_scheduling("requeue")
        lab.advance("6h")
        answer = lessons.check("21-3", job)
    assert answer.outcome == "not yet"


def test_21_3_in_another_lab_is_wrong(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert "lessons.night(...)" in lessons.check("21-3", lab.create_job("j", pool)).hint


# -- 21-4: every night ----------------------------------------------------------------------------


def design(formula: str = RIGHT, retries: int = 0, **job: Any) -> Callable[[Any], bl.Job]:
    def evening(lab: bl.SimulatedLab) -> bl.Job:
        pool = lab.create_pool("risk")
        pool.enable_auto_scale(formula, auto_scale_evaluation_interval="5m")
        more: dict[str, Any] = {"job_preparation_task": prepare(constraints=LIMIT)} | job
        limits = bl.JobConstraints(max_task_retry_count=retries)
        return evening_job(lab, pool, constraints=limits, **more)

    return evening


def by_hand(lab: bl.SimulatedLab) -> bl.Job:
    """Spot nodes until the books are done, and then none."""
    pool = lab.create_pool("risk", target_low_priority_nodes=55)
    job = evening_job(lab, pool, job_preparation_task=prepare(constraints=LIMIT))
    job.tasks.wait()
    pool.resize(target_low_priority_nodes=0)
    return job


def in_the_start_task(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("risk", target_low_priority_nodes=55, start_task=CHECKED)
    job = lab.create_job("evening", pool)
    job.create_tasks([bl.TaskSpec(id=f"b{n}", command_line="value book") for n in range(601)])
    job.tasks.wait()
    pool.resize(target_low_priority_nodes=0)
    return job


def operator(lab: bl.SimulatedLab) -> bl.Job:
    """Look every minute, and remove what is broken or hangs: no preparation knows of it."""
    pool = lab.create_pool("risk", target_low_priority_nodes=60)
    job = evening_job(lab, pool)
    while job.counts.active + job.counts.running:
        lab.advance("1m")
        bad = {task.node_id for task in job.tasks.filter(result="failure").views()}
        for row in job.preparations:
            info = row.job_preparation_task_execution_info
            if info.end_time is None and lab.now - info.start_time > timedelta(minutes=12):
                bad.add(row.node_id)
        here = [name for name in bad if name in pool.nodes]
        if here and pool.allocation_state == "steady":
            pool.remove_nodes(here, node_deallocation_option="requeue")
        for task in job.tasks.filter(result="failure").values():
            task.reactivate()
    pool.wait("steady")
    pool.resize(target_low_priority_nodes=0)
    return job


@pytest.mark.parametrize(
    "evening",
    [design(), design(RIGHT.replace("60", "75")), design(retries=2), by_hand, in_the_start_task,
     operator],
)  # fmt: skip
def test_21_4_that_keeps_its_promises_is_right(evening: Callable[..., Any]) -> None:
    answer = lessons.check("21-4", evening)
    assert answer.is_right, answer


def dedicated(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("risk", target_dedicated_nodes=40)
    job = evening_job(lab, pool, job_preparation_task=prepare(constraints=LIMIT))
    job.tasks.wait()
    pool.resize(0)
    return job


def stays(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("risk", target_low_priority_nodes=55)
    return evening_job(lab, pool, job_preparation_task=prepare(constraints=LIMIT))


def made_for_night_1(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("risk", target_low_priority_nodes=55)
    lab.advance("3m")
    pool.remove_nodes([node for node in pool.nodes if "_6-" in node or "_20-" in node])
    job = evening_job(lab, pool)
    lab.advance("2h")
    pool.resize(target_low_priority_nodes=0)
    return job


def few_big(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("risk", target_low_priority_nodes=35, task_slots_per_node=2)
    job = evening_job(lab, pool, job_preparation_task=prepare(constraints=LIMIT))
    job.tasks.wait()
    pool.resize(target_low_priority_nodes=0)
    return job


def without_work(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("risk", target_low_priority_nodes=1)
    job = lab.create_job("evening", pool)
    job.create_tasks(["/bin/sh -c 'echo value book'"] * 600)
    job.tasks.wait()
    pool.resize(target_low_priority_nodes=0)
    return job


def own_lab(lab: bl.SimulatedLab) -> bl.Job:
    return design()(bl.SimulatedLab(workload=bl.Workload(default="3m")))


@pytest.mark.parametrize(
    ("evening", "says"),
    [
        (design(INHERITED), "exercises 21-1 to 21-3"),
        (design(job_preparation_task=prepare("download prices", constraints=LIMIT)),
         "exercises 21-1 to 21-3"),
        (design(job_preparation_task=prepare()), "exercises 21-1 to 21-3"),
        (design(RIGHT.replace("60", "40")), "How many do you need"),
        (design(RIGHT.replace("LowPriority", "Dedicated")), "Which kind of node"),
        (design(retries=-1, job_preparation_task=prepare("download prices", constraints=LIMIT)),
         "Retries hide it"),
        (dedicated, "Which kind of node"),
        (stays, "the meter is running"),
        (made_for_night_1, "exercises 21-1 to 21-3"),
        (few_big, "the times are those"),
        (without_work, "Every book has to be computed"),
        (own_lab, "return the job that it created"),
        (lambda lab: None, "return the job that it created"),
        (lambda lab: 1 / 0, "nobody is there to help"),
        (lambda: None, "the lab of a night"),
    ],
)  # fmt: skip
def test_21_4_of_a_wrong_design_gives_its_hint(evening: Callable[..., Any], says: str) -> None:
    answer = lessons.check("21-4", evening)
    assert answer.outcome == "not yet"
    assert says.lower() in answer.hint.lower(), answer
