"""What Binder would build of this repository: the recipe, without building it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What repo2docker makes of the folder `binder` and of a package; it needs no Docker."""
    repository = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "binder", repository / "binder")
    shutil.copy(ROOT / "pyproject.toml", repository)
    program = "import sys; from repo2docker.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, "--no-build", "--debug",
         "--user-id", "1000", "--user-name", "jovyan", str(repository)],
        capture_output=True, text=True, timeout=60, check=False, cwd=repository,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def test_binder_builds_with_the_python_that_the_package_needs(dockerfile: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["requires-python"].removeprefix(">=")
    assert f"python={wanted}" in dockerfile


def test_binder_copies_the_repository_before_it_installs_the_package(dockerfile: str) -> None:
    copied = re.search(r"^COPY --chown=\S+ src/ \$\{REPO_DIR\}/", dockerfile, re.MULTILINE)
    installed = dockerfile.find('-r "binder/requirements.txt"')
    assert copied is not None
    assert copied.start() < installed


def test_binder_runs_what_is_to_run_when_it_is_built_and_started(dockerfile: str) -> None:
    assert "RUN ./binder/postBuild" in dockerfile
    assert 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in dockerfile


def test_binder_has_what_the_lessons_need_beside_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "binder/requirements.txt").read_text()
    named = re.search(r"^\.\[([\w,]+)\]$", text, re.MULTILINE)
    assert named is not None
    assert {"notebook", "sdk", "plotly"} <= set(named[1].split(","))
    assert set(named[1].split(",")) <= project["optional-dependencies"].keys()
