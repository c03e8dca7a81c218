"""Programs that end with the process that has started them."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from batchlab.programs import end_program, start_program
from helpers.waiting import WAIT_S, until

PROGRAM = """
import signal, sys, time
def end(*_):
    print("asked", flush=True)
    if {polite}:
        sys.exit(3)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
time.sleep(600)
"""


def words(polite=True):
    return [sys.executable, "-c", PROGRAM.format(polite=polite)]


def ready(path):
    return path.exists() and "ready" in path.read_text()


@pytest.fixture
def said(tmp_path):
    return tmp_path / "said"


def test_program_that_ends_by_itself_is_seen_with_its_exit_code():
    process = start_program(["/bin/sh", "-c", "exit 7"])
    assert process.wait(WAIT_S) == 7
    end_program(process)


def test_program_is_asked_to_end(said):
    with said.open("w") as file:
        process = start_program(words(), stdout=file)
    until(lambda: ready(said))
    end_program(process)
    assert process.returncode == 3
    assert said.read_text() == "ready\nasked\n"
    end_program(process)


def test_program_that_does_not_want_to_end_is_killed(said):
    with said.open("w") as file:
        process = start_program(words(polite=False), stdout=file)
    until(lambda: ready(said))
    end_program(process, 0.5)
    assert process.returncode == -signal.SIGKILL


def is_alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


STARTER = """
import sys, time
from batchlab.programs import start_program
with open(sys.argv[1], "w") as file:
    start_program(sys.argv[2:], stdout=file, patience_s=0.5)
time.sleep(600)
"""


@pytest.mark.parametrize("polite", [True, False])
def test_program_ends_with_a_process_that_is_killed(polite, said):
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(said), *words(polite)])
    until(lambda: ready(said))
    family = psutil.Process(starter.pid).children(recursive=True)
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    until(lambda: not any(map(is_alive, family)))
    assert said.read_text() == "ready\nasked\n"
