"""Binder, as far as it can be had without Docker: built, started behind a hub's URL, and used."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import psutil
import pytest

from helpers.environments import environment, install
from helpers.jupyter_page import Notebook, serving, visited
from helpers.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
BASE = "/user/ada/"
GUARANTEED = 1024 * 1024 * 1024
"""What mybinder.org gives everybody: a gigabyte."""
LOCKED = ("ipykernel", "ipywidgets", "jupyter_server", "jupyterlab", "notebook")


class Session(NamedTuple):
    url: str
    repository: Path
    python: Path
    server: psutil.Process

    def memory(self) -> int:
        """Bytes of the server, its kernels, and all that they have started."""
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in (self.server, *self.server.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += one.memory_full_info().pss
        return total

    def empty(self) -> int:
        """Wait until no kernel is left of visits before; what the server has alone."""
        until(lambda: not self.server.children())
        return self.memory()


class Peak:
    """The most memory that a session had, looked at all the time that this lasts."""

    def __init__(self, session: Session) -> None:
        self.most = 0
        self._session = session
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.most = max(self.most, self._session.memory())


def locked() -> list[str]:
    """What repo2docker installs before anything of ours, as far as it matters here."""
    package = find_spec("repo2docker")
    assert package is not None
    folder = Path(next(iter(package.submodule_search_locations or []))) / "buildpacks/conda"
    version = (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-")
    text = (folder / f"environment.py-{version}-linux-64.lock").read_text()
    found = [re.search(rf"/{name}-(\d[\d.]*)-", text) for name in LOCKED]
    return [f"{name}=={match[1]}" for name, match in zip(LOCKED, found, strict=True) if match]


def badge() -> str:
    """What the README's badge opens, as a path of the repository."""
    found = re.search(
        r"mybinder\.org/v2/\S+?\?labpath=([^)\s]+)\)", (ROOT / "README.md").read_text()
    )
    assert found is not None
    return unquote(found[1])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("binder")
    repository = folder / "repository"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, repository], check=True)
    python = environment(folder / "venv")
    assert len(locked()) == len(LOCKED)
    install(python, *locked())
    install(python, "-r", "binder/requirements.txt", within=repository)
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "IPYTHON", "BATCHLAB", "JUPYTER", "VIRTUAL_ENV"))
    }
    variables |= {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "JUPYTERHUB_SERVICE_PREFIX": BASE,
    }
    subprocess.run([repository / "binder/postBuild"], cwd=repository, env=variables, check=True)
    command = [repository / "binder/start", "jupyter", "lab"]
    with serving(command, folder / "log", repository, variables, BASE) as (url, server):
        yield Session(url, repository, python, psutil.Process(server.pid))


@pytest.fixture
def visit(
    chromium: Any, pages: list[Any], session: Session, request: pytest.FixtureRequest
) -> Iterator[Notebook]:
    with visited(chromium, pages, (session.url, session.repository), request) as notebook:
        yield notebook


def test_badge_of_binder_opens_the_first_lesson_without_a_word_of_anything_else(
    visit: Notebook,
) -> None:
    visit.page.goto(f"{visit.url}/lab/tree/{badge()}")
    visit.ready()
    title = "() => window.jupyterapp.shell.currentWidget.context.path"
    assert visit.page.evaluate(title) == badge() == "notebooks/00-start-here.ipynb"
    visit.page.get_by_role("heading", level=1).first.wait_for()
    assert visit.page.locator(".jp-Dialog, .jp-toastContainer .jp-Notification").count() == 0


@pytest.mark.parametrize("number", ["00", "03", "08"])
def test_binder_runs_a_lesson_within_its_memory(
    visit: Notebook, session: Session, number: str
) -> None:
    lesson = next((session.repository / "notebooks").glob(f"{number}-*.ipynb"))
    empty = session.empty()
    with Peak(session) as peak:
        visit.open_file(f"notebooks/{lesson.name}")
        cells = visit.run_through()
        drawn = 0
        for _ in visit.page_through():
            drawn += visit.page.locator(".bl-view[data-draws]:visible").count()
    kinds = [one["output_type"] for cell in cells for one in cell["outputs"]]
    assert "error" not in kinds
    assert drawn
    # JupyterLab 4.4 stumbles over its own cells while it scrolls; our modules are blobs.
    assert [one for one in visit.problems if "blob:" in one or "asked for" in one] == []
    print(f"lesson {number}: {peak.most / 2**20:.0f} MiB at most, {empty / 2**20:.0f} before")
    assert empty + 40 * 2**20 < peak.most < GUARANTEED, "a kernel, and within what there is"


def test_binder_leads_to_the_dashboard_of_dask(visit: Notebook) -> None:
    visit.open(
        "from distributed import LocalCluster\n"
        "cluster = LocalCluster(1, processes=False, dashboard_address=':0')\n"
        "print('link', cluster.dashboard_link)"
    )
    visit.run()
    link = visit.output("link ").split()[1]
    assert re.fullmatch(rf"{BASE}proxy/\d+/status", link)
    with urllib.request.urlopen(visit.url.removesuffix(BASE.rstrip("/")) + link) as answer:
        assert answer.status == 200
        assert b"Dask" in answer.read()


def test_installation_on_binder_carries_the_lessons(session: Session) -> None:
    subprocess.run(
        [session.python, "-m", "batchlab", "lab", "--list"],
        cwd=session.python.parent, check=True, capture_output=True,
    )  # fmt: skip
    package = next(session.python.parents[1].glob("lib/python*/site-packages/batchlab"))
    carried = {path.name for path in (package / "lessons/shipped").glob("*.ipynb")}
    assert carried == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
