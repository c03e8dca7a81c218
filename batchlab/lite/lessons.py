"""The lessons' copies for the browser.

The metadata of a lesson says what of it a browser can run, in ``batchlab.browser``:

* for the notebook: ``"simulated"`` if its `Lab` is a `SimulatedLab` there, ``"machine"`` if the
  lesson is of no use without a computer; without it, it runs as it is;
* for a cell: ``"machine"`` if the cell needs a computer.

What is changed can be seen by the reader: the line says so, and so does the first cell.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Literal

__all__ = ["BINDER", "Runs", "adapted", "runs", "write_lessons"]

Runs = Literal["whole", "simulated", "machine"]

BINDER = "https://mybinder.org/v2/gh/batchlab/batchlab/HEAD?labpath=notebooks%2F"
CHANGED = "  # in the browser: a virtual clock"
KERNEL = {"display_name": "Python (Pyodide)", "language": "python", "name": "python"}


def write_lessons(source: Path, folder: Path) -> dict[str, Runs]:
    """Write the copies of all lessons that a browser can run, and return what each of them is.

    Parameters
    ----------
    source : Path
        The lessons.
    folder : Path
        The site's notebooks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[str, Runs] = {}
    for path in sorted(source.glob("*.ipynb")):
        notebook = json.loads(path.read_bytes())
        done[path.name] = runs(notebook)
        text = json.dumps(adapted(notebook, path.name), indent=1, ensure_ascii=False)
        (folder / path.name).write_text(text + "\n")
    return done


def runs(notebook: dict[str, Any]) -> Runs:
    """What of a lesson a browser can run."""
    said: Runs = notebook["metadata"].get("batchlab", {}).get("browser", "whole")
    return said


def adapted(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    """A lesson without outputs, changed as its metadata says."""
    copied = copy.deepcopy(notebook)
    how, partly = runs(copied), False
    copied["metadata"]["kernelspec"] = KERNEL
    for cell in copied["cells"]:
        if cell["cell_type"] != "code":
            continue
        cell["outputs"], cell["execution_count"] = [], None
        lines = "".join(cell["source"]).split("\n")
        if cell["metadata"].get("batchlab", {}).get("browser") == "machine":
            partly = True
            lines = ["# This cell needs a computer:", *(f"# {line}".rstrip() for line in lines)]
        elif how == "simulated":
            lines = list(map(_simulated, lines))
        cell["source"] = "\n".join(lines)
    note = _note(how, name, partly=partly)
    if note:
        cell = {"cell_type": "markdown", "id": "in-the-browser", "metadata": {}, "source": note}
        copied["cells"].insert(1, cell)
    return copied


def _simulated(line: str) -> str:
    if "bl.Lab()" not in line:
        return line
    return line.replace("bl.Lab()", "bl.SimulatedLab()") + CHANGED


def _note(how: Runs, name: str, *, partly: bool) -> str:
    elsewhere = f"on your computer, or on [Binder]({BINDER}{name})"
    if how == "machine":
        return (
            "> **In the browser** you can only read this lesson: it works with processes and "
            f"networks. Run it {elsewhere}."
        )
    notes = []
    if how == "simulated":
        notes.append(
            "there are no processes, so the lab is a `bl.SimulatedLab`: the same service on a "
            "virtual clock."
        )
    if partly:
        notes.append(f"some cells do not run. Run them {elsewhere}.")
    return "> **In the browser** " + " Also, ".join(notes) if notes else ""
