"""What happens when spawners, or their workers, end or stop."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import CancelRun
from batchlab.drivers.dask import spawners
from helpers.dask_labs import has_ended, sleepers
from helpers.spawning import at_work, spawners_below, spawning
from helpers.waiting import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has spawners"),
    pytest.mark.usefixtures("spawners_at_once"),
]


def test_killed_spawner_is_a_fault_of_the_node_which_gets_another(tmp_path, escape_at_once):
    async def story():
        async with spawning(tmp_path) as (node, spawner):
            lost = [node.run(escape_at_once(7204)), node.run("sleep 7205", name="t2")]
            await node.passes(lambda: sleepers(7204) and sleepers(7205))
            spawner.process.kill()
            for order in lost:
                report = await node.report(order)
                assert (report.exit_code, report.node_fault) == (None, True)
                assert report.failure.category == "ServerError"
            assert not sleepers(7204)
            assert not sleepers(7205)
            assert (await node.report(node.run("true", name="t3"))).exit_code == 0
            await node.passes(at_work)
            (other,) = at_work()
            assert other.process.pid != spawner.process.pid
            assert (await node.report(node.run("true", name="t4"))).exit_code == 0
            assert other._number == 1

    asyncio.run(story())


def test_stopped_spawner_is_a_fault_of_the_node_and_a_cancelled_run_is_cancelled(
    tmp_path, monkeypatch
):
    async def story():
        async with spawning(tmp_path) as (node, spawner):
            runs = [node.run("sleep 7206", name=name) for name in ("a", "b", "c")]
            await node.passes(lambda: len(sleepers(7206)) == 3)
            monkeypatch.setattr(spawners, "TICK_S", 0.05)
            os.kill(spawner.process.pid, signal.SIGSTOP)
            unread = node.run("sleep 7206", name="d")
            node.send(CancelRun(run_id=runs[0].run_id))
            cancelled, *lost = [await node.report(order) for order in [*runs, unread]]
            assert cancelled.cancelled
            assert not cancelled.node_fault
            assert all(report.node_fault and not report.cancelled for report in lost)
            assert not sleepers(7206)
            assert (await node.report(node.run("true", name="e"))).exit_code == 0

    asyncio.run(story())


def test_tasks_of_a_lost_spawner_run_again_and_users_see_why(tmp_path):
    with bl.Lab(root=tmp_path) as lab:
        lab.create_pool("p", target_dedicated_nodes=1).nodes.wait("idle")
        job = lab.create_job("j", "p")
        job.create_task("a", "true").wait()
        (spawner,) = until(at_work)
        task = job.create_task("b", f"/bin/sh -c 'test -e {tmp_path}/go || sleep 7210'")
        until(lambda: sleepers(7210))
        (tmp_path / "go").touch()
        spawner.process.kill()
        task.wait(timeout=30)
        assert (task.exit_code, task.retry_count, task.requeue_count) == (0, 0, 0)
        assert not sleepers(7210)


LAB = """
import sys
import batchlab as bl
from batchlab.drivers.dask import spawners
spawners.FEW = 0
sys.path.insert(0, sys.argv[2])
from helpers.waiting import until
from helpers.spawning import at_work, spawners_below, spawning
lab = bl.Lab(root=sys.argv[1])
lab.create_pool("p", target_dedicated_nodes=1, task_slots_per_node=4).nodes.wait("idle")
job = lab.create_job("j", "p")
job.create_task("first", "true").wait()
until(at_work)
job.create_tasks(sys.argv[3:])
print("up", flush=True)
for line in sys.stdin:
    if line == "more\\n":
        job.create_tasks(["sleep 7212"] * 2)
        print("more", flush=True)
"""


@pytest.mark.parametrize("first", ["killed", "stopped", "alive"])
def test_worker_and_spawner_die_together_and_nothing_is_left(tmp_path, escape_at_once, first):
    (tmp_path / "root").mkdir()
    tests = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", LAB, tmp_path / "root", tests, escape_at_once(7211), "sleep 7212"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as lab:  # fmt: skip
        try:
            assert lab.stdout.readline() == b"up\n"
            until(lambda: sleepers(7211) and sleepers(7212))
            (spawner,) = spawners_below(lab.pid)
            if first == "stopped":
                spawner.suspend()
                lab.stdin.write(b"more\n")
                lab.stdin.flush()
                assert lab.stdout.readline() == b"more\n"
            elif first == "killed":
                spawner.kill()
        finally:
            lab.send_signal(signal.SIGKILL)
    until(lambda: has_ended(spawner))
    until(lambda: not sleepers(7211) and not sleepers(7212))
    until(lambda: not list((tmp_path / "root").iterdir()))


@pytest.mark.ci("clusters")
def test_process_nodes_have_spawners_which_end_with_them(tmp_path):
    with bl.Lab(processes=True, root=tmp_path) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        pool.nodes.wait("idle")
        job = lab.create_job("j", pool)

        def found_after_tasks():
            job.create_tasks(["true"] * 20)
            job.tasks.wait(timeout=60)
            return len(both := spawners_below(os.getpid())) == 2 and both

        found = until(found_after_tasks)  # each node has to have had some
        before = job.counts.succeeded
        assert len({spawner.ppid() for spawner in found}) == 2
        job.create_tasks(["sleep 0.2"] * 10)
        for spawner in found:
            spawner.kill()
        job.tasks.wait(timeout=60)
        assert job.counts.succeeded == before + 10
    assert spawners_below(os.getpid()) == []
