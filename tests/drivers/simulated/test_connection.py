import gc
import os
import signal
import threading
import time

import pytest

from batchlab import Workload
from batchlab.core.messages.inputs import CreateJob, CreatePool, DeleteJob, TerminateJob
from batchlab.core.messages.questions import (
    GetJob,
    JobIs,
    ListTasks,
    NodesAre,
    TaskIs,
    TasksCompleted,
)
from batchlab.core.model import JobConstraints, JobSpec, PoolSpec, TaskSpec
from batchlab.core.state.records import TaskRecord
from batchlab.drivers.simulated.connection import LONGEST_WAIT_S
from batchlab.drivers.simulated.world import START
from batchlab.errors import Conflict, WaitNeverEnds, WaitTimeout
from helpers.simulated import add, connect, task
from helpers.waiting import WAIT_S, until


def seconds(connection):
    return round(connection.now() - START, 3)


def test_wait_advances_as_far_as_it_needs():
    connection = connect()
    add(connection, TaskSpec(id="t", command_line="sleep 600"))
    connection.wait(TasksCompleted(job_id="j"))
    assert seconds(connection) == 690
    connection.wait(TasksCompleted(job_id="j"))
    assert seconds(connection) == 690


@pytest.mark.code("OperationTimedOut")
def test_wait_out_of_time_stops_at_its_end():
    connection = connect()
    add(connection, TaskSpec(id="t", command_line="sleep 600"))
    with pytest.raises(WaitTimeout) as caught:
        connection.wait(TasksCompleted(job_id="j"), 100)
    assert caught.value.code == "OperationTimedOut"
    assert seconds(connection) == 100
    assert task(connection).state == "running"


def test_wait_for_what_nothing_will_bring_about_ends_at_once():
    connection = connect()
    add(connection, TaskSpec(id="t", command_line="sleep 600"))
    connection.wait(TasksCompleted(job_id="j"))
    with pytest.raises(WaitNeverEnds, match=r"stays active.*job.terminate"):
        connection.wait(JobIs(job_id="j", state="completed"))
    assert seconds(connection) == 690  # not the week until the task's files are deleted


@pytest.mark.code("NothingUnderWay")
def test_wait_with_nothing_under_way_ends_without_a_reason_too(monkeypatch):
    connection = connect()
    connection.wait(NodesAre(pool_id="p", state="idle"))
    monkeypatch.setattr(connection.engine, "hopeless", lambda condition: [])
    with pytest.raises(WaitNeverEnds) as refused:
        connection.wait(JobIs(job_id="j", state="completed"))
    assert refused.value.code == "NothingUnderWay"


def test_wait_for_a_task_that_needs_more_slots_than_a_node_has_ends():
    connection = connect()
    add(connection, TaskSpec(id="t", command_line="true", required_slots=4))
    connection.wait(NodesAre(pool_id="p", state="idle"))
    with pytest.raises(WaitNeverEnds):
        connection.wait(TaskIs(job_id="j", task_id="t", state="completed"), 1000)


def test_wait_without_hope_ends_though_other_jobs_go_on_for_ever():
    connection = connect()
    endless = JobConstraints(max_task_retry_count=-1)
    connection.request(CreateJob(spec=JobSpec(id="e", pool_info="q", constraints=endless)))
    connection.request(CreatePool(spec=PoolSpec(id="q", target_dedicated_nodes=1)))
    connection.request(TerminateJob(job_id="j"))
    add(connection, TaskSpec(id="t", command_line="false"), job_id="e")
    with pytest.raises(WaitNeverEnds):
        connection.wait(JobIs(job_id="j", state="active"))


def test_wait_without_a_timeout_has_an_end_of_its_own():
    connection = connect()
    job = JobConstraints(max_task_retry_count=-1)
    connection.request(CreateJob(spec=JobSpec(id="e", pool_info="p", constraints=job)))
    command = "/bin/sh -c 'sleep 1d; exit 1'"
    add(connection, TaskSpec(id="t", command_line=command), job_id="e")
    with pytest.raises(WaitTimeout):
        connection.wait(TasksCompleted(job_id="e"))
    assert seconds(connection) == LONGEST_WAIT_S
    assert connection.ask(ListTasks(job_id="e"))[0].retry_count == 179


def test_wait_lets_its_watcher_look_after_each_step():
    connection, seen = connect(), []
    add(connection, TaskSpec(id="t", command_line="sleep 600"))
    connection.wait(TasksCompleted(job_id="j"), watch=lambda: seen.append(seconds(connection)))
    assert seen == [60, 90, 690]


def test_advance_moves_the_clock_with_all_that_happens():
    connection = connect()
    add(connection, TaskSpec(id="t", command_line="sleep 600"))
    connection.advance(100)
    assert (seconds(connection), task(connection).state) == (100, "running")
    connection.advance(0)
    connection.advance(7 * 86400)
    assert (seconds(connection), task(connection).state) == (604900, "completed")


def test_request_brings_about_what_happens_at_once():
    connection = connect(boot_s=0)
    add(connection, TaskSpec(id="t", command_line="true"))
    assert task(connection).state == "running"
    assert seconds(connection) == 0


def test_deadlines_of_the_core_are_met():
    connection = connect(nodes=0)
    limit = JobConstraints(max_wall_clock_time="1h")
    connection.request(CreateJob(spec=JobSpec(id="e", pool_info="p", constraints=limit)))
    connection.wait(JobIs(job_id="e", state="completed"))
    assert seconds(connection) == 3600
    job = connection.ask(GetJob(job_id="e"))
    assert job.terminate_reason == "MaxWallClockTimeExpiry"


def test_close_ends_the_lab_and_is_harmless_twice():
    connection = connect()
    connection.close()
    connection.close()
    with pytest.raises(Conflict, match="closed"):
        add(connection, TaskSpec(id="t", command_line="true"))
    with pytest.raises(Conflict, match="closed"):
        connection.ask(GetJob(job_id="j"))


def test_interrupt_in_a_wait_comes_between_steps_and_leaves_the_lab_whole():
    connection = connect(Workload("1s"))
    job = JobConstraints(max_task_retry_count=-1)
    connection.request(CreateJob(spec=JobSpec(id="e", pool_info="p", constraints=job)))
    add(connection, TaskSpec(id="t", command_line="false"), job_id="e")
    before = signal.getsignal(signal.SIGINT)
    started = time.monotonic()
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        connection.wait(TasksCompleted(job_id="e"))
    timer.join()
    assert time.monotonic() - started < WAIT_S
    assert signal.getsignal(signal.SIGINT) is before
    connection.advance(1)
    assert connection.ask(GetJob(job_id="e")).state == "active"


def test_other_threads_may_ask_while_one_waits():
    connection, answers = connect(Workload("1s"), slots=4), []
    add(connection, *(TaskSpec(id=f"t{n}", command_line="x") for n in range(500)))
    over = threading.Event()

    def ask():
        while not over.is_set():
            answers.append(connection.ask(GetJob(job_id="j")).task_counts.completed)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        until(lambda: answers)
        connection.wait(TasksCompleted(job_id="j"))
    finally:
        over.set()
        thread.join()
    assert answers == sorted(answers)
    assert answers[0] < 500


@pytest.fixture
def _thawed(monkeypatch):
    """The objects that the tests have set aside are collected as usual."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    gc.collect()
    monkeypatch.setattr("batchlab.drivers.simulated.connection._Frozen.until", 0.0)
    yield
    if frozen:
        gc.freeze()


def old_tasks() -> int:
    return sum(isinstance(each, TaskRecord) for each in gc.get_objects(2))


@pytest.mark.usefixtures("_thawed")
def test_what_a_wait_has_made_is_old_for_the_garbage_collector():
    before = old_tasks()  # of other tests
    connection = connect()
    add(connection, *(TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(2000)))
    connection.wait(TasksCompleted(job_id="j"))
    assert old_tasks() == before + 2000
    assert not gc.get_freeze_count()
    gc.freeze()
    connection.advance(1)
    assert gc.get_freeze_count() > 2000, "what the user has set aside stays there"


@pytest.mark.ci("memory")
@pytest.mark.usefixtures("_thawed")
@pytest.mark.parametrize(
    ("limit", "labs"), [("UNSEARCHED_BEFORE", 3), ("MOST_UNSEARCHED", 1)], ids=["labs", "jobs"]
)
def test_garbage_of_simulations_is_found_in_the_end(
    monkeypatch: pytest.MonkeyPatch, limit: str, labs: int
):
    monkeypatch.setattr(f"batchlab.drivers.simulated.connection.{limit}", 5000)
    before = old_tasks()
    for _ in range(labs):
        connection = connect()
        for number in range(12 // labs):
            add(connection, *(TaskSpec(id=f"t{n}", command_line="sleep 60") for n in range(1000)))
            connection.wait(TasksCompleted(job_id="j"))
            connection.request(DeleteJob(job_id="j"))
            connection.request(CreateJob(spec=JobSpec(id="j", pool_info="p")))
            assert old_tasks() - before <= 8000, number


def test_steps_do_not_count_again_and_again_what_is_frozen(monkeypatch):
    counted = []

    def count():
        counted.append(time.sleep(0.02))
        return 1

    monkeypatch.setattr(gc, "get_freeze_count", count)
    monkeypatch.setattr("batchlab.drivers.simulated.connection._Frozen.until", 0.0)
    connection = connect()
    for _ in range(20):
        connection.advance(1)
    assert len(counted) == 1
