"""The folder of a durable lab: snapshots, segments, and what crashes leave of them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.machine import Core, Settings
from batchlab.drivers import durable
from batchlab.drivers.durable import open_journal
from batchlab.drivers.snapshots import compact, recover, segment, snapshot
from helpers import busy_life
from helpers.digest import digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def reopened(folder: Path, **options: Any) -> bl.SimulatedLab:
    return bl.SimulatedLab(journal=folder, **options)


def test_life_recovered_from_snapshots_is_the_life_that_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "SEGMENT_INPUTS", 300)
    monkeypatch.setattr(durable.JournalFolder, "_compact", lambda self: None)
    opened = open_journal(str(folder), Settings())
    core = Core()
    for number, (now, item, _) in enumerate(busy_life.live(3)):
        opened.journal.write([(now, item)])
        with contextlib.suppress(bl.BatchError):
            core.handle(now, item)
        if number in (700, 1500):  # closed: one segment, then two at once
            compact(folder, number // 300 - 1)
    opened.journal.close()
    found = recover(folder)
    assert found is not None
    assert digest(found.core) == digest(core)
    assert not segment(folder, 1).exists()
    assert len(list(folder.glob("snapshot-*"))) == 1


def test_long_life_takes_bounded_disk_and_is_compacted_by_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "SEGMENT_INPUTS", 50)
    opened = open_journal(str(folder), Settings())
    core, journal = opened.core, opened.journal
    assert opened.folder is not None
    for number, (now, item, _) in enumerate(busy_life.live(4, 600)):
        journal.write([(now, item)])
        with contextlib.suppress(bl.BatchError):
            core.handle(now, item)
        process = opened.folder._compacting
        if process is not None and number % 50 == 49:
            assert process.wait(60) == 0
    journal.close()
    assert len(list(folder.glob("segment-*"))) <= 3
    found = recover(folder)
    assert found is not None
    assert digest(found.core) == digest(core)


@pytest.mark.parametrize("moment", ["fsync", "rename", "sync_folder", "unlink"])
def test_crash_at_any_moment_of_a_compaction_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    with reopened(folder) as lab:
        lab.create_pool("q")

    def crash(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        target = {"fsync": os, "sync_folder": durable.sys.modules[compact.__module__]}
        patch.setattr(target.get(moment, Path), moment, crash)
        with contextlib.suppress(KeyboardInterrupt):
            compact(folder, 2)
    for _ in range(2):
        with reopened(folder) as lab:
            assert sorted(lab.pools) == ["p", "q"]


@pytest.mark.parametrize("tail", [b'[1767603600.0,{"ty', b"\0" * 100, b'\n{"x\n', b""])
def test_torn_end_is_cut_off(folder: Path, tail: bytes) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    last = segment(folder, 1)
    whole = last.read_bytes()
    last.write_bytes(whole + tail)
    with reopened(folder) as lab:
        assert list(lab.pools) == ["p"]
    assert last.read_bytes() == whole


def test_segment_that_had_just_begun_counts_for_nothing(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    segment(folder, 2).write_bytes(b'{"batchl')
    with reopened(folder) as lab:
        assert list(lab.pools) == ["p"]


def test_damage_in_the_middle_is_refused_with_its_line(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
        lab.create_pool("q")
    lines = segment(folder, 1).read_bytes().splitlines(keepends=True)
    segment(folder, 1).write_bytes(b"".join([lines[0], b"x\n", *lines[2:]]))
    with pytest.raises(bl.InvalidRequest, match=r"line 2 of .* is damaged.*fresh=True"):
        reopened(folder)


def test_line_of_a_later_version_is_refused_and_kept(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    last = segment(folder, 1)
    whole = last.read_bytes() + b'[1767603600.0,{"type":"CreateMoon","id":"m"}]\n'
    last.write_bytes(whole)
    for _ in range(2):
        with pytest.raises(bl.InvalidRequest, match=r"line 4 of .* is damaged: .*CreateMoon"):
            reopened(folder)
    assert last.read_bytes() == whole


def test_snapshot_of_another_version_is_refused_with_the_reason(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    compact(folder, 1)
    path = snapshot(folder, 2)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(bl.InvalidRequest, match=r"snapshot-000002 cannot be read: it is damaged"):
        reopened(folder)


def test_folder_of_a_later_format_is_refused(folder: Path) -> None:
    reopened(folder).close()
    path = folder / "lab.json"
    path.write_bytes(path.read_bytes().replace(b'"batchlab_lab":1', b'"batchlab_lab":9'))
    with pytest.raises(bl.InvalidRequest, match="was written by batchlab"):
        reopened(folder)
