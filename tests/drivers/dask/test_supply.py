"""What the nodes of our own clusters cost while they wait: counted, not timed."""

import asyncio
import contextlib
import gc
import os
import sys
import threading

import dask
import pytest

from batchlab.core.machine import Core
from batchlab.core.messages import inputs, questions
from batchlab.drivers.dask.agent import NodeAgent
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.drivers.dask.host import BatchHost
from batchlab.drivers.dask.supply import LightWorker, QuietNanny, QuietScheduler
from helpers.dask_labs import WAIT_S, add_tasks, finish, make_pool, until

NODES = 30


@pytest.fixture
def light(tmp_path):
    connection = DaskConnection.start(root=tmp_path)
    yield connection
    connection.close()


def timers(loop):
    """The timers that wait on a loop, by what they call."""

    async def listed():
        return [repr(handle) for handle in loop._scheduled if not handle.cancelled()]

    return asyncio.run_coroutine_threadsafe(listed(), loop).result(10)


def open_files():
    return {link for fd in os.listdir("/proc/self/fd") if (link := target(fd))}


def target(fd):
    with contextlib.suppress(OSError):
        return f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}"
    return None


def grow(lab):
    lab.request(inputs.ResizePool(pool_id="p", target_dedicated_nodes=NODES))
    until(lambda: len(lab.ask(questions.ListNodes(pool_id="p"))) == NODES)
    lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)


def kept(*kinds):
    """What has not been freed of some kinds."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


def test_light_nodes_have_no_timers_files_or_threads(light):
    loop = light._link.loop
    make_pool(light, 1)
    until(lambda: len(timers(loop)) <= 1)  # the core's own
    files, path = open_files(), list(sys.path)
    grow(light)
    until(lambda: len(timers(loop)) <= 1)
    until(lambda: open_files() <= files)
    assert sys.path == path
    assert not [one.name for one in threading.enumerate() if "Dask-" in one.name]


def test_nodes_that_leave_are_freed(light):
    make_pool(light, NODES)
    assert len(kept(LightWorker)) >= NODES
    light.request(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    until(lambda: not light.ask(questions.ListNodes(pool_id="p")))
    until(lambda: not kept(LightWorker, NodeAgent))


def test_a_lab_that_is_closed_is_freed(light):
    make_pool(light, 2)
    add_tasks(light, "/bin/true", "/bin/true")
    finish(light)
    light.close()
    until(lambda: not kept(LightWorker, NodeAgent, QuietScheduler, BatchHost, Core))


@pytest.mark.parametrize("timeout", [None, "10s"])
def test_a_scheduler_of_ours_has_only_the_timer_that_a_user_asks_for(timeout):
    async def running():
        with dask.config.set({"distributed.scheduler.idle-timeout": timeout}):
            scheduler = await QuietScheduler(protocol="inproc://", dashboard=False)
        try:
            timers = scheduler.periodic_callbacks.items()
            return [name for name, timer in timers if timer.is_running()]
        finally:
            await scheduler.close()

    assert asyncio.run(running()) == ([] if timeout is None else ["idle-timeout"])


@pytest.mark.ci("processes")
def test_a_nanny_has_no_timers(tmp_path):
    connection = DaskConnection.start(processes=True, root=tmp_path)
    try:
        make_pool(connection, 2)
        nannies = [one for one in gc.get_objects() if isinstance(one, QuietNanny)]
        assert len(nannies) >= 2
        for nanny in nannies:
            running = [timer.is_running() for timer in nanny.periodic_callbacks.values()]
            assert not any(running)
    finally:
        connection.close()
