"""A lab whose journal is a folder: it goes on where it was, however its process ended."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.machine import Core, Settings
from batchlab.core.messages import inputs
from batchlab.drivers import durable
from batchlab.drivers.durable import is_folder, open_journal
from batchlab.drivers.engine import Engine
from batchlab.drivers.snapshots import compact, recover, segment, snapshot
from helpers import busy_life
from helpers.certificates import pfx
from helpers.digest import digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def reopened(folder: Path, **options: Any) -> bl.SimulatedLab:
    return bl.SimulatedLab(journal=folder, **options)


def test_lab_goes_on_where_it_was(folder: Path) -> None:
    with reopened(folder) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        job = lab.create_job("j", pool)
        job.create_tasks(["echo a", "sleep 100"])
        job.tasks["task001"].wait("completed")
        nodes, now = sorted(pool.nodes), lab.now
    with reopened(folder) as lab:
        assert lab.now == now
        job = lab.jobs["j"]
        assert (job.counts.succeeded, job.counts.active) == (1, 1)
        assert sorted(lab.pools["p"].nodes) == nodes
        job.tasks.wait()
        assert [task.retry_count for task in job.tasks.values()] == [0, 0]


def test_what_was_acknowledged_survives_a_process_that_is_killed(folder: Path) -> None:
    script = f"""
import batchlab as bl, os
lab = bl.SimulatedLab(journal={str(folder)!r})
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
job.create_tasks(["echo a"] * 3)
job.tasks.wait()
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with reopened(folder) as lab:
        assert lab.jobs["j"].counts.succeeded == 3


def test_data_and_its_addresses_survive(folder: Path) -> None:
    with reopened(folder) as lab:
        url = lab.storage.create_container("data").upload(b"kept", "text").url
    with reopened(folder) as lab:
        assert lab.storage["data"].read("text") == b"kept"
        assert lab.storage["data"].list()[0].url == url


@pytest.mark.parametrize("real", [False, True])
def test_certificate_has_to_be_added_again(folder: Path, real: bool) -> None:
    def opened() -> Any:
        return bl.Lab(journal=folder) if real else reopened(folder)

    with opened() as lab:
        certificate = lab.create_certificate(pfx(), password="open sesame")
        pool = lab.create_pool("p", target_dedicated_nodes=1, certificate_references=[certificate])
        pool.nodes.wait("idle")
    with opened() as lab:
        (node,) = lab.pools["p"].nodes.values()
        node.wait("unusable", timeout=300)
        assert "add the certificate again" in node.errors[0].message
        lab.create_certificate(pfx(), password="open sesame")
        with pytest.raises(bl.Conflict, match="CertificateExists"):
            lab.create_certificate(pfx(), password="open sesame")
        node.reboot()
        node.wait("idle")


def test_displays_of_a_reopened_lab_show_what_there_is(folder: Path) -> None:
    with reopened(folder) as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        job.create_tasks(["echo a"] * 3)
        job.tasks.wait()
    with reopened(folder) as lab:
        counts = lab.jobs["j"].report()
        assert "3" in repr(counts)
        changes = lab._connection.changes().changes
        assert [c.state for c in changes if type(c).__name__ == "TaskChanged"] == ["completed"] * 3


def test_replayed_lab_shows_a_folder(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p", target_dedicated_nodes=1).wait("steady")
    compact(folder, 1)
    with reopened(folder) as lab:
        lab.create_pool("q")
    with bl.ReplayedLab(folder) as lab:
        assert sorted(lab.pools) == ["p", "q"]
        assert len(lab.pools["p"].nodes) == 1


# -- who may open it ----------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [False, True])
def test_lab_that_is_alive_is_refused_with_its_place(folder: Path, elsewhere: bool) -> None:
    with reopened(folder):
        if elsewhere:
            script = f"import batchlab as bl; bl.SimulatedLab(journal={str(folder)!r})"
            done = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, check=False
            )
            assert f"process {os.getpid()} on {os.uname().nodename}" in done.stderr
        with pytest.raises(bl.Conflict, match=f"is open elsewhere .process {os.getpid()}"):
            reopened(folder)
    reopened(folder).close()


def test_fresh_lab_moves_the_old_one_aside(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    with reopened(folder, fresh=True) as lab:
        assert list(lab.pools) == []
    (old,) = (folder / "earlier").iterdir()
    with reopened(old) as lab:
        assert list(lab.pools) == ["p"]


def test_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "lab.jsonl"
    with bl.SimulatedLab(journal=path) as lab:
        lab.create_pool("p")
    before = path.read_bytes()
    with pytest.raises(bl.Conflict, match=r"fresh=True .*ReplayedLab"):
        bl.SimulatedLab(journal=path)
    assert path.read_bytes() == before
    bl.SimulatedLab(journal=path, fresh=True).close()
    assert sorted(before == each.read_bytes() for each in tmp_path.iterdir()) == [False, True]


def test_name_says_whether_it_is_a_folder(tmp_path: Path) -> None:
    assert is_folder(str(tmp_path / "lab"))
    assert is_folder(str(tmp_path / "lab.v1") + "/")
    assert not is_folder(str(tmp_path / "lab.jsonl"))
    assert is_folder(str(tmp_path))


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(bl.InvalidRequest, match=r"other files, such as 'thesis.txt'"):
        bl.SimulatedLab(journal=tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"account": "other"}, "is the lab of account 'batchlab'"),
        ({"spot_return": "1s"}, "spot_return is 1.0: the lab in the journal has 300"),
    ],
)
def test_lab_with_other_settings_is_refused(folder: Path, options: Any, text: str) -> None:
    reopened(folder).close()
    with pytest.raises(bl.BatchError, match=text):
        reopened(folder, **options)
    reopened(folder).close()


@pytest.mark.parametrize("name", ["durability", "fresh"])
def test_option_of_a_journal_requires_one(name: str) -> None:
    with pytest.raises(bl.InvalidRequest, match="requires journal"):
        bl.SimulatedLab(**{name: "flush" if name == "durability" else True})


# -- what is in it ------------------------------------------------------------------------------


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


# -- a full disk --------------------------------------------------------------------------------


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
            wait_until(lambda: any(engine._inbox for engine in engines()))
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


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- real nodes ---------------------------------------------------------------------------------

LIFE = """
import batchlab as bl, sys
lab = bl.Lab(journal={folder!r}, processes={processes})
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=2))
for number in range(1000):
    job.create_task(f"t{{number}}", "/bin/sh -c 'echo once >> {runs}/t%d'" % number)
    print("asked", number, flush=True)
    for task_id in job.tasks.filter(state="completed").ids():
        print("done", task_id, flush=True)
"""


@pytest.mark.parametrize(
    "processes", [False, pytest.param(True, marks=pytest.mark.ci("processes"))]
)
def test_lab_that_is_killed_goes_on_with_all_that_was_acknowledged(
    folder: Path, processes: bool
) -> None:
    runs = folder.parent / "runs"
    runs.mkdir()
    script = LIFE.format(folder=str(folder), processes=processes, runs=runs)
    with subprocess.Popen(
        [sys.executable, "-c", f"if __name__ == '__main__':\n  exec({script!r})"],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.split())
            if len([word for word in said if word[0] == "asked"]) == 25:
                process.kill()
        process.wait()
    asked = {f"t{number}" for word, number in said if word == "asked"}
    done = {name for word, name in said if word == "done"}
    assert done
    with bl.Lab(journal=folder, processes=processes) as lab:
        job = lab.jobs["j"]
        assert asked <= set(job.tasks)
        before = set(job.tasks.filter(state="completed").ids())
        assert done <= before
        times = {task.id: task.end_time for task in job.tasks.values() if task.id in before}
        job.tasks.wait(timeout=60)
        tasks = job.tasks
        assert {tasks[name].end_time for name in before} == set(times.values())
        assert all(task.exit_code == 0 and task.retry_count == 0 for task in tasks.values())
    for name in before:
        assert (runs / name).read_text() == "once\n"
