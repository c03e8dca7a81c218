"""A node's runs never overlap with their repetitions: beats, leases, and who ends what when."""

import asyncio
import os
import signal
import subprocess
import time

import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask import guards, lease, passed_over
from batchlab.drivers.dask.cluster import ClusterWorkers
from helpers.dask_labs import Node, sleepers
from helpers.waiting import until

SOON = 60
LEASE_S = 2.0


@pytest.fixture
def short(monkeypatch):
    """Leases that are short enough for a test."""
    monkeypatch.setattr(lease, "LEASE_S", LEASE_S)
    monkeypatch.setattr(passed_over, "AGAIN_S", 0.2)


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                      dashboard_address=":0") as cluster:  # fmt: skip
        yield cluster


def worker_of(cluster, node_id):
    """The process ID of the worker that is a node."""
    nodes = ClusterWorkers.of(cluster.scheduler).nodes
    (address,) = [address for address, (_, one) in nodes.items() if one == node_id]
    (pid,) = [nanny.pid for nanny in cluster.workers.values() if nanny.worker_address == address]
    return pid


class Frozen:
    """A worker's process that is stopped, while its runs go on."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


LOG = "/bin/sh -c 'while true; do date +\"%s.%N $AZ_BATCH_NODE_ID\" >> {}; sleep 0.05; done'"


def intervals(path):
    """When each node wrote to the file, from the first to the last time."""
    times = {}
    for line in path.read_text().splitlines():
        moment, node_id = line.split()
        times.setdefault(node_id, []).append(float(moment))
    return {node_id: (min(found), max(found)) for node_id, found in times.items()}


@pytest.mark.ci("clusters")
@pytest.mark.usefixtures("short")
def test_frozen_worker_is_found_and_its_runs_never_overlap(cluster, tmp_path):
    log = tmp_path / "log"
    lab = bl.Lab(cluster.scheduler_address, root=tmp_path)
    pool = lab.create_pool("p", target_dedicated_nodes=2)
    pool.nodes.wait("idle", timeout=SOON)
    task = lab.create_job("j", pool).create_task("t", LOG.format(log))
    until(lambda: log.exists() and task.state == "running")
    first = pool.nodes[task.node_id]
    with Frozen(worker_of(cluster, first.id)):
        until(lambda: task.state == "running" and task.node_id != first.id)
        assert first.state == "unknown"
        assert "is passed over: nothing was heard from it for 3 s" in str(pool.explain())
        until(lambda: first.id in intervals(log) and len(intervals(log)) == 2)
    until(lambda: first.state == "idle")
    until(lambda: "is passed over" not in str(pool.explain()))
    ends = intervals(log)
    assert ends[first.id][1] < ends[task.node_id][0]
    assert (task.state, task.retry_count) == ("running", 0)  # no late report counted
    again = lab.create_job("k", pool).create_task("t", "/bin/true")
    again.wait(timeout=SOON)
    assert again.node_id == first.id
    lab.shutdown()
    lab.close()


@pytest.mark.ci("clusters")
@pytest.mark.usefixtures("short")
def test_files_of_a_frozen_node_are_refused_in_time(cluster, tmp_path):
    lab = bl.Lab(cluster.scheduler_address, root=tmp_path)
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle", timeout=SOON)
    (node,) = pool.nodes.values()
    frozen = Frozen(worker_of(cluster, node.id))
    with frozen, pytest.raises(bl.BatchError, match=r"NodeNotReady: .* does not answer \(nothing"):
        node.files.list()
    lab.shutdown()
    lab.close()


@pytest.mark.ci("clusters")
def test_worker_frozen_for_a_moment_keeps_its_runs(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "LEASE_S", 5 * LEASE_S)
    lab = bl.Lab(cluster.scheduler_address, root=tmp_path)
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle", timeout=SOON)
    task = lab.create_job("j", pool).create_task("t", "sleep 4.25")
    until(lambda: sleepers(4.25))
    with Frozen(worker_of(cluster, task.node_id)):
        time.sleep(LEASE_S)
    task.wait(timeout=SOON)
    assert (task.exit_code, task.requeue_count) == (0, 0)
    lab.shutdown()
    lab.close()


@pytest.mark.ci("processes")
@pytest.mark.usefixtures("short")
def test_frozen_process_of_our_own_is_ended_and_started_again(tmp_path):
    with bl.Lab(processes=True, root=tmp_path) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        pool.nodes.wait("idle", timeout=SOON)
        log = tmp_path / "log"
        task = lab.create_job("j", pool).create_task(
            "t", f"/bin/sh -c 'echo $PPID >> {log}; sleep 7041'"
        )
        until(lambda: log.exists() and log.read_text())
        (before,) = until(lambda: sleepers(7041))
        os.kill(int(log.read_text()), signal.SIGSTOP)
        until(lambda: len(log.read_text().split()) == 2)
        assert before not in sleepers(7041)
        assert task.state == "running"
        task.terminate()


def test_node_that_hears_nothing_ends_its_runs_and_reports_nothing(tmp_path):
    async def story():
        async with Node(tmp_path, arrival="a", beat_s=0.1, lease_s=LEASE_S) as node:
            node.answer = True
            node.run("sleep 7042")
            await node.passes(lambda: sleepers(7042))
            node.answer = None
            await node.passes(lambda: not sleepers(7042))
            await node.passes(lambda: node.beats[-1]["over"])
            node.answer = True  # too late
            node.run("sleep 7043")  # ordered before the host knew
            seen = len(node.beats)
            await node.passes(lambda: len(node.beats) > seen + 3)
            assert sleepers(7043) == []
            assert node.reports == []

    asyncio.run(story())


@pytest.mark.ci("clusters")
def test_node_that_is_answered_continues_its_runs(tmp_path):
    async def story():
        async with Node(tmp_path, arrival="a", beat_s=0.1, lease_s=LEASE_S) as node:
            node.answer = True
            report = await node.report(node.run(f"sleep {1.5 * LEASE_S}"))
            assert report.exit_code == 0

    asyncio.run(story())


def test_node_that_the_host_does_not_know_any_more_ends_its_runs(tmp_path):
    async def story():
        async with Node(tmp_path, arrival="a", beat_s=0.1, lease_s=30.0) as node:
            node.run("sleep 7044")
            await node.passes(lambda: sleepers(7044))
            node.answer = False
            await node.passes(lambda: not sleepers(7044))
            assert node.reports == []

    asyncio.run(story())


def test_watchdog_ends_the_runs_of_one_node_at_its_deadline(tmp_path):
    """Also those that have cleared their environment, and not those of another node."""
    *roots, other = [str(tmp_path / name) for name in "abc"]
    processes = []
    for root in roots:
        os.mkdir(root)
        guards.guard(root)
    first, second = (guards.Deadline(root, time.monotonic() + 600) for root in roots)
    strikes = []
    for root in roots:
        for command in (["sleep", "7045"], ["env", "-i", "sleep", "7046"]):
            process = subprocess.Popen(
                command, start_new_session=True,
                env={**os.environ, "AZ_BATCH_NODE_ROOT_DIR": root},
            )  # fmt: skip
            processes.append(process)
            strikes.append(guards.enter_session(process.pid, root))
    try:
        first.extend(time.monotonic() + 0.3)
        # The watchdog looks again when it hears something; by itself, at the deadline it knew.
        guards.Deadline(other, time.monotonic() + 600).give_back()
        for process in processes[:2]:
            process.wait(timeout=60)
        assert first.struck
        assert not second.struck
        assert [process.poll() for process in processes[2:]] == [None, None]
    finally:
        for process, strike in zip(processes, strikes, strict=True):
            process.kill()
            process.wait()
            strike()
        for deadline, root in zip((first, second), roots, strict=True):
            deadline.give_back()
            guards.dismiss(root)
