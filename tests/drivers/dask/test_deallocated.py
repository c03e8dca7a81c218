"""Deallocated nodes on real workers: the worker goes, and so do the files that cannot stay."""

import psutil
import pytest
from distributed import Client, LocalCluster

from batchlab.core.messages import inputs, questions
from batchlab.core.model import PoolSpec
from batchlab.drivers.dask.connection import DaskConnection
from helpers.dask_labs import add_tasks, finish, make_pool, sleepers, text
from helpers.waiting import WAIT_S, until

START = "sh -c 'echo start >> $AZ_BATCH_NODE_SHARED_DIR/starts'"


@pytest.fixture(
    params=["light", pytest.param("processes", marks=pytest.mark.ci("processes"))],
)
def lab(request, tmp_path):
    connection = DaskConnection.start(processes=request.param == "processes", root=tmp_path)
    yield connection
    connection.close()
    assert list(tmp_path.iterdir()) == []


def switch(lab, verb, node_id, state):
    lab.request(verb(pool_id="p", node_id=node_id))
    lab.wait(questions.NodesAre(pool_id="p", state=state, node_ids=(node_id,)), WAIT_S)


def test_processes_of_a_deallocated_node_end_and_its_folders_stay(lab, tmp_path):
    (node,) = make_pool(lab)
    add_tasks(lab, "sh -c 'setsid sleep 7061 & sleep 7061'")
    until(lambda: len(sleepers(7061)) == 2)
    switch(lab, inputs.DeallocateNode, node.id, "deallocated")
    assert not sleepers(7061)
    assert len(list(tmp_path.glob(f"*/{node.id}"))) == 1
    switch(lab, inputs.StartDeallocatedNode, node.id, "running")
    until(lambda: len(sleepers(7061)) == 2)


def test_lab_closed_with_a_deallocated_node_leaves_nothing(lab):
    first, _ = make_pool(lab, nodes=2)
    switch(lab, inputs.DeallocateNode, first.id, "deallocated")


@pytest.mark.ci("processes")
def test_worker_of_a_deallocated_process_node_ends(tmp_path):
    lab = DaskConnection.start(processes=True, root=tmp_path)
    (node,) = make_pool(lab)
    add_tasks(lab, "sh -c 'echo $PPID'")
    finish(lab)
    worker = int(text(lab, "t0"))
    assert psutil.pid_exists(worker)
    switch(lab, inputs.DeallocateNode, node.id, "deallocated")
    until(lambda: not psutil.pid_exists(worker))
    switch(lab, inputs.StartDeallocatedNode, node.id, "idle")
    assert int(text(lab, "t0")) == worker  # the files are still there
    lab.close()


def test_worker_of_a_cluster_goes_back_without_the_files_of_a_deallocated_node(tmp_path):
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0")
        as cluster,
        Client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        lab = DaskConnection.attach(client, root=tmp_path)
        (node,) = make_pool(lab, start_task=START)
        root = lab.ask(questions.LocateNode(pool_id="p", node_id=node.id))
        switch(lab, inputs.DeallocateNode, node.id, "deallocated")
        assert not list(tmp_path.glob(f"*/{node.id}"))
        lab.request(inputs.CreatePool(spec=PoolSpec(id="q", target_dedicated_nodes=1)))
        lab.wait(questions.NodesAre(pool_id="q", state="idle"), WAIT_S)
        lab.request(inputs.DeletePool(pool_id="q"))
        lab.wait(questions.PoolIs(pool_id="q", state="deleted"), WAIT_S)
        switch(lab, inputs.StartDeallocatedNode, node.id, "idle")
        assert lab.files.read(root, "shared/starts") == b"start\n"
        lab.close()
