"""Try, on emulated hosts, what users of clusters rely on; print each sentence with its figures.

Run it as root: ``python tests/hosts/run.py [WORD ...]``. With words, only the trials whose
sentences have one of them. Unlike the tests, it takes nothing from the real durations: leases,
losses and returns last as long as they do for users. The exit code is the number of failures.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from distributed import Client

import batchlab as bl

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.waiting import until
from hosts.cut_off_client import said_after_loss
from hosts.network import Host, Network, obstacle
from hosts.trials import SOON, TRIALS, attach, idle, since, start, trial

FORKS = """
import asyncio, os, sys, time
from distributed import Worker
address, host, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
import batchlab.drivers.dask.agent
async def work(number):
    name = f"w{number}"
    async with Worker(address, host=host, nthreads=1, name=name, dashboard=False) as worker:
        await worker.finished()
for number in range(first, first + count):
    if os.fork() == 0:
        asyncio.run(work(number))
        os._exit(0)
while True:
    time.sleep(60)
"""
"""A program that is many workers, each a process: they share what they have imported."""


# -- clusters that grow and shrink ------------------------------------------------------------


class Operator(threading.Thread):
    """Starts and closes workers as an operator does: it asks the scheduler for both."""

    def __init__(self, address: str, hosts: list[Host]) -> None:
        super().__init__()
        self._client: Any = Client(address, set_as_default=False)
        self._address, self._hosts = address, hosts
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.over = threading.Event()
        self._count = 0

    def run(self) -> None:
        scheduler = self._client.scheduler
        while not self.over.wait(0.2):
            surplus = len(self.workers) - self._client.sync(scheduler.adaptive_target)
            for _ in range(-surplus):
                host = self._hosts[self._count % len(self._hosts)]
                name = f"pod-{self._count}"
                self._count += 1
                self.workers[name] = host.worker(self._address, name, "--no-nanny")
            if surplus > 0:
                names = self._client.sync(
                    scheduler.workers_to_close, n=surplus, attribute="name"
                )  # fmt: skip
                for name in names:
                    process = self.workers.pop(name)
                    process.send_signal(signal.SIGINT)
                    process.wait()
        self._client.close()


@trial("An adaptive cluster gives a lab workers, keeps those that are nodes, and gets all back.")
def adaptive(network: Network) -> str:
    address = network.host().scheduler()
    operator = Operator(address, [network.host(), network.host()])
    operator.start()
    try:
        lab = attach(address)
        begin = time.monotonic()
        pool = idle(lab, 3)
        figures = f"3 nodes in {since(begin)}"
        job = lab.create_job("j", pool)
        begin = time.monotonic()
        job.create_tasks(["sleep 4"] * 6)
        job.tasks.wait(timeout=SOON)
        assert job.counts.succeeded == 6
        figures += f", 6 tasks of 4 s in {since(begin)}"
        begin = time.monotonic()
        pool.resize(1)
        until(lambda: len(operator.workers) == 1, SOON)
        figures += f", 2 workers back after {since(begin)}"
        begin = time.monotonic()
        lab.shutdown()
        until(lambda: not operator.workers, SOON)
        return f"{figures}, the last {since(begin)} after the lab's end"
    finally:
        operator.over.set()
        operator.join()


# -- workers that come, go and return ---------------------------------------------------------


@trial("A worker that returns after 40 s is the same node again.")
def returning(network: Network) -> str:
    address, (_, host) = start(network)
    lab = attach(address)
    pool = idle(lab, 2)
    (node,) = [one for one in pool.nodes.values() if one.ip_address == host.address]
    host.kill()
    time.sleep(40)
    begin = time.monotonic()
    host.worker(address, "w1", "--no-nanny")
    until(lambda: node.state == "idle", SOON)
    assert len(pool.nodes) == 2
    return f"idle {since(begin)} after the start of its program"


@trial("A pool waits for late workers, and its resize ends at its time-out with what came.")
def late(network: Network) -> str:
    address, _ = start(network, 1)
    lab = attach(address, speed=5)
    begin = time.monotonic()
    pool = lab.create_pool("p", target_dedicated_nodes=3, resize_timeout="5m")
    time.sleep(5)
    network.host().worker(address, "late", "--no-nanny")
    pool.wait("steady", timeout="1h")
    assert pool.current_dedicated_nodes == 2
    assert [error.code for error in pool.resize_errors] == ["AllocationTimedOut"]
    return f"2 of 3 nodes, steady after {since(begin)} with 60 s to wait"


@trial("A frozen worker keeps nobody from a lab, and explain() names it.")
def frozen(network: Network) -> str:
    address, hosts = start(network)
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=SOON)
    pid = hosts[0].started[0].pid
    os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    lab = attach(address)
    figures = f"attached in {since(begin)}"
    pool = lab.create_pool("p", target_dedicated_nodes=2)
    begin = time.monotonic()
    until(lambda: "w0) is passed over: it does not answer" in str(pool.explain()), SOON)
    figures += f", named after {since(begin)}"
    os.kill(pid, signal.SIGCONT)
    begin = time.monotonic()
    pool.nodes.wait("idle", timeout=SOON)
    return f"{figures}, a node {since(begin)} after it thawed"


@trial("A lab with a journal goes on after its scheduler was killed, and old handles say so.")
def scheduler_killed(network: Network) -> str:
    head, host = network.host(), network.host()
    address = head.scheduler()
    host.worker(address, "w0")
    options = {"journal": str(head.folder / "lab"), "storage": str(head.folder / "data")}
    lab = attach(address, **options)
    pool = idle(lab, 1)
    job = lab.create_job("j", pool)
    job.create_tasks(["sleep 3"] * 4)
    until(lambda: job.counts.succeeded == 1, SOON)
    head.kill()
    host.kill()
    (head.folder / "scheduler.json").unlink()
    begin = time.monotonic()
    head.scheduler()
    host.worker(address, "w0")
    again = attach(address, **options)
    figures = f"open again after {since(begin)}"
    again.jobs["j"].tasks.wait(timeout=SOON)
    assert again.jobs["j"].counts.succeeded == 4
    try:
        found = f"the old handle sees {job.counts.succeeded} tasks"
    except bl.BatchError as error:
        found = f"the old handle raises {error.code}"
    again.shutdown()
    return f"{figures}, all 4 tasks succeeded; {found}"


@trial("A client that is cut off for 45 s goes on with the handles that it has.")
def lid(network: Network) -> str:
    address, _ = start(network, 1)
    answer = said_after_loss(network.host(), address, seconds=45)
    assert answer.startswith("1 pool after ")
    return answer


@trial("A host that is cut off ends its runs before they are repeated elsewhere.")
def cut_off(network: Network) -> str:
    address, hosts = start(network)
    log = network.folder / "log"
    lab = attach(address)
    pool = idle(lab, 2)
    task = lab.create_job("j", pool).create_task(
        "t",
        "/bin/sh -c 'while true; do echo $(date +%s.%N) $AZ_BATCH_NODE_ID >>"
        f" {log}; sleep 0.05; done'",
    )
    until(lambda: log.exists() and log.read_text(), SOON)
    first = pool.nodes[task.node_id]
    (host,) = [one for one in hosts if one.address == first.ip_address]
    with host.partition():
        cut = time.time()
        until(lambda: len({line.split()[1] for line in log.read_text().splitlines()}) == 2, SOON)
        rows = [line.split() for line in log.read_text().splitlines()]
    end = max(float(moment) for moment, node in rows if node == first.id)
    again = min(float(moment) for moment, node in rows if node != first.id)
    assert end < again
    return f"ended {end - cut:.1f} s after the cut, repeated after {again - cut:.1f} s"


# -- what workers are, and where they are -----------------------------------------------------


@trial("Python tasks and files work without a shared folder.")
def storage(network: Network) -> str:
    address, _ = start(network)
    lab = attach(address)
    job = lab.create_job("j", idle(lab, 2))
    assert [task.result() for task in job.map(len, [[1, 2], [], [3]])] == [2, 0, 1]
    size = 50
    begin = time.monotonic()
    task = job.map(bytes, [size * 2**20])[0]
    assert len(task.result()) == size * 2**20
    return f"a result of {size} MB in {since(begin)}, with its task"


@trial("An address that needs other certificates, or none, is refused with the cure.")
def certificates(network: Network) -> str:
    address, _ = start(network, 0)
    attach(address).close()
    try:
        bl.Lab(address.replace("tcp", "tls"))
    except bl.BatchError as error:
        return f"{error.code}: {error}"[:160]
    raise AssertionError("it was not refused")


@trial("A size that fits no worker is explained, and gets the first that fits.")
def sizes(network: Network) -> str:
    address, _ = start(network, 1)
    lab = attach(address)
    pool = lab.create_pool("p", vm_size="medium", target_dedicated_nodes=1)
    until(lambda: "WorkersDoNotFit" in pool.explain().codes, SOON)
    figures = str(pool.explain()).splitlines()[0]
    host = network.host()
    host.start("dask", "worker", address, "--nthreads", "2", "--host", host.address)
    pool.nodes.wait("idle", timeout=SOON)
    return figures[:160]


@trial("A worker is small: it loads nothing that only notebooks need.")
def small(network: Network) -> str:
    address, (host,) = start(network, 1)
    lab = attach(address)
    idle(lab, 1)
    process = psutil.Process(host.started[0].pid)
    maps = {Path(one.path).as_posix() for one in process.memory_maps()}
    assert not any("jupyterlab" in path or "ipywidgets" in path for path in maps)
    return f"{process.memory_full_info().pss / 2**20:.0f} MB of a worker that is a node"


@trial("Nodes reach each other at their addresses, IPv6 in brackets.")
def ipv6(network: Network) -> str:
    hosts = [network.host() for _ in range(3)]
    for number, host in enumerate(hosts):
        subprocess.run(["ip", "-n", host.name, "addr", "add", f"fd00:213::{number + 2}/64", "dev",
                        "eth0", "nodad"], check=True)  # fmt: skip
    subprocess.run(["ip", "addr", "add", "fd00:213::1/64", "dev", network.name, "nodad"],
                   check=True)  # fmt: skip
    address = "tcp://[fd00:213::2]:8786"
    hosts[0].start("dask", "scheduler", "--host", "tcp://[fd00:213::2]:8786", "--no-dashboard")
    for number, host in enumerate(hosts[1:]):
        host.start("dask", "worker", address, "--name", f"w{number}", "--nthreads", "1", "--host",
                   f"[fd00:213::{number + 3}]", "--no-dashboard", "--no-nanny")  # fmt: skip
    lab = attach(address)
    pool = idle(lab, 2, enable_inter_node_communication=True)
    task = lab.create_job("j", pool).create_task(
        "t", "/bin/sh -c 'echo $AZ_BATCH_MASTER_NODE $AZ_BATCH_NODE_LIST'",
        multi_instance_settings=bl.MultiInstanceSettings(
            number_of_instances=2, coordination_command_line="/bin/true"
        ),
    )  # fmt: skip
    task.wait(timeout=SOON)
    assert task.stdout.startswith("[fd00:213::")
    return task.stdout.strip()


# -- many workers -----------------------------------------------------------------------------


def many(network: Network, count: int, hosts: int = 5) -> str:
    head = network.host()
    address = head.scheduler()
    for number in range(hosts):
        host = network.host()
        (host.folder / "forks.py").write_text(FORKS)
        share = count // hosts
        host.start("forks", address, host.address, str(number * share), str(share))
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=300)
    scheduler = psutil.Process(head.started[0].pid)
    lab = attach(address)
    begin = time.monotonic()
    pool = lab.create_pool("p", target_dedicated_nodes=count)
    pool.wait("steady", timeout=300)
    pool.nodes.wait("idle", timeout=300)
    figures = f"steady in {since(begin)}"
    job = lab.create_job("j", pool)
    tasks = 20 * count
    before, begin = sum(scheduler.cpu_times()[:2]), time.monotonic()
    job.create_tasks(["/bin/true"] * tasks)
    job.tasks.wait(timeout=600)
    wall = time.monotonic() - begin
    each = (sum(scheduler.cpu_times()[:2]) - before) / tasks
    assert job.counts.succeeded == tasks
    figures += f", {tasks / wall:.0f} tasks/s, {each * 1e3:.2f} ms of the scheduler's CPU a task"
    lab.shutdown()
    return f"{figures} (load of the machine {os.getloadavg()[0]:.0f})"


@trial("60 workers are nodes of one pool.")
def sixty(network: Network) -> str:
    return many(network, 60)


@trial("200 workers are nodes of one pool.")
def two_hundred(network: Network) -> str:
    return many(network, 200)


# -- the runner -------------------------------------------------------------------------------


@contextlib.contextmanager
def a_network() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        network = Network(Path(folder))
        try:
            yield network
        finally:
            network.close()


def main(words: list[str]) -> int:
    reason = obstacle()
    if reason:
        print(f"skipped: {reason}")
        return 0
    failed = 0
    for sentence, function in TRIALS.items():
        if words and not any(word in sentence for word in words):
            continue
        try:
            with a_network() as network:
                figures = function(network)
        except Exception:
            failed += 1
            figures = traceback.format_exc()
            print(f"FAILED  {sentence}\n{figures}", flush=True)
        else:
            print(f"holds   {sentence}\n        {figures}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
