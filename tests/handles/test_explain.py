"""Explanations of what failed: sentences, a remedy, and the end of stderr."""

from __future__ import annotations

from collections.abc import Iterator

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
        ("FailureExitCode", "task", "5", "bad1, bad2, bad3 and 2 more"),
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
