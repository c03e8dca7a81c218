"""What other users of the machine reach of a lab: nothing answers without its certificate."""

import contextlib
import os
import subprocess
import sys

import psutil
import pytest
from distributed import LocalCluster, Security

import batchlab as bl
from helpers.node_users import as_root, done, pool_of, sh

STRANGER = """
import asyncio, os, sys
from distributed import Client, Scheduler, Security
from distributed.comm import connect

temporary = Security.temporary()
patience_s = float(sys.argv[1])

async def says(address, **security):
    comm = await connect(address, timeout=patience_s, **security)
    await comm.write({"op": "identity", "reply": True})
    return await comm.read()

async def attempts(place):
    foreign = temporary.get_connection_args("client")
    for scheme, security in (("tcp", {}), ("tls", foreign)):
        try:
            said = says(f"{scheme}://{place}", **security)
            answer = await asyncio.wait_for(said, 2 * patience_s)
        except Exception as error:  # Tornado has a ValueError for a server that speaks first
            answer = type(error).__name__
        else:
            answer = f"answered {answer}"
        yield place, scheme, answer
    try:
        async with Client(f"tcp://{place}", asynchronous=True, timeout=patience_s) as client:
            await client.run_on_scheduler(os.getpid)
        yield place, "client", "answered"
    except Exception:  # a worker is no scheduler
        yield place, "client", "refused"
    reader, writer = await asyncio.open_connection(*place.split(":"))
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    try:
        got = await asyncio.wait_for(reader.read(), 10)
    except (OSError, TimeoutError):
        got = b""
    yield place, "http", "answered" if b"HTTP" in got else "refused"

async def attempt(place):
    return [line async for line in attempts(place)]

async def main():
    # First on a server of its own: what Dask imports late may be in a folder of ours alone.
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as own:
        await attempt(own.address.removeprefix("tcp://"))
    if os.geteuid() == 0:  # a real other user, with no right of ours
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    for lines in await asyncio.gather(*map(attempt, sys.argv[2:])):
        for line in lines:
            print(*line)

asyncio.run(main())
"""


def places():
    """The addresses at which this process and its children listen."""
    family = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    return {
        f"{found.laddr.ip}:{found.laddr.port}"
        for found in psutil.net_connections("tcp")
        if found.pid in family and found.status == psutil.CONN_LISTEN
    }


def answers_to_a_stranger(listening, patience_s=5.0):
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(patience_s), *listening],
        capture_output=True, text=True, cwd="/", timeout=100, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 4 * len(listening), done.stderr
    return [line for line in lines if "answered" in line]


def test_stranger_gets_no_answer_from_a_lab_with_processes(tmp_path):
    before = places()
    with bl.Lab(processes=True, root=tmp_path) as lab:
        lab.create_pool("p", target_dedicated_nodes=1).nodes.wait("idle", timeout="1m")
        listening = places() - before
        assert len(listening) == 3  # the scheduler, the nanny and the worker: no web pages
        assert {place.partition(":")[0] for place in listening} == {"127.0.0.1"}
        assert answers_to_a_stranger(listening) == []
        (task,) = done(lab.create_job("j", "p"), (sh("echo works"), None))
        assert task.stdout == "works\n"
        assert not any("PRIVATE KEY" in text for text in _visible(lab))


def _visible(lab):
    """What the operating system shows of the processes of nodes."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            yield from (*child.cmdline(), *child.environ().values())


def test_a_scheduler_without_certificates_would_answer():
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", host="127.0.0.1",
                      dashboard_address=":0") as cluster:  # fmt: skip
        place = cluster.scheduler_address.removeprefix("tcp://")
        answers = answers_to_a_stranger([place], 30.0)
        assert [line.split()[1] for line in answers] == ["tcp", "client"]


def test_light_nodes_listen_nowhere(tmp_path):
    before = places()
    with bl.Lab(root=tmp_path) as lab:
        lab.create_pool("p", target_dedicated_nodes=2).nodes.wait("idle", timeout="1m")
        assert places() <= before


def test_users_are_not_isolated_on_a_cluster_without_certificates():
    with LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1",
                      dashboard_address=":0") as cluster:  # fmt: skip
        with pytest.raises(bl.Conflict, match="has no TLS") as refused:
            bl.Lab(cluster, isolate_users=True)
        assert refused.value.code == "OperationInvalidForCurrentState"
        assert "LocalCluster(security=True)" in str(refused.value)


@as_root
def test_users_are_isolated_on_a_cluster_with_certificates(place):
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tls",
                     host="127.0.0.1", security=Security.temporary(),
                     dashboard_address=":0") as cluster,
        bl.Lab(cluster, isolate_users=True, root=place) as lab,
    ):  # fmt: skip
        (task,) = done(lab.create_job("j", pool_of(lab)), (sh("id -u"), None))
        assert int(task.stdout) > 0
        lab.shutdown()
