"""A simulated lab, and a job in it of which one task has failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import batchlab as bl


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        yield lab


@pytest.fixture
def job(lab: bl.SimulatedLab) -> bl.Job:
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task="echo begin")
    job = lab.create_job(
        "j", pool, job_preparation_task="echo prepared", job_release_task="echo released"
    )
    job.create_task("good", "/bin/sh -c 'echo hello; exit 0'")
    job.create_task("bad", "/bin/sh -c 'exit 3'")
    job.tasks.wait()
    return job
