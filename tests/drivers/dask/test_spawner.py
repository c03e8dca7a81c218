"""A spawner on its own: what it does with orders, in which order they ever come."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from batchlab.drivers.dask import spawner
from helpers.dask_labs import sleepers
from helpers.spawning import Talk, waiting_for
from helpers.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has spawners")


@pytest.fixture
def talk(tmp_path):
    with Talk(tmp_path) as talk:
        yield talk


def test_many_orders_in_one_message_are_all_reported(talk):
    talk.send(*[talk.start(number, "/bin/sh", "-c", f"exit {number}") for number in range(30)])
    for number in range(30):
        assert talk.report(number) == (number, False, None)


def test_signal_that_ended_a_command_is_added_to_128(talk):
    talk.send(talk.start(1, "/bin/sh", "-c", "kill -TERM $$"))
    assert talk.report(1) == (143, False, None)


def test_kill_in_the_same_message_as_the_start_lets_nothing_begin(talk, tmp_path):
    talk.send(talk.start(1, "touch", f"{tmp_path}/begun"), ("kill", 1), talk.start(2, "true"))
    assert talk.report(1) == (None, True, None)
    assert talk.report(2) == (0, False, None)
    assert not (tmp_path / "begun").exists()


def test_kill_that_comes_before_the_start_lets_nothing_begin(talk, tmp_path):
    talk.send(("kill", 2))
    talk.send(talk.start(1, "true"))
    talk.send(talk.start(2, "touch", f"{tmp_path}/begun"))
    assert talk.report(2) == (None, True, None)
    assert talk.report(1) == (0, False, None)
    assert not (tmp_path / "begun").exists()


def test_kill_ends_a_command_and_its_group(talk):
    talk.send(talk.start(1, "/bin/sh", "-c", "sleep 7101 & sleep 7101"))
    until(lambda: len(sleepers(7101)) == 2)
    talk.send(("kill", 1))
    assert talk.report(1) == (137, True, None)
    assert not sleepers(7101)


def test_kill_that_comes_too_late_changes_nothing(talk, tmp_path):
    talk.send(talk.start(1, *waiting_for(tmp_path / "go")))
    until(lambda: talk.table.session(1))
    command = psutil.Process(talk.table.session(1))
    talk.process.send_signal(signal.SIGSTOP)
    (tmp_path / "go").touch()
    until(lambda: command.status() == "zombie")
    talk.send(("kill", 1))
    talk.process.send_signal(signal.SIGCONT)
    assert talk.report(1) == (0, False, None)
    talk.send(("kill", 1), talk.start(2, "true"))
    assert talk.report(2) == (0, False, None)


def test_session_is_in_the_table_while_the_command_runs(talk):
    talk.send(talk.start(1, "sleep", "7102"))
    until(lambda: sleepers(7102))
    assert sleepers(7102) == [talk.table.session(1)] == [os.getsid(talk.table.session(1))]
    talk.send(("kill", 1))
    talk.report(1)
    assert talk.table.session(1) == 0


def test_limit_that_marks_a_run_is_there_before_it_executes_and_not_on_the_spawner(talk):
    show = "import resource; print(*resource.getrlimit(resource.RLIMIT_RTTIME))"
    for number in range(20):
        order = talk.start(number, sys.executable, "-I", "-S", "-c", show)
        talk.send(order)
        assert talk.report(number) == (0, False, None)
        soft, _ = Path(talk.root, f"{number}/stdout.txt").read_text().split()
        assert int(soft) == order[4]
    assert psutil.Process(talk.process.pid).rlimit(psutil.RLIMIT_RTTIME) == (-1, -1)


@pytest.mark.parametrize(
    "words", [[], ["no-such-program"], ["/etc/passwd"], ["/tmp"], ["a\0b"], [""]]
)
def test_command_that_cannot_begin_is_left_to_the_worker(talk, words):
    talk.send(talk.start(1, *words), talk.start(2, "true"))
    assert talk.report(1) == (None, False, None)
    assert talk.report(2) == (0, False, None)
    assert talk.table.session(1) == 0


def test_spawner_without_files_left_goes_on_when_it_has_some(talk):
    limits = psutil.Process(talk.process.pid)
    before = limits.rlimit(psutil.RLIMIT_NOFILE)
    talk.send(talk.start(1, "true"))
    assert talk.report(1) == (0, False, None)
    limits.rlimit(psutil.RLIMIT_NOFILE, (4, before[1]))
    talk.send(talk.start(2, "true"))
    assert talk.report(2) == (None, False, None)
    limits.rlimit(psutil.RLIMIT_NOFILE, before)
    talk.send(talk.start(3, "true"))
    assert talk.report(3) == (0, False, None)


def test_counters_are_those_of_the_command_with_its_children(talk, tmp_path):
    write = f"dd if=/dev/zero of={tmp_path}/x bs=64k count=64 2>&-; true"
    talk.send(("measure",), talk.start(1, "/bin/sh", "-c", write))
    code, _, (pid, stat, io) = talk.report(1)
    assert code == 0
    assert stat.startswith(f"{pid} (sh) Z ".encode())
    counts = dict(line.split(": ") for line in io.decode().splitlines())
    assert int(counts["syscw"]) >= 64
    written = int(counts["write_bytes"])
    assert written == 0 or written >= 64 * 65536  # 0: a file system in memory


def test_end_of_the_worker_ends_commands_and_spawner(talk):
    talk.send(talk.start(1, "/bin/sh", "-c", "sleep 7103 & sleep 7103"))
    until(lambda: len(sleepers(7103)) == 2)
    talk.hang_up()
    assert talk.process.wait(60) == 0
    until(lambda: not sleepers(7103))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_everybody_do_not_end_a_spawner_and_commands_do_not_inherit_that(talk, number):
    talk.send(talk.start(1, "true"))
    talk.report(1)  # it is up
    talk.process.send_signal(number)
    talk.send(talk.start(2, "/bin/sh", "-c", f"kill -{int(number)} $$; sleep 5"))
    assert talk.report(2) == (128 + number, False, None)


def test_messages_arrive_whole_however_they_are_cut():
    sent = [[("start", 1, "x" * 300)], [], [("kill", 1)]]
    data = b"".join(spawner.frame(message) for message in sent)
    for size in (1, 3, 7, 100, len(data)):
        frames, got = spawner.Frames(), []
        for start in range(0, len(data), size):
            got += frames.feed(data[start : start + size])
        assert got == sent


def test_spawner_starts_with_little():
    slow = {"pathlib", "shutil", "subprocess", "typing", "socket", "batchlab"}
    code = "import os, sys; sys.path.append(os.path.dirname(sys.argv[1])); import spawner"
    loaded = subprocess.check_output(
        [sys.executable, "-I", "-S", "-c", f"{code}; print(*sys.modules)", spawner.__file__],
        text=True,
    )
    assert "spawner" in loaded.split()
    assert slow.isdisjoint(loaded.split())
