"""What our own clusters cost while they wait, and what they leave: counted, not timed."""

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
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import TaskSpec
from batchlab.core.state.records import JobRecord, RunRecord, TaskRecord
from batchlab.drivers.dask.agent import NodeAgent
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.drivers.dask.host import BatchHost
from batchlab.drivers.dask.runs import NodeRun
from batchlab.drivers.dask.supply import LightWorker, QuietNanny, QuietScheduler
from helpers.dask_labs import add_tasks, finish, make_pool
from helpers.waiting import WAIT_S, until

NODES = 30


KINDS = (LightWorker, NodeAgent, QuietScheduler, BatchHost, Core, TaskRecord, JobRecord, RunRecord,
         TaskSpec, StartRun, NodeRun)  # fmt: skip


def living(kinds):
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


@pytest.fixture
def kept():
    """What this test has made of some kinds, and has not been freed."""
    before = living(KINDS)  # what other tests left; held here, so no ID is used again
    known = {id(one) for one in before}
    return lambda *kinds: [one for one in living(kinds) if id(one) not in known]


@pytest.fixture
def light(tmp_path, kept):
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


@pytest.fixture
def earlier_threads():
    """Threads that other tests of this process have left: Dask keeps some of them."""
    return set(threading.enumerate())


def test_light_nodes_have_no_timers_files_or_threads(earlier_threads, light):
    loop = light._link.loop
    make_pool(light, 1)
    until(lambda: len(timers(loop)) <= 1)  # the core's own
    files, path = open_files(), list(sys.path)
    grow(light)
    until(lambda: len(timers(loop)) <= 1)
    until(lambda: open_files() <= files)
    assert sys.path == path
    new = set(threading.enumerate()) - earlier_threads
    assert not [one.name for one in new if "Dask-" in one.name]


def test_nodes_that_leave_are_freed(light, kept):
    make_pool(light, NODES)
    assert len(kept(LightWorker)) >= NODES
    light.request(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    until(lambda: not light.ask(questions.ListNodes(pool_id="p")))
    until(lambda: not kept(LightWorker, NodeAgent))


def test_a_lab_that_is_closed_is_freed(light, kept):
    make_pool(light, 2)
    add_tasks(light, "/bin/true", "/bin/true")
    finish(light)
    light.close()
    until(lambda: not kept(LightWorker, NodeAgent, QuietScheduler, BatchHost, Core))


def test_a_deleted_job_is_freed_everywhere(light, kept):
    make_pool(light, 2)
    add_tasks(light, *["echo hi"] * 40)
    finish(light)
    assert len(kept(TaskRecord)) == 40
    light.request(inputs.DeleteJob(job_id="j"))
    until(lambda: not light.ask(questions.ListJobs()))
    until(lambda: not kept(TaskRecord, JobRecord, RunRecord, TaskSpec, StartRun, NodeRun))


def test_labs_that_are_opened_and_closed_leave_nothing(tmp_path):
    def live():
        with contextlib.closing(DaskConnection.start(root=tmp_path)) as lab:
            make_pool(lab)
            add_tasks(lab, "echo hi")
            finish(lab)

    def size():
        gc.collect()
        return len(gc.get_objects())

    live()
    live()  # now everything is imported and cached
    objects, files = size(), len(open_files())
    for _ in range(10):
        live()
    assert list(tmp_path.iterdir()) == []
    until(lambda: len(open_files()) <= files)
    until(lambda: size() < objects + 500)  # each lab has a thousand


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
