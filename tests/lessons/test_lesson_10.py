"""Lesson 10: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    rules = {"plan *": "20m", "compute *": "90m", "collect *": "20m", "quick *": "1m"}
    with bl.SimulatedLab(workload=bl.Workload(rules=rules)) as opened:
        yield opened


def manager(command_line: str = "plan tasks", **more: Any) -> bl.JobManagerTask:
    return bl.JobManagerTask(id="manager", command_line=command_line, **more)


def manage(
    lab: bl.SimulatedLab,
    line: str = "quick look",
    boss: bl.JobManagerTask | None = None,
    count: int = 3,
    begin: str = "1m",
    end: str = "3h",
    **settings: Any,
) -> bl.Job:
    """The test, instead of the manager, adds the tasks when the manager has started."""
    job = lab.create_job("managed", "two", job_manager_task=boss or manager(), **settings)
    lab.advance(begin)
    job.create_tasks([line] * count)
    lab.advance(end)
    return job


def test_10_1_with_a_manager_that_outlives_its_tasks_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    assert lessons.check("10-1", manage(lab)).is_right


def test_10_1_with_a_job_that_ends_after_its_manager_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    boss = manager(kill_job_on_completion=False)
    job = manage(lab, "compute part", boss, on_all_tasks_complete="terminatejob", end="9h")
    assert lessons.check("10-1", job).is_right


def test_10_1_with_a_manager_that_began_twice_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = manage(lab, end="5m")
    node = job.tasks["manager"].node_id
    assert node
    pool.nodes[node].reboot()
    lab.advance("3h")
    assert job.tasks["manager"].requeue_count == 1
    assert lessons.check("10-1", job).is_right


def test_10_1_of_a_manager_that_was_deleted_asks_to_leave_it(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = manage(lab)
    job.tasks["manager"].delete()
    assert "Was it deleted?" in lessons.check("10-1", job).hint


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"count": 2}, "has the same methods as a job"),
        ({"line": "compute part"}, "when its manager is completed"),
        ({"line": "/bin/sh -c 'exit 1'"}, "What do they say on stderr?"),
        ({"boss": manager("/bin/sh -c 'sleep 1200; exit 1'")}, "a task like any other"),
        ({"boss": manager(kill_job_on_completion=False)}, "does not end it"),
        ({"end": "5m"}, "waits for it"),
    ],
)
def test_10_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("10-1", manage(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_10_1_with_tasks_that_came_before_the_manager_asks_who_adds_them(
    lab: bl.SimulatedLab,
) -> None:
    lab.create_pool("two", target_dedicated_nodes=2)  # its nodes still have to start
    assert "itself should add them" in lessons.check("10-1", manage(lab)).hint


def test_10_1_ended_by_hand_or_without_a_manager_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = manage(lab, end="5m")
    job.terminate()
    job.wait()
    assert "Who ended the job?" in lessons.check("10-1", job).hint
    plain = lab.create_job("plain", pool)
    assert "has a parameter for it" in lessons.check("10-1", plain).hint


def test_10_1_ended_by_hand_after_its_manager_says_that_it_was(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = manage(lab, boss=manager(kill_job_on_completion=False))
    job.terminate()
    job.wait()
    assert "ended from outside" in lessons.check("10-1", job).text


def repeat(
    lab: bl.SimulatedLab,
    last: str | None = "70m",
    interval: str = "30m",
    line: str | None = "collect sales",
    passed: str = "4h",
) -> bl.JobSchedule:
    minutes = last and timedelta(minutes=int(last.removesuffix("m")))
    schedule = lab.create_job_schedule(
        "repeated",
        schedule=bl.Schedule(
            recurrence_interval=interval,
            do_not_run_after=lab.now + minutes if minutes else None,
        ),
        job_specification=bl.JobSpec(
            pool_info="two", job_manager_task=manager(line) if line else None
        ),
    )
    lab.advance(passed)
    return schedule


def test_10_2_with_three_jobs_and_an_end_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert lessons.check("10-2", repeat(lab)).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"interval": "1h"}, "is part of the schedule"),
        ({"line": None}, "A schedule that does nothing"),
        ({"last": None}, "can have an end"),
        ({"last": "100m"}, "And the third?"),
        ({"last": "480000m"}, "has its own clock"),
        ({"last": "50m"}, "half an hour after the one before it"),
        ({"line": "compute part"}, "half an hour after the one before it"),
        ({"passed": "65m"}, "Some time has to pass"),
    ],
)
def test_10_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("10-2", repeat(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_10_2_ended_by_hand_says_that_it_should_complete_by_itself(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    schedule = repeat(lab, passed="61m")
    schedule.terminate()
    lab.advance("5m")
    assert "ended from outside" in lessons.check("10-2", schedule).text


def own(
    lab: bl.SimulatedLab,
    pool_info: Any = None,
    count: int = 4,
    vm_size: str = "small",
    keep_alive: bool = False,
    passed: str = "9h",
    done: str | None = "terminatejob",
) -> bl.Job:
    auto = bl.AutoPoolSpecification(
        pool_lifetime_option="job",
        keep_alive=keep_alive,
        pool=bl.PoolSpec(vm_size=vm_size, target_dedicated_nodes=2),
    )
    given = pool_info or bl.PoolInfo(auto_pool_specification=auto)
    job = lab.create_job("owner", given)
    job.create_tasks(["quick look"] * count)
    if done:
        job.update(on_all_tasks_complete=done)
    lab.advance(passed)
    return job


def test_10_3_with_a_pool_that_came_and_went_is_right(lab: bl.SimulatedLab) -> None:
    assert lessons.check("10-3", own(lab)).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"pool_info": "two"}, "Nodes only for the job"),
        ({"count": 3}, "takes a list of command lines"),
        ({"passed": "1m"}, "waits for them"),
        ({"done": None}, "when you end it"),
        ({"keep_alive": True}, "keeps it alive"),
    ],
)
def test_10_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("10-3", own(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_10_3_right_after_the_job_says_that_its_pool_needs_time(lab: bl.SimulatedLab) -> None:
    job = own(lab, passed="1s")
    job.wait()
    assert "some time" in lessons.check("10-3", job).hint


def test_10_2_with_jobs_that_fail_or_are_ended_by_hand_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    failing = repeat(lab, line="/bin/sh -c 'exit 1'")
    assert "should succeed" in lessons.check("10-2", failing).hint


def test_10_2_whose_jobs_were_ended_by_hand_is_wrong(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    schedule = repeat(lab, line="compute part", passed="5m")
    for _ in range(3):
        recent = schedule.recent_job
        assert recent
        recent.terminate()
        lab.advance("30m")
    lab.advance("3h")
    assert lessons.check("10-2", schedule).outcome == "not yet"


def test_10_2_with_a_fourth_job_that_was_deleted_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    schedule = repeat(lab, last="100m")
    [*_, fourth] = lab.jobs.filter(id="repeated:*").values()
    fourth.delete()
    lab.advance("5m")
    assert "some were deleted" in lessons.check("10-2", schedule).text


def test_10_2_in_other_words_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    schedule = lab.create_job_schedule(
        "own",
        schedule=bl.Schedule(
            recurrence_interval=timedelta(minutes=30),
            do_not_run_until=lab.now + timedelta(minutes=10),
            do_not_run_after=lab.now + timedelta(minutes=95),
        ),
        job_specification=bl.JobSpec(
            pool_info=bl.PoolInfo(pool_id="two"),
            on_all_tasks_complete="terminatejob",
            job_manager_task=manager("sleep 60", kill_job_on_completion=False),
        ),
    )
    lab.advance("5h")
    answer = lessons.check("10-2", schedule)
    assert answer.is_right, answer


def test_10_3_with_a_pool_deleted_by_hand_or_tasks_that_failed_is_wrong(
    lab: bl.SimulatedLab,
) -> None:
    job = own(lab, keep_alive=True)
    lab.pools[job.pool_id].delete()
    lab.advance("10m")
    assert "deleted by hand" in lessons.check("10-3", job).text
    job.delete()
    lab.advance("10m")
    hasty = own(lab, passed="1s", done=None)
    hasty.terminate()
    lab.advance("1h")
    assert lessons.check("10-3", hasty).outcome == "not yet"


def test_10_3_with_spot_nodes_and_more_tasks_ended_by_hand_is_right(
    lab: bl.SimulatedLab,
) -> None:
    auto = bl.AutoPoolSpecification(
        pool_lifetime_option="Job", pool=bl.PoolSpec(target_low_priority_nodes=3)
    )
    job = lab.create_job("mine", bl.PoolInfo(auto_pool_specification=auto))
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(9)])
    job.tasks.wait()
    job.terminate()
    lab.advance("1h")
    answer = lessons.check("10-3", job)
    assert answer.is_right, answer
