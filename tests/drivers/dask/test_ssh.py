"""A lab on a real `SSHCluster`: programs that Dask starts through SSH."""

import pytest
from distributed import SSHCluster

import batchlab as bl
from helpers import ssh
from helpers.waiting import until


@pytest.mark.ci("clusters")
@pytest.mark.skipif(bool(ssh.obstacle()), reason=ssh.obstacle())
def test_ssh_cluster(tmp_path):
    pytest.importorskip("asyncssh")
    keys = ssh.Keys(tmp_path / "keys")
    with (
        keys.server() as port,
        SSHCluster(
            ["127.0.0.1"] * 3, connect_options=keys.connect_options(port),
            worker_options={"nthreads": 1}, scheduler_options={"dashboard": False},
        ) as cluster,
        bl.Lab(cluster) as lab,
    ):  # fmt: skip
        pool = lab.create_pool("p", target_dedicated_nodes=3, resize_timeout="5m")
        until(lambda: "this SSHCluster has no specification" in str(pool.explain()))
        until(lambda: [node.state for node in pool.nodes.values()].count("idle") == 2)
        job = lab.create_job("j", pool)
        task = job.create_task("t", "/bin/sh -c 'echo $SSH_CONNECTION'")
        job.tasks.wait(timeout="60s")
        assert str(port) in task.stdout
        assert [one.result() for one in job.map(len, ["a", "bc"])] == [1, 2]
