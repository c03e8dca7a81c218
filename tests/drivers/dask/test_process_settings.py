"""What process nodes have from the process that began them, however they are started."""

import os
import subprocess
import sys

import dask
import pytest

import batchlab as bl
from batchlab.drivers.dask.process_settings import METHOD
from helpers.waiting import WAIT_S


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


SCRIPT = """\
with open({ran!r}, "a") as file:
    file.write(__name__ + "\\n")
import batchlab as bl

class Point:
    def __init__(self, x):
        self.x = x

def twice(point):
    return Point(2 * point.x)

with bl.Lab(processes=True, root={root!r}) as lab:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    job = lab.create_job("j", pool)
    print(job.submit(twice, Point(21)).result(timeout=60).x)
    (node,) = pool.nodes.values()
    node.reboot()
    node.wait("idle", timeout=60)
    job.create_task("t", "/bin/sh -c 'echo again'").wait(timeout=60)
    print(job.tasks["t"].stdout, end="")
"""


def run_as(way, folder, method="spawn"):
    """What a script prints that is run in some way, and the names under which its body ran."""
    ran, root = folder / "ran", folder / "root"
    root.mkdir()
    text = SCRIPT.format(ran=str(ran), root=str(root))
    if way == "guard":
        first, body = text.split("with bl.Lab", 1)
        body = ("with bl.Lab" + body).replace("\n", "\n    ")
        text = f'{first}if __name__ == "__main__":\n    {body}\n'
    (folder / "package").mkdir()
    (folder / "package/__init__.py").touch()
    for name in ("program.py", "package/__main__.py", "package/module.py"):
        (folder / name).write_text(text)
    command, given = {
        "script": (["program.py"], None), "guard": (["program.py"], None),
        "stdin": (["-"], text), "pipe": ([], text), "-c": (["-c", text], None),
        "-m package": (["-m", "package"], None), "-m module": (["-m", "package.module"], None),
    }[way]  # fmt: skip
    done = subprocess.run(
        [sys.executable, *command], input=given, cwd=folder, capture_output=True, text=True,
        env=os.environ | {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": method},
        timeout=WAIT_S * 2, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout, ran.read_text().split()


@pytest.mark.parametrize("way", [
    "script", "stdin",
    *[pytest.param(way, marks=pytest.mark.ci("processes"))
      for way in ("guard", "pipe", "-c", "-m package", "-m module")],
])  # fmt: skip
def test_script_with_process_nodes_needs_no_guard_and_runs_once(way, tmp_path):
    assert run_as(way, tmp_path) == ("42\nagain\n", ["__main__"])


@pytest.mark.parametrize(
    "method", [pytest.param("fork", marks=pytest.mark.ci("processes")), "forkserver"]
)
def test_script_needs_no_guard_however_dask_starts_processes(method, tmp_path):
    assert run_as("script", tmp_path, method) == ("42\nagain\n", ["__main__"])


@pytest.mark.ci("processes")
def test_main_module_is_imported_in_processes_that_are_no_nodes(tmp_path):
    program = (
        "import multiprocessing\n"
        "import batchlab as bl\n"
        "def seven():\n"
        "    return 7\n"
        "if __name__ == '__main__':\n"
        f"    with bl.Lab(processes=True, root={str(tmp_path)!r}) as lab:\n"
        "        lab.create_pool('p', target_dedicated_nodes=1).nodes.wait()\n"
        "        with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "            print(pool.apply(seven))\n"
    )
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("7\n", "")


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
