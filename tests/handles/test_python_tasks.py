"""Functions as tasks: what is refused before anything is stored, and what the program does."""

from __future__ import annotations

import asyncio
import functools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.drivers import calls
from batchlab.handles.python_tasks.creation import name_of
from batchlab.handles.python_tasks.results import RemoteTraceback, Result
from batchlab.handles.python_tasks.task_list import TaskList
from batchlab.handles.task import free_ids


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(workload=bl.Workload("5s")) as lab:
        yield lab


@pytest.fixture
def job(lab: bl.SimulatedLab) -> bl.Job:
    return lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))


def add(first: int, second: int = 0) -> int:
    return first + second


async def later() -> None: ...


def one_by_one() -> Iterator[int]:
    yield 1


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "args", "keywords", "told"),
    [
        ("submit", ("add",), {}, "Job.submit.function is 'add': must be a function"),
        ("submit", (later,), {}, "asyncio.run"),
        ("submit", (one_by_one,), {}, "returns a list"),
        ("submit", (add,), {}, r"missing a required argument: 'first'.*functools.partial"),
        ("submit", (add, 1, 2, 3), {}, "too many positional arguments"),
        ("submit", (add, 1), {"constraint": 3}, "unexpected keyword argument 'constraint'"),
        ("submit", (add, 1), {"required_slots": 0}, "must be 1 to 256"),
        ("submit", (add, 1), {"resource_files": "one.txt"}, "must be a list"),
        ("submit", (add, 1), {"id": "no/id"}, "1 to 64 letters"),
        ("submit", (add, 1), {"id": 5}, "1 to 64 letters"),
        ("submit", (print, threading.Lock()), {}, r"arguments is \(<unlocked.*cannot be sent"),
        ("map", (print, [1, threading.Lock()]), {}, r"arguments\[1\] is .*Lab.current\(\)"),
        ("map", (add,), {}, r"Job.map\(function, items\)"),
        ("map", (add, 5), {}, r"iterables\[0\] is 5"),
        ("map", (add, [1, 2]), {"ids": ["one"]}, "must have one id per call: 2"),
        ("map", (add, [1, 2]), {"ids": "ab"}, "must be a list of ids"),
        ("map", (add, [1, 2]), {"ids": None, "depends_on": 5}, "depends_on"),
    ],
)
def test_call_that_cannot_be_is_refused_and_leaves_nothing(
    lab: bl.SimulatedLab, job: bl.Job, verb: str, args: Any, keywords: Any, told: str
) -> None:
    with pytest.raises(bl.InvalidRequest, match=told):
        getattr(job, verb)(*args, **keywords)
    assert list(lab.storage) == []
    assert len(job.tasks) == 0


def test_function_that_holds_what_cannot_travel_is_refused(job: bl.Job) -> None:
    lock = threading.Lock()
    with pytest.raises(bl.InvalidRequest, match=r"function is .*cannot be sent to a node"):
        job.submit(lambda: lock)
    with pytest.raises(bl.InvalidRequest, match="Instead of a lab, pool, job or task, pass"):
        job.submit(add, job)


def test_call_that_the_service_refuses_leaves_nothing(lab: bl.SimulatedLab, job: bl.Job) -> None:
    job.submit(add, 1, id="one")
    before = lab.storage["python-tasks"].list()
    with pytest.raises(bl.Conflict, match="TaskExists"):
        job.map(add, [b"x" * 5000, 2], ids=["two", "ONE"])
    job.terminate()
    with pytest.raises(bl.Conflict, match="JobCompleted"):
        job.submit(add, 1)
    assert lab.storage["python-tasks"].list() == before
    assert job.tasks.ids() == ["one"]


def test_map_of_nothing_is_nothing(lab: bl.SimulatedLab, job: bl.Job) -> None:
    tasks = job.map(add, [])
    assert (tasks, tasks.results(), list(tasks.as_completed())) == ([], [], [])
    assert repr(tasks) == "no tasks"
    assert list(lab.storage) == []


# -- named, shown -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (add, "add"),
        (lambda: 0, "lambda"),
        (functools.partial(functools.partial(add, 1), 2), "add"),
        ("x".join, "join"),
        (bl.Workload, "Workload"),
        (Result("x"), "Result"),
    ],
)
def test_tasks_are_named_after_their_function(function: Any, name: str) -> None:
    assert name_of(function) == name


def test_numbers_go_on_from_the_highest() -> None:
    ids = free_ids(["ADD-007", "add-8", "add-x", "other-9", "add-"], "add-")
    assert [next(ids), next(ids)] == ["add-009", "add-010"]


def test_tasks_of_a_map_show_themselves(job: bl.Job) -> None:
    tasks = job.map(add, range(30))
    assert repr(tasks) == "30 tasks: add-001 ... add-030"
    page = tasks._repr_html_()
    assert "batchlab-call add" in page
    assert "and 10 more" in page
    assert "bl-card" in page
    assert repr(TaskList(tasks[:1])) == "1 task: add-001"


def test_options_of_the_user_stay_beside_our_own(job: bl.Job, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    task = job.submit(
        add, 1, resource_files=[str(tmp_path / "a.txt")], environment_settings={"A": "b"},
        output_files=[bl.OutputFile(file_pattern="*.txt", destination="python-tasks")],
    )  # fmt: skip
    view = task.view()
    assert [file.target for file in view.resource_files] == ["a.txt", ".batchlab/function.pkl"]
    assert set(view.environment_settings) == {"A", "BATCHLAB_ARGUMENTS"}
    assert [file.file_pattern for file in view.output_files] == ["*.txt", ".batchlab/result.pkl"]
    assert task.result() == 1


def test_result_is_a_word_and_can_be_called(job: bl.Job) -> None:
    task = job.submit(add, 1, second=2)
    assert task.result == ""
    assert task.result(timeout="5m") == 3
    assert task.result == "success"
    with pytest.raises(bl.InvalidRequest, match=r"Task.result.tiemout.*did you mean timeout"):
        task.result(tiemout=5)
    with pytest.raises(bl.InvalidRequest, match=r"Task.result.timeout is 'soon'"):
        task.result(timeout="soon")
    with pytest.raises(AttributeError, match="cannot be assigned"):
        task.result = "failure"  # type: ignore[misc,assignment]
    assert "callable for a Python task" in (bl.Task.result.__doc__ or "")


# -- on simulated nodes -------------------------------------------------------------------------


def test_simulated_function_takes_the_time_of_the_workload(lab: bl.SimulatedLab) -> None:
    job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
    task = job.submit(lambda: os.environ["AZ_BATCH_TASK_ID"], id="get-001")
    path, variables = list(sys.path), dict(os.environ)
    assert task.result() == "get-001"
    assert (sys.path, dict(os.environ)) == (path, variables)
    assert task.end_time is not None
    assert task.start_time is not None
    assert 5 <= (task.end_time - task.start_time).total_seconds() < 7  # with its upload


def test_rule_of_the_workload_has_its_way_over_a_function() -> None:
    called: list[int] = []
    rules = {
        "fail": bl.Behavior(duration="1s", exit_code=7),
        "missing": bl.Behavior(failure="BlobNotFound"),
        "slow": bl.Behavior(duration="1h", stdout="slowly\n"),
    }
    with bl.SimulatedLab(workload=bl.Workload(rules=rules)) as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        for name, code in (("fail", "FailureExitCode"), ("missing", "BlobNotFound")):
            with pytest.raises(bl.TaskFailed) as caught:
                job.submit(called.append, 1, id=name).result()
            assert caught.value.code == code
        slow = job.submit(print, "done", id="slow")
        assert slow.result() is None
        assert slow.stdout == "slowly\ndone\n"
    assert called == []


def test_program_without_its_files_fails(job: bl.Job) -> None:
    task = job.create_task("t", "batchlab-call nothing")
    task.wait()
    assert task.exit_code == 1
    assert "No such file" in task.stderr


# -- the program --------------------------------------------------------------------------------


def packed(function: Any, version: Any = None, path: Any = ()) -> bytes:
    version = version or sys.version_info[:2]
    return pickle.dumps((version, path, pickle.dumps(function)))


def nothing() -> bytes:
    return pickle.dumps(((), {}))


def test_program_needs_the_python_of_its_function(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = calls.outcome(packed(os.getpid, version=(2, 7)), nothing())
    assert (code, result.startswith(calls.ERROR)) == (1, True)
    told, trace, _ = pickle.loads(result.removeprefix(calls.ERROR))
    assert "from Python 2.7, but this node runs Python 3." in told
    assert trace == capsys.readouterr().err


def test_program_finds_modules_where_its_caller_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def f(): return 'found'\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    function = b"conly_here\nf\n."
    whole = pickle.dumps((sys.version_info[:2], [str(tmp_path), "/nowhere"], function))
    assert calls.outcome(whole, nothing()) == (0, calls.VALUE + pickle.dumps("found", 5))
    assert str(tmp_path) in sys.path
    assert "/nowhere" not in sys.path


@pytest.mark.parametrize(
    ("status", "code"), [(None, 0), (0, 0), (3, 3), (259, 3), (True, 1), ("gone", 1)]
)
def test_program_exits_as_python_does(status: Any, code: int) -> None:
    arguments = pickle.dumps(((status,), {}))
    assert calls.outcome(packed(sys.exit), arguments) == (code, calls.EXIT)


def test_program_imports_little(tmp_path: Path) -> None:
    folder = tmp_path / calls.FOLDER
    folder.mkdir()
    (tmp_path / calls.FUNCTION).write_bytes(packed(os.getpid))
    (tmp_path / calls.ARGUMENTS).write_bytes(nothing())
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-S", "-P", calls.__file__],
        env={"AZ_BATCH_TASK_WORKING_DIR": str(tmp_path)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert (tmp_path / calls.RESULT).read_bytes().startswith(calls.VALUE)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "_pickle" in imported
    assert not imported & {"batchlab", "typing", "re", "pathlib", "traceback", "pickle"}


def test_remote_traceback_is_shown_as_it_was() -> None:
    assert str(RemoteTraceback("Traceback\nboom\n")) == '\n"""\nTraceback\nboom\n"""'


def test_asynchronous_callable_object_runs_by_asyncio(job: bl.Job) -> None:
    assert job.submit(lambda: asyncio.run(asyncio.sleep(0, "slept"))).result() == "slept"
