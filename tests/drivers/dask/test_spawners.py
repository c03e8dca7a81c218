"""Spawners at work: for nodes and for labs."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.core.messages.facts import NodesMeasured
from batchlab.core.messages.outputs import CancelRun, MeasureNodes
from batchlab.drivers.dask import spawners
from helpers.dask_labs import Node, sleepers
from helpers.spawning import at_work, spawners_below, spawning
from helpers.waiting import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has spawners"),
    pytest.mark.usefixtures("spawners_at_once"),
]

COMMANDS = [
    "true", "false", "/bin/sh -c 'exit 77'", "/bin/sh -c 'kill -TERM $$'",
    "/bin/sh -c 'printf \"\\\\377\\\\000x\"; printf e >&2'",
    "/bin/sh -c 'env -u PWD | sort; pwd; umask; ulimit -a; id'",
    "/bin/sh -c 'readlink /proc/self/fd/0 /proc/self/fd/2'",
    "grep -E Sig(Blk|Cgt) /proc/self/status",
    *(f"/bin/sh -c 'kill -{signal} $$; echo ignored'" for signal in ("PIPE", "XFSZ", "INT")),
    "/bin/sh -c 'test $(ps -o sid= -p $$) = $$'",
    "no-such-program-here", "./nothing", "/tmp", "/etc/passwd", "echo 'open", "''", "mine",
    "/bin/sh -c 'sleep 7201 & exit 3'",
]  # fmt: skip


def outcome(node, report):
    folder = Path(node.root, "workitems/j/job-1/t1")
    streams = [
        (folder / name).read_bytes() for name in ("stdout.txt", "stderr.txt")
        if (folder / name).exists()
    ]  # fmt: skip
    return report.exit_code, report.failure, report.cancelled, report.node_fault, streams


@pytest.mark.parametrize("command_line", COMMANDS)
def test_run_gives_the_same_as_one_with_a_thread(tmp_path, monkeypatch, command_line):
    (tmp_path / "mine").write_text("#!/no/such/interpreter\n")
    (tmp_path / "mine").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MINE": "a b"}

    async def story():
        async with spawning(tmp_path) as (node, spawner):
            begun = spawner._number
            first = await node.report(node.run(command_line, environment=variables))
            assert spawner._number == begun + (command_line != "echo 'open")
            with_spawner = outcome(node, first)
            monkeypatch.setattr(spawners, "_POSSIBLE", False)
            begun = spawner._number
            second = await node.report(node.run(command_line, environment=variables))
            assert spawner._number == begun
            assert with_spawner == outcome(node, second)

    asyncio.run(story())
    until(lambda: not sleepers(7201))


def test_run_that_is_cancelled_with_its_order_never_begins(tmp_path):
    async def story():
        async with spawning(tmp_path) as (node, _):
            send, node.send = node.send, lambda order: None
            order = node.run(f"touch {tmp_path}/begun")
            send(order, CancelRun(run_id=order.run_id))
            report = await node.report(order)
            assert (report.exit_code, report.cancelled, report.failure) == (None, True, None)
            assert not (tmp_path / "begun").exists()

    asyncio.run(story())


def test_run_that_leaves_session_and_environment_at_once_is_killed_whole(tmp_path, escape_at_once):
    async def story():
        async with spawning(tmp_path) as (node, _):
            order = node.run(escape_at_once(7202))
            await node.passes(lambda: sleepers(7202))
            node.send(CancelRun(run_id=order.run_id))
            report = await node.report(order)
            assert (report.exit_code, report.cancelled) == (137, True)
            assert not sleepers(7202)

    asyncio.run(story())


def test_time_limit_is_kept_and_output_before_it_counts(tmp_path):
    async def story():
        async with spawning(tmp_path) as (node, _):
            over = node.run("/bin/sh -c 'echo a; sleep 7203'", time_limit_s=2)
            within = node.run("true", name="t2", time_limit_s=30)
            report = await node.report(over)
            assert report.exit_code == 137
            assert report.failure.code == "TaskEnded"
            assert node.read("workitems/j/job-1/t1/stdout.txt") == b"a\n"
            assert not sleepers(7203)
            assert (await node.report(within)).failure is None

    asyncio.run(story())


def test_spawner_is_asked_whether_it_answers_while_it_has_commands(tmp_path, monkeypatch):
    monkeypatch.setattr(spawners, "TICK_S", 0.02)
    monkeypatch.setattr(spawners, "SILENT_TICKS", 10**6)
    answers = []
    updated = spawners.Spawner.buffer_updated

    def buffer_updated(self, size):
        updated(self, size)
        answers.append(self._silence)

    monkeypatch.setattr(spawners.Spawner, "buffer_updated", buffer_updated)

    async def story():
        async with spawning(tmp_path) as (node, spawner):
            order = node.run("sleep 7213")
            await node.passes(lambda: sleepers(7213))
            before = len(answers)
            await node.passes(lambda: len(answers) >= before + 3)
            assert set(answers) == {0}
            node.send(CancelRun(run_id=order.run_id))
            await node.report(order)
            await node.passes(lambda: spawner._timer is None)

    asyncio.run(story())


def test_node_that_leaves_in_the_middle_leaves_nothing(tmp_path, escape_at_once):
    async def story():
        async with spawning(tmp_path) as (node, spawner):
            node.run(escape_at_once(7207))
            node.run("sleep 7208", name="t2")
            await node.passes(lambda: sleepers(7207) and sleepers(7208))
            await node.worker.plugin_remove(name="batchlab-node")
            assert not sleepers(7207)
            assert not sleepers(7208)
            assert spawner.process.returncode == 0

    asyncio.run(story())


def test_node_that_leaves_before_its_spawner_is_up_leaves_none(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            await node.report(node.run("true"))
        assert spawners_below(os.getpid()) == []

    asyncio.run(story())


def test_spawner_that_cannot_start_is_replaced_by_threads(tmp_path, monkeypatch):
    refused = []

    def start(*_):
        refused.append(True)
        raise BlockingIOError

    monkeypatch.setattr(spawners, "start_process", start)

    async def story():
        async with Node(tmp_path) as node:
            for number in range(3):
                assert (await node.report(node.run("true", name=f"t{number}"))).exit_code == 0
            await node.passes(lambda: refused)

    asyncio.run(story())


def test_run_that_finds_no_place_in_the_table_has_a_thread(tmp_path, monkeypatch):
    async def story():
        async with spawning(tmp_path) as (node, spawner):
            begun = spawner._number
            monkeypatch.setattr(spawner.table, "_free", [])
            assert (await node.report(node.run("true"))).exit_code == 0
            assert spawner._number == begun
            monkeypatch.undo()

    asyncio.run(story())


def test_places_in_the_table_are_given_back(tmp_path):
    async def story():
        async with spawning(tmp_path) as (node, spawner):
            free = len(spawner.table._free)
            for number in range(5):
                await node.report(node.run(["true", "no-such"][number % 2], name=f"t{number}"))
            order = node.run("sleep 7209")
            await node.passes(lambda: sleepers(7209))
            assert len(spawner.table._free) == free - 1
            spawner.process.kill()
            await node.report(order)
            await spawner.ended.wait()
            assert len(spawner.table._free) >= free  # and that of the spawner itself

    asyncio.run(story())


def test_what_runs_and_what_has_run_is_measured(tmp_path):
    write = f"/bin/sh -c 'dd if=/dev/zero of={tmp_path}/x bs=64k count=64 2>&-; true'"

    def measures(node):
        return [report.usages["node"] for report in node.reports
                if isinstance(report, NodesMeasured)]  # fmt: skip

    async def story():
        async with spawning(tmp_path) as (node, _):
            node.send(MeasureNodes(node_ids=("node",)))
            await node.passes(lambda: len(measures(node)) == 1)
            await node.report(node.run(write))
            running = node.run("/bin/sh -c 'while true; do true; done'", name="t2")
            await node.passes(lambda: at_work()[0]._running)
            await asyncio.sleep(0.5)
            node.send(MeasureNodes(node_ids=("node",)))
            await node.passes(lambda: len(measures(node)) == 2)
            usage = measures(node)[1]
            assert usage.disk_write_ops >= 64
            assert usage.cpu_percent > 1
            assert usage.memory_megabytes > 0.1
            assert usage.wall_clock_seconds > 0.4
            node.send(CancelRun(run_id=running.run_id))
            await node.report(running)

    asyncio.run(story())


def test_labs_in_threads_have_spawners_of_their_own_which_end_with_them(tmp_path):
    done = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()

    def live(number):
        with bl.Lab(root=tmp_path / str(number)) as lab:
            lab.create_pool("p", target_dedicated_nodes=2).nodes.wait("idle")
            job = lab.create_job("j", "p")
            for _batch in ("a", "b"):
                job.create_tasks([f"echo {number}"] * 5)
                job.tasks.wait(timeout=60)
            done.append({task.stdout for task in job.tasks.values()} == {f"{number}\n"})

    threads = [threading.Thread(target=live, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 3
    assert spawners_below(os.getpid()) == []


def test_forked_child_of_the_worker_does_not_keep_a_spawner(tmp_path):
    async def story():
        async with spawning(tmp_path) as (node, spawner):
            child = os.fork()
            if child == 0:
                signal.pause()
            try:
                await node.worker.plugin_remove(name="batchlab-node")
                assert spawner.process.returncode == 0  # by itself
            finally:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

    asyncio.run(story())
