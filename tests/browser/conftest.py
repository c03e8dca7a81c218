"""One JupyterLab and one browser for all tests here; skipped where there is no Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.chromium import launched, needed
from helpers.jupyter_page import Notebook, jupyter_server, visited


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    needed()
    with jupyter_server(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="module")  # its event loop must be gone when other tests want their own
def chromium() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages() -> list[Any]:
    """The page of the test before, if that went well."""
    return []


@pytest.fixture
def notebook(
    chromium: Any, pages: list[Any], jupyter: tuple[str, Path], tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Notebook]:  # fmt: skip
    with visited(chromium, pages, jupyter, request) as notebook:
        yield notebook
        notebook.page.screenshot(path=tmp_path / "end.png")  # to see what a test failed at
    assert not notebook.problems, "\n".join(notebook.problems)
