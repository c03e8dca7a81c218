"""Functions as tasks: the same stories with real processes, and called by a simulated node."""

import os
import pickle
import signal
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

import batchlab as bl
from helpers.stories import SHARED, SOON, only, pool_of, refused, sh

REAL = pytest.mark.worlds("light")


def square(number, *, power=2):
    print("got", number)
    return number**power


def name_of_task():
    return os.environ["AZ_BATCH_TASK_ID"], os.environ.get("COLOUR")


class Odd(Exception):
    pass


class Stubborn(Exception):
    """An exception that does not survive pickling."""

    def __init__(self, first, second):
        super().__init__(first)


def refuse(number):
    if number % 2:
        raise Odd(f"{number} is odd")
    return number


@pytest.fixture
def job(lab):
    return lab.create_job("j", pool_of(lab, 2))


def in_notebook(code, name):
    """A function as a notebook has it: in a module that no node can import."""
    module = types.ModuleType("__main__")
    exec(code, module.__dict__)
    return module.__dict__[name]


@pytest.mark.processes
def test_map_gives_results_in_order(job):
    tasks = job.map(square, range(5), power=3)
    assert tasks.results(timeout=SOON) == [0, 1, 8, 27, 64]
    assert [task.id for task in tasks] == [f"square-00{n}" for n in range(1, 6)]
    task = tasks[3]
    assert (task.stdout, task.exit_code, task.result) == ("got 3\n", 0, "success")
    assert task.command_line == "batchlab-call square"
    assert job.map(square, [9]).results(timeout=SOON) == [81]
    assert job.tasks.ids()[-1] == "square-006"


def test_submit_takes_options_of_a_task_and_arguments_of_the_function(job):
    task = job.submit(
        name_of_task, id="mine", environment_settings={"COLOUR": "red"}, display_name="My own"
    )
    assert task.result(timeout=SOON) == ("mine", "red")
    assert (task.display_name, task.id) == ("My own", "mine")
    assert job.submit(square, 2, power=10).result(timeout=SOON) == 1024
    assert job.submit(pow, 2, 5).result(timeout=SOON) == 32
    assert job.map(pow, [2, 3], [4, 5, 6], ids=["a", "b"]).results(timeout=SOON) == [16, 243]


@pytest.mark.processes
def test_functions_of_a_notebook_travel_with_what_they_need(job):
    code = (
        "import math\n"
        "base = 10\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "def helper(x): return base + math.floor(x)\n"
        "def outer(point): return Point(helper(point.x))\n"
    )
    outer, point = in_notebook(code, "outer"), in_notebook(code, "Point")
    assert job.submit(outer, point(2.5)).result(timeout=SOON).x == 12
    offset = 5
    tasks = job.map(lambda x: x + offset, [1, 2])
    assert tasks.results(timeout=SOON) == [6, 7]
    assert tasks[0].id == "lambda-001"
    assert job.submit(lambda: lambda x: x * offset).result(timeout=SOON)(2) == 10


def test_large_arguments_and_results_travel_through_the_storage(lab, job):
    array = np.arange(200_000, dtype=float)
    task = job.submit(lambda values: values * 2, array)
    assert np.array_equal(task.result(timeout=SOON), array * 2)
    names = [blob.name for blob in lab.storage["python-tasks"].list()]
    assert sum(name.endswith("lambda-001.arguments.pkl") for name in names) == 1
    assert job.submit(len, b"x" * 5000).result(timeout=SOON) == 5000


@pytest.mark.processes
def test_exception_is_raised_with_its_remote_traceback(job):
    tasks = job.map(refuse, [2, 3], constraints=bl.TaskConstraints(max_task_retry_count=1))
    with pytest.raises(Odd, match="3 is odd") as caught:
        tasks.results(timeout=SOON)
    task = tasks[1]
    assert "in refuse" in str(caught.value.__cause__)
    assert "calls.py" not in str(caught.value.__cause__)
    assert "raised in task 'refuse-002' of job 'j'" in caught.value.__notes__[0]
    assert (task.exit_code, task.retry_count, task.result) == (1, 1, "failure")
    assert task.failure_info.code == "FailureExitCode"
    assert task.stderr.endswith("Odd: 3 is odd\n")
    assert tasks[0].result() == 2


def test_exception_of_a_notebook_is_the_notebook_s(job):
    code = "class Mine(ValueError): pass\ndef fail(): raise Mine('so')"
    module = types.ModuleType("__main__")
    exec(code, module.__dict__)
    with pytest.raises(ValueError, match="so") as caught:
        job.submit(module.fail).result(timeout=SOON)
    assert type(caught.value).__name__ == "Mine"


@REAL  # in a process of its own, which has no Dask: that teaches all exceptions to be pickled
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda: (_ for _ in ()).throw(Stubborn(1, 2)), "Stubborn: 1"),
        (lambda: (_ for _ in ()).throw(KeyboardInterrupt()), "KeyboardInterrupt"),
    ],
)
def test_exception_that_cannot_be_raised_here_is_told(job, function, told):
    with refused("FailureExitCode") as caught:
        job.submit(function).result(timeout=SOON)
    assert isinstance(caught.value, bl.TaskFailed)
    assert told in str(caught.value)
    assert "Traceback" in str(caught.value.__cause__)


def test_result_that_cannot_be_pickled_is_an_exception_that_says_so(job):
    with pytest.raises(TypeError, match="a lock, which cannot be pickled"):
        job.submit(threading.Lock).result(timeout=SOON)


def test_exit_of_the_function_is_the_exit_code_of_the_task(job):
    stopped, done = job.map(sys.exit, [3, 0])
    with refused("FailureExitCode") as caught:
        stopped.result(timeout=SOON)
    assert "exit code 3" in str(caught.value)
    assert (stopped.exit_code, done.result(), done.exit_code) == (3, None, 0)
    told = job.submit(sys.exit, "no paper")
    with refused("FailureExitCode") as caught:
        told.result(timeout=SOON)
    assert "its last output was: no paper" in str(caught.value)


@REAL
def test_process_that_is_killed_has_no_result(job):
    task = job.submit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with refused("FailureExitCode") as caught:
        task.result(timeout=SOON)
    assert "exit code 137, which is 128 + SIGKILL" in str(caught.value)
    with refused("FailureExitCode") as caught:
        job.submit(os._exit, 0).result(timeout=SOON)
    assert "ended before the function returned" in str(caught.value)


@REAL
def test_function_runs_in_the_folder_of_its_task(lab, job, tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 42\n")

    def work():
        import helper

        Path("out.txt").write_text("done")
        return str(Path.cwd()), os.environ["AZ_BATCH_TASK_WORKING_DIR"], helper.VALUE, os.getpid()

    tasks = [job.submit(work, resource_files=[str(tmp_path / "helper.py")]) for _ in range(2)]
    found = [task.result(timeout=SOON) for task in tasks]
    assert all(cwd == directory and value == 42 for cwd, directory, value, _ in found)
    assert len({pid for *_, pid in found} | {os.getpid()}) == 3
    assert tasks[0].files.text("wd/out.txt") == "done"


@REAL
def test_retry_that_succeeds_leaves_its_result_and_not_the_error(job):
    def work():
        mark = Path(os.environ["AZ_BATCH_NODE_SHARED_DIR"], "tried")
        if not mark.exists():
            mark.touch()
            raise Odd
        if mark.read_text() == "":
            mark.write_text("twice")
            os._exit(1)
        return "third time"

    pool = only_node(job)
    retries = bl.TaskConstraints(max_task_retry_count=2)
    task = job.submit(work, constraints=retries, affinity_info=pool.affinity_id)
    assert task.result(timeout=SOON) == "third time"
    assert task.retry_count == 2


def only_node(job):
    """The one node that is left for a job."""
    pool = bl.Pool(job._connection, job.pool_id)
    pool.resize(1)
    pool.nodes.wait("idle", timeout=SOON)
    return only(pool.nodes.values())


@REAL
def test_crash_after_an_error_does_not_pass_for_the_error(job):
    def work():
        mark = Path(os.environ["AZ_BATCH_NODE_SHARED_DIR"], "tried")
        if mark.exists():
            os._exit(1)
        mark.touch()
        raise Odd

    only_node(job)
    task = job.submit(work, constraints=bl.TaskConstraints(max_task_retry_count=1))
    with refused("FailureExitCode") as caught:
        task.result(timeout=SOON)
    assert isinstance(caught.value, bl.TaskFailed)


@pytest.mark.worlds("processes")
def test_function_runs_again_when_its_node_is_lost(world, lab):
    pool = pool_of(lab, 2)
    job = lab.create_job("j", pool)

    def work(first):
        if not Path(first).exists():
            Path(first).write_text(str(os.getppid()))
            time.sleep(60)
        return "again"

    first = Path(world.lab.storage.url.removeprefix("file://")) / "first"
    task = job.submit(work, str(first))
    world.until(lambda: first.exists() and first.read_text())
    os.kill(int(first.read_text()), signal.SIGKILL)
    assert task.result(timeout=SOON) == "again"
    assert (task.retry_count, task.exit_code) == (0, 0)


def test_job_s_preparation_runs_before_its_functions(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, job_preparation_task=sh(f"echo ready > {SHARED}/ready"),
                         job_release_task=sh(f"echo over > {SHARED}/over"))  # fmt: skip
    assert job.submit(square, 3).result(timeout=SOON) == 9
    node = only(pool.nodes.values())
    assert node.files.text("shared/ready") == "ready\n"
    job.terminate()
    job.wait(timeout=SOON)
    assert node.files.text("shared/over") == "over\n"


@pytest.mark.processes
def test_result_outlives_files_and_node_but_not_its_task(lab, job):
    task = job.submit(square, 4, constraints=bl.TaskConstraints(retention_time="1s"))
    assert task.result(timeout=SOON) == 16
    pool = lab.pools["p"]
    pool.resize(0)
    pool.wait(timeout=SOON)
    assert task.result() == 16
    assert pickle.loads(pickle.dumps(task.result())) == 16
    task.delete()
    task.wait("deleted", timeout=SOON)
    with refused("TaskNotFound"):
        task.result()


def test_result_that_was_deleted_is_told(lab, job):
    task = job.submit(square, 4)
    task.wait(timeout=SOON)
    lab.storage["python-tasks"].delete()
    with refused("ContainerNotFound") as caught:
        task.result()
    assert "the result of task 'square-001'" in str(caught.value)


def test_command_line_has_no_result(job):
    task = job.create_task("t", "/bin/true")
    with refused("OperationInvalidForCurrentState"):
        task.result()
    task.wait(timeout=SOON)
    assert (task.result, bool(task.result)) == ("success", True)


def test_as_completed_gives_each_when_it_is_over(world, lab, job):
    blocker = job.create_task("blocker", "sleep 500")
    blocker.wait("running", timeout=SOON)
    tasks = job.map(square, range(4))
    assert sorted(task.id for task in tasks.as_completed(timeout=SOON)) == [t.id for t in tasks]
    assert [task.state for task in tasks] == ["completed"] * 4
    again = tasks.as_completed()
    assert {next(again), *again} == set(tasks)
    tasks.wait(timeout=SOON)


def test_waiting_for_what_never_comes_says_so(lab, job):
    lab.pools["p"].resize(0)
    lab.pools["p"].wait(timeout=SOON)
    tasks = job.map(square, [1, 2])
    for wait in (tasks.results, tasks.wait, lambda: list(tasks.as_completed()), tasks[0].result):
        with pytest.raises(bl.WaitNeverEnds):
            wait()
    tasks[1].delete()
    tasks[1].wait("deleted", timeout=SOON)
    lab.pools["p"].resize(1)
    with refused("TaskNotFound"):
        tasks.wait(timeout=SOON)
    assert tasks[0].result(timeout=SOON) == 1


def test_timeout_is_for_all_together(lab, job):
    busy = [job.create_task(f"busy{n}", "sleep 5000") for n in range(2)]
    for task in busy:
        task.wait("running", timeout=SOON)
    tasks = job.map(square, range(3))
    for wait in (tasks.results, tasks.wait, lambda **kw: list(tasks.as_completed(**kw)),
                 tasks[1].result):  # fmt: skip
        with pytest.raises(bl.WaitTimeout):
            wait(timeout="2s")


@REAL
def test_function_that_takes_too_long_is_killed(job):
    limit = bl.TaskConstraints(max_wall_clock_time="10s")
    with refused("TaskEnded") as caught:
        job.submit(time.sleep, 600, constraints=limit).result(timeout=SOON)
    assert "max_wall_clock_time" in str(caught.value)


@REAL
def test_function_adds_functions_to_its_own_job(job):
    def work():
        inner = bl.Job.current()
        mine = bl.Task.current().id
        return mine, inner.map(lambda x: x + 1, [1, 2]).results(timeout="1h")

    assert job.submit(work).result(timeout=SOON) == ("work-001", [2, 3])


def test_function_as_dependency(lab):
    job = lab.create_job("j", pool_of(lab, 2), uses_task_dependencies=True)
    first = job.map(square, [2, 3])
    last = job.submit(square, 4, depends_on=[task.id for task in first])
    assert last.result(timeout=SOON) == 16
    assert last.start_time >= max(task.end_time for task in first)


def host_list(number):
    return number, len(os.environ["AZ_BATCH_HOST_LIST"].split(","))


def test_function_is_the_application_of_a_multi_instance_task(lab):
    job = lab.create_job("j", pool_of(lab, 2, enable_inter_node_communication=True))
    both = bl.MultiInstanceSettings(number_of_instances=2, coordination_command_line="true")
    assert job.map(host_list, [1, 2], multi_instance_settings=both).results(timeout=SOON) == [
        (1, 2),
        (2, 2),
    ]
