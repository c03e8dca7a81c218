"""A spot node that is taken away: no process, no folder, no report; and its way back."""

from contextlib import contextmanager

import pytest
from distributed import Client, LocalCluster

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.model import JobSpec, PoolSpec, TaskSpec
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.drivers.journal import read, replay
from batchlab.errors import Conflict
from helpers.dask_labs import sleepers
from helpers.waiting import until

WAIT_S = 60
AWAY = {"spot_return_s": 3600.0}
SOON = {"spot_return_s": 0.5}
AT_ONCE = {"spot_return_s": 0.0}


@contextmanager
def our_lab(tmp_path, nodes, settings):
    """A lab of our own with a journal, which leaves nothing else behind."""
    lab = DaskConnection.start(
        processes=nodes == "processes", root=tmp_path, settings=settings,
        journal=str(tmp_path / "journal.jsonl"),
    )  # fmt: skip
    try:
        yield lab
    finally:
        lab.close()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


def spot_pool(lab, nodes=1, pool_id="p", **options):
    spec = PoolSpec(id=pool_id, target_low_priority_nodes=nodes, **options)
    lab.request(inputs.CreatePool(spec=spec))
    lab.wait(questions.NodesAre(pool_id=pool_id, state="idle"), WAIT_S)
    return lab.ask(questions.ListNodes(pool_id=pool_id))


def add_task(lab, command_line, **options):
    lab.request(inputs.CreateJob(spec=JobSpec(id="j", pool_info="p", **options)))
    spec = TaskSpec(id="t", command_line=command_line)
    lab.request(inputs.CreateTasks(job_id="j", specs=(spec,)))


def preempt(lab, node, pool_id="p"):
    lab.request(inputs.PreemptNode(pool_id=pool_id, node_id=node.id))


def reports(path, kind):
    _, items = read(path)
    return [item for _, item in items if isinstance(item, kind)]


@pytest.mark.parametrize("nodes", ["light", "processes"])
def test_node_evicted_leaves_no_process_and_no_folder_and_reports_nothing(tmp_path, nodes):
    with our_lab(tmp_path, nodes, AWAY) as lab:
        (node,) = spot_pool(lab)
        add_task(lab, "sh -c 'setsid sleep 7031 & sleep 7031'")
        until(lambda: len(sleepers(7031)) == 2)
        (folder,) = tmp_path.glob("batchlab-*")
        assert node.id in {path.name for path in folder.iterdir()}
        preempt(lab, node)
        until(lambda: not sleepers(7031))
        until(lambda: not [path for path in folder.iterdir() if node.id in path.name])
        (seen,) = lab.ask(questions.ListNodes(pool_id="p"))
        assert (seen.id, seen.state, seen.ip_address) == (node.id, "preempted", node.ip_address)
    assert reports(tmp_path / "journal.jsonl", (facts.NodeLost, facts.NodeStopped)) == []
    core, _ = replay(tmp_path / "journal.jsonl")
    assert core.state.settings.spot_return_s == 3600.0


@pytest.mark.parametrize(("nodes", "times"), [("light", 3), ("processes", 1)])
def test_node_evicted_and_wanted_back_at_once_comes_after_it_has_gone(tmp_path, nodes, times):
    with our_lab(tmp_path, nodes, AT_ONCE) as lab:
        (node,) = spot_pool(lab)
        add_task(lab, "sleep 7032")
        for _ in range(times):
            before = until(lambda: sleepers(7032))
            preempt(lab, node)
            after = until(lambda old=before: set(sleepers(7032)) - set(old))
            assert not set(before) & set(sleepers(7032))
            assert len(after) == 1
        (seen,) = lab.ask(questions.ListNodes(pool_id="p"))
        assert (seen.id, seen.ip_address) == (node.id, node.ip_address)
    assert reports(tmp_path / "journal.jsonl", (facts.NodeLost, facts.NodeStopped)) == []
    assert [r.boot for r in reports(tmp_path / "journal.jsonl", facts.NodeStarted)] == [
        *range(1, times + 2)
    ]


def test_node_evicted_while_it_starts_is_not_up_afterwards(tmp_path):
    with our_lab(tmp_path, "light", SOON) as lab:
        lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_low_priority_nodes=4)))
        nodes = lab.ask(questions.ListNodes(pool_id="p"))
        for node in nodes:
            until(lambda node=node: _preempted(lab, node))
        lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
    lost = (facts.NodeLost, facts.NodeStopped, facts.NodeStartFailed)
    assert reports(tmp_path / "journal.jsonl", lost) == []


def _preempted(lab, node):
    """Preempt a node as soon as that is not refused."""
    try:
        preempt(lab, node)
    except Conflict:
        return False
    return True


def test_node_evicted_runs_no_release_and_one_that_is_away_owes_none(tmp_path):
    with our_lab(tmp_path, "light", AWAY) as lab:
        (node,) = spot_pool(lab)
        touch = f"touch {tmp_path}/released"
        add_task(lab, "sleep 7033", job_preparation_task="true", job_release_task=touch)
        until(lambda: sleepers(7033))
        preempt(lab, node)
        lab.request(inputs.TerminateJob(job_id="j"))
        lab.wait(questions.JobIs(job_id="j", state="completed"), WAIT_S)


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_cluster_keeps_the_worker_of_an_evicted_node_for_others(tmp_path, processes):
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=processes,
                      dashboard_address=":0") as cluster, \
            Client(cluster, set_as_default=False) as client:  # fmt: skip
        # By its address, so that nobody can scale it.
        lab = DaskConnection.attach(
            cluster.scheduler_address, root=tmp_path, settings={"spot_return_s": 3600.0}
        )
        (node,) = spot_pool(lab)
        workers = set(client.scheduler_info(n_workers=-1)["workers"])
        add_task(lab, "sh -c 'setsid sleep 7034 & sleep 7034'")
        until(lambda: len(sleepers(7034)) == 2)
        preempt(lab, node)
        until(lambda: not sleepers(7034))
        (other,) = spot_pool(lab, pool_id="q")
        assert set(client.scheduler_info(n_workers=-1)["workers"]) == workers
        (seen,) = lab.ask(questions.ListNodes(pool_id="p"))
        assert (seen.state, seen.id != other.id) == ("preempted", True)
        lab.close()
    until(lambda: not list(tmp_path.iterdir()))


def test_cluster_node_evicted_comes_back(tmp_path):
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        lab = DaskConnection.attach(cluster, root=tmp_path, settings={"spot_return_s": 0.5})
        (node,) = spot_pool(lab)
        add_task(lab, "sh -c 'echo x >> $AZ_BATCH_NODE_SHARED_DIR/x; exec sleep 7035'")
        before = until(lambda: sleepers(7035))
        preempt(lab, node)
        until(lambda: set(sleepers(7035)) - set(before))
        place = lab.ask(questions.LocateNode(pool_id="p", node_id=node.id))
        assert lab.files.read(place, "shared/x") == b"x\n"
        lab.close()
    assert not sleepers(7035)
