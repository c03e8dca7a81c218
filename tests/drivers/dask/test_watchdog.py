"""What the watchdog and the end of a run find: processes that have done all to be lost."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

import batchlab as bl
from batchlab.drivers.dask import guards, watchdog
from helpers.dask_labs import children_with, sleepers
from helpers.waiting import until

ESCAPE = """
import os, resource, sys, time
while resource.getrlimit(resource.RLIMIT_RTTIME)[0] < 0:
    time.sleep(0.001)  # the node marks its runs as soon as it has spawned them
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.chdir("/")
        for number in range(3):
            os.dup2(os.open("/dev/null", os.O_RDWR), number)
        os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})
    os._exit(0)
os.wait()
open("ready", "w").close()
time.sleep(float(sys.argv[2]))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs limits of other processes")


@pytest.fixture
def escape(tmp_path):
    script = tmp_path / "escape.py"
    script.write_text(ESCAPE)
    return lambda seconds, then=600: f"{sys.executable} {script} {seconds} {then}"


@pytest.fixture
def lab(tmp_path):
    with bl.Lab(root=tmp_path) as lab:
        lab.create_pool("p", target_dedicated_nodes=2).nodes.wait("idle")
        lab.create_job("j", "p")
        yield lab


@linux
def test_process_that_left_its_session_and_environment_ends_with_its_task(lab, escape):
    job = lab.jobs["j"]
    ended, other = (job.create_task(name, escape(number))
                    for name, number in (("a", 7081), ("b", 7082)))  # fmt: skip
    until(lambda: sleepers(7081) and sleepers(7082))
    assert psutil.Process(sleepers(7081)[0]).environ() == {}
    ended.terminate()
    ended.wait(timeout=30)
    until(lambda: not sleepers(7081))
    assert sleepers(7082)  # another run on another node
    other.terminate()
    until(lambda: not sleepers(7082))


@linux
def test_process_that_outlived_its_task_ends_with_its_node(lab, escape):
    job = lab.jobs["j"]
    job.create_task("a", escape(7083, 0)).wait(timeout=30)
    until(lambda: sleepers(7083))  # which it may only become now
    lab.pools["p"].delete()
    until(lambda: not sleepers(7083))


REFUSED = """
import os, sys
from batchlab.drivers.dask import guards
program, sys.executable = sys.executable, "/no/such/program"
try:
    guards.guard(sys.argv[1])
except FileNotFoundError:
    print("refused", flush=True)
sys.executable = program
guards.guard(sys.argv[1])
os.kill(os.getpid(), 9)
"""


@linux
def test_folder_that_found_no_watchdog_is_guarded_when_it_is_asked_for_again(tmp_path):
    folder = tmp_path / "batchlab-1"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", REFUSED, folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("refused\n", "", -9)
    until(lambda: not folder.exists())


LAB = """
import batchlab as bl, sys, time
from batchlab.drivers.dask import guards
lab = bl.Lab(root=sys.argv[1])
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
job.create_task("a", sys.argv[2])
print("up", flush=True)
for _ in sys.stdin:
    before = guards._watchdog
    before.kill()
    while guards._watchdog is before:
        time.sleep(0.01)
    with guards._lock:  # it knows everything now
        print("replaced", flush=True)
"""


@linux
def test_watchdog_that_is_killed_is_replaced_and_then_does_its_work(tmp_path, escape):
    (tmp_path / "root").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", LAB, tmp_path / "root", escape(7084)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as lab:  # fmt: skip
        try:
            assert lab.stdout.readline() == b"up\n"
            until(lambda: sleepers(7084))
            for _ in range(2):
                lab.stdin.write(b"again\n")
                lab.stdin.flush()
                assert lab.stdout.readline() == b"replaced\n"
        finally:
            lab.send_signal(signal.SIGKILL)
    until(lambda: not sleepers(7084))
    until(lambda: not list((tmp_path / "root").iterdir()))


def watchdogs(pid):
    return children_with(watchdog.__file__, pid)


def test_watchdog_that_ends_with_the_last_folder_is_not_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    guards.guard(str(tmp_path / "a"))
    try:
        (first,) = watchdogs(os.getpid())
    finally:
        guards.dismiss(str(tmp_path / "a"))
    assert not first.is_running()
    assert watchdogs(os.getpid()) == []


def test_kin_are_of_one_lab_one_node_one_run():
    lab, node, run = "/tmp/batchlab-1", "/tmp/batchlab-1/node", "/tmp/batchlab-1/node/wd/t"
    (number,) = watchdog.kin_of(node, run)
    assert number in watchdog.kin_of(node)
    assert number in watchdog.kin_of(lab, below=True)
    assert number not in watchdog.kin_of(f"{lab}/other")
    assert number not in watchdog.kin_of("/tmp/batchlab-2", below=True)
    assert number not in watchdog.kin_of(node, f"{run}2")
    assert 2**60 <= number < 2**63  # too long to be reached, and a valid limit


def test_watchdog_starts_with_little_as_a_machine_may_start_many():
    slow = {"pathlib", "shutil", "subprocess", "typing", "batchlab"}
    code = f"{guards._WATCH.replace('watchdog.watch()', '')}print(*sys.modules)"
    loaded = subprocess.check_output(
        [sys.executable, "-I", "-S", "-c", code, watchdog.__file__], text=True
    )
    assert "watchdog" in loaded.split()
    assert slow.isdisjoint(loaded.split())
