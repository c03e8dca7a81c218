"""A network that is lost and comes back: handles, waits and displays go on by themselves."""

import asyncio
import threading
import time

import msgspec
import pytest
from distributed import Client, LocalCluster
from distributed.comm.tcp import BaseTCPConnector

import batchlab as bl
from batchlab.drivers.dask import link, remote
from batchlab.drivers.dask.host import BatchHost
from batchlab.history.watch import watch
from helpers.forwarder import Forwarder
from helpers.waiting import WAIT_S, until

SOON = "1m"


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address=":0",
    ) as cluster:  # fmt: skip
        yield cluster


@pytest.fixture
def network(cluster):
    with Forwarder(cluster.scheduler_address) as network:
        yield network


@pytest.fixture
def near(cluster):
    """A lab attached to the scheduler itself."""
    with bl.Lab(cluster.scheduler_address) as lab:
        yield lab
        lab.shutdown()


@pytest.fixture
def far(network, near, monkeypatch):
    """The same lab, attached through the network; its loss is noticed soon."""
    monkeypatch.setattr(link, "CONNECT_S", 1.0)
    with bl.Lab(network.address) as lab:
        yield lab


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(link, "PAUSE_S", 0.1)


class Calling:
    """A call in a thread, with its result or error."""

    def __init__(self, call):
        self.result = self.error = None

        def run():
            try:
                self.result = call()
            except BaseException as error:
                self.error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    @property
    def going(self):
        return self._thread.is_alive()

    def join(self, seconds=WAIT_S):
        self._thread.join(seconds)
        assert not self.going, "the call hangs"
        if self.error is not None:
            raise self.error
        return self.result


@pytest.mark.ci("clusters")
def test_every_handle_goes_on_when_the_network_is_back(network, far, caplog):
    pool = far.create_pool("p", target_dedicated_nodes=1)
    pool.wait("steady", timeout=SOON)
    for _ in range(2):
        network.cut()
        calling = Calling(lambda: pool.state)
        until(lambda: "trying again until it is back" in caplog.text)
        assert calling.going
        network.restore()
        assert calling.join() == "active"
        until(lambda: "answers again" in caplog.text)
        caplog.clear()
    assert far.create_job("j", pool).map(abs, [-1, -2]).results(timeout=SOON) == [1, 2]


def test_request_whose_answer_is_lost_is_carried_out_once(network, near, far):
    assert not far.pools  # so there is a connection
    network.swallowing = True
    calling = Calling(lambda: far.create_pool("p"))
    until(lambda: "p" in near.pools)
    network.cut()
    assert calling.going
    network.restore()
    assert calling.join().id == "p"  # a second time, it would exist already
    job = far.create_job("j", "p")
    network.swallowing = True
    calling = Calling(lambda: job.create_task("t", "true"))
    until(lambda: near.jobs["j"].tasks)
    network.cut()
    network.restore()
    assert calling.join() == job.tasks["t"]


def test_refusal_whose_answer_is_lost_is_still_a_refusal(network, near, far):
    near.create_pool("p")
    assert list(far.pools) == ["p"]
    network.swallowing = True
    calling = Calling(lambda: far.create_pool("p"))
    until(lambda: network.swallowed)
    network.cut()
    network.restore()
    with pytest.raises(bl.Conflict, match="PoolExists"):
        calling.join()


def test_connections_that_are_dead_without_notice_are_replaced(network, far, monkeypatch):
    monkeypatch.setattr(link, "SILENCE_S", 0.3)
    monkeypatch.setattr(link, "RECONNECT_S", 0.2)
    pool = far.create_pool("p")
    network.frozen = True
    calling = Calling(lambda: pool.state)
    time.sleep(1)
    assert calling.going
    network.restore()
    assert calling.join() == "active"


def test_connection_may_take_its_time_where_the_network_is_not_lost(monkeypatch):
    """Dask leaves the socket of an attempt open that it gives up."""
    connect, attempts = BaseTCPConnector.connect, []

    async def slowly(self, address, *args, **options):
        attempts.append(address)
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)  # as on a busy machine
        return await connect(self, address, *args, **options)

    monkeypatch.setattr(BaseTCPConnector, "connect", slowly)
    with bl.Lab(processes=True) as lab:
        assert not lab.pools
        assert len(attempts) == 1


@pytest.mark.ci("clusters")
def test_answer_that_takes_long_is_awaited(cluster, near, monkeypatch):
    near.create_pool("p")
    with (
        Forwarder(cluster.scheduler_address, delay_s=0.05) as slow,
        bl.Lab(slow.address) as lab,
    ):
        monkeypatch.setattr(link, "SILENCE_S", 0.02)
        assert lab.pools["p"].state == "active"
        assert lab.create_pool("q").state == "active"


def test_wait_and_watch_go_on_after_a_loss(network, near, far):
    pool = far.create_pool("p", target_dedicated_nodes=1)
    job = far.create_job("j", pool)
    seen = watch(far._connection)
    until(lambda: seen.tables.now)
    task = near.jobs["j"].create_task("t", "sleep 600")
    waiting = Calling(job.tasks.wait)
    limited = Calling(lambda: task.wait(timeout=SOON))
    network.cut()
    near.create_pool("q")
    until(lambda: seen.ended)
    network.restore()
    until(lambda: not seen.ended)
    until(lambda: "q" in seen.tables.pool_ids)
    assert waiting.going
    task.terminate()
    waiting.join()
    limited.join()


def test_time_limit_of_a_wait_holds_while_the_network_is_lost(network, far):
    pool = far.create_pool("p")
    network.cut()
    began = time.monotonic()
    with pytest.raises(bl.ServerBusy, match="has not answered"):
        pool.wait("deleted", timeout=1)
    assert 1 <= time.monotonic() - began < 20


def test_call_without_a_limit_ends_with_the_cause_and_the_cure(network, far, monkeypatch):
    monkeypatch.setattr(link, "PATIENCE_S", 0.5)
    monkeypatch.setattr(remote, "WAIT_PATIENCE_S", 1.0)
    pool = far.create_pool("p")
    network.cut()
    cause = (
        rf"{network.address} has not answered for .*(refused|does not answer).*call again.*"
        "make the Lab again"
    )
    for call in (
        lambda: pool.state,
        lambda: pool.wait("deleted"),
        lambda: far.create_job("j", "p"),
    ):
        with pytest.raises(bl.ServerBusy, match=cause):
            Calling(call).join()
    network.restore()
    until(lambda: far._connection._link._connecting is None)
    assert pool.state == "active"


def test_handles_go_on_only_with_their_own_lab_in_a_scheduler_that_was_restarted(
    network, far, tmp_path
):
    pool = far.create_pool("p")
    config = far._connection.config
    with (
        LocalCluster(n_workers=0, processes=False, protocol="tcp", host="127.0.0.1",
                     dashboard_address=":0") as restarted,
        Client(restarted, set_as_default=False) as client,
    ):  # fmt: skip
        network.cut()
        network.lead_to(restarted.scheduler_address)
        network.restore()
        for call in (lambda: pool.state, lambda: far.create_pool("q"), lambda: list(far.storage)):
            with pytest.raises(bl.Conflict, match=r"no such lab any more.*Make the Lab again"):
                call()
        with bl.Lab(restarted) as other:
            other.create_pool("p")
            with pytest.raises(bl.Conflict, match="no such lab any more"):
                pool.state  # noqa: B018 - of another lab
            other.shutdown()
        restored = msgspec.structs.replace(config, root=str(tmp_path), storage=None)
        client.register_plugin(BatchHost(restored), name="restored")
        assert list(far.pools) == []  # what is in it is up to its journal
        assert far.create_pool("p") == pool
        assert pool.state == "active"


def test_output_of_a_task_takes_one_call(far, monkeypatch):
    pool = far.create_pool("p", target_dedicated_nodes=1)
    job = far.create_job("j", pool)
    job.create_tasks(
        [
            bl.TaskSpec(id="short", command_line="echo hello"),
            bl.TaskSpec(id="long", command_line="sh -c 'yes long | head -c 2000000'"),
        ]
    )
    job.tasks.wait(timeout=SOON)
    short, long = job.tasks["short"], job.tasks["long"]
    calls = []
    call = far._connection.call
    monkeypatch.setattr(
        far._connection.files, "_call_host", lambda *a, **o: calls.append(a) or call(*a, **o)
    )
    monkeypatch.setattr(far._connection, "call", lambda *a, **o: calls.append(a) or call(*a, **o))
    assert short.stdout == "hello\n"
    assert calls == [("files",)]
    assert long.stdout.startswith("[951,425 bytes left out here;")
    assert calls == [("files",)] * 2
    with pytest.raises(bl.NotFound, match="no-such"):
        short.files.stream("no-such")
    with pytest.raises(bl.InvalidRequest, match=r"is a directory: use files\.list"):
        short.files.stream("wd")
    with pytest.raises(bl.NotFound, match="TaskNotFound"):
        bl.Task(far._connection, "j", "none").files.stream("stdout.txt")


@pytest.mark.ci("clusters")
def test_loss_that_is_longer_than_dasks_own_patience(network, near):
    """Dask's clients give up for ever after some time."""
    with Client(network.address, timeout=5) as client, bl.Lab(client) as far:
        pool = far.create_pool("p", target_dedicated_nodes=1)
        task = far.create_job("j", pool).create_task("t", "sleep 600")
        network.cut()
        calling, waiting = Calling(lambda: pool.state), Calling(task.wait)
        until(lambda: client.status == "closed")
        assert calling.going
        assert waiting.going
        network.restore()
        assert calling.join() == "active"
        near.jobs["j"].tasks["t"].terminate()
        waiting.join()
