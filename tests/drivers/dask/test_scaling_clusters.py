"""Cluster objects of all kinds: each gives a lab workers, and gets them back."""

import asyncio
import contextlib
import itertools
import threading
import time

import dask
import pytest
from distributed import LocalCluster, Scheduler, Worker, rpc
from distributed.deploy.spec import ProcessInterface, SpecCluster

from batchlab.core.messages import inputs, questions
from batchlab.core.model import PoolSpec
from batchlab.drivers.dask import scaler, scaling
from batchlab.drivers.dask.connection import DaskConnection
from helpers import gateways
from helpers.dask_labs import add_tasks, finish, make_pool
from helpers.waiting import WAIT_S, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scaling, "GRACE_S", 0.1)
    monkeypatch.setattr(scaling, "SILENCE_S", 0.5)
    monkeypatch.setattr(scaler, "POLL_S", 0.1)


def resize(lab, nodes):
    lab.request(inputs.ResizePool(pool_id="p", target_dedicated_nodes=nodes))


def work_and_leave(lab, count, *, nodes=2, each=1):
    """Use a cluster without workers of its own; `each` workers come and go together."""
    make_pool(lab, nodes=nodes)
    add_tasks(lab, *["sleep 0.3"] * 2 * nodes)
    assert [task.exit_code for task in finish(lab)] == [0] * 2 * nodes
    resize(lab, 1)
    until(lambda: count() == each)
    resize(lab, 0)
    until(lambda: count() == 0)
    resize(lab, 1)
    lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
    lab.shutdown()
    until(lambda: count() == 0)


# -- objects that cannot scale ----------------------------------------------------------------


def test_cluster_without_a_specification_of_new_workers_is_not_scaled(tmp_path, caplog):
    """Such as an SSHCluster."""
    worker = {"cls": Worker, "options": {"nthreads": 1}}
    scheduler = {"cls": Scheduler, "options": {"dashboard_address": ":0"}}
    with SpecCluster(workers={"only": worker}, scheduler=scheduler) as cluster:
        lab = DaskConnection.attach(cluster, root=tmp_path)
        lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=2)))
        wrong = "nobody can scale it (this SpecCluster has no specification of new workers)"
        until(lambda: wrong in why(lab) or resize_error(lab))
        lab.shutdown()
        assert list(cluster.workers) == ["only"]
    assert "TypeError" not in caplog.text


def why(lab, pool="p"):
    return " ".join(reason.text for reason in lab.ask(questions.ExplainPool(pool_id=pool)))


def resize_error(lab):
    return lab.ask(questions.GetPool(pool_id="p")).resize_errors


class Broken(LocalCluster):
    def scale(self, n=0, **kwargs):
        if n:
            raise RuntimeError("the quota is used up")
        super().scale(n, **kwargs)


@pytest.mark.ci("clusters")
def test_error_of_a_cluster_object_is_explained(tmp_path):
    with Broken(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        lab = DaskConnection.attach(cluster, root=tmp_path)
        lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
        until(lambda: "RuntimeError: the quota is used up" in why(lab) or resize_error(lab))
        lab.shutdown()


@pytest.mark.ci("clusters")
@pytest.mark.parametrize("adaptive", [False, True])
def test_worker_whose_job_has_ended_is_started_again(adaptive, tmp_path):
    """As a job of SLURM at its walltime: the cluster still plans with its worker."""
    impatient = dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"})
    with impatient, LocalCluster(n_workers=0, threads_per_worker=1, processes=False,
                                 dashboard_address=":0") as cluster:  # fmt: skip
        if adaptive:
            cluster.adapt(minimum=0, maximum=4, interval="50ms")
        lab = DaskConnection.attach(cluster, root=tmp_path)
        make_pool(lab, nodes=2)
        add_tasks(lab, *["sleep 1"] * 4)
        lost = next(iter(cluster.workers.values()))
        cluster.sync(lost.close)
        finish(lab)
        lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
        until(lambda: len(cluster.scheduler.workers) == 2)
        assert lost.address not in cluster.scheduler.workers
        resize(lab, 0)
        until(lambda: not cluster.scheduler.workers)
        lab.shutdown()


class Job(ProcessInterface):
    """A job that cannot be started while its queue does not answer."""

    answers = True

    def __init__(self, scheduler, **options):
        super().__init__()
        self._scheduler, self._options, self._worker = scheduler, options, None

    async def start(self):
        if not self.answers:
            raise RuntimeError("sbatch: error: Socket timed out")
        self._worker = await Worker(self._scheduler, nthreads=1, **self._options)
        await super().start()

    async def close(self):
        if self._worker is not None:
            await self._worker.close()
        await super().close()


@pytest.mark.parametrize("adaptive", [False, True])
def test_job_that_cannot_be_started_is_explained_and_tried_again(adaptive, tmp_path, monkeypatch):
    monkeypatch.setattr(scaler, "AGAIN_S", 0.2)
    monkeypatch.setattr(Job, "answers", False)
    scheduler = {"cls": Scheduler, "options": {"dashboard_address": ":0"}}
    with SpecCluster(worker={"cls": Job}, scheduler=scheduler) as cluster:
        if adaptive:
            cluster.adapt(minimum=0, maximum=4, interval="50ms")
        lab = DaskConnection.attach(cluster, root=tmp_path)
        lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
        until(lambda: "RuntimeError: sbatch: error: Socket timed out" in why(lab))
        monkeypatch.setattr(Job, "answers", True)
        lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
        lab.shutdown()
        until(lambda: not cluster.scheduler.workers, WAIT_S)


def test_worker_that_cannot_be_started_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(scaler, "AGAIN_S", 0.2)
    tries, start = [], Worker.start_unsafe

    async def failing(worker):
        tries.append(worker)
        if len(tries) == 1:
            raise OSError("no port is free")
        return await start(worker)

    monkeypatch.setattr(Worker, "start_unsafe", failing)
    with LocalCluster(n_workers=0, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        lab = DaskConnection.attach(cluster, root=tmp_path)
        make_pool(lab)
        lab.shutdown()


# -- objects that take a number ---------------------------------------------------------------


class Numbered:
    """A cluster as of dask-gateway or dask-kubernetes: another program closes the workers.

    Its status is a text, and `scale` blocks on the cluster's loop. The other program, like the
    operator of dask-kubernetes, asks the scheduler which workers to close.
    """

    def __init__(self):
        self._hidden = LocalCluster(
            n_workers=0, threads_per_worker=1, processes=False, protocol="tcp://",
            host="127.0.0.1", dashboard_address=":0",
        )  # fmt: skip
        self.status = "running"
        self.loop = self._hidden.loop
        self.scheduler_address = self._hidden.scheduler_address
        self.calls = []
        self.workers = {}
        self._replicas = 0
        self._range = None
        self._end = threading.Event()
        self._operator = threading.Thread(target=lambda: asyncio.run(self._operate()))
        self._operator.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        self._operator.join()
        self.status = "closed"
        self._hidden.close()

    def scale(self, n):
        self.calls.append(n)
        self._range = None
        asyncio.run_coroutine_threadsafe(self._set(n), self.loop.asyncio_loop).result()

    def adapt(self, minimum, maximum):
        self._range = minimum, maximum

    async def _set(self, n):
        self._replicas = n

    async def _operate(self):
        async with rpc(self.scheduler_address) as scheduler:
            while not self._end.is_set():
                if self._range is not None:
                    least, most = self._range
                    self._replicas = max(least, min(most, await scheduler.adaptive_target()))
                surplus = len(self.workers) - self._replicas
                for _ in range(-surplus):
                    name = f"pod-{time.monotonic_ns()}"
                    self.workers[name] = await Worker(
                        self.scheduler_address, nthreads=1, name=name, dashboard=False
                    )
                if surplus > 0:
                    names = await scheduler.workers_to_close(n=surplus, attribute="name")
                    await scheduler.retire_workers(names=names)
                    for name in names:
                        await self.workers.pop(name).close()
                await asyncio.sleep(0.02)
            for worker in self.workers.values():
                await worker.close()


def test_cluster_that_takes_a_number_is_scaled_and_closes_only_ours(tmp_path):
    with Numbered() as cluster:
        lab = DaskConnection.attach(cluster, root=tmp_path)
        work_and_leave(lab, lambda: len(cluster.workers))
        asked = [count for count, _ in itertools.groupby(cluster.calls)]  # again if it is slow
        assert asked == [2, 1, 0, 1, 0]


def test_cluster_that_takes_a_number_keeps_the_users_workers(tmp_path):
    with Numbered() as cluster:
        cluster.scale(1)
        until(lambda: cluster.workers)
        theirs = set(cluster.workers)
        lab = DaskConnection.attach(cluster, root=tmp_path)
        make_pool(lab, nodes=3)
        resize(lab, 0)
        until(lambda: set(cluster.workers) == theirs)
        lab.shutdown()
        assert cluster.calls[:2] == [1, 3]


def test_cluster_that_another_program_adapts_is_left_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "SILENCE_S", 30.0)  # it may be slow
    with Numbered() as cluster:
        cluster.adapt(0, 3)
        lab = DaskConnection.attach(cluster, root=tmp_path)
        work_and_leave(lab, lambda: len(cluster.workers))
        assert cluster.calls == []


# -- real ones --------------------------------------------------------------------------------


@contextlib.contextmanager
def jobqueue_cluster(**options):
    """A cluster of dask-jobqueue, which itself closes no pipe of a job and reaps no job.

    Unlike its other kinds, it fails to close a job whose start had failed.
    """
    local = pytest.importorskip("dask_jobqueue.local")
    jobs = []

    class Job(local.Subprocess):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            jobs.append(self)

    async def close_job(job_id, cancel_command, close=local.LocalJob._close_job):
        if job_id:
            await close(job_id, cancel_command)

    async def close_pipes():
        for job in jobs:
            job.stdout.close()
            job.stderr.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "Subprocess", Job)
        patch.setattr(local.LocalJob, "_close_job", staticmethod(close_job))
        with local.LocalCluster(
            scheduler_options={"dashboard_address": ":0"}, **options
        ) as cluster:
            try:
                yield cluster
            finally:
                cluster.sync(close_pipes)
    for job in jobs:
        job.proc.wait(WAIT_S)


@pytest.mark.ci("clusters")
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("each", [1, 2])
def test_dask_jobqueue(adaptive, each, tmp_path):
    with jobqueue_cluster(
        cores=each, processes=each, memory="1 GB", log_directory=str(tmp_path)
    ) as cluster:
        if adaptive:
            cluster.adapt(minimum=0, maximum=6, interval="200ms")
        lab = DaskConnection.attach(cluster, root=tmp_path)
        work_and_leave(lab, lambda: len(cluster.scheduler.workers), nodes=3, each=each)


@pytest.fixture
def gateway(tmp_path):
    if gateways.obstacle():
        pytest.skip(gateways.obstacle())
    with gateways.gateway(tmp_path) as running:
        yield running.cluster


@pytest.mark.parametrize("adaptive", [
    pytest.param(False, marks=pytest.mark.slow),
    pytest.param(True, marks=pytest.mark.ci("clusters")),
])  # fmt: skip
def test_dask_gateway(adaptive, gateway, tmp_path):
    with gateway() as cluster:
        if adaptive:
            cluster.adapt(minimum=0, maximum=3)
        client = cluster.get_client(set_as_default=False)
        lab = DaskConnection.attach(cluster, root=tmp_path)
        if adaptive:
            lab.request(inputs.CreatePool(spec=PoolSpec(id="many", target_dedicated_nodes=4)))
            until(lambda: "its adaptive scaling allows 3 at most" in why(lab, "many"))
            lab.request(inputs.DeletePool(pool_id="many"))
        work_and_leave(lab, lambda: len(client.scheduler_info(n_workers=-1)["workers"]))
