"""Agents that come to a worker, and go, while another one or the worker itself comes or goes."""

import asyncio
import threading

import pytest
from distributed import LocalCluster

from batchlab.core.messages import inputs, questions
from batchlab.drivers.dask.agent import PLUGIN_NAME, NodeAgent
from batchlab.drivers.dask.connection import DaskConnection
from batchlab.drivers.dask.folders import NodeFolders
from helpers.dask_labs import Node, make_pool
from helpers.waiting import WAIT_S


@pytest.fixture
def hold(monkeypatch):
    """Returns a function that lets the first call of a method of folders wait for an event."""

    def hold(name):
        go, original = threading.Event(), getattr(NodeFolders, name)
        calls = []

        def held(*args):
            calls.append(args)
            if len(calls) == 1:
                go.wait(WAIT_S)
            return original(*args)

        monkeypatch.setattr(NodeFolders, name, held)
        return go, calls

    return hold


async def add(node):
    return await node.worker.plugin_add(NodeAgent(node.config), name=PLUGIN_NAME)


async def works(node):
    """Whether the worker's node carries out commands and knows its files."""
    report = await node.report(node.run("true"))
    return report.exit_code == 0 and "batchlab_files" in node.worker.handlers


def test_agent_that_is_replaced_amid_its_arrival_leaves_the_worker_to_the_other(tmp_path, hold):
    """As after a call of the host that was given up, because the worker was not heard."""

    async def story():
        async with Node(tmp_path) as node:
            go, calls = hold("own")
            first = asyncio.ensure_future(add(node))
            await node.passes(lambda: calls)
            second = asyncio.ensure_future(add(node))
            asyncio.get_running_loop().call_later(0.2, go.set)
            await asyncio.gather(first, second)
            assert await works(node)

    asyncio.run(story())


def test_agent_that_comes_while_the_last_one_is_still_leaving_waits_for_it(tmp_path, hold):
    async def story():
        async with Node(tmp_path) as node:
            go, calls = hold("remove")
            removal = asyncio.ensure_future(node.worker.plugin_remove(name=PLUGIN_NAME))
            await node.passes(lambda: calls)
            second = asyncio.ensure_future(add(node))
            asyncio.get_running_loop().call_later(0.2, go.set)
            await asyncio.gather(removal, second)
            assert await works(node)

    asyncio.run(story())


def test_agent_whose_setup_fails_at_once_can_be_removed(tmp_path, monkeypatch, caplog):
    async def story():
        async with Node(tmp_path) as node:
            monkeypatch.setattr("batchlab.drivers.dask.agent.Gateway", None)
            assert (await add(node))["status"] == "error"
            caplog.clear()
            await node.worker.plugin_remove(name=PLUGIN_NAME)
            assert "failed to teardown" not in caplog.text

    asyncio.run(story())


def test_worker_that_closes_while_its_node_is_removed_logs_no_error(tmp_path, monkeypatch, caplog):
    """A worker that closes removes its plugins itself."""
    leave = NodeAgent._leave_rpc

    async def closing(agent, **options):
        agent._worker.plugins.pop(PLUGIN_NAME, None)
        return await leave(agent, **options)

    monkeypatch.setattr(NodeAgent, "_leave_rpc", closing)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        lab = DaskConnection.attach(cluster, root=tmp_path)
        make_pool(lab)
        lab.request(inputs.DeletePool(pool_id="p"))
        lab.wait(questions.PoolIs(pool_id="p", state="deleted"), WAIT_S)
        lab.shutdown()
    assert "failed to teardown" not in caplog.text
