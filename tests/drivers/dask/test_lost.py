"""Nodes that were lost on a cluster of somebody else, and come back on a new worker."""

import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask import arriving
from batchlab.drivers.dask import cluster as sharing
from helpers.waiting import until

pytestmark = pytest.mark.ci("clusters")

SOON = 60


@pytest.mark.parametrize("restart", ["reboot", "reimage"])
def test_node_that_was_lost_finds_its_files_unless_it_is_reimaged(tmp_path, monkeypatch, restart):
    monkeypatch.setattr(sharing, "CLUSTER_RETURN_S", 0.2)
    monkeypatch.setattr(arriving, "UNUSABLE_S", 0.5)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True,
                      dashboard_address=":0") as cluster:  # fmt: skip
        # By its address, so that nobody can scale it.
        lab = bl.Lab(cluster.scheduler_address, root=tmp_path)
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        write = lab.create_job("j", pool).create_task(
            "t", "/bin/sh -c 'echo kept > $AZ_BATCH_NODE_SHARED_DIR/f'"
        )
        write.wait(timeout=SOON)
        (node,) = pool.nodes.values()
        cluster.scale(0)
        until(lambda: node.state == "unusable")
        assert len(list(tmp_path.glob("batchlab-*/*/shared/f"))) == 1
        getattr(node, restart)()
        cluster.scale(1)
        node.wait("idle", timeout=SOON)
        names = [entry.name for entry in node.files.list("shared")]
        assert names == ([] if restart == "reimage" else ["shared/f"])
        lab.shutdown()
        lab.close()


def test_spot_node_that_finds_no_worker_comes_back_when_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr("batchlab.core.nodes.lifecycle.RETRY_S", 0.5)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        lab = bl.Lab(cluster.scheduler_address, root=tmp_path, spot_return="4s")
        pool = lab.create_pool("p", target_low_priority_nodes=1)
        pool.wait("steady", timeout=SOON)
        (node,) = pool.nodes.values()
        node.wait("idle", timeout=SOON)
        node.preempt()
        cluster.scale(0)
        until(lambda: not cluster.scheduler.workers)
        until(lambda: node.state == "creating")
        until(lambda: node.state == "preempted")
        cluster.scale(1)
        node.wait("idle", timeout=SOON)
        lab.shutdown()
        lab.close()
