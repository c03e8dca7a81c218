"""The façade on a simulated lab: the sample from end to end, and everything that can be typed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import batchlab as bl

SHARED = "$AZ_BATCH_NODE_SHARED_DIR/names.txt"
APPEND = f"/bin/sh -c 'echo $AZ_BATCH_TASK_ID >> {SHARED}'"


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(seed=1) as lab:
        yield lab


@pytest.fixture
def pool(lab: bl.SimulatedLab) -> bl.Pool:
    pool = lab.create_pool("render", target_dedicated_nodes=2)
    pool.nodes.wait()
    return pool


@pytest.fixture
def job(lab: bl.SimulatedLab, pool: bl.Pool) -> bl.Job:
    return lab.create_job("frames", pool)


# -- the sample ---------------------------------------------------------------------------------


def test_sample_prepares_each_node_once_and_releases_it_at_the_end(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job(
        "sample",
        pool,
        job_preparation_task=f"/bin/sh -c 'echo $AZ_BATCH_NODE_ID > {SHARED}'",
        job_release_task=f"/bin/sh -c 'rm {SHARED}'",
    )
    tasks = [bl.TaskSpec(id=f"task{n:03d}", command_line=APPEND) for n in range(1, 9)]
    job.create_tasks(tasks)
    job.tasks.wait()
    seen = []
    for node in pool.nodes.values():
        first, *names = node.files.text("shared/names.txt").split()
        assert first == node.id
        seen += names
    assert sorted(seen) == [spec.id for spec in tasks]
    assert job.state == "active"
    job.terminate()
    job.wait()
    assert repr(job.preparations).splitlines() == [
        "node  preparation  exit code  release  exit code",
        "1     success      0          success  0",
        "2     success      0          success  0",
    ]
    assert all("names.txt" not in str(node.files.list("shared")) for node in pool.nodes.values())


def test_handles_show_the_service_s_present(lab: bl.SimulatedLab, job: bl.Job) -> None:
    task = job.create_task("one", "/bin/sh -c 'sleep 30; echo done; exit 3'")
    assert (task.state, task.exit_code) == ("running", None)
    lab.advance("29s")
    assert task.state == "running"
    lab.advance("2s")
    assert (task.state, task.exit_code, task.result) == ("completed", 3, "failure")
    assert task.failure_info is not None
    assert task.failure_info.code == "FailureExitCode"
    assert task.stdout == "done\n"
    assert task.start_time is not None
    assert task.end_time is not None
    assert task.end_time - task.start_time == timedelta(seconds=30)


def test_clock_of_a_simulated_lab_moves_by_hand(lab: bl.SimulatedLab) -> None:
    begin = lab.now
    assert begin.tzinfo is UTC
    lab.advance("1h30m")
    assert lab.now - begin == timedelta(minutes=90)


def test_two_labs_of_one_seed_live_the_same_history() -> None:
    def story() -> list[tuple[str, str | None, datetime | None]]:
        with bl.SimulatedLab(seed=3, boot="20s") as lab:
            pool = lab.create_pool("p", target_dedicated_nodes=3)
            job = lab.create_job("j", pool)
            job.create_tasks(["program"] * 20)
            job.tasks.wait()
            return [(view.id, view.node_id, view.end_time) for view in job.tasks.views()]

    assert story() == story()


def test_ten_thousand_tasks_can_be_created_in_one_call(lab: bl.SimulatedLab) -> None:
    job = lab.create_job("big", "none")
    tasks = job.create_tasks(["/bin/true"] * 10_000)
    assert len(job.tasks) == 10_000
    assert tasks[-1].id == "task10000"


def test_mappings_find_ids_without_case_and_keep_order(lab: bl.SimulatedLab) -> None:
    lab.create_pool("B")
    lab.create_pool("a")
    assert list(lab.pools) == ["B", "a"]
    assert lab.pools["b"].id == "B"
    assert "A" in lab.pools
    assert "c" not in lab.pools
    assert dict(lab.pools)["B"] == lab.pools["b"]


def test_explanation_names_what_is_missing(lab: bl.SimulatedLab) -> None:
    task = lab.create_job("j", "later").create_task("t", "/bin/true")
    assert task.explain().codes == ["PoolNotFound"]
    assert "later" in str(task.explain())


def test_wait_that_can_never_end_says_why(job: bl.Job) -> None:
    job.create_task("t", "/bin/true")
    job.tasks.wait()
    with pytest.raises(bl.WaitNeverEnds, match="terminate"):
        job.wait()


def test_wait_that_runs_out_of_time_says_so(job: bl.Job) -> None:
    task = job.create_task("t", "/bin/sh -c 'sleep 100'")
    with pytest.raises(TimeoutError):
        task.wait(timeout="10s")
    assert task.state == "running"


def test_wait_calls_its_watch(job: bl.Job) -> None:
    seen = []
    job.create_tasks(["/bin/sh -c 'sleep 10'"] * 6)
    job.tasks.wait(watch=lambda: seen.append(job.counts.completed))
    assert seen[-1] == 6
    assert seen == sorted(seen)


def test_closed_lab_refuses_and_closes_twice(lab: bl.SimulatedLab) -> None:
    lab.close()
    lab.close()
    with pytest.raises(bl.Conflict, match="closed"):
        lab.create_pool("p")


# -- bad input ----------------------------------------------------------------------------------

Act = Callable[[dict[str, Any]], Any]

BAD: list[tuple[str, str, Act]] = [
    # create_pool
    ("UnsupportedProperty", "bogus", lambda t: t["lab"].create_pool("x", bogus=1)),
    ("UnsupportedProperty", "did you mean vm_size",
     lambda t: t["lab"].create_pool("x", vmsize="small")),
    ("UnsupportedProperty", "start_task=StartTask(wait_for_success=...)",
     lambda t: t["lab"].create_pool("x", wait_for_success=True)),
    ("UnsupportedProperty", "did you mean auto_scale_formula",
     lambda t: t["pool"].evaluate_auto_scale(auto_scale_formla="x")),
    ("MissingRequiredProperty", "create_pool", lambda t: t["lab"].create_pool()),
    ("InvalidRequestBody", "create_pool", lambda t: t["lab"].create_pool("x", "small")),
    ("InvalidPropertyValue", "id", lambda t: t["lab"].create_pool("a b")),
    ("InvalidPropertyValue", "id", lambda t: t["lab"].create_pool(7)),
    ("MissingRequiredProperty", "id", lambda t: t["lab"].create_pool(None)),
    ("InvalidPropertyValue", "id", lambda t: t["lab"].create_pool("x" * 65)),
    ("InvalidPropertyValue", "id", lambda t: t["lab"].create_pool("<b>&</b>")),
    ("PoolExists", "render", lambda t: t["lab"].create_pool("RENDER")),
    ("InvalidPropertyValue", "target_dedicated_nodes",
     lambda t: t["lab"].create_pool("x", target_dedicated_nodes=-1)),
    ("InvalidPropertyValue", "target_dedicated_nodes",
     lambda t: t["lab"].create_pool("x", target_dedicated_nodes=10**30)),
    ("InvalidPropertyValue", "target_dedicated_nodes",
     lambda t: t["lab"].create_pool("x", target_dedicated_nodes=2.5)),
    ("InvalidPropertyValue", "target_dedicated_nodes",
     lambda t: t["lab"].create_pool("x", target_dedicated_nodes=True)),
    ("InvalidPropertyValue", "task_slots_per_node",
     lambda t: t["lab"].create_pool("x", task_slots_per_node=0)),
    ("InvalidPropertyValue", "resize_timeout",
     lambda t: t["lab"].create_pool("x", resize_timeout="4m")),
    ("InvalidPropertyValue", "resize_timeout",
     lambda t: t["lab"].create_pool("x", resize_timeout="soon")),
    ("InvalidPropertyValue", "node_fill_type",
     lambda t: t["lab"].create_pool("x", task_scheduling_policy="tight")),
    ("InvalidPropertyValue", "start_task", lambda t: t["lab"].create_pool("x", start_task=5)),
    ("MissingRequiredProperty", "command_line",
     lambda t: t["lab"].create_pool("x", start_task="  ")),
    # create_job
    ("InvalidPropertyValue", "pool", lambda t: t["lab"].create_job("x", 5)),
    ("InvalidPropertyValue", "pool", lambda t: t["lab"].create_job("x", t["job"])),
    ("MissingRequiredProperty", "pool_info", lambda t: t["lab"].create_job("x", None)),
    ("JobExists", "frames", lambda t: t["lab"].create_job("FRAMES", "render")),
    ("InvalidPropertyValue", "priority",
     lambda t: t["lab"].create_job("x", "render", priority=1001)),
    ("InvalidPropertyValue", "job_release_task",
     lambda t: t["lab"].create_job("x", "render", job_release_task="rm")),
    ("UnsupportedProperty", "uses_task_dependences",
     lambda t: t["lab"].create_job("x", "render", uses_task_dependences=True)),
    ("InvalidPropertyValue", "constraints",
     lambda t: t["lab"].create_job("x", "render", constraints="1h")),
    # look up
    ("PoolNotFound", "nope", lambda t: t["lab"].pools["nope"]),
    ("JobNotFound", "nope", lambda t: t["lab"].jobs["nope"]),
    ("TaskNotFound", "nope", lambda t: t["job"].tasks["nope"]),
    ("NodeNotFound", "nope", lambda t: t["pool"].nodes["nope"]),
    ("InvalidPropertyValue", "id", lambda t: t["lab"].pools[0]),
    ("JobNotFound", "gone", lambda t: bl.Job(t["job"]._connection, "gone").state),
    # pools and nodes
    ("InvalidPropertyValue", "target_dedicated_nodes", lambda t: t["pool"].resize("many")),
    ("InvalidPropertyValue", "target_dedicated_nodes", lambda t: t["pool"].resize(-3)),
    ("MissingRequiredProperty", "target_dedicated_nodes", lambda t: t["pool"].resize(None)),
    ("MissingRequiredProperty", "resize requires", lambda t: t["pool"].resize()),
    ("InvalidPropertyValue", "node_deallocation_option",
     lambda t: t["pool"].resize(1, node_deallocation_option="now")),
    ("InvalidPropertyValue", "resize_timeout",
     lambda t: t["pool"].resize(1, resize_timeout="1s")),
    ("InvalidPropertyValue", "node_list", lambda t: t["pool"].remove_nodes("n1")),
    ("InvalidPropertyValue", "node_list", lambda t: t["pool"].remove_nodes(5)),
    ("InvalidPropertyValue", "node_list[0]", lambda t: t["pool"].remove_nodes([5])),
    ("NodeNotFound", "n9", lambda t: t["pool"].remove_nodes(["n9"])),
    ("InvalidPropertyValue", "node_reboot_option", lambda t: t["node"].reboot("hard")),
    ("NodeAlreadyInTargetSchedulingState", "", lambda t: t["node"].enable_scheduling()),
    # jobs
    ("MissingRequiredProperty", "Job.disable", lambda t: t["job"].disable()),
    ("InvalidPropertyValue", "disable_tasks", lambda t: t["job"].disable("later")),
    ("InvalidPropertyValue", "priority", lambda t: t["job"].update(priority="high")),
    ("InvalidPropertyValue", "priority", lambda t: t["job"].update(priority=-1001)),
    ("InvalidPropertyValue", "pool", lambda t: t["job"].update(pool_info=t["task"])),
    ("UnsupportedProperty", "prioriti", lambda t: t["job"].update(prioriti=1)),
    ("InvalidPropertyValue", "reason", lambda t: t["job"].terminate(5)),
    # tasks
    ("InvalidPropertyValue", "id", lambda t: t["job"].create_task("a/b", "x")),
    ("MissingRequiredProperty", "command_line", lambda t: t["job"].create_task("a", "")),
    ("InvalidPropertyValue", "command_line", lambda t: t["job"].create_task("a", ["x"])),
    ("InvalidPropertyValue", "command_line", lambda t: t["job"].create_task("a", "x\0y")),
    ("MissingRequiredProperty", "create_task", lambda t: t["job"].create_task("a")),
    ("InvalidPropertyValue", "depends_on", lambda t: t["job"].create_task("a", "x", depends_on=1)),
    ("InvalidPropertyValue", "required_slots",
     lambda t: t["job"].create_task("a", "x", required_slots=0)),
    ("InvalidPropertyValue", "environment_settings",
     lambda t: t["job"].create_task("a", "x", environment_settings={"A": 1})),
    ("InvalidPropertyValue", "environment_settings",
     lambda t: t["job"].create_task("a", "x", environment_settings=5)),
    ("InvalidPropertyValue", "resource_files",
     lambda t: t["job"].create_task("a", "x", resource_files="input.txt")),
    ("TaskExists", "ONE", lambda t: t["job"].create_task("ONE", "x")),
    ("InvalidPropertyValue", "tasks", lambda t: t["job"].create_tasks("echo")),
    ("InvalidPropertyValue", "tasks", lambda t: t["job"].create_tasks(5)),
    ("InvalidPropertyValue", "tasks[1]", lambda t: t["job"].create_tasks(["a", 5])),
    ("MissingRequiredProperty", "command_line", lambda t: t["job"].create_tasks(["a", ""])),
    ("TaskCompleted", "", lambda t: t["task"].terminate()),
    ("TaskSucceeded", "", lambda t: t["task"].reactivate()),
    ("InvalidPropertyValue", "constraints", lambda t: t["task"].update(constraints="5m")),
    # waits
    ("InvalidPropertyValue", "state", lambda t: t["pool"].wait("ready")),
    ("InvalidPropertyValue", "state", lambda t: t["job"].wait(5)),
    ("InvalidPropertyValue", "timeout", lambda t: t["task"].wait(timeout="soon")),
    ("InvalidPropertyValue", "timeout", lambda t: t["job"].tasks.wait(timeout=-1)),
    ("UnsupportedProperty", "time_out", lambda t: t["job"].tasks.wait(time_out=1)),
    # files
    ("FileNotFound", "", lambda t: t["task"].files.text("nope.txt")),
    ("InvalidPropertyValue", "path", lambda t: t["task"].files.text(5)),
    ("InvalidPropertyValue", "path", lambda t: t["task"].files.read("a\0b")),
    ("InvalidPropertyValue", "start", lambda t: t["task"].files.read("stdout.txt", "x")),
    ("InvalidPropertyValue", "path", lambda t: t["task"].files.read("wd")),
    ("InvalidPropertyValue", "to", lambda t: t["task"].files.download("stdout.txt", 5)),
    ("InvalidPropertyValue", "to",
     lambda t: t["task"].files.download("stdout.txt", "/no/such/folder/x")),
    ("InvalidPropertyValue", "follow",
     lambda t: t["node"].files.tail("x", follow=True)),
    # labs
    ("UnsupportedProperty", "bogus", lambda t: bl.SimulatedLab(bogus=1)),
    ("InvalidPropertyValue", "seed", lambda t: bl.SimulatedLab(seed="x")),
    ("InvalidPropertyValue", "boot", lambda t: bl.SimulatedLab(boot="never")),
    ("InvalidPropertyValue", "workload", lambda t: bl.SimulatedLab(workload=5)),
    ("InvalidPropertyValue", "max_nodes", lambda t: bl.SimulatedLab(max_nodes=-1)),
    ("InvalidPropertyValue", "span", lambda t: t["lab"].advance("far")),
    ("InvalidPropertyValue", "span", lambda t: t["lab"].advance(-1)),
    ("UnsupportedProperty", "sped", lambda t: bl.Lab(sped=60)),
    ("InvalidPropertyValue", "speed", lambda t: bl.Lab(speed=0)),
    ("InvalidPropertyValue", "speed", lambda t: bl.Lab(speed=float("nan"))),
    ("InvalidPropertyValue", "processes", lambda t: bl.Lab(processes=4)),
    ("InvalidPropertyValue", "journal", lambda t: bl.Lab(journal=4)),
    ("InvalidPropertyValue", "journal", lambda t: bl.Lab(journal="/")),
    ("InvalidPropertyValue", "journal", lambda t: bl.SimulatedLab(journal="/dev/null/x")),
    ("InvalidPropertyValue", "processes", lambda t: bl.Lab("tcp://127.0.0.1:1", processes=True)),
]  # fmt: skip


@pytest.fixture
def things(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> dict[str, Any]:
    task = job.create_task("one", "/bin/sh -c 'echo hi'")
    task.wait()
    node = next(iter(pool.nodes.values()))
    return {"lab": lab, "pool": pool, "job": job, "task": task, "node": node}


@pytest.mark.code(
    "InvalidPropertyValue",
    "MissingRequiredProperty",
    "UnsupportedProperty",
    "PoolNotFound",
    "NodeNotFound",
    "JobNotFound",
    "TaskNotFound",
    "FileNotFound",
    "TaskExists",
    "NodeAlreadyInTargetSchedulingState",
    "TaskCompleted",
    "TaskSucceeded",
)
@pytest.mark.parametrize(
    ("code", "words", "act"), BAD, ids=[f"{i}-{b[0]}" for i, b in enumerate(BAD)]
)
def test_bad_input_is_refused_by_name_and_changes_nothing(
    code: str, words: str, act: Act, things: dict[str, Any]
) -> None:
    lab = things["lab"]
    before = lab.pools.views(), lab.jobs.views(), list(things["job"].tasks.views())
    with pytest.raises(bl.BatchError) as caught:
        act(things)
    assert caught.value.code == code, str(caught.value)
    assert words in str(caught.value)
    assert (lab.pools.views(), lab.jobs.views(), list(things["job"].tasks.views())) == before


def test_everything_twice_is_refused_the_second_time(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = lab.create_job("j", pool, job_preparation_task="a", job_release_task="b")
    job.terminate()
    job.wait()
    with pytest.raises(bl.Conflict):
        job.terminate()
    with pytest.raises(bl.Conflict, match="JobCompleted"):
        job.create_task("late", "/bin/true")
    job.delete()
    job.wait("deleted")
    with pytest.raises(bl.NotFound):
        job.delete()
    pool.delete()
    pool.wait("deleted")
    with pytest.raises(bl.NotFound):
        pool.delete()


def test_windows_is_told_what_nodes_need() -> None:
    code = (
        "import os, warnings; warnings.simplefilter('error'); os.name = 'nt'\n"
        "try:\n    import batchlab.lab\nexcept RuntimeWarning as warning:\n    print(warning)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "need POSIX" in done.stdout
