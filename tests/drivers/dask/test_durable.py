"""Labs with real nodes that are killed, and opened again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

import batchlab as bl


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def reopened(folder: Path, **options: Any) -> bl.SimulatedLab:
    return bl.SimulatedLab(journal=folder, **options)


LEFT = """
import batchlab as bl, os, psutil, time

def words(child):
    try:
        return child.cmdline()
    except psutil.Error:  # it has ended
        return []

def children(word):
    this = psutil.Process()
    own = this.cmdline()  # with all these words, and a child has it until it becomes its command
    return [child.pid for child in this.children(recursive=True)
            if words(child) != own and word in " ".join(words(child))]

lab = bl.Lab(journal={folder!r})
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
job.create_task("a", "/bin/sh -c 'sleep 1000 & wait'").wait("running")
while not (children("watchdog") and children("sleep 1000")):
    time.sleep(0.02)
for process in (*children("watchdog"), os.getpid()):  # at once, as another would take over
    os.kill(process, 9)
"""


def test_what_a_killed_watchdog_left_behind_is_cleared_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = folder.parent / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    script = LEFT.format(folder=str(folder))
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    (left,) = temporary.glob("batchlab-*")
    assert marked(left)
    with bl.Lab(journal=folder) as lab:
        assert not left.exists()
        assert not marked(left)
        lab.jobs["j"].delete()


def marked(folder: Path) -> list[int]:
    """The processes of nodes in a lab's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("AZ_BATCH_NODE_ROOT_DIR", "").startswith(str(folder)):
                found.append(process.pid)
    return found


LIFE = """
import batchlab as bl, sys
lab = bl.Lab(journal={folder!r}, processes={processes})
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=2))
for number in range(1000):
    job.create_task(f"t{{number}}", "/bin/sh -c 'echo once >> {runs}/t%d'" % number)
    print("asked", number, flush=True)
    for task_id in job.tasks.filter(state="completed").ids():
        print("done", task_id, flush=True)
    if number == 10:
        job.tasks["t0"].wait()
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
            if not line.endswith("\n"):
                break  # it was killed while it wrote
            said.append(line.split())
            words = [word for word, _ in said]
            if words.count("asked") >= 25 and "done" in words:  # both kinds have been promised
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
    for name in done:  # one that ended in the moment of the kill may have run again
        assert (runs / name).read_text() == "once\n"


KILLS = Path(__file__).parents[2] / "chaos" / "kills.py"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param("light", marks=pytest.mark.ci("processes")),
        pytest.param("processes", marks=pytest.mark.slow),
        pytest.param("cluster", marks=pytest.mark.ci("clusters")),
    ],
)
def test_nothing_is_lost_or_doubled_whatever_is_killed(nodes: str) -> None:
    command = [sys.executable, str(KILLS), "--rounds", "3", "--nodes", nodes]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
