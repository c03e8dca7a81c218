"""The way from a task back to its service: who is let in, and what happens when it ends."""

import contextlib
import pickle
import socket
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.core.messages.questions import ListPools, TaskIs
from batchlab.core.tasks.environment import SERVICE
from batchlab.drivers.dask import inside, messages
from batchlab.drivers.dask.folders import lab_folder
from batchlab.drivers.dask.inside import InsideConnection
from helpers.waiting import until

SHOW = "/bin/sh -c 'echo $BATCHLAB_SERVICE; sleep 500'"


def address_of(lab, pool=None):
    """What a task of a lab finds in its environment; the task goes on running."""
    pool = pool or lab.create_pool("p", target_dedicated_nodes=1)
    task = lab.create_job("j", pool).create_task("show", SHOW)
    task.wait("running", timeout="30s")

    def shown():
        try:
            return task.stdout.strip()
        except bl.NotFound:
            return ""  # its folder comes a moment after its state

    return until(shown)


@pytest.fixture
def lab():
    with bl.Lab() as lab:
        yield lab


@pytest.fixture
def address(lab):
    return address_of(lab)


@pytest.fixture(autouse=True)
def no_service(monkeypatch):
    monkeypatch.delenv(SERVICE, raising=False)
    monkeypatch.setattr(inside, "_current", None)


def raw(address, secret=None):
    """A link to a gateway that says nothing but a secret."""
    path, _, right = address.rpartition("#")
    with contextlib.ExitStack() as opened:
        link = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        link.settimeout(60)
        link.connect(path)
        link.sendall((right if secret is None else secret).encode())
        opened.pop_all()
    return link


def tell(link, call):
    link.sendall(len(call).to_bytes(messages.LENGTH_BYTES) + call)
    size = int.from_bytes(link.recv(messages.LENGTH_BYTES, socket.MSG_WAITALL))
    return link.recv(size, socket.MSG_WAITALL)


def test_gateway_lies_where_only_its_user_comes(address):
    path = Path(address.rpartition("#")[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_gateway_lets_nobody_in_without_the_secret(address):
    with raw(address, "0" * 32) as link:
        assert link.recv(1) == b""
    connection = InsideConnection(address)
    assert [pool.id for pool in connection.ask(ListPools())] == ["p"]
    connection.close()


@pytest.mark.parametrize("handler", ["close", "scale", "nonsense"])
def test_gateway_passes_on_only_what_is_a_task_s(address, handler):
    with raw(address) as link, pytest.raises(bl.Conflict, match="a task cannot call"):
        messages.unpack(tell(link, msgspec.msgpack.encode((handler, {}))))


@pytest.mark.parametrize("call", [b"", b"nonsense", pickle.dumps("x"), b"\x92\xa3ask\x80"])
def test_gateway_answers_nonsense_with_an_error_and_goes_on(address, call):
    with raw(address) as link:
        with pytest.raises(bl.BatchError):
            messages.unpack(tell(link, call))
        ask = msgspec.msgpack.encode(("ask", {"payload": pickle.dumps(ListPools())}))
        assert len(messages.unpack(tell(link, ask))) == 1


def test_gateway_ends_with_its_node(lab, address):
    connection = InsideConnection(address)
    lab.pools["p"].resize(0)
    lab.pools["p"].wait(timeout="30s")
    with pytest.raises(bl.Conflict, match="cannot be reached"):
        connection.ask(ListPools())
    connection.close()
    assert not Path(address.rpartition("#")[0]).exists()
    with pytest.raises(bl.NotFound, match="cannot be reached"):
        InsideConnection(address)


@pytest.mark.parametrize("processes", [False, True])
def test_gateway_with_a_long_root_lies_elsewhere_and_leaves_nothing(tmp_path, processes):
    root = tmp_path / ("long" * 30)
    root.mkdir()
    with bl.Lab(root=root, processes=processes) as lab:
        address = address_of(lab)
        folder = Path(address.rpartition("#")[0]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        connection = InsideConnection(address)
        assert connection.now() == pytest.approx(lab.now.timestamp(), abs=60)
        connection.close()
    assert not folder.exists()
    assert list(root.iterdir()) == []


def test_node_that_runs_nothing_opens_no_gateway(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait()
    folder = Path(lab_folder(lab._connection.config.lab_id))
    assert not list(folder.glob(".*.sock"))
    address_of(lab, pool)
    assert len(list(folder.glob(".*.sock"))) == 1


@pytest.mark.parametrize("processes", [False, True])
def test_task_on_a_cluster_of_somebody_else_reaches_its_lab(processes):
    code = "import batchlab as bl; print(*bl.Lab.current().pools, bl.Job.current().id)"
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=processes,
                     dashboard_address=":0") as cluster,
        bl.Lab(cluster) as lab,
    ):  # fmt: skip
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        task = lab.create_job("j", pool).create_task("t", f"{sys.executable} -c '{code}'")
        task.wait(timeout="1m")
        assert (task.stdout, task.stderr) == ("p j\n", "")


@pytest.mark.parametrize("verb", [bl.Lab.current, bl.Job.current, bl.Task.current])
def test_current_outside_a_task_says_what_to_do(verb):
    with pytest.raises(bl.Conflict, match=r"create a lab with Lab\(\)") as caught:
        verb()
    assert f"{verb.__qualname__}()" in str(caught.value)


def test_current_is_one_connection_until_it_is_closed(address, monkeypatch):
    monkeypatch.setenv(SERVICE, address)
    monkeypatch.setenv("AZ_BATCH_JOB_ID", "j")
    monkeypatch.setenv("AZ_BATCH_TASK_ID", "show")
    lab = bl.Lab.current()
    assert bl.Job.current() == lab.jobs["j"]
    assert bl.Task.current() == lab.jobs["j"].tasks["show"]
    assert lab.jobs["j"].tasks["show"].stdout.strip() == address
    lab.close()
    lab.close()
    with pytest.raises(bl.Conflict, match="closed"):
        lab.jobs["j"].state  # noqa: B018
    assert bl.Task.current().state == "running"
    inside._current.close()


def test_interrupted_call_takes_no_other_s_answer(address):
    connection = InsideConnection(address)
    never = TaskIs(job_id="j", task_id="show", state="completed")

    def interrupt():
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            connection.wait(never, watch=interrupt)
        assert len(connection.ask(ListPools())) == 1
    connection.close()
