"""A place for nodes whose runs are users of their own."""

import os
from pathlib import Path

import pytest

from batchlab.drivers.dask.removing import remove_tree


@pytest.fixture
def place(tmp_path):
    """A folder that every user can enter: pytest's own lets in nobody but root."""
    path = Path(f"/tmp/batchlab-users-{os.getpid()}-{tmp_path.name[-20:]}")
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    yield path
    remove_tree(str(path))
