import asyncio
import contextlib
import os

import pytest

from batchlab.core.messages.facts import RunStarted
from batchlab.core.messages.outputs import CancelRun, DeleteFiles, ForgetJob
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.agent import PLUGIN_NAME, NodeAgent
from helpers.dask_labs import Node, sleepers
from helpers.waiting import until

PREPARE = "/bin/sh -c 'echo prepared >> $AZ_BATCH_NODE_SHARED_DIR/log'"
RELEASE = PREPARE.replace("prepared", "released")


def prepare(node, command=PREPARE, **options):
    return node.run(command, "jobpreparation", "jobpreparation", **options)


def release(node, command=RELEASE, **options):
    return node.run(command, "jobrelease", "jobrelease", **options)


def carried(node):
    """A release order that is not sent."""
    sent, node.send = node.send, lambda *_: None
    try:
        return release(node)
    finally:
        node.send = sent


def footprints(node):
    return [name for name in node.worker.plugins if name.startswith("batchlab-job-")]


def test_footprint_setup_prepares_and_teardown_releases(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            assert (await node.report(prepare(node))).exit_code == 0
            assert footprints(node) == ["batchlab-job-j"]
            assert node.read("shared/log") == b"prepared\n"
            assert (await node.report(release(node))).exit_code == 0
            assert footprints(node) == []
            assert node.read("shared/log") == b"prepared\nreleased\n"

    asyncio.run(story())


def test_footprint_prepared_again_after_a_failure_is_not_released_between(tmp_path):
    async def story():
        async with Node(tmp_path, release_on_leave=True) as node:
            order = prepare(node, "false", release=carried(node))
            assert (await node.report(order)).exit_code == 1
            assert (await node.report(prepare(node))).exit_code == 0
            assert (await node.report(prepare(node))).exit_code == 0
            assert footprints(node) == ["batchlab-job-j"]
            assert node.read("shared/log") == b"prepared\nprepared\n"
            assert (await node.report(release(node))).exit_code == 0
            assert len(node.reports) == 4

    asyncio.run(story())


def test_footprint_being_prepared_lets_tasks_of_other_jobs_run(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            slow = prepare(node, "sleep 7011")
            assert (await node.report(node.run("true", job_id="other"))).exit_code == 0
            node.send(CancelRun(run_id=slow.run_id))
            report = await node.report(slow)
            assert report.cancelled
            assert not sleepers(7011)

    asyncio.run(story())


def test_footprint_release_beyond_its_limit_is_killed(tmp_path):
    async def story():
        async with Node(tmp_path, speed=100) as node:
            await node.report(prepare(node))
            report = await node.report(release(node, "sleep 7012", time_limit_s=20))
            assert report.exit_code == 137
            assert report.failure.code == "TaskEnded"
            assert "20s" in report.failure.message
            assert not sleepers(7012)

    asyncio.run(story())


def test_footprint_absent_after_a_reboot_is_released_all_the_same(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            assert (await node.report(release(node))).exit_code == 0
            assert node.read("shared/log") == b"released\n"
            assert footprints(node) == []

    asyncio.run(story())


def test_footprint_forgotten_is_taken_away_without_release(tmp_path):
    async def story():
        async with Node(tmp_path, release_on_leave=True) as node:
            await node.report(prepare(node, release=carried(node)))
            node.send(ForgetJob(job_id="J", node_id="node"))
            await node.passes(lambda: not footprints(node))
            assert node.read("shared/log") == b"prepared\n"

    asyncio.run(story())


def log_after_leaving(tmp_path, *, on_leave, command=PREPARE):
    """What stands in the log once a node has left whose job lives on."""
    kept = tmp_path / "kept"

    async def story():
        async with Node(tmp_path, release_on_leave=on_leave) as node:
            order = prepare(node, command, release=carried(node))
            await node.report(order)
            node.run("sleep 7013")
            (tmp_path / "kept").touch()
            kept.unlink()
            log = tmp_path / "batchlab-test" / "node" / "shared" / "log"
            log.touch()
            kept.hardlink_to(log)

    asyncio.run(story())
    assert not (tmp_path / "batchlab-test").exists()
    until(lambda: not sleepers(7013))
    return kept.read_text()


def test_node_that_leaves_runs_no_release(tmp_path):
    assert log_after_leaving(tmp_path, on_leave=False) == "prepared\n"


def test_node_that_leaves_runs_the_release_where_the_lab_has_it_so(tmp_path):
    assert log_after_leaving(tmp_path, on_leave=True) == "prepared\nreleased\n"


def test_node_that_leaves_runs_no_release_where_the_preparation_failed(tmp_path):
    assert log_after_leaving(tmp_path, on_leave=True, command="false") == ""


# -- the agent's other commands -------------------------------------------------------------------


def test_run_has_its_folders_its_streams_and_its_environment(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            command = "/bin/sh -c 'pwd; echo $AZ_BATCH_TASK_ID $X >&2; echo > made'"
            report = await node.report(node.run(command, environment={"X": "1"}))
            assert (report.exit_code, report.failure, report.cancelled) == (0, None, False)
            task = "workitems/j/job-1/t1"
            assert node.read(f"{task}/stdout.txt").decode() == f"{node.root}/{task}/wd\n"
            assert node.read(f"{task}/stderr.txt") == b"t1 1\n"
            assert node.read(f"{task}/wd/made") == b"\n"
            await node.report(node.run("true"))
            assert node.read(f"{task}/stderr.txt") == b""

    asyncio.run(story())


def test_run_cancelled_before_it_began_reports_no_exit_code(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            sent, node.send = node.send, lambda *_: None
            order = node.run("sleep 7014")
            node.send = sent
            node.send(order, CancelRun(run_id=order.run_id))
            report = await node.report(order)
            assert report.cancelled
            assert len(node.reports) == 1

    asyncio.run(story())
    until(lambda: not sleepers(7014))


def test_directory_deleted_is_gone_at_once(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            await node.report(node.run("true"))
            node.send(DeleteFiles(node_id="node", directories=("workitems/j/job-1/t1",)))
            await node.report(node.run("true", name="t2"))
            assert not (tmp_path / "batchlab-test/node/workitems/j/job-1/t1").exists()
            assert (tmp_path / "batchlab-test/node/workitems/j/job-1/t2").exists()

    asyncio.run(story())


def test_commands_that_cannot_be_read_leave_the_node_working(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            comm = node.scheduler.stream_comms[node.worker.address]
            comm.send({"op": messages.commands_op("test"), "commands": b"\xff garbage"})
            comm.send({"op": messages.commands_op("test"), "commands": b"", "more": 1})
            assert (await node.report(node.run("true"))).exit_code == 0

    asyncio.run(story())


@pytest.mark.parametrize("ahead", [False, True])
def test_command_that_fails_does_not_take_others_with_it(tmp_path, monkeypatch, ahead):
    def register(agent, run):
        if run.start_run.run_id.task_id == "bad":
            raise RuntimeError("no way")
        return before(agent, run)

    before = NodeAgent._register
    monkeypatch.setattr(NodeAgent, "_register", register)

    async def story():
        async with Node(tmp_path) as node:
            bad, good = node.order("true", name="bad", ahead=ahead), node.order("true")
            node.send(DeleteFiles(node_id="node", directories=("a\0b",)), bad, good)
            assert (await node.report(good)).exit_code == 0
            *begun, end = [each for each in node.reports if each.run_id == bad.run_id]
            assert begun == [RunStarted(run_id=bad.run_id)] * ahead
            assert end.failure.code == "CommandLaunchFailed"
            assert "no way" in end.failure.message

    asyncio.run(story())


def leads_session(pid):
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(pid) == pid


def test_node_put_on_a_worker_kills_what_an_earlier_boot_left(tmp_path):
    async def story():
        async with Node(tmp_path) as node:
            order = node.run("/bin/sh -c 'setsid sleep 7015 & until test -e go; do :; done'")
            await node.passes(lambda: any(leads_session(pid) for pid in sleepers(7015)))
            (tmp_path / "batchlab-test/node/workitems/j/job-1/t1/wd/go").touch()
            await node.report(order)
            assert sleepers(7015)
            agent = node.worker.plugins.pop(PLUGIN_NAME)
            await node.worker.plugin_add(NodeAgent(node.config), name=PLUGIN_NAME)
            assert not sleepers(7015)
            await agent.leave(keep=True)

    asyncio.run(story())


def test_trash_is_emptied_once_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("batchlab.drivers.dask.trash.IDLE_S", 0.05)

    async def story():
        async with Node(tmp_path) as node:
            await node.report(node.run("true"))
            go = tmp_path / "go"
            slow = node.run(f"/bin/sh -c 'until test -e {go}; do sleep 0.05; done'", name="t2")
            node.send(DeleteFiles(node_id="node", directories=("workitems/j/job-1/t1",)))
            trash = tmp_path / "batchlab-test" / ".node.trash"
            await node.passes(trash.exists)
            go.touch()
            await node.report(slow)
            await node.passes(lambda: not trash.exists())

    asyncio.run(story())
