"""Labs on a real SLURM, whose nodes are emulated on this machine: what its users rely on.

Run them with ``pytest -m ci tests/drivers/dask/test_slurm.py`` as root, where SLURM is installed.
"""

import dask
import pytest

import batchlab as bl
from helpers.slurm import obstacle, slurm
from helpers.waiting import WAIT_S, until

pytestmark = [
    pytest.mark.ci("clusters"),
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # dask-jobqueue's own
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    reason = obstacle()
    if reason:
        pytest.skip(reason)
    pytest.importorskip("dask_jobqueue")
    with slurm(tmp_path_factory.mktemp("slurm"), nodes=3) as running:
        yield running


@pytest.fixture
def queue(running, monkeypatch):
    """Return the states of SLURM's jobs; none may be left from a test before."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    until(lambda: not running.jobs())
    yield running
    until(lambda: not running.jobs())


@pytest.fixture
def cluster(queue, tmp_path, request):
    """A parameter is the number of workers in each job."""
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "3s"}),
        start(tmp_path, getattr(request, "param", 1)) as cluster,
    ):
        yield cluster


def start(folder, each=1):
    from dask_jobqueue import SLURMCluster

    return SLURMCluster(
        cores=each, processes=each, memory="500 MB", walltime="00:10:00", interface="lo",
        log_directory=str(folder), local_directory=str(folder),
        scheduler_options={"dashboard_address": ":0"},
    )  # fmt: skip


def work(lab, nodes):
    pool = lab.create_pool("p", target_dedicated_nodes=nodes)
    pool.nodes.wait("idle", timeout=WAIT_S)
    job = lab.create_job("j", pool)
    job.create_tasks(["/bin/sh -c 'echo $SLURM_JOB_ID'"] * 2 * nodes)
    job.tasks.wait(timeout=WAIT_S)
    return pool, job


@pytest.mark.parametrize("adaptive", [pytest.param(False, marks=pytest.mark.slow), True])
def test_jobs_of_slurm_come_for_nodes_and_go_with_them(adaptive, cluster, queue, tmp_path):
    if adaptive:
        cluster.adapt(minimum=0, maximum=4, interval="500ms")
    with bl.Lab(cluster, root=tmp_path) as lab:
        pool, job = work(lab, 3)
        assert {task.exit_code for task in job.tasks.values()} == {0}
        used = {task.stdout.strip() for task in job.tasks.values()}
        assert used <= set(queue.jobs())
        until(lambda: list(queue.jobs().values()) == ["RUNNING"] * 3)
        pool.resize(1)
        until(lambda: len(queue.jobs()) == 1)
        pool.resize(0)
        until(lambda: not queue.jobs())
        pool.resize(2)
        pool.nodes.wait("idle", timeout=WAIT_S)
        until(lambda: len(queue.jobs()) == 2)
        lab.shutdown()
        until(lambda: not queue.jobs())


@pytest.mark.parametrize("adaptive", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_job_that_slurm_cancels_is_replaced_and_its_task_runs_again(
    adaptive, cluster, queue, tmp_path
):
    if adaptive:
        cluster.adapt(minimum=0, maximum=4, interval="500ms")
    with bl.Lab(cluster, root=tmp_path) as lab:
        pool, _ = work(lab, 2)
        job = lab.create_job("long", pool)
        go = tmp_path / "go"
        waits = f"/bin/sh -c 'echo $SLURM_JOB_ID; while [ ! -e {go} ]; do sleep 0.1; done'"
        tasks = [job.create_task(f"t{number}", waits) for number in range(2)]
        until(lambda: all(task.state == "running" and task.stdout for task in tasks))
        first = tasks[0].stdout.strip()
        queue.call("scancel", first)
        until(lambda: tasks[0].state == "active")
        until(lambda: tasks[0].state == "running")
        go.touch()
        job.tasks.wait(timeout=WAIT_S)
        assert [task.exit_code for task in tasks] == [0, 0]
        assert [task.retry_count for task in tasks] == [0, 0]
        assert tasks[0].stdout.strip() != first
        pool.nodes.wait("idle", timeout=WAIT_S)
        until(lambda: len(queue.jobs()) == 2)
        lab.shutdown()


def test_jobs_that_wait_in_the_queue_are_explained_and_cancelled(cluster, queue, tmp_path):
    """There are six cores; the seventh node waits for one."""
    with bl.Lab(cluster, root=tmp_path) as lab:
        pool = seven_nodes_for_six_cores(lab)
        until(lambda: sorted(queue.jobs().values()) == ["PENDING"] + ["RUNNING"] * 6)
        until(lambda: "the cluster has 6 workers and was asked for 7" in str(pool.explain()))
        pool.stop_resize()
        pool.wait("steady", timeout=WAIT_S)
        assert len(pool.nodes) == 6
        until(lambda: list(queue.jobs().values()) == ["RUNNING"] * 6)
        lab.shutdown()


@pytest.mark.parametrize("adaptive", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_job_that_is_cancelled_while_it_waits_is_asked_for_again(
    adaptive, cluster, queue, tmp_path
):
    if adaptive:
        cluster.adapt(minimum=0, maximum=8, interval="500ms")
    with bl.Lab(cluster, root=tmp_path) as lab:
        pool = seven_nodes_for_six_cores(lab)
        (first,) = until(lambda: pending(queue))
        queue.call("scancel", first)
        until(lambda: set(pending(queue)) - {first})
        until(lambda: len(queue.jobs()) == 7)
        pool.stop_resize()
        pool.wait("steady", timeout=WAIT_S)
        lab.shutdown()


def seven_nodes_for_six_cores(lab):
    """A pool of seven nodes, six of which are there."""
    pool = lab.create_pool("p", target_dedicated_nodes=7)
    until(lambda: [n.state for n in pool.nodes.values()].count("idle") == 6)
    return pool


def pending(queue):
    return [job for job, state in queue.jobs().items() if state == "PENDING"]


@pytest.mark.parametrize("cluster", [2], indirect=True)
def test_job_of_two_workers_that_slurm_cancels_is_replaced(cluster, queue, tmp_path):
    with bl.Lab(cluster, root=tmp_path) as lab:
        pool, _ = work(lab, 2)
        (first,) = queue.jobs()
        queue.call("scancel", first)
        until(lambda: set(queue.jobs()) - {first})
        pool.nodes.wait("idle", timeout=WAIT_S)
        lab.shutdown()


def test_lab_that_is_only_left_gives_back_what_no_node_needs(cluster, queue, tmp_path):
    with bl.Lab(cluster, root=tmp_path) as lab:
        pool, _ = work(lab, 2)
        pool.resize(1)
        pool.wait("steady", timeout=WAIT_S)
    until(lambda: len(queue.jobs()) == 1)
