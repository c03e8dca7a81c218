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
        cell.id = f"cell-{notebook.cells.index(cell):02d}"
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    nbformat.write(notebook, path)


def joined(outputs: list[Any]) -> list[Any]:
    """Outputs, with what was printed piece by piece in one piece."""
    found: list[Any] = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            found.append(output)
    return found


if __name__ == "__main__":
    os.environ["BATCHLAB_STATIC"] = "1"  # displays that need no running kernel to be seen
    for lesson in map(Path, sys.argv[1:] or sorted(LESSONS.glob("*.ipynb"))):
        print(lesson.name)
        store(lesson)
