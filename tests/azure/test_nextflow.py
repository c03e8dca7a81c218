"""Nextflow's requests, on real nodes, with blobs: see `nextflow.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.engines import fake_engine


@pytest.mark.ci("clients")
@pytest.mark.timeout(300)
def test_what_nextflow_sends_is_done(tmp_path: Path) -> None:
    if shutil.which("azurite") is None:
        pytest.skip("azurite is not on the PATH: npm install azurite")
    engine = fake_engine(tmp_path / "engine").parent  # the image would be pulled from outside
    script = str(Path(__file__).with_name("nextflow.py"))
    environment = {"TMPDIR": str(tmp_path), "PATH": f"{engine}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "batchlab", "serve", "--azure", "--", sys.executable, script],
        env=os.environ | environment, capture_output=True, text=True, timeout=280,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0\nhello from nf-abcd12\n"
    assert not list(tmp_path.glob("batchlab-azure-*"))
