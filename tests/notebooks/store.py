"""Run the lessons, all or those named, and store what they show.

``python tests/notebooks/store.py [lesson.ipynb ...]``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

LESSONS = Path(__file__).parents[2] / "notebooks"


def store(path: Path) -> None:
    """Run one lesson from top to bottom and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times of this run
        describe(cell)
        cell.id = f"cell-{notebook.cells.index(cell):02d}"
    nbformat.write(notebook, path)


def describe(cell: Any) -> None:
    """Give the pictures of a cell the text that its metadata has for those who cannot see them."""
    for output in cell.get("outputs", []):
        if "image/png" in output.get("data", {}) and "alt" in cell.metadata:
            output.metadata["image/png"] = {"alt": cell.metadata["alt"]}


if __name__ == "__main__":
    os.environ["BATCHLAB_PROGRESS"] = ""
    os.environ["BATCHLAB_STATIC"] = "1"  # displays that need no running kernel to be seen
    for lesson in map(Path, sys.argv[1:] or sorted(LESSONS.glob("*.ipynb"))):
        print(lesson.name)
        store(lesson)
