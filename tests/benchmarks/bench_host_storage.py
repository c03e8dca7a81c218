"""Data through the scheduler, for labs that were given no storage, beside the bytes alone.

The same bytes go over the same kind of connection with Dask's own RPC, without files, and over
a network that delays each piece by 100 ms. Goal: at least 50 MB/s on loopback.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import alternate, fast_folder, report

import batchlab as bl

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.forwarder import Forwarder
from helpers.storage_servers import free_port, running

MEGABYTES = 100
SLOW_MEGABYTES = 20
CHUNK = 2**20


def rate(work: Callable[[], Any], megabytes: float) -> float:
    """Carry out some work; the megabytes per second."""
    begin = time.perf_counter()
    work()
    return megabytes / (time.perf_counter() - begin)


def main() -> None:
    from distributed import Client

    tempfile.tempdir = fast_folder()
    port = free_port()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
               "--port", str(port), "--no-dashboard"]  # fmt: skip
    address = f"tcp://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        running(command, port, {}) as scheduler,
        Client(address) as client,
        bl.Lab(address) as lab,
    ):
        source, copy = Path(folder, "source"), Path(folder, "copy")
        source.write_bytes(os.urandom(2**20) * MEGABYTES)
        part = Path(folder, "part")
        part.write_bytes(source.read_bytes()[: SLOW_MEGABYTES * 2**20])
        box = lab.storage.create_container("box")
        chunk = os.urandom(CHUNK)

        def alone() -> None:
            for _ in range(MEGABYTES):
                client.run_on_scheduler(len, chunk)

        results = alternate({
            "Dask's RPC alone": lambda: rate(alone, MEGABYTES),
            "upload": lambda: rate(lambda: box.upload(source, "blob"), MEGABYTES),
            "download": lambda: rate(lambda: box.download("blob", copy), MEGABYTES),
        }, rounds=3)  # fmt: skip
        report("data through the scheduler, loopback", results, "MB/s", "Dask's RPC alone",
               "50 MB/s")  # fmt: skip
        with Forwarder(address, delay_s=0.05) as slow, bl.Lab(slow.address) as far:
            there = far.storage["box"]
            up = [rate(lambda: there.upload(part, "part"), SLOW_MEGABYTES) for _ in range(3)]
            down = [rate(lambda: there.download("part", copy), SLOW_MEGABYTES) for _ in range(3)]
        print(f"\ndata through the scheduler, 100 ms away: up {statistics.median(up):.0f} MB/s, "
              f"down {statistics.median(down):.0f} MB/s; one chunk at a time would be at most "
              f"{CHUNK / 0.1 / 1e6:.0f} MB/s")  # fmt: skip
        status = subprocess.run(
            ["grep", "VmHWM", f"/proc/{scheduler.process.pid}/status"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(f"most memory of the scheduler: {status.stdout.strip()}")
        lab.shutdown()


if __name__ == "__main__":
    main()
