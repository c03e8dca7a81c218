"""Binder, as far as it can be had without Docker: built, started behind a hub's URL, and used."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from jupyter_page import Notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
BASE = "/user/ada/"
GUARANTEED = 1024 * 1024 * 1024
"""What mybinder.org gives everybody: a gigabyte."""
LOCKED = ("ipykernel", "ipywidgets", "jupyter_server", "jupyterlab", "notebook")


class Session(NamedTuple):
    url: str
    folder: Path
    process: psutil.Process

    def memory(self) -> int:
        """Bytes of the server, its kernels, and all that they have started."""
        every = [self.process, *self.process.children(recursive=True)]
        total = 0
        for one in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_full_info().pss
        return total


def run(*command: str | Path, **more: Any) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, check=False, **more,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def locked() -> list[str]:
    """What repo2docker installs before anything of ours, as far as it matters here."""
    package = find_spec("repo2docker")
    assert package is not None
    folder = Path(next(iter(package.submodule_search_locations or []))) / "buildpacks/conda"
    text = (folder / "environment.py-3.11-linux-64.lock").read_text()
    found = [re.search(rf"/{name}-(\d[\d.]*)-", text) for name in LOCKED]
    return [f"{name}=={match[1]}" for name, match in zip(LOCKED, found, strict=True) if match]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("binder")
    repository, venv = folder / "repository", folder / "venv"
    run("git", "clone", "-q", "--no-hardlinks", ROOT, repository)
    run(sys.executable, "-m", "venv", venv)
    pip = (venv / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    assert len(locked()) == len(LOCKED)
    run(*pip, *locked())
    run(*pip, "-r", "binder/requirements.txt", cwd=repository)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "BATCHLAB", "JUPYTER", "VIRTUAL_ENV"))
    }
    environment |= {
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "JUPYTERHUB_SERVICE_PREFIX": BASE,
    }
    run(repository / "binder/postBuild", cwd=repository, env=environment)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        repository / "binder/start", "jupyter", "lab", "--no-browser", "--allow-root",
        "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=",
        f"--ServerApp.base_url={BASE}", "--LabApp.expose_app_in_browser=True",
        "--ServerApp.disable_check_xsrf=True",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}{BASE.rstrip('/')}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=repository, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api").close()
                break
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "JupyterLab does not answer"
            time.sleep(0.2)
        yield Session(url, repository / "notebooks", psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait(30)


def test_binder_runs_the_first_lesson_within_its_memory(chromium: Any, session: Session) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    notebook = Notebook(page, session.url, session.folder)
    notebook.open_file("notebooks/00-start-here.ipynb")
    cells = notebook.run_through()
    kinds = [one["output_type"] for cell in cells for one in cell["outputs"]]
    assert "error" not in kinds
    drawn = 0
    for _ in notebook.page_through():
        drawn += page.locator(".bl-view[data-draws]:visible").count()
    assert drawn
    # JupyterLab 4.4 stumbles over its own cells while it scrolls; our modules are blobs.
    assert [one for one in notebook.problems if "blob:" in one or "asked for" in one] == []
    memory = session.memory()
    print(f"memory: {memory / 1024 / 1024:.0f} MiB")
    assert memory < GUARANTEED
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.close()


def test_binder_leads_to_the_dashboard_of_dask(chromium: Any, session: Session) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    notebook = Notebook(page, session.url, session.folder.parent)
    notebook.open(
        "from distributed import LocalCluster\n"
        "cluster = LocalCluster(1, processes=False, dashboard_address=':0')\n"
        "print('link', cluster.dashboard_link)"
    )
    notebook.run()
    link = notebook.output("link ").split()[1]
    assert re.fullmatch(rf"{BASE}proxy/\d+/status", link)
    host = session.url.removesuffix(BASE.rstrip("/"))
    with urllib.request.urlopen(f"{host}{link}") as answer:
        assert answer.status == 200
        assert b"Dask" in answer.read()
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.close()


def test_installation_on_binder_carries_the_lessons(session: Session) -> None:
    python = session.folder.parents[1] / "venv/bin/python"
    run(python, "-m", "batchlab", "lab", "--list", cwd=session.folder.parents[1])
    package = next(python.parents[1].glob("lib/python*/site-packages/batchlab"))
    carried = {path.name for path in (package / "lessons/notebooks").glob("*.ipynb")}
    assert carried == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
