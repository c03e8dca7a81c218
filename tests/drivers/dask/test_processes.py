import errno
import os
import threading

import pytest

from batchlab.drivers.dask.processes import Process, split_command
from batchlab.drivers.launches import LaunchFailed
from helpers.dask_labs import sleepers
from helpers.waiting import until


@pytest.fixture
def spawn(tmp_path):
    (tmp_path / "wd").mkdir()
    environment = {"PATH": os.environ["PATH"], "AZ_BATCH_TASK_DIR": str(tmp_path)}

    def spawn(command_line, **variables):
        return Process(
            split_command(command_line), str(tmp_path / "wd"), environment | variables,
            str(tmp_path / "stdout.txt"), str(tmp_path / "stderr.txt"),
        )  # fmt: skip

    return spawn


@pytest.mark.parametrize(
    ("command_line", "code"),
    [
        ("true", 0),
        ("false", 1),
        ("/bin/sh -c 'exit 77'", 77),
        ("/bin/sh -c 'kill -TERM $$'", 143),
        ("/bin/sh -c 'kill -KILL $$'", 137),
    ],
)
def test_process_ends_gives_its_exit_code_or_128_and_the_signal(spawn, command_line, code):
    assert spawn(command_line).wait() == code


def test_process_writes_bytes_both_streams_are_kept_as_they_are(spawn, tmp_path):
    spawn("/bin/sh -c 'printf \"\\\\377\\\\000x\"; printf e >&2'").wait()
    assert (tmp_path / "stdout.txt").read_bytes() == b"\xff\0x"
    assert (tmp_path / "stderr.txt").read_bytes() == b"e"


def test_command_without_shell_leaves_variables_literal(spawn, tmp_path):
    spawn("echo $HOME > x | y").wait()
    assert (tmp_path / "stdout.txt").read_text() == "$HOME > x | y\n"
    assert not (tmp_path / "wd" / "x").exists()


@pytest.mark.parametrize(
    ("command_line", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("a 'b c' \"d'e\" f\\ g ''", ["a", "b c", "d'e", "f g", ""]),
        ("a #b", ["a", "#b"]),
        ("a\N{NO-BREAK SPACE}b", ["a\N{NO-BREAK SPACE}b"]),
        ("a\x0bb", ["a\x0bb"]),
    ],
)
def test_command_line_is_split_as_posix_does(command_line, words):
    assert split_command(command_line) == words


@pytest.mark.parametrize(
    ("command_line", "code"),
    [
        ("no-such-program-here", "CommandProgramNotFound"),
        ("./nothing", "CommandProgramNotFound"),
        ("/tmp", "CommandLaunchFailed"),
        ("/etc/passwd", "CommandLaunchFailed"),
        ("echo 'open", "CommandLaunchFailed"),
        ("''", "CommandLaunchFailed"),
    ],
)
def test_command_that_cannot_start_says_why(spawn, command_line, code):
    with pytest.raises(LaunchFailed) as refused:
        spawn(command_line).wait()
    failure = refused.value.failure
    assert (failure.code, failure.category) == (code, "UserError")
    assert failure.details["Message"]


@pytest.mark.code("DiskFull")
def test_disk_that_is_full_is_a_failure_of_the_node(spawn, monkeypatch):
    def no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("batchlab.drivers.dask.spawner.os.open", no_space)
    with pytest.raises(LaunchFailed) as refused:
        spawn("true")
    failure = refused.value.failure
    assert (failure.code, failure.category) == ("DiskFull", "ServerError")
    assert "No space left" in failure.details["Message"]


def test_program_is_looked_up_on_the_path_of_the_run_and_relative_to_its_directory(
    spawn, tmp_path
):
    program = tmp_path / "wd" / "mine"
    program.write_text("#!/bin/sh\nexit 5\n")
    program.chmod(0o755)
    assert spawn("./mine").wait() == 5
    assert spawn("mine", PATH=".").wait() == 5


def test_process_leaves_children_in_its_group_they_are_killed(spawn):
    assert spawn("/bin/sh -c 'sleep 7001 & exit 3'").wait() == 3
    until(lambda: not sleepers(7001))


def test_kill_reaches_children_in_other_sessions_and_without_environment(spawn):
    process = spawn(
        '/bin/sh -c \'setsid sleep 7002 & setsid sh -c "sleep 7002 & wait" & '
        'exec env -i sh -c "sleep 7002; true"\''
    )
    until(lambda: len(sleepers(7002)) == 3)
    threading.Timer(0.01, process.kill).start()
    assert process.wait() == 137
    assert not sleepers(7002)


def test_kill_after_the_end_says_so_and_kills_nothing(spawn):
    process = spawn("true")
    process.wait()
    assert not process.kill()


def test_process_has_ended_the_watchdog_no_longer_knows_its_session(spawn, monkeypatch):
    """Its number may be given to somebody else's process, which nobody must kill."""
    known = {}

    def enter(session, _):
        known[session] = True
        return lambda: known.pop(session)

    monkeypatch.setattr("batchlab.drivers.dask.processes.enter_session", enter)
    process = spawn("true")
    assert list(known) == [process.pid]
    process.wait()
    assert not known
