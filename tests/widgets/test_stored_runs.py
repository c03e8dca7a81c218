"""Notebooks that a program runs, without a page: what they store of live displays."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

pytestmark = pytest.mark.ci("notebooks")

CELLS = (
    """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="40s"))
pool = lab.create_pool("render", target_dedicated_nodes=3)
job = lab.create_job("frames", pool)
job.create_tasks(["work"] * 6)
lab.advance("2m")""",
    "lab",
    "lab.watch()",
    "pool.auto_scale_lab()",
    "job.tasks",
    "job.tasks.wait(); lab.close()",
)


def test_notebook_run_by_a_program_stores_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHLAB_STATIC", raising=False)
    for name in ("JPY_SESSION_NAME", "KERNEL_GATEWAY", "SERVER_SOFTWARE", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in CELLS])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    assert not notebook.metadata.get("widgets"), "no scripts of displays"
    data: list[dict[str, Any]] = [one["data"] for cell in notebook.cells
                                  for one in cell.outputs if "data" in one]  # fmt: skip
    assert len(data) == 4
    for one in data:
        assert "application/vnd.jupyter.widget-view+json" not in one
        assert sum(map(len, one.values())) <= 60_000
    for one in data[:2]:
        assert "nodes: 3 idle; tasks: 6 succeeded" in one["text/html"]
        assert one["image/png"]
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert html.count('<img alt="nodes: 3 idle; tasks: 6 succeeded') == 2
