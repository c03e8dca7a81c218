"""Labs on several hosts: what users of real clusters rely on, each tried between real networks.

Run them with ``pytest -m ci tests/hosts`` as root.
"""

import os
import signal
import time

import pytest

import batchlab as bl
from batchlab.drivers.dask import lease
from helpers.waiting import until
from hosts.cut_off_client import said_after_loss

pytestmark = pytest.mark.ci("hosts")

SOON = 60
LEASE_S = 4.0
LOG = (
    "/bin/sh -c 'while true; do echo $(date +%s.%N) $AZ_BATCH_NODE_ID $$ >> {}; sleep 0.05; done'"
)


def attach(address, **options):
    began = time.monotonic()
    while True:  # the scheduler may still be coming up
        try:
            return bl.Lab(address, **options)
        except bl.BatchError:
            assert time.monotonic() - began < SOON
            time.sleep(0.1)


def two_nodes(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=2)
    pool.nodes.wait("idle", timeout=SOON)
    return pool


def intervals(path):
    """When each process wrote to the file, from the first to the last time."""
    times = {}
    for line in path.read_text().splitlines():
        moment, node_id, pid = line.split()
        times.setdefault((node_id, pid), []).append(float(moment))
    return sorted((min(found), max(found)) for found in times.values())


def host_of(network, node):
    (host,) = [host for host in network.hosts if host.address == node.ip_address]
    return host


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(lease, "LEASE_S", LEASE_S)


@pytest.mark.usefixtures("short")
def test_host_that_is_cut_off_ends_its_runs_before_they_are_repeated(network, cluster, tmp_path):
    address, *workers = cluster
    for host in workers:
        host.worker(address, host.folder.name, "--no-nanny")
    log = tmp_path / "log"
    lab = attach(address)
    pool = two_nodes(lab)
    task = lab.create_job("j", pool).create_task("t", LOG.format(log))
    until(lambda: log.exists() and len(log.read_text().splitlines()) > 3)
    first = pool.nodes[task.node_id]
    with host_of(network, first).partition():
        until(lambda: len(intervals(log)) == 2, timeout=SOON)
        (_, end), (again, _) = intervals(log)
        assert end < again
    time.sleep(LEASE_S)
    assert len(intervals(log)) == 2
    assert (task.state, task.retry_count) == ("running", 0)
    task.terminate()
    lab.close()


def test_host_that_is_cut_off_for_a_moment_loses_nothing(network, cluster, monkeypatch):
    monkeypatch.setattr(lease, "LEASE_S", 4 * LEASE_S)
    address, *workers = cluster
    for host in workers:
        host.worker(address, host.folder.name)
    lab = attach(address)
    pool = two_nodes(lab)
    job = lab.create_job("j", pool)
    tasks = [job.create_task(f"t{number}", "sleep 4") for number in range(2)]
    until(lambda: all(task.state == "running" for task in tasks))
    with host_of(network, pool.nodes[tasks[0].node_id]).partition():
        time.sleep(LEASE_S / 2)
    job.tasks.wait(timeout=SOON)
    assert [(task.exit_code, task.requeue_count) for task in tasks] == [(0, 0), (0, 0)]
    lab.close()


def test_worker_that_comes_late_is_waited_for(cluster):
    address, first, second = cluster
    lab = attach(address)
    pool = lab.create_pool("p", target_dedicated_nodes=2)
    time.sleep(3)
    first.worker(address, "first")
    until(lambda: any(node.state == "idle" for node in pool.nodes.values()), timeout=SOON)
    assert pool.allocation_state == "resizing"
    second.worker(address, "second")
    pool.wait("steady", timeout=SOON)
    pool.nodes.wait("idle", timeout=SOON)
    assert {node.ip_address for node in pool.nodes.values()} == {first.address, second.address}
    lab.close()


def test_host_that_fails_is_replaced_by_another(network, cluster):
    address, first, second = cluster
    first.worker(address, "first")
    second.worker(address, "second")
    lab = attach(address)
    pool = two_nodes(lab)
    (node,) = [node for node in pool.nodes.values() if node.ip_address == first.address]
    first.kill()
    until(lambda: node.state == "unknown", timeout=SOON)
    time.sleep(5)
    third = network.host()
    third.worker(address, "third")
    until(lambda: node.state == "idle", timeout=SOON)
    assert node.ip_address == third.address
    lab.close()


def test_host_that_is_cut_off_keeps_nobody_from_attaching(cluster):
    address, first, second = cluster
    first.worker(address, "first", "--no-nanny")
    second.worker(address, "second", "--no-nanny")
    attach(address).close()
    with bl.Lab(address, account="counting") as lab:
        pool = two_nodes(lab)
        pool.delete()
        pool.wait("deleted", timeout=SOON)
    with first.partition():
        began = time.monotonic()
        lab = bl.Lab(address)
        assert time.monotonic() - began < 20
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        until(lambda: "first) is passed over: it does not answer" in str(pool.explain()))
        until(lambda: [node.state for node in pool.nodes.values()].count("idle") == 1)
    pool.wait("steady", timeout=SOON)
    pool.nodes.wait("idle", timeout=SOON)
    lab.close()


@pytest.mark.slow  # CI has a frozen worker, in tests/drivers/dask/test_lease.py
@pytest.mark.usefixtures("short")
def test_frozen_host_is_found_and_returns(network, cluster, tmp_path):
    """Its worker is frozen, while its runs go on."""
    address, *hosts = cluster
    workers = {host.address: host.worker(address, host.folder.name, "--no-nanny")
               for host in hosts}  # fmt: skip
    log = tmp_path / "log"
    lab = attach(address)
    pool = two_nodes(lab)
    task = lab.create_job("j", pool).create_task("t", LOG.format(log))
    until(lambda: log.exists() and log.read_text())
    first = pool.nodes[task.node_id]
    frozen = workers[first.ip_address]
    os.kill(frozen.pid, signal.SIGSTOP)
    until(lambda: len(intervals(log)) == 2, timeout=SOON)
    (_, end), (again, _) = intervals(log)
    assert end < again
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: first.state == "idle", timeout=SOON)
    assert len(intervals(log)) == 2
    task.terminate()
    lab.close()


def test_default_storage_and_python_tasks_work_without_a_shared_folder(cluster):
    address, first, second = cluster
    first.worker(address, "first")
    second.worker(address, "second")
    lab = attach(address)
    pool = two_nodes(lab)
    job = lab.create_job("j", pool)
    assert [task.result() for task in job.map(len, [[1, 2], [], [3]])] == [2, 0, 1]
    lab.close()


def test_size_that_no_worker_fits_is_explained_until_one_comes(cluster):
    address, first, second = cluster
    first.worker(address, "first")
    lab = attach(address)
    pool = lab.create_pool("p", vm_size="medium", target_dedicated_nodes=1)
    until(lambda: "WorkersDoNotFit" in pool.explain().codes, timeout=SOON)
    second.start("dask", "worker", address, "--nthreads", "2", "--host", second.address,
                 "--no-dashboard")  # fmt: skip
    pool.nodes.wait("idle", timeout=SOON)
    assert [node.ip_address for node in pool.nodes.values()] == [second.address]
    lab.close()


def test_nodes_reach_each_other_at_their_addresses(cluster):
    address, first, second = cluster
    first.worker(address, "first")
    second.worker(address, "second")
    lab = attach(address)
    pool = lab.create_pool("p", target_dedicated_nodes=2, enable_inter_node_communication=True)
    pool.nodes.wait("idle", timeout=SOON)
    task = lab.create_job("j", pool).create_task(
        "t", "/bin/sh -c 'echo $AZ_BATCH_MASTER_NODE; echo $AZ_BATCH_NODE_LIST'",
        multi_instance_settings=bl.MultiInstanceSettings(
            number_of_instances=2, coordination_command_line="/bin/true"
        ),
    )  # fmt: skip
    task.wait(timeout=SOON)
    master, listed = task.stdout.split()
    assert master.rpartition(":")[0] in {first.address, second.address}
    assert set(listed.split(";")) == {first.address, second.address}
    lab.close()


@pytest.mark.slow  # CI has one loss as long, in tests/drivers/dask/test_link.py
def test_client_that_was_cut_off_goes_on(network, cluster):
    """A lid that is closed: the client is on a host of its own."""
    address, first, _ = cluster
    first.worker(address, "first")
    assert said_after_loss(network.host(), address, seconds=45).startswith("1 pool after ")
