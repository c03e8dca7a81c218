"""Workers that die, return, come late, or are bad: nodes are taken up again whenever one comes."""

import os
import signal
import sys
import time

import pytest
from distributed import LocalCluster, Nanny

import batchlab as bl
from batchlab.drivers.dask import arriving
from helpers.dask_commands import Commands
from helpers.dask_labs import sleepers
from helpers.waiting import until

SOON = 60


@pytest.fixture
def commands(tmp_path):
    """A scheduler that has one worker, "alpha"."""
    commands = Commands(tmp_path, workers=("alpha",))
    yield commands
    commands.close()


@pytest.fixture
def lab(commands):
    """A lab on it, which has no cluster object."""
    lab = bl.Lab(commands.address)
    yield lab
    lab.shutdown()
    lab.close()


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)  # with its nanny
    process.wait()


def one_node(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle", timeout=SOON)
    (node,) = pool.nodes.values()
    return pool, node


@pytest.mark.ci("clusters")
@pytest.mark.parametrize("name", ["alpha", "another"])
def test_worker_that_returns_after_some_time_is_its_node_again(commands, lab, name):
    """A service or a pod that is started again; or another machine in its place."""
    pool, node = one_node(lab)
    task = lab.create_job("j", pool).create_task("t", "sleep 7047")
    until(lambda: sleepers(7047))
    kill(commands.started[1])
    until(lambda: node.state == "unknown")
    until(lambda: not sleepers(7047))
    time.sleep(3)  # longer than a node used to wait
    assert node.state == "unknown"
    commands.worker(name)
    until(lambda: node.state == "running", timeout=SOON)
    until(lambda: sleepers(7047))
    assert (task.state, task.node_id, task.retry_count) == ("running", node.id, 0)
    task.terminate()


@pytest.fixture
def forsaken(tmp_path, monkeypatch):
    """A cluster without workers, and a pool whose node has lost its own: it is unusable."""
    monkeypatch.setattr(arriving, "UNUSABLE_S", 0.3)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        lab = bl.Lab(cluster.scheduler_address, root=tmp_path)
        pool, node = one_node(lab)
        cluster.scale(0)
        until(lambda: node.state == "unusable")
        yield cluster, pool, node
        lab.shutdown()
        lab.close()


def test_node_without_a_worker_is_unusable_until_one_comes(forsaken):
    cluster, pool, node = forsaken
    continues = "no other is free: the node continues as soon as one comes"
    until(lambda: continues in str(pool.explain()))
    cluster.scale(1)
    until(lambda: node.state == "idle")


def test_node_that_waits_for_a_worker_can_be_removed_at_once(forsaken, monkeypatch):
    _, pool, node = forsaken
    monkeypatch.setattr(arriving, "UNUSABLE_S", 600.0)  # until then, it waits
    node.reboot()
    assert node.state == "rebooting"
    pool.resize(0)
    pool.wait("steady", timeout=SOON)
    assert len(pool.nodes) == 0
    pool.resize(1)
    until(lambda: [node.state for node in pool.nodes.values()] == ["creating"])
    pool.delete()
    pool.wait("deleted", timeout=SOON)


@pytest.mark.ci("processes")
def test_worker_that_dies_while_it_returns_does_not_cost_its_node(tmp_path, monkeypatch):
    """Its nanny starts it again, so its node must come back, however often that happens."""
    monkeypatch.setattr(arriving, "AGAIN_S", 0.5)
    with bl.Lab(processes=True, root=tmp_path) as lab:
        pool, node = one_node(lab)
        nannies = [one for one in Nanny._instances if one.name == node.id]  # of this process
        (nanny,) = [one for one in nannies if one.status.name == "running"]
        install = arriving.Installer.install
        deaths = []

        async def die(self, start, address, arrival, *, reimage=False):
            if len(deaths) < 4 and nanny.pid is not None:
                deaths.append(nanny.pid)
                os.kill(nanny.pid, signal.SIGKILL)
            await install(self, start, address, arrival, reimage=reimage)

        monkeypatch.setattr(arriving.Installer, "install", die)
        os.kill(nanny.pid, signal.SIGKILL)
        until(lambda: len(deaths) == 4, timeout=SOON)
        until(lambda: node.state == "idle", timeout=SOON)
        task = lab.create_job("j", pool).create_task("t", "/bin/true")
        task.wait(timeout=SOON)
        assert task.exit_code == 0


BAD = {
    "without batchlab": ("import sys; sys.modules['batchlab'] = None", "it has no batchlab"),
    "of another version": (
        "import batchlab; batchlab.__version__ = '0.0.1'",
        "it has batchlab 0.0.1, but the lab has batchlab",
    ),
    "frozen": ("", "it does not answer"),
}


@pytest.mark.ci("clusters")
@pytest.mark.parametrize("kind", BAD)
def test_bad_worker_is_passed_over_and_named(commands, tmp_path, kind):
    code, reason = BAD[kind]
    (tmp_path / "preload.py").write_text(code + "\n")
    bad = commands.worker("bad", "--preload", str(tmp_path / "preload.py"), "--no-nanny")
    until(lambda: b"Registered to" in commands.log(bad).read_bytes())
    if kind == "frozen":
        os.kill(bad.pid, signal.SIGSTOP)
    began = time.monotonic()
    other = bl.Lab(commands.address)
    assert time.monotonic() - began < 20
    pool = other.create_pool("p", target_dedicated_nodes=2)
    until(lambda: [node.state for node in pool.nodes.values()].count("idle") == 1)
    until(lambda: reason in str(pool.explain()))
    said = str(pool.explain())
    assert "(bad) is passed over" in said
    if kind == "frozen":
        os.kill(bad.pid, signal.SIGCONT)
    else:
        assert f"there, in the environment of {sys.executable}, from where" in said
        kill(bad)
        commands.worker("good")
    pool.wait("steady", timeout=SOON)
    pool.nodes.wait("idle", timeout=SOON)
    until(lambda: "passed over" not in str(pool.explain()))
    other.shutdown()
    other.close()
