"""Lists a person can use: narrowed, sliced, as frames; and that large ones hold nobody up."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import batchlab as bl
from batchlab.core.messages.questions import Question
from batchlab.core.model.values import View
from batchlab.handles.collections.mapping import Handles


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(seed=1) as lab:
        yield lab


@pytest.fixture
def job(lab: bl.SimulatedLab) -> bl.Job:
    """A job with a failed, two successful, a running and five waiting tasks."""
    pool = lab.create_pool("render", target_dedicated_nodes=1)
    lab.create_pool("spare", metadata={"a": "b"})
    pool.nodes.wait()
    job = lab.create_job(
        "frames", pool, job_preparation_task="/bin/true", job_release_task="/bin/true"
    )
    job.create_tasks(["/bin/sh -c 'exit 3'", "/bin/true", "/bin/true", "sleep 900"])
    last = job.tasks["task004"]
    job.create_tasks(["/bin/true"] * 5)
    last.wait("running")
    return job


def test_filter_keeps_the_kind_and_what_fits(lab: bl.SimulatedLab, job: bl.Job) -> None:
    failed = job.tasks.filter(result="failure")
    assert type(failed) is type(job.tasks)
    assert list(failed) == ["task001"]
    assert (len(failed), failed["TASK001"]) == (1, job.tasks["task001"])
    assert [view.exit_code for view in failed.views()] == [3]
    assert [task.id for task in failed.values()] == ["task001"]
    assert repr(failed) == "1 task with result='failure'"
    assert job.tasks.filter(state=["running", "active"], id="*4").ids() == ["task004"]
    assert job.tasks.filter(state="Completed").filter(exit_code=0).ids() == ["task002", "task003"]
    assert list(job.tasks.filter(state="completed").views("running")) == []
    assert repr(job.tasks.filter(node_id=None)) == "5 tasks with node_id=None"
    assert lab.pools.filter(allocation_state="steady", target_dedicated_nodes=0).ids() == ["spare"]
    assert lab.jobs.filter(pool_id="REND*", state="active").ids() == ["frames"]
    assert lab.pools["render"].nodes.filter(state="idle", is_dedicated=True).ids() == []
    assert lab.job_schedules.filter(state="active").ids() == []


def test_filter_is_asked_anew_at_each_look(job: bl.Job) -> None:
    running = job.tasks.filter(state="running")
    assert running.ids() == ["task004"]
    job.tasks["task004"].terminate()
    job.tasks["task005"].wait("running")
    assert running.ids() == ["task005"]


def test_filter_lets_nothing_else_be_looked_up(lab: bl.SimulatedLab, job: bl.Job) -> None:
    running = job.tasks.filter(state="running")
    assert "task004" in running
    assert "task001" not in running
    with pytest.raises(
        bl.NotFound, match="task 'task001' does not match state='running'"
    ) as caught:
        running["task001"]
    assert caught.value.code == "TaskNotFound"
    with pytest.raises(bl.NotFound) as caught:
        lab.job_schedules.filter(state="active")["frames"]
    assert caught.value.code == "JobScheduleNotFound"


@pytest.mark.parametrize(
    ("where", "code", "told"),
    [
        ({"sate": "active"}, "UnsupportedProperty", "did you mean state"),
        ({"failure_info": None}, "UnsupportedProperty", "valid properties: "),
        ({"state": "done"}, "InvalidPropertyValue", "must be one of active, preparing"),
        ({"state": ["active", "done"]}, "InvalidPropertyValue", "'done'"),
        ({"result": "ok"}, "InvalidPropertyValue", "success, failure"),
        ({"exit_code": "1"}, "InvalidPropertyValue", "whole number"),
        ({"exit_code": True}, "InvalidPropertyValue", "whole number"),
        ({"id": 1}, "InvalidPropertyValue", "must be text"),
    ],
)
def test_filter_by_what_there_is_not_is_refused(
    job: bl.Job, where: Any, code: str, told: str
) -> None:
    with pytest.raises(bl.InvalidRequest, match=told) as caught:
        job.tasks.filter(**where)
    assert caught.value.code == code
    assert "Tasks.filter" in str(caught.value)


def test_slice_is_handles_in_order(lab: bl.SimulatedLab, job: bl.Job) -> None:
    tasks = list(job.tasks.values())
    assert job.tasks[2:4] == tasks[2:4]
    assert job.tasks[-2:] == tasks[-2:]
    assert job.tasks[::-1] == tasks[::-1]
    assert job.tasks.filter(state="active")[:2] == tasks[4:6]
    assert lab.pools[1:] == [lab.pools["spare"]]
    for wrong in (slice("a", "b"), slice(0, 9, 0)):
        with pytest.raises(bl.InvalidRequest):
            job.tasks[wrong]


def test_frame_has_a_row_for_each_and_types(job: bl.Job) -> None:
    frame = job.tasks.to_frame()
    assert list(frame.index) == job.tasks.ids()
    assert frame.index.name == "id"
    assert frame.loc["task001", "exit_code"] == 3
    assert frame.loc["task001", "failure_info.code"] == "FailureExitCode"
    assert frame.loc["task004", "start_time"] == job.tasks["task004"].start_time
    assert frame["constraints.retention_time"].eq(pd.Timedelta("7D")).all()
    assert (frame.state == "active").sum() == 5
    assert frame.exit_code.isna().sum() == 6
    assert (frame.end_time - frame.start_time).max() > pd.Timedelta(0)
    assert "pool_info.pool_id" not in frame


def test_frame_of_nothing_has_the_same_columns(job: bl.Job) -> None:
    full, empty = job.tasks.to_frame(), job.tasks.filter(id="x*").to_frame()
    assert len(empty) == 0
    assert dict(empty.dtypes) == dict(full.dtypes)


def test_frame_of_each_kind(lab: bl.SimulatedLab, job: bl.Job) -> None:
    job.terminate()
    job.wait()
    pools = lab.pools.to_frame(["vm_size", "metadata"])
    assert pools.to_dict("index")["spare"] == {"vm_size": "small", "metadata": {"a": "b"}}
    assert lab.jobs.to_frame().loc["frames", "task_counts.failed"] == 2
    assert lab.pools["render"].nodes.to_frame().is_dedicated.all()
    assert len(lab.job_schedules.to_frame()) == 0
    rows = job.preparations.to_frame()
    assert rows.index.name == "node_id"
    assert list(rows["job_release_task_execution_info.result"]) == ["success"]


def test_frame_with_columns_that_there_are_not_is_refused(job: bl.Job) -> None:
    for wrong in ("state", ["state", "sate"], 5):
        with pytest.raises(bl.InvalidRequest, match=r"Tasks.to_frame.columns"):
            job.tasks.to_frame(wrong)  # type: ignore[arg-type]


def test_preparations_are_narrowed_by_what_the_table_shows(job: bl.Job) -> None:
    rows = job.preparations
    assert len(rows.filter(preparation="success", release="-")) == 1
    assert len(rows.filter(preparation=["failure", "running"])) == 0
    assert len(rows.filter(node_id=rows[0].node_id.upper())) == 1
    for wrong in ({"release": "done"}, {"node_id": 5}, {"stat": "x"}):
        with pytest.raises(bl.InvalidRequest):
            rows.filter(**wrong)  # type: ignore[arg-type]


def test_narrowed_lists_show_their_filter(lab: bl.SimulatedLab, job: bl.Job) -> None:
    page = job.tasks.filter(state="active")._repr_html_()
    assert "with state=&#39;active&#39;" in page
    assert "task001" not in page
    assert "render" not in lab.pools.filter(id="spare")._repr_html_()
    assert "no jobs" in repr(lab.jobs.filter(state="completed"))


def test_every_list_can_do_all_of_this() -> None:
    kinds = [kind for kind in Handles.__subclasses__() if kind.__module__.startswith("batchlab")]
    assert len(kinds) >= 5
    for kind in kinds:
        assert issubclass(kind._view_type, View), kind
        assert kind._kind == kind._kind.lower(), kind


def test_hundred_thousand_tasks_hold_nobody_up(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = lab.create_job("many", "later")
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="x") for n in range(100_000)])
    ask = type(lab._connection).ask
    held: list[float] = []

    def timed(self: Any, question: Question) -> Any:
        begin = time.thread_time()
        answer = ask(self, question)
        held.append(time.thread_time() - begin)
        return answer

    monkeypatch.setattr(type(lab._connection), "ask", timed)
    gc.collect()
    assert len(list(job.tasks)) == 100_000
    assert sum(1 for _ in job.tasks.views()) == 100_000
    assert job.tasks[50_000:50_002] == [job.tasks["t50000"], job.tasks["t50001"]]
    assert len(job.tasks.filter(id="t9999?")) == 10
    assert "and 99,980 more" in job.tasks._repr_html_()
    held.sort()
    assert held[-len(held) // 10] < 0.1, "nine of ten looks are over at once"
    assert len(held) > 200, "views came in pages"


def test_look_up_of_a_slip_names_the_nearest_id() -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("Render")
        job = lab.create_job("frames", pool)
        job.create_task("cut", "true")
        lab.create_application("blender")
        lab.storage.create_container("results")
        template = bl.JobSpec(pool_info=bl.PoolInfo(pool_id="Render"))
        lab.create_job_schedule("nightly", schedule="1h", job_specification=template)
        for things, key, near in (
            (lab.pools, "rendr", "Render"),
            (lab.jobs, "frame", "frames"),
            (job.tasks, "cuts", "cut"),
            (lab.applications, "blendr", "blender"),
            (lab.job_schedules, "nighly", "nightly"),
            (lab.storage, "result", "results"),
        ):
            with pytest.raises(bl.NotFound, match=f"did you mean '{near}'"):
                things[key]
            assert key not in things
        with pytest.raises(bl.NotFound) as caught:
            lab.pools["zzz"]
        assert "did you mean" not in caught.value.message
