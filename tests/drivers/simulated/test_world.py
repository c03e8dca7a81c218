"""The world answers commands as the port says. The core is a fake that only takes notes."""

import pytest

from batchlab.core.messages.facts import (
    NodeAllocated,
    NodeLost,
    NodeStarted,
    NodeStartFailed,
    NodeStopped,
    RunExited,
)
from batchlab.core.messages.outputs import (
    CancelRun,
    DeleteFiles,
    EvictNode,
    RestartNode,
    StartNode,
    StartRun,
    StopNode,
)
from batchlab.core.model import ResourceFile
from batchlab.core.model.ids import RunId
from batchlab.drivers.simulated.disk import ROOT
from batchlab.drivers.simulated.world import START, SimulatedWorld
from batchlab.errors import NotFound


class Notes:
    """Stands for the engine: writes down what is reported, and when."""

    def __init__(self, world):
        self.world, self.lines = world, []

    def report(self, *reports):
        for report in reports:
            self.lines.append((round(self.world.now() - START, 3), report))

    def wake(self):
        self.lines.append((round(self.world.now() - START, 3), "wake"))

    def take(self):
        lines, self.lines = self.lines, []
        return lines


def make(**settings):
    world = SimulatedWorld(**settings)
    world.engine = Notes(world)
    return world, world.engine


def start_node(node_id="n", boot=1):
    return StartNode(pool_id="p", node_id=node_id, boot=boot, vm_size="small", task_slots=1)


def start_run(command_line, number=1, node_id="n", **more):
    run_id = RunId("j", "t", node_id, number)
    return StartRun(run_id=run_id, kind="task", pool_id="p", command_line=command_line,
                    directory="workitems/j/job-1/t", **more)  # fmt: skip


def up(**settings):
    """A world with the node ``n``."""
    world, notes = make(boot_s=0, **settings)
    world.obey([start_node()])
    world.settle()
    notes.take()
    return world, notes


def run_id(number=1):
    return RunId("j", "t", "n", number)


def test_start_node_is_allocated_after_part_of_the_boot_and_started_after_all():
    world, notes = make(boot_s=90)
    world.obey([start_node("a"), start_node("b")])
    world.advance_to(START + 100)
    assert notes.take() == [
        (60, NodeAllocated(node_id="a", boot=1, ip_address="10.0.0.4")),
        (60, NodeAllocated(node_id="b", boot=1, ip_address="10.0.0.5")),
        (90, NodeStarted(node_id="a", boot=1)),
        (90, NodeStarted(node_id="b", boot=1)),
    ]


def test_start_node_beyond_the_limit_fails_until_one_has_gone():
    world, notes = make(boot_s=90, max_nodes=1)
    world.obey([start_node("a"), start_node("b")])
    world.advance_to(START + 100)
    assert [(at, type(line)) for at, line in notes.take()] == [
        (60, NodeAllocated),
        (60, NodeStartFailed),
        (90, NodeStarted),
    ]
    world.obey([StopNode(pool_id="p", node_id="a")])
    world.advance_to(START + 200)
    world.obey([start_node("c")])
    world.advance_to(START + 300)
    assert [(at, type(line)) for at, line in notes.take()] == [
        (109, NodeStopped),
        (260, NodeAllocated),
        (290, NodeStarted),
    ]


def test_evict_node_says_nothing_and_it_comes_back_empty_as_itself():
    world, notes = make(boot_s=90, max_nodes=1)
    world.obey([start_node()])
    world.advance_to(START + 100)
    ((_, allocated), _) = notes.take()
    world.obey([start_run("/bin/sh -c 'echo x > $AZ_BATCH_NODE_SHARED_DIR/x; sleep 9'")])
    world.obey([EvictNode(node_id="n")])
    world.advance_to(START + 200)
    assert (notes.take(), world.disk("n")) == ([], None)
    world.obey([start_node(boot=2)])
    world.advance_to(START + 300)
    assert notes.take() == [
        (260, NodeAllocated(node_id="n", boot=2, ip_address=allocated.ip_address)),
        (290, NodeStarted(node_id="n", boot=2)),
    ]
    assert list(world.disk("n").walk(f"{ROOT}/shared")) == []


def test_evict_node_that_boots_or_is_broken_lets_it_come_back_whole():
    world, notes = make(boot_s=90)
    world.obey([start_node(), EvictNode(node_id="n")])
    world.advance_to(START + 100)
    assert notes.take() == []
    world.obey([start_node(boot=2)])
    world.advance_to(START + 200)
    world.lose_node("n", for_good=True)
    world.obey([EvictNode(node_id="n"), start_node(boot=3)])
    world.advance_to(START + 300)
    assert notes.take()[-1] == (290, NodeStarted(node_id="n", boot=3))


def test_stop_node_while_it_boots_reports_only_that_it_stopped():
    world, notes = make(boot_s=90)
    world.obey([start_node("a")])
    world.advance_to(START + 10)
    world.obey([StopNode(pool_id="p", node_id="a")])
    world.advance_to(START + 200)
    assert notes.take() == [(19, NodeStopped(node_id="a"))]


def test_reboot_keeps_files_and_reimage_deletes_them():
    world, notes = up()
    path = f"{ROOT}/shared/f"
    world.disk("n").write(path, b"x", 0)
    world.obey([RestartNode(pool_id="p", node_id="n", boot=2)])
    assert world.disk("n") is None
    world.settle()
    assert [line for _, line in notes.take()] == [
        NodeAllocated(node_id="n", boot=2, ip_address="10.0.0.4"),
        NodeStarted(node_id="n", boot=2),
    ]
    assert world.disk("n").exists(path)
    world.obey([RestartNode(pool_id="p", node_id="n", boot=3, reimage=True)])
    world.settle()
    assert not world.disk("n").exists(path)


@pytest.mark.parametrize("end", ["reboot", "stop", "loss"])
def test_end_of_a_node_ends_its_runs_without_a_report(end):
    world, notes = up()
    world.obey([start_run("sleep 60"), start_run("/bin/sh -c 'sleep 60; exit 1'", 2)])
    world.advance_to(START + 10)
    if end == "reboot":
        world.obey([RestartNode(pool_id="p", node_id="n", boot=2)])
    elif end == "stop":
        world.obey([StopNode(pool_id="p", node_id="n")])
    else:
        world.lose_node("n")
    world.advance_to(START + 100)
    assert not [line for _, line in notes.take() if isinstance(line, RunExited)]


def test_lost_node_comes_back_unless_it_is_broken_for_good():
    world, notes = up()
    world.lose_node("n")
    world.obey([start_node(boot=2)])
    world.settle()
    assert [type(line) for _, line in notes.take()] == [NodeLost, NodeAllocated, NodeStarted]
    world.lose_node("n", for_good=True)
    with pytest.raises(NotFound):
        world.lose_node("n")
    world.obey([start_node(boot=3)])
    world.settle()
    assert [type(line) for _, line in notes.take()] == [NodeLost, NodeStartFailed]
    world.obey([RestartNode(pool_id="p", node_id="n", boot=4)])
    world.settle()
    assert [type(line) for _, line in notes.take()] == [NodeAllocated, NodeStarted]


def test_run_exits_when_its_command_ends():
    world, notes = up()
    world.obey([start_run("sleep 30"), start_run("false", 2)])
    world.advance_to(START + 100)
    assert notes.take() == [
        (0.01, RunExited(run_id=run_id(2), exit_code=1)),
        (30, RunExited(run_id=run_id(1), exit_code=0)),
    ]


@pytest.mark.parametrize("command", ["sleep 90", "sleep infinity", "/bin/sh -c 'sleep 5; render'"])
def test_run_over_its_time_is_killed(command):
    world, notes = up()
    world.obey([start_run(command, time_limit_s=20.0)])
    world.advance_to(START + 100)
    ((at, report),) = notes.take()
    assert (at, report.exit_code, report.cancelled) == (20, 137, False)
    assert (report.failure.code, report.failure.category) == ("TaskEnded", "ServerError")


def test_run_as_long_as_its_time_succeeds():
    world, notes = up()
    world.obey([start_run("sleep 20", time_limit_s=20.0)])
    world.advance_to(START + 100)
    assert notes.take() == [(20, RunExited(run_id=run_id(), exit_code=0))]


def test_cancelled_run_exits_soon_and_once():
    world, notes = up()
    world.obey([start_run("/bin/sh -c 'sleep 60; echo x > $AZ_BATCH_NODE_SHARED_DIR/f'")])
    world.advance_to(START + 10)
    world.obey([CancelRun(run_id=run_id()), CancelRun(run_id=run_id())])
    world.advance_to(START + 100)
    cancelled = RunExited(run_id=run_id(), exit_code=137, cancelled=True)
    assert notes.take() == [(10.1, cancelled)]
    assert not world.disk("n").exists(f"{ROOT}/shared/f")


def test_cancel_of_a_run_that_has_ended_changes_nothing():
    world, notes = up()
    world.obey([start_run("true"), CancelRun(run_id=run_id())])
    world.advance_to(START + 1)
    world.obey([CancelRun(run_id=run_id()), CancelRun(run_id=RunId("j", "t", "gone", 9))])
    world.advance_to(START + 2)
    assert notes.take() == [(0.01, RunExited(run_id=run_id(), exit_code=0))]


def test_run_on_a_node_that_is_not_up_fails():
    world, notes = make()
    world.obey([start_run("true", node_id="gone")])
    world.settle()
    ((_, report),) = notes.take()
    assert (report.exit_code, report.failure.code) == (None, "Unknown")


def test_runs_see_each_other_s_files_in_order_of_time():
    world, _ = up()
    shared = "$AZ_BATCH_NODE_SHARED_DIR/f"
    world.obey([
        start_run(f"/bin/sh -c 'sleep 2; echo b >> {shared}; sleep 2; echo d >> {shared}'"),
        start_run(f"/bin/sh -c 'sleep 1; echo a >> {shared}; sleep 2; echo c >> {shared}'", 2),
    ])  # fmt: skip
    world.advance_to(START + 10)
    assert world.disk("n").read(f"{ROOT}/shared/f") == b"a\nb\nc\nd\n"


def test_delete_files_takes_directories_away():
    world, _ = up()
    world.obey([start_run("echo x")])
    world.advance_to(START + 1)
    gone = DeleteFiles(node_id="n", directories=("workitems/j/job-1/t", "nosuch"))
    world.obey([gone, DeleteFiles(node_id="nosuch", directories=("x",))])
    assert not world.disk("n").exists(f"{ROOT}/workitems/j/job-1/t")


def test_resource_files_are_put_into_the_working_directory(tmp_path):
    (tmp_path / "in.txt").write_text("hello\n")
    world, notes = up()
    files = (
        ResourceFile(http_url=str(tmp_path / "in.txt"), file_path="in.txt"),
        ResourceFile(http_url=(tmp_path / "in.txt").as_uri(), file_path="deep/copy"),
        ResourceFile(
            http_url="https://example.org/data.bin", file_path="data.bin", file_mode="0600"
        ),
    )
    world.obey([start_run("/bin/sh -c 'cat in.txt deep/copy data.bin'", resource_files=files)])
    world.advance_to(START + 1)
    disk, base = world.disk("n"), f"{ROOT}/workitems/j/job-1/t"
    assert disk.read(f"{base}/stdout.txt") == b"hello\nhello\n"
    assert disk.find(f"{base}/wd/data.bin").mode == 0o600
    assert [line.exit_code for _, line in notes.take()] == [0]


def test_resource_file_that_is_missing_fails_the_run(tmp_path):
    world, notes = up()
    missing = (ResourceFile(http_url=str(tmp_path / "nosuch"), file_path="nosuch"),)
    world.obey([start_run("true", resource_files=missing)])
    world.advance_to(START + 1)
    ((_, report),) = notes.take()
    assert (report.exit_code, report.failure.code) == (None, "BlobNotFound")


def test_wake_comes_when_asked_for_after_what_happens_at_that_time():
    world, notes = up()
    world.obey([start_run("sleep 5")])
    world.wake_at(START + 9)
    world.wake_at(START + 5)
    world.advance_to(START + 100)
    assert [line if line == "wake" else "exit" for _, line in notes.take()] == ["exit", "wake"]
    assert world.now() == START + 100
    assert world.next_moment() is None


def test_planned_fault_happens_at_its_time_and_others_wait():
    world, notes = make()
    for when in (30, 10, 60):
        world.plan(START + when, lambda: notes.lines.append((world.now() - START, "fault")))
    world.advance_to(START + 40)
    assert notes.lines == [(10, "fault"), (30, "fault")]
    assert world.next_event() == START + 60
