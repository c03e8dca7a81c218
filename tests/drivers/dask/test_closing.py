"""Labs whose client, cluster, scheduler or event loop ends before them: every call says so."""

import asyncio
import socket
import statistics
import subprocess
import sys
import threading
import time

import psutil
import pytest
from distributed import Client, LocalCluster

import batchlab as bl
from batchlab.drivers.dask import link, remote
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.handles.base import ViewProperty
from batchlab.history.watch import watch
from helpers.ports import free_port
from helpers.waiting import WAIT_S, until

ADVICE = {
    "cluster": r"cluster was closed before the lab.*make the Lab again.*lab\.close\(\) before",
    "scheduler": r"scheduler at \S+ has not answered for .*make the Lab again",
    "ended": r"scheduler at \S+ has stopped.*make the Lab again",
    "loop": r"event loop .*has stopped.*Make the Lab again.*lab\.close\(\) before",
}
PATIENCE_S = 30.0
"""How long a call may take on a busy machine to say that it is in vain."""
QUICK_S = 0.3
"""How long the first call after the loss of a scheduler waits here; the others do not."""


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch):
    """Without this, the first call after the loss of a scheduler waits for a minute."""
    monkeypatch.setattr(link, "PATIENCE_S", QUICK_S)
    monkeypatch.setattr(link, "CONNECT_S", 1.0)
    monkeypatch.setattr(link, "PAUSE_S", 0.1)
    monkeypatch.setattr(remote, "WAIT_PATIENCE_S", QUICK_S)


CLUSTER = """
import time
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(
        host="127.0.0.1", scheduler_port={port}, protocol="tcp", n_workers=1, threads_per_worker=1,
        processes=False, dashboard_address=":0",
    )
    print("up", flush=True)
    time.sleep(600)
"""


class Elsewhere:
    """A cluster in another process, which can be killed and started again."""

    def __init__(self):
        self._port = free_port()
        self.scheduler_address = f"tcp://127.0.0.1:{self._port}"
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER.format(port=self._port)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout.readline() == b"up\n"

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Things:
    """A lab with one thing of each kind, on a cluster here or elsewhere."""

    def __init__(self, attached_to, *, elsewhere=False):
        if elsewhere:
            self.cluster = Elsewhere()
        else:
            self.cluster = LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
            )
        address = self.cluster.scheduler_address
        self.client = Client(address if elsewhere else self.cluster, set_as_default=False)
        self.lab = bl.Lab(address if attached_to == "address" else getattr(self, attached_to))
        self.pool = self.lab.create_pool("p", target_dedicated_nodes=1)
        self.job = self.lab.create_job("j", self.pool)
        self.task = self.job.create_task("t", "true")
        self.schedule = self.lab.create_job_schedule(
            "s", schedule="1h", job_specification=bl.JobSpec(pool_info="p")
        )
        self.application = self.lab.create_application("a")
        self.task.wait(timeout=WAIT_S)
        (self.node,) = self.pool.nodes.values()
        self.endpoint = self.lab.serve()

    def close_first(self, what):
        if what == "loop":
            loop = self.client.loop
            loop.add_callback(loop.stop)
            until(lambda: not loop.asyncio_loop.is_running())
        else:
            {"client": self.client, "cluster": self.cluster, "scheduler": self.cluster}[
                what
            ].close()

    def close(self):
        self.lab.close()
        if self.client.loop.asyncio_loop.is_running():
            self.client.close()
        else:
            self.client.status = "closed"  # it would complain when it is deleted
        self.cluster.close()

    @property
    def all(self):
        handles = (self.pool, self.node, self.job, self.task, self.schedule, self.application)
        collections = (
            self.lab.pools, self.lab.jobs, self.lab.job_schedules, self.lab.applications,
            self.lab.certificates, self.pool.nodes, self.job.tasks,
        )  # fmt: skip
        return (*handles, *collections)


@pytest.fixture(params=["client", "cluster", "address"])
def things(request):
    things = Things(request.param)
    yield things
    things.close()


def calls_of(things):
    """Every property, and at least one verb of each kind, by a name for the message."""
    for handle in things.all:
        for name in dir(type(handle)):
            if name.startswith("_"):
                continue
            value = getattr(type(handle), name)
            if isinstance(value, ViewProperty):
                yield f"{handle.__class__.__name__}.{name}", lambda h=handle, n=name: getattr(h, n)
    lab, pool, node, job, task = things.lab, things.pool, things.node, things.job, things.task
    yield from {
        "list": lambda: list(lab.pools),
        "look up": lambda: lab.jobs["j"],
        "filter": lambda: list(job.tasks.filter(state="active")),
        "to_frame": job.tasks.to_frame,
        "create": lambda: lab.create_pool("q"),
        "create_task": lambda: job.create_task("u", "true"),
        "create_tasks": lambda: job.create_tasks(["true"] * 3),
        "submit": lambda: job.submit(len, "ab"),
        "map": lambda: job.map(len, ["ab"]),
        "update": lambda: job.update(priority=1),
        "resize": lambda: pool.resize(2),
        "reboot": node.reboot,
        "terminate": things.schedule.terminate,
        "delete": task.delete,
        "wait": lambda: job.tasks.wait(timeout=1),
        "wait without limit": lambda: pool.wait("deleted"),
        "await": lambda: asyncio.run(task.done("deleted")),
        "explain": task.explain,
        "explain job": job.explain,
        "counts": lambda: job.counts,
        "preparations": lambda: job.preparations,
        "cost": lambda: lab.cost,
        "report": lab.report,
        "job's report": job.report,
        "files": task.files.list,
        "files of the node": lambda: node.files.read("startup/stdout.txt"),
        "stdout": lambda: task.stdout,
        "output storage": lambda: job.output_storage.list("JobOutput"),
        "storage": lambda: list(lab.storage),
        "serve": lab.serve,
        "shutdown": lab.shutdown,
    }.items()


def refusal_of(call, seconds, name="it"):
    """What a call raises, which must be soon."""
    raised = []

    def run():
        try:
            raised.append(AssertionError(f"returned {call()!r}"))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert raised, f"{name} hangs for {seconds} s"
    return raised[0]


CASES = [
    ("client", "cluster"), pytest.param("client", "scheduler", marks=pytest.mark.ci("clusters")),
    ("client", "loop"),
    ("cluster", "cluster"), ("address", "cluster"), ("address", "scheduler"),
]  # fmt: skip


@pytest.mark.parametrize(("attached_to", "first"), CASES)
def test_every_call_says_what_was_closed_before_the_lab_and_what_to_do(attached_to, first, caplog):
    things = Things(attached_to, elsewhere=first in ("scheduler", "loop"))
    things.close_first(first)
    kind, code = bl.Conflict, "OperationInvalidForCurrentState"
    if first == "scheduler":  # it may only be the network
        kind, code = bl.ServerBusy, "OperationTimedOut"
    calls, took = dict(calls_of(things)), []
    assert len(calls) > 100
    for name, call in calls.items():
        began = time.monotonic()
        error = refusal_of(call, PATIENCE_S, name)
        took.append(time.monotonic() - began)
        assert isinstance(error, kind), (name, error)
        assert error.code == code, name
    assert statistics.median(took) < QUICK_S
    advice = "ended" if (attached_to, first) == ("address", "cluster") else first
    with pytest.raises(kind, match=ADVICE[advice]):
        things.lab.pools.views()
    caplog.clear()
    began = time.monotonic()
    things.lab.close()
    things.lab.close()
    assert time.monotonic() - began < PATIENCE_S
    told = [record for record in caplog.records if record.levelname != "INFO"]
    slow = "distributed.gc"  # says how long a busy machine took
    assert [record.getMessage() for record in told if record.name != slow] == []
    with pytest.raises(bl.Conflict, match="the lab is closed"):
        things.lab.pools.views()
    things.close()


def test_lab_needs_its_client_only_to_attach():
    things = Things("client")
    things.close_first("client")
    assert things.pool.state == "active"
    assert things.job.map(abs, [-1]).results(timeout=WAIT_S) == [1]
    things.close()


@pytest.mark.parametrize("order", [
    ("client", "cluster"), ("cluster", "client"), ("client", "scheduler"),
    pytest.param(("scheduler", "client"), marks=pytest.mark.ci("clusters")),
])  # fmt: skip
def test_two_closed_before_the_lab_are_as_one(order):
    things = Things("client", elsewhere="scheduler" in order)
    for what in order:
        things.close_first(what)
    error = refusal_of(things.job.tasks.wait, PATIENCE_S)
    assert isinstance(error, bl.ServerBusy if "scheduler" in order else bl.Conflict)
    began = time.monotonic()
    things.lab.close()
    assert time.monotonic() - began < PATIENCE_S
    things.close()


@pytest.mark.parametrize("static", ["0", "1"])
def test_displays_show_their_text_and_the_reason(static, monkeypatch):
    monkeypatch.setenv("BATCHLAB_STATIC", static)
    things = Things("client")
    things.close_first("cluster")
    for thing in (things.lab, *things.all):
        bundle = thing._repr_mimebundle_()
        assert bundle["text/plain"] == repr(thing)
        shown = bundle.get("text/html", "")
        if "image/png" not in bundle:
            assert "cluster was closed" in shown, thing
        assert "Traceback" not in shown
        thing._repr_html_()
    things.close()


def test_wait_is_refused_when_the_cluster_is_closed_meanwhile(things):
    things.job.create_task("long", "sleep 7062")
    closing = threading.Timer(0.5, things.cluster.close)
    closing.start()
    error = refusal_of(things.job.tasks.wait, PATIENCE_S)
    closing.join()
    assert isinstance(error, bl.Conflict)
    assert error.code == "OperationInvalidForCurrentState"


def test_watch_of_a_lab_ends_with_the_reason(things):
    seen = watch(things.lab._connection)
    until(lambda: seen.tables.now)
    things.cluster.close()
    until(lambda: seen.ended)
    assert "make the Lab again" in seen.ended


def test_clients_of_an_endpoint_are_answered(things):
    azure = pytest.importorskip("azure.core.exceptions")
    client = things.endpoint.client(retry_total=0)
    things.cluster.close()
    with pytest.raises(azure.HttpResponseError) as refused:
        list(client.list_pools())
    assert refused.value.error.code == "OperationInvalidForCurrentState"


def test_with_statements_left_in_the_wrong_order_are_quiet():
    program = (
        "import batchlab as bl\n"
        "from distributed import Client, LocalCluster\n"
        "with LocalCluster(n_workers=1, processes=False, dashboard_address=':0') as cluster, \\\n"
        "        Client(cluster) as client:\n"
        "    lab = bl.Lab(client)\n"
        "    with bl.Lab(cluster) as second:\n"
        "        second.create_pool('p', target_dedicated_nodes=1).wait('steady')\n"
        "        cluster.close()\n"
        "try:\n"
        "    lab.create_pool('q')\n"
        "except bl.BatchError as error:\n"
        "    print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("OperationInvalidForCurrentState\n", "")


@pytest.mark.parametrize("attached", [True, False])
def test_lab_of_what_is_closed_is_refused(attached):
    cluster = LocalCluster(n_workers=0, processes=False, dashboard_address=":0")
    client = Client(cluster, set_as_default=False)
    client.close()
    cluster.close()
    with pytest.raises(bl.InvalidRequest, match="must be a running"):
        bl.Lab(client if attached else cluster)


@pytest.mark.ci("clusters")
def test_scheduler_killed_and_started_again_has_no_such_lab():
    things = Things("client", elsewhere=True)
    things.close_first("scheduler")
    error = refusal_of(lambda: things.pool.state, PATIENCE_S)
    assert f"scheduler at {things.cluster.scheduler_address} has not answered" in str(error)
    things.cluster.start()
    until(lambda: things.client.status == "running")
    until(lambda: things.lab._connection._link._connecting is None)
    with pytest.raises(bl.Conflict, match="has no such lab any more"):
        things.pool.state  # noqa: B018
    with bl.Lab(things.client) as again:
        assert not again.pools
        again.create_pool("p")
        with pytest.raises(bl.Conflict, match="has no such lab any more"):
            things.pool.state  # noqa: B018 - another pool with the same name
    things.close()


def test_lab_that_closes_while_something_connects_leaves_no_socket():
    """Dask does not know of a connection before its handshake."""
    lab = DaskConnection.start(processes=True)
    host, port = lab._link._address.removeprefix("tls://").split(":")
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as silent:
        here = silent.getsockname()[1]
        until(lambda: any(
            there.raddr and there.raddr.port == here
            for there in psutil.Process().net_connections() if there.laddr.port == int(port)
        ))  # fmt: skip
        lab.close()
        silent.settimeout(PATIENCE_S)
        assert silent.recv(1) == b""
