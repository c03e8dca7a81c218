"""What the runs of a node use: measured on real processes."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

from batchlab.drivers.dask.meter import Meter

BURN = "import time\nend = time.monotonic() + {0}\nwhile time.monotonic() < end: pass"


@contextmanager
def session(*command):
    """A process that leads a session of its own, and when it began."""
    began = time.monotonic()
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        yield process, began
    finally:
        process.kill()
        process.wait()


def test_node_without_runs_uses_no_cpu(tmp_path):
    usage = Meter(2, str(tmp_path), 1.0).measure({})
    assert usage.cpu_percent == 0
    assert usage.memory_megabytes == 0
    assert usage.wall_clock_seconds == 0
    assert usage.disk_gigabytes > 0
    assert usage.network_in_bytes >= 0


def test_run_that_computes_shows_as_cpu_and_memory(tmp_path):
    meter = Meter(1, str(tmp_path), 60.0)
    with session(sys.executable, "-c", BURN.format(60)) as (process, began):
        deadline, usage = time.monotonic() + 60, None
        while usage is None or usage.cpu_percent < 10:
            assert time.monotonic() < deadline
            time.sleep(0.2)  # what is measured is the time between two looks
            usage = meter.measure({process.pid: began})
        assert usage.cpu_percent <= 100
        assert usage.memory_megabytes > 1
        assert usage.wall_clock_seconds > 60 * 0.1  # seconds of lab time, which runs faster


def test_children_and_what_they_wrote_belong_to_the_run(tmp_path):
    meter = Meter(2, str(tmp_path), 1.0)
    meter.measure({})
    script = f"dd if=/dev/zero of={tmp_path}/x bs=64k count=64 2>/dev/null; sleep 60"
    with session("/bin/sh", "-c", script) as (process, began):
        written, deadline = 0.0, time.monotonic() + 60
        while written < 64 and time.monotonic() < deadline:
            written += meter.measure({process.pid: began}).disk_write_ops or 0
        assert written >= 64


def test_run_that_has_ended_counts_up_to_its_end(tmp_path):
    meter = Meter(1, str(tmp_path), 1.0)
    meter.measure({})
    with session(sys.executable, "-c", BURN.format(0.3)) as (process, began):
        deadline = time.monotonic() + 60

        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            assert time.monotonic() < deadline
        meter.ended(process.pid, began)
    usage = meter.measure({})
    assert usage.cpu_percent > 0
    assert usage.wall_clock_seconds > 0.25
    assert usage.memory_megabytes == 0


def test_meter_that_nobody_reads_keeps_no_book(tmp_path):
    meter = Meter(1, str(tmp_path), 1.0)
    meter.ended(1, 0.0)
    assert meter._ended == []
