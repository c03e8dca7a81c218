"""Suggestions for names that do not exist."""

from __future__ import annotations

import time

import pytest

import batchlab as bl
from batchlab.handles.nearest import nearest


def test_nearest_is_similar_and_keeps_its_case() -> None:
    assert nearest("rendr", ["frames", "Render"]) == "Render"
    assert nearest("RENDER", ["render"]) == "", "it is there"
    assert nearest("zzz", ["frames"]) == ""
    assert nearest("x", []) == ""


def test_nearest_of_very_many_takes_no_seconds() -> None:
    names = [f"task{number:06d}" for number in range(100_000)]
    begin = time.process_time()
    assert nearest("tsk099999", names) == "task099999"
    assert time.process_time() - begin < 5


def test_files_and_blobs_that_are_not_there_have_suggestions() -> None:
    with bl.SimulatedLab() as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        task = job.create_task("t", "/bin/sh -c 'echo 1 > result.csv'")
        task.wait()
        files = task.files
        for use in (files.read, files.text, files.stat, files.tail, files.download, files.delete):
            with pytest.raises(bl.NotFound, match=r"did you mean 'wd/result\.csv'\?") as caught:
                use("wd/reslt.csv")
            assert caught.value.code == "FileNotFound"
        with pytest.raises(bl.NotFound, match=r"'wdd': did you mean 'wd'\?"):
            files.list("wdd")
        with pytest.raises(bl.NotFound) as caught:
            files.read("zzz")
        assert "did you mean" not in caught.value.message
        box = lab.storage.create_container("results")
        box.upload(b"1", "a/one.csv")
        for get in (box.read, box.text, box.download):
            with pytest.raises(bl.NotFound, match=r"did you mean 'a/one\.csv'\?"):
                get("a/on.csv")
