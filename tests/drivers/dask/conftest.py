"""What tests of nodes share: a place for users of their own, and spawners at once."""

import gc
import os
import sys
from pathlib import Path

import pytest

from batchlab.drivers.dask import spawners
from batchlab.drivers.dask.removing import remove_tree
from helpers.spawning import ESCAPE, at_work


@pytest.fixture
def place(tmp_path):
    """A folder that every user can enter: pytest's own lets in nobody but root."""
    path = Path(f"/tmp/batchlab-users-{os.getpid()}-{tmp_path.name[-20:]}")
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    yield path
    remove_tree(str(path))


@pytest.fixture
def spawners_at_once(monkeypatch):
    """Spawners that are started with the first run, and again at once; none may be left."""
    monkeypatch.setattr(spawners, "FEW", 0)
    monkeypatch.setattr(spawners, "PAUSE_S", 0.0)
    yield
    gc.collect()
    assert at_work() == []


@pytest.fixture
def escape_at_once(tmp_path):
    """A command that leaves its session and its environment at once."""
    script = tmp_path / "escape.py"
    script.write_text(ESCAPE)
    return lambda seconds: f"{sys.executable} -I -S {script} {seconds}"
