"""Notebooks that a program runs, without a page: what they store of live displays."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

pytestmark = [pytest.mark.ci("notebooks"), pytest.mark.timeout(300)]

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
BOXES = (
    """
import batchlab as bl, ipywidgets
labs = [bl.SimulatedLab(workload=bl.Workload(default="40s")) for _ in range(2)]
for lab in labs:
    pool = lab.create_pool("render", target_dedicated_nodes=3)
    job = lab.create_job("frames", pool)
    job.create_tasks(["work"] * 6)
    lab.advance("2m")""",
    "ipywidgets.HBox([labs[0].watch(), ipywidgets.VBox([labs[1].watch()])])",
    "labs[0].jobs['frames'].tasks.wait(); labs[0].close()",
    "labs[1].jobs['frames'].tasks.wait(); labs[1].close()",
)


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATCHLAB_STATIC", "JPY_SESSION_NAME", "KERNEL_GATEWAY", "SERVER_SOFTWARE",
                 "VSCODE_PID"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def run(*cells: str) -> Any:
    """The notebook with these cells, after a program has run it."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    NotebookClient(notebook, timeout=100, startup_timeout=100, kernel_name="python3").execute()
    return notebook


def test_notebook_run_by_a_program_stores_how_it_ended() -> None:
    notebook = run(*CELLS)
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


@pytest.mark.parametrize("static", [False, True])
def test_box_with_displays_of_two_labs_stores_both(
    monkeypatch: pytest.MonkeyPatch, static: bool
) -> None:
    if static:
        monkeypatch.setenv("BATCHLAB_STATIC", "1")
    (output,) = run(*BOXES).cells[1].outputs
    assert output["data"].keys() == {"text/plain", "text/html", "image/png"}
    words = "3 running; tasks: 3 running, 3 waiting" if static else "3 idle; tasks: 6 succeeded"
    assert output["data"]["text/html"].count(f'<img alt="nodes: {words}') == 2
