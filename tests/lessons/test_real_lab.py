"""Checks of answers in a real lab: they wait a moment, and know programs a simulation does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import batchlab as bl
from batchlab import lessons

pytestmark = pytest.mark.ci("notebooks")

SCENE = "$AZ_BATCH_JOB_PREP_WORKING_DIR/scene.txt"
BRING = "/bin/sh -c 'echo a scene > scene.txt'"
FIXED = "$AZ_BATCH_NODE_SHARED_DIR/scene.txt"


@pytest.fixture(scope="module")
def real() -> Iterator[bl.Lab]:
    with bl.Lab() as lab:
        lab.create_pool("two", target_dedicated_nodes=2).nodes.wait("idle")
        yield lab


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks wait as long as it takes on a machine with much else to do."""
    monkeypatch.setattr("batchlab.lessons.looking.MOMENT_S", 60)


def test_check_waits_a_moment_for_tasks_and_their_job(real: bl.Lab) -> None:
    job = real.create_job("brief", "two")
    job.create_tasks(["sleep 0.3"] * 6)
    job.update(on_all_tasks_complete="terminatejob")
    assert lessons.check("00-3", job).is_right


def test_check_does_not_wait_for_what_takes_long(
    real: bl.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.lessons.looking.MOMENT_S", 0.2)
    task = real.create_job("long", "two").create_task("hangs", "sleep 600")
    assert "task.wait()" in lessons.check("00-1", task).hint
    task.terminate()


@pytest.mark.parametrize(
    ("command_line", "right"),
    [
        ("/bin/sh -c 'env | grep -c ^AZ_BATCH'", True),
        ("/bin/bash -c 'compgen -v AZ_BATCH | wc -l'", True),
        (f"{sys.executable} -c 'import os; print(sum(k[:8] == \"AZ_BATCH\" for k in os.environ))'",
         True),
        ("/bin/sh -c 'env | grep -c BATCH'", False),
        ("/bin/sh -c 'env | wc -l'", False),
        ("/bin/sh -c 'echo 15'", False),
    ],
)  # fmt: skip
def test_02_3_counts_what_is_really_there(real: bl.Lab, command_line: str, right: bool) -> None:
    task = real.create_job(lessons.fresh("count"), "two").create_task("t", command_line)
    assert lessons.check("02-3", task).is_right is right


@pytest.mark.parametrize(
    ("bring", "read", "clear", "right"),
    [
        ("/bin/sh -c 'echo a scene | tee scene.txt'", f"cat {SCENE}", f"rm {SCENE}", True),
        (f"{sys.executable} -c 'open(\"scene.txt\", \"w\").write(\"a scene\")'", f"cat {SCENE}",
         f"rm {SCENE}", True),
        (BRING, f"grep . {SCENE}",
         "find $AZ_BATCH_JOB_PREP_WORKING_DIR -name scene.txt -delete", True),
        (f"/bin/sh -c 'echo a scene > {FIXED}'", f"cat {FIXED}", f"rm {FIXED}", False),
        (BRING, f"cat {SCENE}", "rm -f *.txt", False),
    ],
)  # fmt: skip
def test_03_2_is_judged_by_what_the_programs_do(
    real: bl.Lab, bring: str, read: str, clear: str, right: bool
) -> None:
    job = real.create_job(
        lessons.fresh("bring"),
        "two",
        job_preparation_task=bring,
        job_release_task=f"/bin/sh -c '{clear}'",
    )
    job.create_tasks([f"/bin/sh -c '{read}; sleep 0.6'"] * 4)
    job.tasks.wait()
    job.terminate()
    answer = lessons.check("03-2", job)
    assert answer.is_right is right, answer
