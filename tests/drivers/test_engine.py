"""The engine while its journal cannot be written: it refuses requests, and forgets nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.messages import inputs
from batchlab.drivers.engine import Engine
from helpers.waiting import until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def reopened(folder: Path, **options: Any) -> bl.SimulatedLab:
    return bl.SimulatedLab(journal=folder, **options)


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """No file may grow beyond what the segments are."""
    size = max(each.stat().st_size for each in folder.glob("segment-*"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.code("ServerBusy")
def test_full_disk_refuses_requests_and_keeps_reports(folder: Path) -> None:
    lab = reopened(folder)
    job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
    job.create_tasks(["sleep 100"] * 3)
    lab.advance("2m")
    with full_disk(folder):
        with pytest.raises(bl.ServerBusy, match=r"cannot be written .*Make room") as caught:
            job.delete()
        assert (caught.value.code, caught.value.status) == ("ServerBusy", 503)
        with pytest.raises(bl.ServerBusy):
            lab.advance("1h")
        with pytest.raises(bl.ServerBusy):
            lab.advance("1h")
        assert job.state == "active"  # questions are answered
    job.tasks.wait()
    assert job.counts.succeeded == 3
    job.delete()
    lab.close()
    with reopened(folder) as lab:
        assert list(lab.jobs) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_disk_that_is_really_full_loses_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount")
    try:
        folder = tmp_path / "lab"
        with bl.Lab(journal=folder, storage=tmp_path.parent / "data") as lab:
            pool = lab.create_pool("p", target_dedicated_nodes=1)
            pool.nodes.wait("idle")
            job = lab.create_job("j", pool)
            go = tmp_path.parent / "go"
            job.create_task("a", f"/bin/sh -c 'until [ -e {go} ]; do sleep 0.05; done'")
            job.tasks["a"].wait("running")
            ballast = tmp_path / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 1024)
            with contextlib.suppress(OSError), (tmp_path / "rest").open("wb", buffering=0) as file:
                while True:
                    file.write(b"x")
            with pytest.raises(bl.ServerBusy, match="No space left"):
                fill_last_page(lab)
            go.touch()
            until(lambda: any(engine._inbox for engine in engines()))
            assert job.tasks["a"].state == "running"
            with pytest.raises(bl.ServerBusy):
                job.delete()
            ballast.unlink()
            job.tasks["a"].wait(timeout=30)
            assert job.tasks["a"].exit_code == 0
            job.delete()
            job.wait("deleted", timeout=30)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def fill_last_page(lab: bl.Lab) -> None:
    """Make requests, each shorter than a report of a run, until there is no room for any."""
    while True:
        with contextlib.suppress(bl.NotFound):
            lab._connection.request(inputs.DeleteJob(job_id="x"))


def engines() -> list[Engine]:
    return [each for each in gc.get_objects() if isinstance(each, Engine) and each.stalled]
