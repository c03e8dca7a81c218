"""A user's data directory of its own, and what answers without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.azure import Box


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authority is kept."""
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    return folder / "batchlab"


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as box:
        yield box
