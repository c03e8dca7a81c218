"""Accounts on one cluster: each has a lab of its own, and they share the workers."""

import threading

import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask import cluster as sharing
from helpers.waiting import until

SOON = 60


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as made:  # fmt: skip
        yield made


@pytest.fixture
def address(cluster):
    """Where a client can attach that cannot scale the cluster."""
    return cluster.scheduler_address


def attach(where, account=None, **options):
    return bl.Lab(where, account=account, **options)


def taken(cluster):
    """By address, whose node each worker is."""
    return dict(sharing.ClusterWorkers.of(cluster.scheduler).nodes)


def ran(lab, command, nodes=1):
    """Run a command as the only task of a job of one pool; the task."""
    pool = lab.create_pool("p", target_dedicated_nodes=nodes)
    job = lab.create_job("j", pool)
    task = job.create_task("t", command)
    job.tasks.wait(timeout=SOON)
    return task


def test_accounts_on_one_cluster_see_nothing_of_each_other(cluster, address, tmp_path):
    with attach(address, "a", root=tmp_path) as a, attach(address, "b", root=tmp_path) as b:
        say = "/bin/sh -c 'echo $AZ_BATCH_ACCOUNT_NAME $WATASK_ACCOUNT_NAME $AZ_BATCH_ACCOUNT_URL'"
        mine = ran(a, say)
        assert (list(b.pools), list(b.jobs)) == ([], [])
        theirs = ran(b, say)
        assert mine.stdout.split() == ["a", "a", "https://a.local.batch.azure.com"]
        assert theirs.stdout.split() == ["b", "b", "https://b.local.batch.azure.com"]
        assert (a.account, b.account) == ("a", "b")
        folders = sorted(path.name for path in tmp_path.glob("batchlab-*"))
        assert len(folders) == 2
        assert {account for account, _ in taken(cluster).values()} == {"a", "b"}
        assert len(taken(cluster)) == 2
        a.jobs["j"].delete()
        until(lambda: "j" not in a.jobs)
        assert b.jobs["j"].tasks["t"].stdout == theirs.stdout
        a.shutdown()
        b.shutdown()
    assert list(tmp_path.glob("batchlab-*")) == []


def test_accounts_of_one_pool_id_have_nodes_of_their_own(cluster, address):
    with attach(address, "a") as a, attach(address, "b") as b:
        for lab in (a, b):
            lab.create_pool("p", target_dedicated_nodes=1).wait("steady", timeout=SOON)
        (mine,), (theirs,) = list(a.pools["p"].nodes), list(b.pools["p"].nodes)
        assert mine == theirs  # the same name, and yet:
        assert sorted(taken(cluster).values()) == [("a", mine), ("b", theirs)]
        for lab in (a, b):
            lab.create_job("j", "p").create_task(
                "t", "/bin/sh -c 'echo $AZ_BATCH_ACCOUNT_NAME > $AZ_BATCH_NODE_SHARED_DIR/who'"
            ).wait(timeout=SOON)
        assert a.pools["p"].nodes[mine].files.text("shared/who") == "a\n"
        assert b.pools["p"].nodes[theirs].files.text("shared/who") == "b\n"
        a.shutdown()
        b.shutdown()


@pytest.mark.parametrize("shared", [False, True])
def test_storage_of_one_account_holds_nothing_of_another(address, tmp_path, shared):
    options = {"storage": tmp_path / "data"} if shared else {}
    with attach(address, "a", **options) as a, attach(address, "b", **options) as b:
        a.storage.create_container("data").upload(b"mine", "f")
        assert list(b.storage) == []
        b.storage.create_container("data").upload(b"theirs", "f")
        assert (a.storage["data"].read("f"), b.storage["data"].read("f")) == (b"mine", b"theirs")
        a.shutdown()
        b.shutdown()


def test_priorities_of_one_account_do_not_hold_back_another(address):
    with attach(address, "a") as a, attach(address, "b") as b:
        for lab, priority in ((a, 1000), (b, -1000)):
            pool = lab.create_pool("p", target_dedicated_nodes=1)
            job = lab.create_job("j", pool, priority=priority)
            job.create_tasks(["sleep 500", "true"] if lab is a else ["true"])
        b.jobs["j"].tasks.wait(timeout=SOON)
        until(lambda: a.jobs["j"].counts.running == 1)
        a.shutdown()
        b.shutdown()


def test_account_that_closes_gives_its_workers_to_the_nodes_that_wait(cluster, address):
    with attach(address, "a") as a, attach(address, "b") as b:
        first = a.create_pool("p", target_dedicated_nodes=2)
        first.wait("steady", timeout=SOON)
        second = b.create_pool("p", target_dedicated_nodes=2)
        shared = sharing.ClusterWorkers.of(cluster.scheduler)
        until(lambda: len(shared._waiting) == 2)
        assert [node.state for node in second.nodes.values()] == ["creating"] * 2
        assert {account for account, _ in taken(cluster).values()} == {"a"}
        first.resize(1)
        until(lambda: len(shared._waiting) == 1)
        a.shutdown()
        second.wait("steady", timeout=SOON)
        assert {account for account, _ in taken(cluster).values()} == {"b"}
        job = b.create_job("j", second)
        job.create_tasks(["true"] * 4)
        job.tasks.wait(timeout=SOON)
        b.shutdown()
    assert taken(cluster) == {}


def test_account_closed_is_closed_for_all_its_clients_and_may_begin_anew(address):
    with attach(address, "a") as a, attach(address, "a") as again, attach(address, "b") as b:
        pool = a.create_pool("p", target_dedicated_nodes=1)
        a.create_job("j", pool).create_task("t", "sleep 600")
        pool.wait("steady", timeout=SOON)
        assert list(again.pools) == ["p"]
        ended = []

        def wait():
            try:
                again.jobs["j"].tasks.wait()
            except bl.Conflict as error:
                ended.append(error.message)

        waiting = threading.Thread(target=wait)
        waiting.start()
        a.shutdown()
        a.shutdown()  # harmless
        waiting.join(SOON)
        assert ended == ["the lab of account 'a' is closed"]
        for ask in (lambda: again.pools["p"].state, lambda: again.create_pool("q")):
            with pytest.raises(bl.Conflict, match="account 'a' is closed"):
                ask()
        b.create_pool("p", target_dedicated_nodes=2).wait("steady", timeout=SOON)
        with attach(address, "a") as anew:
            assert list(anew.pools) == []
            b.shutdown()
            assert ran(anew, "true").exit_code == 0
            anew.shutdown()


def test_trial_in_a_lab_that_is_closed_is_refused(address):
    with attach(address, "a") as a, attach(address, "a") as again:
        a.create_pool("p", target_dedicated_nodes=1).wait("steady", timeout=SOON)
        (node_id,) = again.pools["p"].nodes
        a.shutdown()
        connection = again._connection
        for trial in (
            lambda: connection.lose_node("p", node_id),
            lambda: connection.fail_next("task"),
        ):
            with pytest.raises(bl.Conflict, match="account 'a' is closed"):
                trial()


def test_two_who_begin_one_account_at_once_find_the_same_lab(address):
    labs = []
    threads = [
        threading.Thread(target=lambda: labs.append(attach(address, "a"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    labs[0].create_pool("p")
    assert [list(lab.pools) for lab in labs] == [["p"]] * 4
    labs[0].shutdown()
    for lab in labs:
        lab.close()


@pytest.mark.parametrize(
    ("name", "said", "otherwise"),
    [
        ("quotas", bl.Quotas(pool_quota=1), bl.Quotas()),
        ("spot_return", "1m", "5m"),
        ("speed", 2, 1),
        ("release_on_leave", True, False),
        ("sample_delay", "10s", "1m"),
        ("root", "{tmp}", "/elsewhere"),
    ],
)
def test_lab_that_is_there_refuses_what_is_said_otherwise(
    address, tmp_path, name, said, otherwise
):
    said = str(tmp_path) if said == "{tmp}" else said
    with attach(address, **{name: said}) as lab:
        with pytest.raises(bl.InvalidRequest) as refused:
            attach(address, **{name: otherwise})
        assert refused.value.code == "InvalidPropertyValue"
        assert refused.value.values["PropertyName"] == name
        for options in ({}, {name: said}):
            attach(address, **options).close()
        attach(address, "other", **{name: otherwise}).shutdown()
        lab.shutdown()


@pytest.mark.parametrize("account", ["", "A", "a b", "a-b", "x" * 25, 5, "ä"])
@pytest.mark.parametrize("make", [bl.Lab, bl.SimulatedLab])
def test_account_of_a_name_that_azure_refuses_is_refused(make, account):
    with pytest.raises(bl.InvalidRequest) as refused:
        make(account=account)
    assert refused.value.values["PropertyName"] == "account"


def test_cluster_of_another_accounts_own_lab_is_refused():
    with bl.Lab(account="a", processes=True) as own:
        scheduler = own._connection._close.__self__._scheduler
        address, security = scheduler.address, scheduler.security
        with pytest.raises(bl.Conflict, match="started this cluster for its own use"):
            attach(address, "b", security=security)
        with attach(address, "a", security=security) as same:
            own.create_pool("p")
            assert list(same.pools) == ["p"]


def test_account_of_a_simulated_lab_is_what_its_tasks_see():
    lab = bl.SimulatedLab(account="contoso", boot="1s")
    task = ran(lab, "/bin/sh -c 'echo $AZ_BATCH_ACCOUNT_NAME'")
    assert (lab.account, task.stdout) == ("contoso", "contoso\n")
