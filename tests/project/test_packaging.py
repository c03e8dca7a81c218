"""What surrounds the package: Binder, CI, the README, what a wheel carries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

import batchlab as bl
from helpers.pages import outdated

ROOT = Path(bl.__file__).parent.parent
README = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild", "binder/start"])
def test_script_can_be_run(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!")
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_binder_installs_the_package_on_a_python_that_it_supports(project: dict[str, Any]) -> None:
    lines = (ROOT / "binder/requirements.txt").read_text().splitlines()
    assert any(line.startswith(".[") for line in lines)
    # Before 7.4 a cell that was asked to run now and then stays at [*].
    assert any(line.startswith("ipykernel>=7.4") for line in lines), "Binder's own is too old"
    runtime = (ROOT / "binder/runtime.txt").read_text().strip()
    assert runtime.removeprefix("python-") == project["project"]["requires-python"].strip(">=")


def test_binder_start_hands_over_with_a_link_to_the_dashboard() -> None:
    show = "echo $DASK_DISTRIBUTED__DASHBOARD__LINK"
    for prefix in ("", "/user/x/"):
        done = subprocess.run(
            [str(ROOT / "binder/start"), "bash", "-c", show],
            env={**os.environ, "JUPYTERHUB_SERVICE_PREFIX": prefix},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == f"{prefix or '/'}proxy/{{port}}/status\n"


def test_wheel_carries_the_lessons_and_the_types(project: dict[str, Any]) -> None:
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"notebooks": "batchlab/lessons/shipped"}
    assert (ROOT / "batchlab/py.typed").exists()


def test_version_has_one_source(project: dict[str, Any]) -> None:
    assert "version" in project["project"]["dynamic"]
    assert metadata.version("batchlab") == bl.__version__


def test_workflow_runs_the_readme_s_command_on_each_python(project: dict[str, Any]) -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    (command,) = (step["run"] for step in jobs["readme"]["steps"] if "run" in step)
    assert f"\n{command}\n" in README
    pythons = jobs["readme"]["strategy"]["matrix"]["python"]
    assert f">={pythons[0]}" == project["project"]["requires-python"]
    assert jobs["everything"]["steps"][-1]["run"] == "bash .ci/run"


@pytest.mark.parametrize("form", ["bug", "missing"])
def test_issue_form_is_one(form: str) -> None:
    page = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text())
    assert {"name", "description", "body"} <= page.keys()
    assert all(part["attributes"]["label"] for part in page["body"])


# -- the README ---------------------------------------------------------------------------------


def test_readme_shows_the_two_commands_first() -> None:
    screen = "\n".join(README.splitlines()[:40])
    assert 'pip install -e ".[notebook]" && batchlab demo' in screen
    assert "batchlab lab" in screen
    assert 'pip install -e ".[test]" && pytest' in screen


def test_readme_s_example_runs_and_says_what_it_prints() -> None:
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    expected = re.findall(r"# prints: (.*)", block[1])
    assert expected
    done = subprocess.run(
        [sys.executable, "-c", block[1]], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == expected


def test_pages_quote_the_code_as_it_is() -> None:
    assert not list(outdated()), "run: python tests/helpers/pages.py --write"


def test_readme_names_only_what_exists() -> None:
    for path in re.findall(r"^\s*(batchlab/\S+|notebooks/|tests/|binder/)", README, re.MULTILINE):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`bl\.(\w+)", README):
        assert name in bl.__all__, name


def test_readme_s_badge_opens_a_lesson_that_exists() -> None:
    found = re.search(r"mybinder\.org/v2/gh/batchlab/batchlab/HEAD\?labpath=(\S+?)\)", README)
    assert found is not None
    assert (ROOT / found[1].replace("%2F", "/")).exists()


def test_readme_ends_with_the_changelog_of_this_version() -> None:
    last = re.findall(r"^## (.*)", README, re.MULTILINE)[-1]
    assert last == "Changelog"
    newest = re.search(r"^### (\S+)", README.split("## Changelog")[1], re.MULTILINE)
    assert newest is not None
    assert newest[1] == bl.__version__
