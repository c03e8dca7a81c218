"""What process nodes have from the process that began them, however they are started."""

import os
import subprocess
import sys

import dask
import pytest

import batchlab as bl
from batchlab.drivers.dask.process_settings import METHOD


def seen(name):
    """A variable, as a task on a new process node sees it."""
    with bl.Lab(processes=True) as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        task = job.create_task("t", f"/bin/sh -c 'echo ${name}'")
        task.wait()
        return task.stdout.strip()


def test_environment_of_process_nodes_is_that_of_now(monkeypatch):
    assert seen("BATCHLAB_MOOD") == ""
    monkeypatch.setenv("BATCHLAB_MOOD", "calm")
    assert seen("BATCHLAB_MOOD") == "calm"
    monkeypatch.delenv("BATCHLAB_MOOD")
    assert seen("BATCHLAB_MOOD") == ""


@pytest.mark.parametrize("chosen", ["spawn", "fork"])
def test_setting_of_dask_is_as_it_was_when_the_last_lab_is_closed(chosen):
    with dask.config.set({METHOD: chosen}):
        with bl.Lab(processes=True), bl.Lab(processes=True):
            inside = dask.config.get(METHOD)
        assert (inside, dask.config.get(METHOD)) == (
            "forkserver" if chosen == "spawn" and sys.platform == "linux" else chosen,
            chosen,
        )


def test_process_nodes_start_where_no_socket_has_a_path(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    program = (
        "import batchlab as bl\n"
        "if __name__ == '__main__':\n"
        f"    with bl.Lab(processes=True, root={str(tmp_path)!r}) as lab:\n"
        "        pool = lab.create_pool('p', target_dedicated_nodes=1)\n"
        "        pool.nodes.wait()\n"
        "        print(len(pool.nodes))\n"
    )
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")
