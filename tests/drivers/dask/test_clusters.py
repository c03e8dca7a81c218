"""Labs on clusters of somebody else: workers are taken, and given back as they were."""

import time
from datetime import timedelta

import dask
import msgspec
import pytest
from distributed import Client, LocalCluster

from batchlab.core.messages import inputs, questions
from batchlab.core.model import PoolSpec
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.errors import (
    BatchError,
    InvalidRequest,
)
from helpers.dask_labs import add_tasks, finish, is_running, make_pool, sleepers, text
from helpers.waiting import WAIT_S, until


@pytest.fixture(params=[
    pytest.param(False, id="threads"),
    pytest.param(True, id="processes", marks=pytest.mark.ci("clusters")),
])  # fmt: skip
def cluster(request):
    # The cluster looks once after a worker left whether it is back, and gives its place up if not:
    # a second restart at that moment must not cost it.
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "10m"})
    with patient, LocalCluster(n_workers=2, threads_per_worker=1, processes=request.param,
                               dashboard_address=":0") as cluster:  # fmt: skip
        yield cluster


def test_cluster_gives_its_workers_and_is_left_as_it_was(cluster, tmp_path):
    with Client(cluster, set_as_default=False) as client:
        lab = DaskConnection.attach(client, root=tmp_path)
        nodes = make_pool(lab, nodes=2)
        before = set(client.scheduler_info(n_workers=-1)["workers"])
        machines = {node.machine.rpartition(" at ")[2] for node in nodes}
        assert machines == before, "each node says on which worker it is"
        add_tasks(lab, *["sh -c 'echo $AZ_BATCH_NODE_ID; sleep 0.2'"] * 4)
        tasks = finish(lab)
        assert {task.node_id for task in tasks} == {node.id for node in nodes}
        lab.request(inputs.DeletePool(pool_id="p"))
        lab.wait(questions.PoolIs(pool_id="p", state="deleted"), WAIT_S)
        assert set(client.scheduler_info(n_workers=-1)["workers"]) == before
        assert client.submit(lambda: 41 + 1).result() == 42
        lab.close()
        assert client.submit(lambda: 42 + 1).result() == 43


def test_cluster_object_that_can_scale_is_asked_for_more(cluster, tmp_path):
    lab = DaskConnection.attach(cluster, root=tmp_path)
    assert len(make_pool(lab, nodes=3)) == 3
    lab.close()


def idle(lab):
    return sum(node.state == "idle" for node in lab.ask(questions.ListNodes(pool_id="p")))


def test_cluster_with_too_few_workers_waits_for_more(cluster, tmp_path):
    lab = DaskConnection.attach(cluster.scheduler_address, root=tmp_path)
    lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=3)))
    until(lambda: idle(lab) == 2)
    assert lab.ask(questions.GetPool(pool_id="p")).allocation_state == "resizing"
    cluster.scale(3)
    lab.wait(questions.PoolIs(pool_id="p", state="steady"), WAIT_S)
    pool = lab.ask(questions.GetPool(pool_id="p"))
    assert (pool.current_dedicated_nodes, pool.resize_errors) == (3, ())
    lab.close()


def test_cluster_without_enough_workers_ends_the_resize_in_time_with_azures_error(
    cluster, tmp_path
):
    lab = DaskConnection.attach(cluster.scheduler_address, root=tmp_path, speed=100)
    spec = PoolSpec(id="p", target_dedicated_nodes=2, resize_timeout=timedelta(hours=1))
    lab.request(inputs.CreatePool(spec=spec))
    lab.wait(questions.PoolIs(pool_id="p", state="steady"), 100 * WAIT_S)
    short = inputs.ResizePool(
        pool_id="p", target_dedicated_nodes=3, resize_timeout=timedelta(minutes=5)
    )
    lab.request(short)
    lab.wait(questions.PoolIs(pool_id="p", state="steady"), 100 * WAIT_S)
    pool = lab.ask(questions.GetPool(pool_id="p"))
    assert pool.current_dedicated_nodes == 2
    assert [error.code for error in pool.resize_errors] == ["AllocationTimedOut"]
    cluster.scale(3)
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(3, timeout=WAIT_S)
    assert lab.ask(questions.GetPool(pool_id="p")).current_dedicated_nodes == 2  # it is over
    lab.request(msgspec.structs.replace(short, resize_timeout=timedelta(hours=1)))
    lab.wait(questions.PoolIs(pool_id="p", state="steady"), 100 * WAIT_S)
    assert lab.ask(questions.GetPool(pool_id="p")).current_dedicated_nodes == 3
    lab.close()


def test_cluster_seen_by_a_second_client_has_the_same_lab(cluster, tmp_path):
    first = DaskConnection.attach(cluster.scheduler_address, root=tmp_path, speed=5)
    make_pool(first)
    add_tasks(first, "sh -c 'echo hello; sleep 0.3'")
    first.close()
    second = DaskConnection.attach(cluster.scheduler_address, root=tmp_path)
    assert second.config.speed == 5
    assert finish(second)[0].exit_code == 0
    assert text(second, "t0") == "hello\n"
    with pytest.raises(InvalidRequest, match="speed"):
        DaskConnection.attach(cluster.scheduler_address, speed=2)
    second.close()


def test_cluster_node_rebooted_runs_its_start_task_again(cluster, tmp_path):
    lab = DaskConnection.attach(cluster.scheduler_address, root=tmp_path)
    (node,) = make_pool(lab, start_task="sh -c 'echo boot >> $AZ_BATCH_NODE_SHARED_DIR/boots'")
    root = lab.ask(questions.LocateNode(pool_id="p", node_id=node.id))
    for verb, boots in [(inputs.RebootNode, 2), (inputs.ReimageNode, 1)]:
        lab.request(verb(pool_id="p", node_id=node.id))
        lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
        assert lab.files.read(root, "shared/boots") == b"boot\n" * boots
    lab.close()


def test_cluster_closed_under_a_lab_leaves_nothing(tmp_path):
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                      dashboard_address=":0") as cluster:  # fmt: skip
        lab = DaskConnection.attach(cluster, root=tmp_path)
        make_pool(lab, nodes=2)
        add_tasks(lab, *["sh -c 'setsid sleep 7028 & sleep 7028'"] * 2)
        until(lambda: len(sleepers(7028)) == 4)
    until(lambda: not sleepers(7028))
    until(lambda: not list(tmp_path.iterdir()))
    lab.close()


@pytest.mark.parametrize("what", [5, "nowhere", object()])
def test_attach_to_what_is_no_cluster_is_refused(what):
    with pytest.raises(InvalidRequest):
        DaskConnection.attach(what)


@pytest.mark.code("InvalidUri")
def test_attach_to_what_is_no_address_is_refused():
    with pytest.raises(InvalidRequest, match="InvalidUri: 'nowhere' is not a scheduler address"):
        DaskConnection.attach("nowhere")


@pytest.mark.code("ResourceNotFound")
def test_attach_to_an_address_where_nobody_answers_says_so(monkeypatch):
    monkeypatch.setattr("batchlab.drivers.dask.attachment.CONNECT_S", 0.5)
    with pytest.raises(BatchError) as refused:
        DaskConnection.attach("tcp://127.0.0.1:9")
    assert refused.value.code == "ResourceNotFound"


@pytest.mark.ci("clusters")
def test_cluster_with_an_idle_time_out_does_not_end_amid_a_run(tmp_path):
    impatient = dask.config.set({"distributed.scheduler.idle-timeout": "4s"})
    with impatient, LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                                 dashboard_address=":0") as cluster:  # fmt: skip
        timer = cluster.scheduler.periodic_callbacks["idle-timeout"]
        cluster.loop.add_callback(timer.stop)  # it may take long to begin, and to end
        lab = DaskConnection.attach(cluster.scheduler_address, root=tmp_path)
        make_pool(lab)
        go = tmp_path / "go"
        add_tasks(lab, f"sh -c 'until test -e {go}; do sleep 0.05; done'")
        until(lambda: is_running(lab))
        cluster.loop.add_callback(timer.start)
        time.sleep(6)  # longer than the time-out
        cluster.loop.add_callback(timer.stop)
        go.touch()
        assert finish(lab)[0].exit_code == 0
        cluster.loop.add_callback(timer.start)
        until(lambda: cluster.scheduler.idle_since)  # nothing is left to do
        lab.close()
