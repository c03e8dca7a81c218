"""Many light nodes in one process: more than it might open files for."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import batchlab as bl

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (90, hard))
with bl.Lab() as lab:
    pool = lab.create_pool("p", target_dedicated_nodes=80)
    pool.nodes.wait("idle")
    job = lab.create_job("j", pool)
    job.create_tasks(["/bin/sleep 0.3"] * 160)
    job.tasks.wait()
    print(job.counts.succeeded, len({task.node_id for task in job.tasks.views()}) > 40)
"""


@pytest.mark.ci("processes")
def test_more_nodes_run_tasks_than_the_process_may_open_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("160 True\n", "")
