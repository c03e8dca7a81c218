"""What of a durable lab is on the disk, and when; and disks that cannot be written."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.drivers import journal
from batchlab.drivers.engine import Engine
from batchlab.drivers.snapshots import segment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def reopened(folder: Path, **options: Any) -> bl.SimulatedLab:
    return bl.SimulatedLab(journal=folder, **options)


@pytest.mark.parametrize("real", [False, True])
def test_request_is_on_the_disk_before_anything_follows_from_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    kind = bl.Lab if real else bl.SimulatedLab
    with kind(journal=folder, durability="fsync") as lab:
        synced = []
        (engine,) = [
            each for each in gc.get_objects()
            if isinstance(each, Engine) and each.journal and each.journal.path == folder
        ]  # fmt: skip

        def sync(number: int) -> None:
            written = segment(folder, 1).read_bytes().count(b'"CreatePool"')
            synced.append((written, len(engine.core.state.pools)))
            os.fdatasync(number)

        monkeypatch.setattr(journal, "sync", sync)
        lab.create_pool("p")
        assert synced[0] == (1, 0)
        assert list(lab.pools) == ["p"]


def test_request_that_the_disk_does_not_keep_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(number: int) -> None:
        raise OSError(5, "Input/output error")

    with reopened(folder, durability="fsync") as lab:
        with monkeypatch.context() as patch:
            patch.setattr(journal, "sync", sync)
            with pytest.raises(bl.ServerBusy, match="Input/output error"):
                lab.create_pool("p")
            assert list(lab.pools) == []
        lab.create_pool("q")
    with reopened(folder) as lab:
        assert list(lab.pools) == ["q"]


def test_flush_does_not_wait_for_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with reopened(folder) as lab:
        monkeypatch.setattr(journal, "sync", lambda number: pytest.fail("it waited"))
        lab.create_pool("p")


def test_names_of_a_new_lab_survive_a_power_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    for name in ("fsync", "fdatasync"):
        whole = getattr(os, name)

        def sync(number: int, whole: Any = whole) -> None:
            synced.add(os.fstat(number).st_ino)
            whole(number)

        monkeypatch.setattr(os, name, sync)
    reopened(folder, durability="fsync").close()
    for path in (folder / "lab.json", segment(folder, 1), folder, folder.parent):
        assert path.stat().st_ino in synced, path


def test_torn_input_that_could_not_be_removed_at_once_is_removed_before_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def torn(number: int, data: bytes) -> int:
        write(number, data[: len(data) // 2])
        raise OSError(5, "Input/output error")

    def refused(*arguments: Any) -> None:
        raise OSError(5, "Input/output error")

    with reopened(folder) as lab:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", torn)
            patch.setattr(os, "ftruncate", refused)
            for name in ("p", "q"):
                with pytest.raises(bl.ServerBusy):
                    lab.create_pool(name)
        lab.create_pool("r")
    with reopened(folder) as lab:
        assert list(lab.pools) == ["r"]


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A lab's folder that other users, and their processes, may only read."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "lab"
        with reopened(folder) as lab:
            lab.create_pool("p")
        for path in (Path(place), *Path(place).rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder
        for path in (Path(place), folder):
            path.chmod(0o755)


def test_folder_that_is_read_only_is_refused_and_can_be_looked_at(locked_folder: Path) -> None:
    script = f"""
import os, batchlab as bl
bl.SimulatedLab().close()
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    bl.SimulatedLab(journal={str(locked_folder)!r})
except bl.InvalidRequest as error:
    print(error)
with bl.ReplayedLab({str(locked_folder)!r}) as lab:
    print(list(lab.pools))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "cannot be written: Permission denied" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "['p']", done.stderr


def test_folder_under_another_name_is_the_same_lab(folder: Path) -> None:
    other = folder.parent / "other"
    with reopened(folder):
        other.symlink_to(folder)
        for name in (other, folder.parent / "x" / ".." / "lab"):
            with pytest.raises(bl.Conflict, match="is open elsewhere"):
                reopened(name)
    reopened(other).close()


def test_auto_scale_history_survives(folder: Path) -> None:
    samples = "$ActiveTasks.GetSample(10 * TimeInterval_Minute)"
    formula = f"$TargetDedicatedNodes = min(3, max({samples}));"
    with reopened(folder) as lab:
        pool = lab.create_pool(
            "p", enable_auto_scale=True, auto_scale_formula="$TargetDedicatedNodes = 0;",
            auto_scale_evaluation_interval="5m",
        )  # fmt: skip
        job = lab.create_job("j", pool)
        job.create_tasks(["sleep 5000"] * 2)
        lab.advance("10m")
        job.delete()
        lab.advance("3m")
        assert pool.evaluate_auto_scale(formula).target_dedicated_nodes == 2
        last = pool.auto_scale_run
    with reopened(folder) as lab:
        pool = lab.pools["p"]
        assert pool.evaluate_auto_scale(formula).target_dedicated_nodes == 2
        assert pool.auto_scale_run == last
        lab.advance("5m")
        assert pool.auto_scale_run != last
