"""Folders within folders, thousands of them: listed, uploaded from, removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.drivers.dask.node_files import Directory
from batchlab.drivers.dask.removing import remove_tree

LEVELS = 3000
DEEP = f"""
import os
for _ in range({LEVELS}):
    os.mkdir("d")
    os.chdir("d")
open("bottom", "w").close()
"""


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A folder with more levels than Python's stack, than open files, and than a path can have."""
    top = tmp_path / "top"
    top.mkdir()
    (top / "file.txt").write_text("x")
    (top / "link").symlink_to(tmp_path)
    subprocess.run([sys.executable, "-c", DEEP], cwd=top, check=True)
    return top


def test_deep_folder_is_removed(deep: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    remove_tree(str(deep))
    assert os.listdir(tmp_path) == ["kept"]


def test_deep_folder_is_listed_as_far_as_paths_reach(deep: Path) -> None:
    names = [entry.name for entry in Directory(str(deep)).list(recursive=True)]
    assert names[:2] == ["d", "d/d"]
    assert len(names) > 1500
    assert {"file.txt", "link"} < set(names)
    remove_tree(str(deep))


def test_task_that_makes_deep_folders_leaves_nothing(tmp_path: Path) -> None:
    with bl.Lab(root=tmp_path / "root") as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        to = bl.OutputFileBlobContainerDestination(
            container_url=lab.storage.create_container("out").url
        )
        job = lab.create_job("j", pool)
        (tmp_path / "deep.py").write_text(DEEP)
        task = job.create_task(
            "a", f"/bin/sh -c 'echo x > a.txt; {sys.executable} {tmp_path}/deep.py'",
            output_files=[bl.OutputFile(file_pattern="**/*.txt", destination=to)],
        )  # fmt: skip
        task.wait(timeout=60)
        assert (task.exit_code, task.failure_info) == (0, None)
        assert [blob.name for blob in lab.storage["out"].list()] == ["a.txt"]
        assert task.files.read("wd/a.txt") == b"x\n"
        job.delete()
        job.wait("deleted", timeout=60)
    assert not list((tmp_path / "root").iterdir())
