"""One JupyterLab and one browser for all tests here; skipped where there is no Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import launched, needed
from jupyter_page import Notebook, jupyter_server


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    needed()
    with jupyter_server(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="module")  # its event loop must be gone when other tests want their own
def chromium(jupyter: Any) -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture
def notebook(chromium: Any, jupyter: tuple[str, Path], tmp_path: Path) -> Iterator[Notebook]:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    notebook = Notebook(page, *jupyter)
    yield notebook
    page.screenshot(path=tmp_path / "end.png")  # to see what was there when a test failed
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    page.close()
    assert not notebook.problems
