"""The scripts of the place to work on a formula, where they need no page: `node --test`."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from batchlab.widgets.autoscale import SCRIPTS
from batchlab.widgets.live import module

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


@needs_node
def test_scripts_of_the_formula_editor_do_what_they_should(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    shutil.copytree(str(resources.files("batchlab.widgets") / "static"), scripts)
    (scripts / "package.json").write_text('{"type": "module"}')
    tests = Path(__file__).parent / "js" / "autoscale.test.mjs"
    done = subprocess.run(
        [str(NODE), "--test", str(tests)], capture_output=True, text=True, check=False,
        env={**os.environ, "BATCHLAB_SCRIPTS": str(scripts)}, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "# pass 0" not in done.stdout


@needs_node
def test_scripts_of_the_formula_editor_in_one_module_are_a_program(tmp_path: Path) -> None:
    path = tmp_path / "module.mjs"
    path.write_text(module(SCRIPTS))
    done = subprocess.run([str(NODE), "--check", str(path)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
