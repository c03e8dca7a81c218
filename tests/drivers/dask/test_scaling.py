"""Clusters that grow and shrink: labs get the workers they need, and give them back."""

import json
import time
import urllib.request
from types import SimpleNamespace

import dask
import pytest
from distributed import Client, Event, LocalCluster, Scheduler, Worker, rpc
from distributed.deploy.adaptive import Adaptive
from distributed.deploy.spec import ProcessInterface, SpecCluster

import batchlab
from batchlab.core.messages import inputs, questions
from batchlab.core.model import PoolSpec
from batchlab.drivers.dask import scaler, scaling
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.drivers.dask.fitting import needs_of, read_vm_sizes
from batchlab.errors import InvalidRequest
from helpers.dask_labs import add_tasks, finish, make_pool
from helpers.waiting import WAIT_S, until


def start(n_workers, **options):
    return LocalCluster(n_workers=n_workers, threads_per_worker=1, processes=False,
                        dashboard_address=":0", **options)  # fmt: skip


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(scaling, "GRACE_S", 0.1)
    monkeypatch.setattr(scaler, "POLL_S", 0.1)


def resize(lab, nodes, pool="p"):
    lab.request(inputs.ResizePool(pool_id=pool, target_dedicated_nodes=nodes))


def names(cluster):
    return {worker.name for worker in cluster.scheduler.workers.values()}


def explanation(lab, pool="p"):
    return {reason.code: reason for reason in lab.ask(questions.ExplainPool(pool_id=pool))}


def waiting(lab, words):
    """Why a pool waits for workers, once these words are in it."""
    why = explanation(lab).get("WaitingForWorkers")
    return why if why is not None and words in why.text else None


def attach(cluster, tmp_path, account="batchlab", **options):
    settings = {"account_name": account}
    return DaskConnection.attach(cluster, root=tmp_path, settings=settings, **options)


def wait_for(event, value):
    event.wait(60)
    return value


# -- adaptive clusters ------------------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [0, 2])
def test_adaptive_cluster_keeps_the_nodes_and_takes_the_rest_back(n_workers, tmp_path):
    with start(n_workers) as cluster:
        cluster.adapt(minimum=0, maximum=3, interval="50ms")
        lab = attach(cluster, tmp_path)
        make_pool(lab, nodes=2)
        nodes = names(cluster)
        add_tasks(lab, *["sleep 0.6"] * 4)
        assert [(task.exit_code, task.requeue_count) for task in finish(lab)] == [(0, 0)] * 4
        assert names(cluster) == nodes  # many rounds of adapting later
        resize(lab, 1)
        until(lambda: len(names(cluster)) == 1)
        lab.shutdown()
        until(lambda: not names(cluster))


@pytest.mark.ci("clusters")
def test_adaptive_cluster_serves_labs_and_dask_side_by_side(tmp_path):
    with start(0) as cluster, Client(cluster, set_as_default=False) as client:
        cluster.adapt(minimum=0, maximum=4, interval="50ms")
        lab = attach(client, tmp_path)
        make_pool(lab, nodes=2)
        go_on = Event(client=client)
        futures = [client.submit(wait_for, go_on, n) for n in range(4)]
        until(lambda: sum(bool(w.processing) for w in cluster.scheduler.workers.values()) > 2)
        lab.request(inputs.DeletePool(pool_id="p"))
        lab.wait(questions.PoolIs(pool_id="p", state="deleted"), WAIT_S)
        go_on.set()
        assert client.gather(futures) == [0, 1, 2, 3]
        del futures
        until(lambda: not names(cluster))
        lab.close()


class Rules(Adaptive):
    """Rules that do not ask the scheduler."""

    async def target(self):
        return 1

    async def workers_to_close(self, target):
        return sorted(self.observed)[target:]


def test_adaptive_cluster_with_rules_of_its_own_keeps_the_nodes(tmp_path):
    with start(1) as cluster:
        adaptive = cluster.adapt(Adaptive=Rules, minimum=0, maximum=4, interval="50ms")
        before = dict(vars(adaptive))
        lab = attach(cluster, tmp_path)
        make_pool(lab, nodes=3)
        nodes = names(cluster)
        add_tasks(lab, *["sleep 0.6"] * 3)
        assert [(task.exit_code, task.requeue_count) for task in finish(lab)] == [(0, 0)] * 3
        assert names(cluster) == nodes
        lab.shutdown()
        until(lambda: len(names(cluster)) == 1)
        assert set(vars(adaptive)) == set(before)


def test_last_lab_leaves_the_scheduler_as_it_was(tmp_path):
    with start(1) as cluster:
        scheduler = cluster.scheduler
        before = dict(scheduler.handlers), dict(vars(scheduler))
        labs = [attach(cluster, tmp_path / name, name) for name in ("one", "two")]
        for lab in labs:
            lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=2)))
        until(lambda: scheduler.adaptive_target() == 4)
        labs[0].shutdown()
        until(lambda: scheduler.adaptive_target() == 2)
        labs[1].shutdown()
        assert scheduler.handlers["adaptive_target"] == before[0]["adaptive_target"]
        assert set(vars(scheduler)) == set(before[1])
        assert scheduler.adaptive_target() == 0 or not scheduler.workers


def test_remote_questions_count_nodes_and_never_close_them(tmp_path):
    """As the operator of dask-kubernetes asks: by HTTP or RPC, from another process."""
    routes = [
        *dask.config.get("distributed.scheduler.http.routes"),
        "distributed.http.scheduler.api",
    ]
    api = dask.config.set({"distributed.scheduler.http.routes": routes})
    with api, start(3) as cluster, Client(cluster, set_as_default=False) as client:
        lab = attach(cluster.scheduler_address, tmp_path)
        make_pool(lab, nodes=2)
        nodes = {address for address in cluster.scheduler.workers
                 if scaling_of(cluster).nodes.get(address)}  # fmt: skip

        async def ask():
            async with rpc(cluster.scheduler_address) as scheduler:
                target = await scheduler.adaptive_target(target_duration="5s")
                return target, await scheduler.workers_to_close(n=3)

        target, closable = client.sync(ask)
        assert target == 2
        assert len(closable) == 1
        assert nodes.isdisjoint(closable)
        port = cluster.scheduler.http_server.port
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/retire_workers", json.dumps({"n": 3}).encode()
        )
        with urllib.request.urlopen(request) as answer:
            assert list(json.load(answer)) == closable
        assert nodes == set(cluster.scheduler.workers)
        lab.shutdown()


def scaling_of(cluster):
    return cluster.scheduler.extensions["batchlab-workers"]


def test_adaptive_limit_is_explained(tmp_path, monkeypatch):
    calls = []
    advise = scaling.Scaling.advise
    monkeypatch.setattr(
        scaling.Scaling, "advise", lambda *args, **kw: calls.append(1) or advise(*args, **kw)
    )
    began = time.monotonic()
    with start(0) as cluster:
        cluster.adapt(minimum=0, maximum=1, interval="50ms")
        lab = attach(cluster, tmp_path)
        lab.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=3)))
        until(lambda: len(names(cluster)) == 1 and scaling_of(cluster).scaling.limit == 1)
        why = until(lambda: waiting(lab, "2 nodes"))
        assert why.text.endswith(
            ": the cluster has 1 worker, and its adaptive scaling allows 1 at most."
        )
        assert why.remedy == "cluster.adapt(maximum=...)"
        until(lambda: time.monotonic() - began > 1.5)
        assert len(calls) <= 1 + (time.monotonic() - began)  # while the nodes wait
        lab.shutdown()


# -- clusters that are scaled -----------------------------------------------------------------


def test_workers_that_came_for_nodes_are_given_back_and_no_others(quick, tmp_path):
    with start(1) as cluster:
        theirs = names(cluster)
        lab = attach(cluster, tmp_path)
        make_pool(lab, nodes=3)
        assert len(names(cluster)) == 3
        resize(lab, 2)
        until(lambda: len(names(cluster)) < 3)
        resize(lab, 0)
        until(lambda: names(cluster) == theirs)
        assert len(cluster.plan) == 1
        resize(lab, 2)
        until(lambda: len(names(cluster)) == 2)
        lab.shutdown()
        until(lambda: names(cluster) == theirs)


def test_closing_a_lab_gives_spare_workers_back_at_once(tmp_path):
    with start(1) as cluster:
        lab = attach(cluster, tmp_path)
        make_pool(lab, nodes=3)
        lab.request(inputs.DeletePool(pool_id="p"))
        lab.wait(questions.PoolIs(pool_id="p", state="deleted"), WAIT_S)
        lab.close()
        until(lambda: len(names(cluster)) == 1)


def test_worker_with_dask_work_is_not_given_back(quick, tmp_path):
    with start(0) as cluster, Client(cluster, set_as_default=False) as client:
        lab = attach(cluster, tmp_path)
        make_pool(lab, nodes=2)
        go_on = Event(client=client)
        busy = client.submit(wait_for, go_on, 1)
        until(lambda: any(worker.processing for worker in cluster.scheduler.workers.values()))
        resize(lab, 0)
        until(lambda: len(names(cluster)) == 1)
        go_on.set()
        assert busy.result() == 1  # and its result stays there
        del busy
        until(lambda: not names(cluster))
        lab.shutdown()


def test_lab_does_not_shrink_what_the_user_has_asked_for(quick, tmp_path):
    with start(0) as cluster:
        lab = attach(cluster, tmp_path)
        cluster.scale(3)
        make_pool(lab, nodes=2)
        resize(lab, 0)
        lab.wait(questions.PoolIs(pool_id="p", state="steady"), WAIT_S)
        lab.shutdown()
        until(lambda: len(names(cluster)) == 3)
        assert len(cluster.plan) == 3


class Queued(ProcessInterface):
    """A job of a worker that stays in the queue."""


def test_requests_that_are_not_needed_any_more_are_withdrawn(quick, tmp_path):
    scheduler = {"cls": Scheduler, "options": {"dashboard_address": ":0"}}
    with SpecCluster(worker={"cls": Queued}, scheduler=scheduler) as cluster:
        lab = attach(cluster, tmp_path)
        cluster.scale(1)  # the user's own
        for pool, nodes in (("p", 2), ("q", 1)):
            spec = PoolSpec(id=pool, target_dedicated_nodes=nodes)
            lab.request(inputs.CreatePool(spec=spec))
        until(lambda: len(cluster.plan) == 3)
        for pool, planned in (("p", 2), ("q", 1)):
            lab.request(inputs.DeletePool(pool_id=pool))
            until(lambda planned=planned: len(cluster.plan) == planned)
        assert 0 in cluster.plan
        lab.shutdown()


# -- workers that fit -------------------------------------------------------------------------


def workers_of(spec):
    return SpecCluster(
        workers={
            name: {"cls": Worker, "options": {"nthreads": threads, "resources": resources}}
            for name, (threads, resources) in spec.items()
        },
        scheduler={"cls": Scheduler, "options": {"dashboard_address": ":0"}},
    )


def test_pools_take_workers_that_fit(tmp_path):
    with workers_of({"gpu": (1, {"GPU": 1}), "plain": (1, {}), "big": (4, {})}) as cluster:
        needs = {"Standard_NC4as_T4_v3": {"threads": 1, "resources": {"GPU": 1}}}
        lab = attach(cluster, tmp_path, vm_sizes=needs)
        sizes = {"p": "large", "c": "small", "g": "standard_nc4as_t4_v3"}
        for pool, size in sizes.items():
            spec = PoolSpec(id=pool, vm_size=size, target_low_priority_nodes=1)
            lab.request(inputs.CreatePool(spec=spec))
        for pool in sizes:
            lab.wait(questions.NodesAre(pool_id=pool, state="idle"), WAIT_S)
        there = {name: state.address for state in cluster.scheduler.workers.values()
                 for name in [state.name]}  # fmt: skip
        found = {}
        for pool in sizes:
            (node,) = lab.ask(questions.ListNodes(pool_id=pool))
            found[pool] = next(name for name, address in there.items()
                               if scaling_of(cluster).nodes[address][1] == node.id)  # fmt: skip
        assert found == {"p": "big", "c": "plain", "g": "gpu"}
        lab.shutdown()


def test_worker_that_does_not_fit_is_named_with_the_reason(tmp_path):
    with start(1) as cluster:
        lab = attach(cluster.scheduler_address, tmp_path)
        lab.request(inputs.CreatePool(spec=PoolSpec(
            id="p", vm_size="large", target_dedicated_nodes=1)))  # fmt: skip
        why = until(lambda: explanation(lab).get("WorkersDoNotFit"))
        assert why.text == "No free worker fits 'large': worker 0 has 1 thread instead of 4."
        assert "vm_sizes" in why.remedy
        lab.shutdown()


def test_workers_that_other_labs_use_are_counted_in_the_explanation(tmp_path):
    with start(1) as cluster:
        ada, bob = (attach(cluster.scheduler_address, tmp_path, name) for name in ("ada", "bob"))
        make_pool(ada)
        bob.request(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
        why = until(lambda: explanation(bob).get("WaitingForWorkers"))
        assert why.text.endswith(
            ": the cluster has 1 worker, and nobody can scale it. "
            "The labs of other accounts use 1 worker."
        )
        ada.shutdown()
        bob.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
        bob.shutdown()


def test_cluster_whose_new_workers_do_not_fit_is_asked_once(quick, tmp_path):
    with start(0) as cluster:
        lab = attach(cluster, tmp_path)
        lab.request(inputs.CreatePool(spec=PoolSpec(
            id="p", vm_size="medium", target_dedicated_nodes=1)))  # fmt: skip
        lab.wait(questions.PoolIs(pool_id="p", state="steady"), WAIT_S)
        (error,) = lab.ask(questions.GetPool(pool_id="p")).resize_errors
        assert error.code == "AllocationFailed"
        assert "has 1 thread instead of 2" in str(error)
        until(lambda: not names(cluster))
        lab.shutdown()


@pytest.mark.parametrize(
    ("vm_sizes", "reason"),
    [
        (5, "must be like"),
        ({"small": {"gpus": 1}}, "must be like"),
        ({"huge": {"threads": 1}}, "there is no such size"),
        ({"small": {"threads": -1}}, "threads must be a whole number"),
        ({"small": {"threads": True}}, "threads must be a whole number"),
        ({"small": {"resources": {"GPU": 0}}}, "resources must be positive amounts"),
        ({"small": {"resources": ["GPU"]}}, "resources must be positive amounts"),
        ({"small": {"memory": "much"}}, "memory must be a number of bytes"),
        ({"small": {"memory": -1}}, "memory must be a number of bytes"),
    ],
)
def test_needs_of_a_size_that_make_no_sense_are_refused(vm_sizes, reason):
    with pytest.raises(InvalidRequest, match=reason) as refused:
        read_vm_sizes(vm_sizes, owner="Lab")
    assert refused.value.code == "InvalidPropertyValue"


def test_needs_of_a_size_are_for_existing_clusters():
    with pytest.raises(InvalidRequest, match="only for an existing cluster"):
        batchlab.Lab(vm_sizes={"small": {"threads": 2}})


def test_needs_of_a_size_name_what_a_worker_lacks():
    worker = SimpleNamespace(name="w", nthreads=1, memory_limit=2**30, resources={"GPU": 1})
    needs = {"large": {"threads": 2, "memory": "2 GiB", "resources": {"GPU": 2, "SSD": 1}}}
    need = needs_of("LARGE", read_vm_sizes(needs, owner="Lab"))
    assert need.shortage(worker) == (
        "has 1 thread instead of 2 and has 1.00 GiB of memory instead of 2.00 GiB and has 1 GPU "
        "instead of 2 and has no SSD"
    )
    assert needs_of("standard_d2s_v3", {}).threads == 2
