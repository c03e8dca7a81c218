"""The engine in a scheduler, with nodes of all three kinds."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from batchlab.core import machine
from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.questions import Location
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.errors import (
    Conflict,
    InvalidRequest,
    LabFailed,
    NotFound,
    WaitTimeout,
)
from helpers.dask_labs import (
    add_tasks,
    children_with,
    finish,
    is_running,
    make_pool,
    sleepers,
    text,
)
from helpers.waiting import WAIT_S, until

PROCESSES = pytest.param("processes", marks=pytest.mark.ci("processes"))
CLUSTER = pytest.param("cluster", marks=pytest.mark.ci("clusters"))


@pytest.fixture(params=["light", "processes"])
def lab(request, tmp_path):
    connection = DaskConnection.start(processes=request.param == "processes", root=tmp_path)
    yield connection
    connection.close()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def light(tmp_path):
    connection = DaskConnection.start(root=tmp_path)
    yield connection
    connection.close()
    assert list(tmp_path.iterdir()) == []


# -- both kinds of nodes of our own ---------------------------------------------------------------


def test_lab_runs_a_job_with_preparation_and_release(lab):
    nodes = make_pool(lab, nodes=2)
    assert len({node.ip_address for node in nodes} - {"127.0.0.1"}) == 2
    shared = "$AZ_BATCH_NODE_SHARED_DIR/f"
    add_tasks(
        lab, *["sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/f; echo $AZ_BATCH_NODE_ID; sleep 0.1'"] * 4,
        job_preparation_task=f"sh -c 'echo prepared > {shared}'",
        job_release_task=f"sh -c 'rm {shared}'",
    )  # fmt: skip
    tasks = finish(lab)
    assert [task.exit_code for task in tasks] == [0] * 4
    assert {text(lab, task.id) for task in tasks} == {f"prepared\n{n.id}\n" for n in nodes}
    lab.request(inputs.TerminateJob(job_id="j"))
    lab.wait(questions.JobIs(job_id="j", state="completed"), WAIT_S)
    rows = lab.ask(questions.ListPreparations(job_id="j"))
    assert [row.job_preparation_task_execution_info.exit_code for row in rows] == [0, 0]
    assert [row.job_release_task_execution_info.exit_code for row in rows] == [0, 0]
    for node in nodes:
        assert lab.files.list(Location("p", node.id, "shared")) == []


def test_node_rebooted_keeps_its_folders_and_reimaged_loses_them(lab):
    (node,) = make_pool(lab, start_task="sh -c 'echo boot >> $AZ_BATCH_NODE_SHARED_DIR/boots'")
    root = lab.ask(questions.LocateNode(pool_id="p", node_id=node.id))
    lab.request(inputs.RebootNode(pool_id="p", node_id=node.id))
    lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
    assert lab.files.read(root, "shared/boots") == b"boot\nboot\n"
    lab.request(inputs.ReimageNode(pool_id="p", node_id=node.id))
    lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
    assert lab.files.read(root, "shared/boots") == b"boot\n"


def test_node_rebooted_while_a_task_runs_kills_and_repeats_it(lab):
    (node,) = make_pool(lab)
    add_tasks(lab, "sh -c 'test -e ../again || { touch ../again; setsid sleep 7021; }'")
    until(lambda: sleepers(7021))
    lab.request(inputs.RebootNode(pool_id="p", node_id=node.id))
    (task,) = finish(lab)
    assert (task.exit_code, task.requeue_count, task.retry_count) == (0, 1, 0)
    assert not sleepers(7021)


def test_pool_shrunk_leaves_neither_processes_nor_folders(lab, tmp_path):
    nodes = make_pool(lab, nodes=2)
    add_tasks(lab, *["sh -c 'setsid sleep 7022 & sleep 7022'"] * 2)
    until(lambda: len(sleepers(7022)) == 4)
    lab.request(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    lab.wait(questions.PoolIs(pool_id="p", state="steady"), WAIT_S)
    assert not sleepers(7022)
    (folder,) = tmp_path.glob("batchlab-*")
    assert not {node.id for node in nodes} & {path.name for path in folder.iterdir()}


def test_lab_closed_with_running_tasks_leaves_nothing(lab):
    make_pool(lab, nodes=2)
    add_tasks(lab, *["sh -c 'setsid sleep 7023 & sleep 7023'"] * 2)
    until(lambda: len(sleepers(7023)) == 4)
    lab.close()
    lab.close()
    assert not sleepers(7023)
    with pytest.raises(Conflict, match="the lab is closed"):
        lab.ask(questions.ListPools())


# -- the connection -------------------------------------------------------------------------------


def test_refusal_travels_as_an_answer(light):
    with pytest.raises(NotFound) as refused:
        light.ask(questions.GetJob(job_id="none"))
    assert refused.value.code == "JobNotFound"
    with pytest.raises(NotFound):
        light.wait(questions.TasksCompleted(job_id="none"))
    make_pool(light)
    with pytest.raises(Conflict) as refused:
        make_pool(light)
    assert refused.value.code == "PoolExists"


def test_wait_that_lasts_too_long_in_lab_time_says_so(tmp_path):
    lab = DaskConnection.start(root=tmp_path, speed=100)
    try:
        make_pool(lab)
        add_tasks(lab, "sleep 7024")
        begin = time.monotonic()
        with pytest.raises(WaitTimeout):
            lab.wait(questions.TasksCompleted(job_id="j"), timeout=30)
        assert 0.25 < time.monotonic() - begin < 20
    finally:
        lab.close()
    assert not sleepers(7024)


def test_wait_calls_back_meanwhile_and_may_be_interrupted(light):
    make_pool(light)
    add_tasks(light, "sleep 7025")
    calls = []

    def watch():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        light.wait(questions.TasksCompleted(job_id="j"), watch=watch)
    until(lambda: is_running(light))


def test_wait_from_two_threads_ends_for_both(light):
    make_pool(light)
    add_tasks(light, "sleep 0.2")
    waits = [threading.Thread(target=finish, args=(light,)) for _ in range(2)]
    for wait in waits:
        wait.start()
    for wait in waits:
        wait.join(2 * WAIT_S)
        assert not wait.is_alive()


def test_report_that_is_garbage_leaves_the_node_where_it_is(light):
    (node,) = make_pool(light)

    async def send_garbage():
        from distributed import Worker
        from distributed.core import Status

        for worker in Worker._instances:
            if worker.name == node.id and worker.status == Status.running:
                op = messages.reports_op("batchlab")
                for wrong in ({"reports": b"\xff"}, {"what": None}, {"reports": 5}):
                    worker.batched_stream.send({"op": op, **wrong})

    asyncio.run_coroutine_threadsafe(send_garbage(), light._link.loop).result()
    add_tasks(light, "true")
    assert finish(light)[0].exit_code == 0
    assert light.ask(questions.GetNode(pool_id="p", node_id=node.id)).state == "idle"


def test_files_of_a_task_are_bounded_to_its_directory(light):
    make_pool(light)
    add_tasks(light, "sh -c 'ln -s / root; printf \\\\377 > bytes'")
    finish(light)
    location = light.ask(questions.LocateTask(job_id="j", task_id="t0"))
    assert light.files.read(location, "wd/bytes") == b"\xff"
    assert light.files.stat(location, "wd/bytes").content_length == 1
    for path in ("wd/root/etc/passwd", "../t0", "/etc/passwd"):
        with pytest.raises(InvalidRequest) as refused:
            light.files.read(location, path)
        assert refused.value.code == "InvalidPropertyValue"
    light.files.delete(location, "wd", recursive=True)
    with pytest.raises(NotFound):
        light.files.stat(location, "wd")


def test_speed_that_makes_no_sense_is_refused():
    for speed in (0, -1, float("nan"), "fast", True):
        with pytest.raises(InvalidRequest):
            DaskConnection.start(speed=speed)


# -- loss -----------------------------------------------------------------------------------------


def test_worker_killed_in_the_middle_of_tasks_is_the_same_node_again(tmp_path):
    lab = DaskConnection.start(processes=True, root=tmp_path)
    try:
        (node,) = make_pool(lab)
        add_tasks(
            lab,
            "sh -c 'test -e $AZ_BATCH_NODE_SHARED_DIR/x && exit 0; "
            "touch $AZ_BATCH_NODE_SHARED_DIR/x; setsid sleep 7026 & sleep 7026'",
            "true",
        )
        until(lambda: len(sleepers(7026)) == 2)
        os.kill(worker_process(sleepers(7026)), signal.SIGKILL)
        tasks = finish(lab)
        assert not sleepers(7026)
        assert [(t.exit_code, t.node_id) for t in tasks] == [(0, node.id), (0, node.id)]
        assert [(t.requeue_count, t.retry_count) for t in tasks] == [(0, 0), (0, 0)]
    finally:
        lab.close()
    assert list(tmp_path.iterdir()) == []


def worker_process(pids):
    """The worker process above some processes: the first that is of no run."""
    above = (one for pid in pids for one in psutil.Process(pid).parents() if one.pid != 1)
    return next(one.pid for one in above if "AZ_BATCH_NODE_ID" not in one.environ())


@pytest.mark.ci("processes")
def test_process_that_workers_are_forked_from_killed_in_the_middle_of_tasks_loses_none(tmp_path):
    lab = DaskConnection.start(processes=True, root=tmp_path)
    try:
        make_pool(lab)
        add_tasks(lab, "sh -c 'sleep 2.029; sleep 0'", "true")
        until(lambda: sleepers(2.029))
        (origin,) = children_with("multiprocessing.forkserver")
        origin.kill()
        assert [task.exit_code for task in finish(lab)] == [0, 0]
    finally:
        lab.close()
    assert list(tmp_path.iterdir()) == []


def command_lines():
    return subprocess.run(
        ["ps", "-axo", "args="], capture_output=True, text=True, check=True
    ).stdout


SCRIPT = """
import sys
from batchlab.core.messages import inputs, questions
from batchlab.core.model import JobSpec, PoolSpec, TaskSpec
from batchlab.drivers.dask.connection import DaskConnection
from distributed import LocalCluster
if __name__ == "__main__":
    if sys.argv[1] == "cluster":
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0",
                               silence_logs=50)  # it tells how its workers end
        lab = DaskConnection.attach(cluster, root=sys.argv[2])
    else:
        lab = DaskConnection.start(processes=sys.argv[1] == "processes", root=sys.argv[2])
    lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=2)))
    lab.wait(questions.NodesAre(pool_id="p", state="idle"))
    lab.request(inputs.CreateJob(spec=JobSpec(id="j", pool_info="p")))
    line = "sh -c 'setsid sleep 7027 & exec env -i sleep 7027'"
    lab.request(inputs.CreateTasks(job_id="j", specs=tuple(
        TaskSpec(id=f"t{i}", command_line=line) for i in range(2))))
    print("up", flush=True)
    if len(sys.argv) > 3:
        sys.exit(int(sys.argv[3]))
    lab.wait(questions.TasksCompleted(job_id="j"))
"""


@contextlib.contextmanager
def run_script(tmp_path, *arguments, temporary="tmp"):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (tmp_path / "root").mkdir()
    (tmp_path / temporary).mkdir()
    with subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", script, *arguments],
        env=os.environ | {"TMPDIR": str(tmp_path / temporary)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def nothing_is_left(tmp_path, temporary="tmp"):
    until(lambda: not sleepers(7027))
    until(lambda: not list((tmp_path / "root").iterdir()))
    until(lambda: str(tmp_path) not in command_lines())
    folder = tmp_path / temporary
    until(lambda: {one.name for one in folder.iterdir()} <= {"dask-scratch-space"})


@pytest.mark.parametrize(
    ("nodes", "temporary"),
    [("light", "tmp"), pytest.param("processes", "tmp", marks=PROCESSES.marks),
     pytest.param("processes", "t" * 80, marks=PROCESSES.marks, id="name too long for a socket")],
)  # fmt: skip
def test_process_of_a_lab_killed_leaves_no_process_and_no_folder(tmp_path, nodes, temporary):
    with run_script(tmp_path, nodes, str(tmp_path / "root"), temporary=temporary) as process:
        assert process.stdout.readline() == "up\n", process.stderr.read()
        until(lambda: len(sleepers(7027)) == 4)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        nothing_is_left(tmp_path, temporary)
        process.stdout.read()
        process.stderr.read()


@pytest.mark.parametrize("nodes", ["light", PROCESSES])
def test_process_of_a_lab_interrupted_leaves_nothing_and_says_only_that(tmp_path, nodes):
    with run_script(tmp_path, nodes, str(tmp_path / "root")) as process:
        assert process.stdout.readline() == "up\n", process.stderr.read()
        until(lambda: len(sleepers(7027)) == 4)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        nothing_is_left(tmp_path)
        errors = process.stderr.read()
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1


@pytest.mark.parametrize("nodes", ["light", PROCESSES, CLUSTER])
def test_process_of_a_lab_that_ends_without_closing_it_is_silent(tmp_path, nodes):
    with run_script(tmp_path, nodes, str(tmp_path / "root"), "3") as process:
        process.wait(60)
        nothing_is_left(tmp_path)
        assert (process.returncode, process.stderr.read()) == (3, "")


@pytest.mark.code("InternalError")
def test_fault_in_the_core_is_told_with_the_place_of_its_journal(tmp_path, monkeypatch, caplog):
    lab = DaskConnection.start(root=tmp_path)
    make_pool(lab)

    def break_down(*_):
        raise RuntimeError("broken")

    monkeypatch.setitem(machine.HANDLERS, facts.RunExited, break_down)
    add_tasks(lab, "sleep 0.3029")
    with pytest.raises(LabFailed, match=r"broken.*journal") as failed:
        finish(lab)
    with pytest.raises(LabFailed):
        lab.ask(questions.ListPools())
    lab.close()
    journal = Path(failed.value.message.rpartition(" ")[2])
    assert failed.value.code == "InternalError"
    assert '"RunExited"' in journal.read_text()
    assert not sleepers(0.3029)
