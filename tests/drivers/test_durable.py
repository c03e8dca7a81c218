"""A lab whose journal is a folder: it goes on where it was, however its process ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.drivers import journal_lock
from batchlab.drivers.durable import is_folder
from batchlab.drivers.snapshots import compact, segment
from helpers.certificates import pfx


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


def test_password_of_a_registry_is_in_no_file(folder: Path) -> None:
    registry = bl.ContainerRegistryReference(username="ann", password="hidden-word")
    settings = bl.TaskContainerSettings(image_name="a", registry=registry)
    with reopened(folder) as lab:
        lab.create_pool(
            "p", start_task=bl.StartTask(command_line="x", container_settings=settings),
            virtual_machine_configuration=bl.ContainerConfiguration(
                container_registries=[registry]
            ),
        )  # fmt: skip
        job = lab.create_job("j", "p", job_preparation_task=bl.JobPreparationTask(
            command_line="x", container_settings=settings))  # fmt: skip
        job.create_task("t", "x", container_settings=settings)
        assert job.tasks["t"].container_settings.registry.password.reveal() == "hidden-word"
    compact(folder, 1)
    with reopened(folder) as lab:
        kept = lab.jobs["j"].tasks["t"].container_settings.registry
        assert kept.username == "ann"
        assert not kept.password.is_kept
        assert "hidden-word" not in repr(registry)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("snapshot") for path in files)
    assert b"(not kept)" in b"".join(path.read_bytes() for path in files)
    assert b"hidden-word" not in b"".join(path.read_bytes() for path in files)


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


def test_lab_whose_folder_is_copied_stays_its_own(folder: Path) -> None:
    with reopened(folder) as lab:
        shutil.copytree(folder, folder.parent / "copy")  # closes a handle of the lock
        lab.create_pool("p")
        script = f"import batchlab as bl; bl.SimulatedLab(journal={str(folder)!r})"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert "is open elsewhere" in done.stderr


def test_lab_that_another_process_has_taken_writes_nothing(folder: Path) -> None:
    script = f"""
import batchlab as bl
with bl.SimulatedLab(journal={str(folder)!r}) as lab:
    lab.create_pool("p")
    input()
"""
    with reopened(folder) as lab:
        (folder / "lock").read_bytes()
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, text=True
        ) as other:
            while not any(b'"CreatePool"' in path.read_bytes() for path in folder.glob("s*-*")):
                assert other.poll() is None
                time.sleep(0.02)
            with pytest.raises(bl.ServerBusy, match=f"was opened elsewhere: process {other.pid}"):
                lab.create_pool("q")
            other.communicate("\n")
        assert other.returncode == 0
        with pytest.raises(bl.ServerBusy, match=f"was opened elsewhere: process {other.pid}"):
            lab.create_pool("q")
    assert b'"LabClosing"' not in segment(folder, 1).read_bytes()
    with reopened(folder) as lab:
        assert list(lab.pools) == ["p"]


def test_second_lab_of_a_process_is_refused_while_the_first_one_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lockf, refused = journal_lock.fcntl.lockf, []

    def second(number: int, how: int) -> None:
        if how & journal_lock.fcntl.LOCK_NB and not refused:
            refused.append(True)
            with pytest.raises(bl.Conflict, match="this one"):
                reopened(folder)
        lockf(number, how)

    monkeypatch.setattr(journal_lock.fcntl, "lockf", second)
    with reopened(folder) as lab:
        lab.create_pool("p")
        assert refused


def test_fresh_lab_moves_the_old_one_aside(folder: Path) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
    with reopened(folder, fresh=True) as lab:
        assert list(lab.pools) == []
    (old,) = (folder / "earlier").iterdir()
    with reopened(old) as lab:
        assert list(lab.pools) == ["p"]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_crash_while_the_old_lab_is_moved_aside_leaves_neither_half(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    with reopened(folder) as lab:
        lab.create_pool("p")
        lab.storage.create_container("data").upload(b"kept", "text")
    compact(folder, 1)
    rename, done = Path.rename, []

    def crash(self: Path, target: Path) -> Path:
        if target.parent.parent.name == "earlier":
            if len(done) == moved:
                raise KeyboardInterrupt
            done.append(self.name)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            reopened(folder, fresh=True)
    with reopened(folder) as lab:
        assert list(lab.pools) == []
        assert list(lab.storage) == []
    (old,) = (folder / "earlier").iterdir()
    with reopened(old) as lab:
        assert list(lab.pools) == ["p"]
        assert lab.storage["data"].read("text") == b"kept"


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
