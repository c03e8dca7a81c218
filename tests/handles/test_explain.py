"""Explanations of what failed: sentences, a remedy, and the end of stderr."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

import batchlab as bl


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(seed=1) as lab:
        yield lab


def job_of(lab: bl.SimulatedLab, **kw: object) -> bl.Job:
    return lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1), **kw)


def test_failed_task_shows_the_end_of_its_stderr(lab: bl.SimulatedLab) -> None:
    script = "; ".join(f"echo line {number} >&2" for number in range(1, 15))
    task = job_of(lab).create_task("t", f"/bin/sh -c '{script}; exit 4'")
    task.wait()
    told = task.explain()
    assert told.codes == ["FailureExitCode"]
    first, cure, title, *lines = repr(told).splitlines()
    assert first.startswith("The task exited with code 4, on node 1 of pool 'p', at ")
    assert cure.startswith("    -> look at task.stderr")
    assert title == "The last lines of stderr.txt:"
    assert lines == [f"    line {number}" for number in range(5, 15)]
    page = told._repr_html_()
    assert "What went wrong" in page
    assert ">The last lines of stderr.txt:" in page
    assert "line 14" in task._repr_html_()


def test_stderr_that_is_empty_or_gone_is_said_to_be(lab: bl.SimulatedLab) -> None:
    task = job_of(lab).create_task("t", "false")
    task.wait()
    assert repr(task.explain()).endswith("\nstderr.txt is empty.")
    lab.pools["p"].resize(0)
    lab.pools["p"].wait("steady")
    assert "stderr.txt cannot be read: task 't' ran on node" in repr(task.explain())


def test_succeeded_task_has_nothing_to_explain(lab: bl.SimulatedLab) -> None:
    task = job_of(lab).create_task("t", "true")
    task.wait()
    assert (repr(task.explain()), task.explain().output) == (
        "Not waiting: the task is completed.", ""
    )  # fmt: skip


def test_failed_start_task_is_explained_by_its_node(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool(
        "p", target_dedicated_nodes=1, start_task="/bin/sh -c 'echo no such disk >&2; exit 2'"
    )
    pool.nodes.wait("starttaskfailed")
    (node,) = pool.nodes.values()
    told = repr(node.explain())
    assert told.startswith("The start task exited with code 2, on node 1 of pool 'p', at ")
    assert told.endswith("startup/stderr.txt:\n    no such disk")
    fine = lab.create_pool("fine", target_dedicated_nodes=1)
    fine.nodes.wait()
    (node,) = fine.nodes.values()
    assert repr(node.explain()) == "Nothing is in its way: the node is idle."


def test_failed_preparation_is_explained_by_its_job(lab: bl.SimulatedLab) -> None:
    job = job_of(lab, job_preparation_task="/bin/sh -c 'echo disk full >&2; exit 1'")
    job.create_task("t", "true")
    with pytest.raises(bl.WaitNeverEnds):
        job.tasks.wait()
    told = repr(job.explain())
    assert "The job preparation task exited with code 1, on node 1 of pool 'p', at " in told
    assert told.endswith("stderr.txt:\n    disk full")


def test_failed_subtask_is_named_and_its_stderr_shown(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=2, enable_inter_node_communication=True)
    script = 'if [ "$AZ_BATCH_IS_CURRENT_NODE_MASTER" = false ]; then echo lost >&2; exit 6; fi'
    task = lab.create_job("j", pool).create_task(
        "t", "true",
        multi_instance_settings=bl.MultiInstanceSettings(
            number_of_instances=2, coordination_command_line=f"/bin/sh -c '{script}'"
        ),
    )  # fmt: skip
    task.wait()
    told = repr(task.explain())
    assert " Subtask 1 on node " in told
    assert " exited with code 6." in told
    assert told.endswith("stderr.txt:\n    lost")


def test_report_names_the_tasks_that_failed_and_counts_time_outs(lab: bl.SimulatedLab) -> None:
    job = job_of(lab)
    for number in (1, 2, 10, 3, 4):
        job.create_task(f"bad{number}", "false")
    limit = bl.TaskConstraints(max_wall_clock_time="5s")
    job.create_task("slow", "sleep 100", constraints=limit)
    job.tasks.wait()
    (grid,) = (one for one in job.report().tables if one.title == "What went wrong")
    assert list(grid.rows) == [
        ("FailureExitCode", "task", "5", "bad1, bad2, bad3, bad4, bad10"),
        ("its time limit was exceeded", "task", "1", "slow"),
    ]
    told = job.tasks["slow"].explain()
    assert told.codes == ["TimedOut"]
    assert "failed" in job.tasks["slow"]._repr_html_()


def test_secrets_in_stderr_are_masked(lab: bl.SimulatedLab) -> None:
    task = job_of(lab).create_task("t", "/bin/sh -c 'echo password=hunter2 >&2; exit 1'")
    task.wait()
    told = task.explain()
    assert "hunter2" not in told.output + repr(told) + told._repr_html_()
    assert "password=***" in told.output


def test_blocked_task_says_what_happened_to_the_one_that_blocks_it(
    lab: bl.SimulatedLab,
) -> None:
    job = job_of(lab, uses_task_dependencies=True)
    job.create_task("1", "/bin/sh -c 'echo no scene >&2; exit 4'")
    job.create_task("two", "true", depends_on=["1"])
    job.create_task("three", "true", depends_on=["two"])
    ranged = bl.TaskDependencies(task_id_ranges=(bl.TaskIdRange(start=1, end=1),))
    job.create_task("four", "true", depends_on=ranged)
    lab.advance("5m")
    for name in ("two", "three", "four"):
        told = job.tasks[name].explain()
        assert told.codes == ["Dependencies", "FailureExitCode"], name
        first, cure, second, repeat, title, line = repr(told).splitlines()
        assert "'1' (failed, so its dependents are blocked)" in first
        assert cure.startswith("    -> task.reactivate() for a failed task")
        assert second.startswith("Task '1' exited with code 4, on node 1 of pool 'p', at ")
        assert repeat.startswith("    -> look at task.stderr")
        assert (title, line) == ("stderr.txt:", "    no scene")
    job.create_task("early", "true", depends_on=["late"])
    assert repr(job.tasks["early"].explain()).endswith("'late' (does not exist yet).")


def test_task_that_ended_before_it_started_says_what_to_do(lab: bl.SimulatedLab) -> None:
    task = lab.create_job("j", lab.create_pool("p")).create_task("t", "true")
    task.terminate()
    told = task.explain()
    assert not told.waits
    assert "before it had started on a node" in repr(told)
    assert "-> task.reactivate() runs it again" in repr(told)


def test_timed_out_task_says_its_limit_and_how_to_lift_it(lab: bl.SimulatedLab) -> None:
    limit = bl.TaskConstraints(max_wall_clock_time=timedelta(seconds=20))
    task = job_of(lab).create_task("t", "sleep 500", constraints=limit)
    task.wait()
    text = repr(task.explain())
    assert text.startswith("The task exceeded its max_wall_clock_time of 20s and was killed")
    assert "-> give it more time: task.update(constraints=...)" in text
    report = lab.jobs["j"].report()
    assert "1 timed out" in repr(report)
    assert "its time limit was exceeded" in report._repr_html_()
