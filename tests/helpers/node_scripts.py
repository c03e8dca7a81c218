"""Tests of the displays' scripts that run in Node, without a page."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "widgets/js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def run_node_tests(name: str, folder: Path, **environment: str) -> None:
    """`node --test`, on a copy of the scripts."""
    scripts = folder / "scripts"
    shutil.copytree(str(resources.files("batchlab.widgets") / "static"), scripts)
    (scripts / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        [str(NODE), "--test", str(TESTS / name)],
        env={**os.environ, "BATCHLAB_SCRIPTS": str(scripts), **environment},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "# pass 0" not in done.stdout
