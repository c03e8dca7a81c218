"""Notebook 7: displays are live there, saved as pictures, and shown again without a kernel."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from browser.test_saved import DRAWN
from helpers.chromium import expect, needed, picture_width
from helpers.jupyter_page import serving
from helpers.waiting import until

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(300)]

CELLS = (
    """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="40s"))
pool = lab.create_pool("render", target_dedicated_nodes=3)
job = lab.create_job("frames", pool)
job.create_tasks(["work"] * 6)
job.tasks.wait()""",
    "job",
    """
import ipywidgets
ipywidgets.Tab([lab.watch(), ipywidgets.HBox([lab.watch()])], titles=["One", "Two"])""",
    'guess = bl.predict("How many nodes?", unit="nodes"); guess',
    "lab.report()",
)
SHOTS = os.environ.get("BATCHLAB_SHOTS")
IDLE = (
    "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
    " === 'idle'"
)
WIDE = (
    "() => [...document.querySelectorAll('.jp-OutputArea-output')]"
    ".filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.slice(0, 40))"
)
"""The outputs that are wider than their place."""
SAVED = (
    "async () => { await window.jupyterapp.commands.execute('docmanager:save');"
    "await window.jupyterapp.serviceManager.sessions.shutdownAll() }"
)


def wide(part: Any) -> bool:
    """Whether a part of the page has been given its room."""
    box = part.bounding_box()
    return bool(box) and box["width"] > 400


def test_display_survives_in_notebook_7(chromium: Any, tmp_path: Path) -> None:
    needed()
    pytest.importorskip("notebook")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "python3"}},
    )
    nbformat.write(book, folder / "lab.ipynb")
    environment = {
        **os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }  # fmt: skip
    environment.pop("BATCHLAB_STATIC", None)
    command = [sys.executable, "-m", "notebook",
               "--JupyterNotebookApp.expose_app_in_browser=True"]  # fmt: skip
    with serving(command, tmp_path / "log", folder, environment) as (url, _):
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{url}/notebooks/lab.ipynb")
        page.wait_for_function(IDLE)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        page.get_by_role("spinbutton").fill("3")
        page.get_by_text("Your prediction: 3 nodes.").wait_for()
        page.locator(".bl-view").first.get_by_text("6 succeeded").wait_for()
        tabs = page.locator(".bl-live .jupyter-widget-tab")
        for title, view in (("Two", 1), ("One", 0)):
            tabs.get_by_role("tab", name=title, exact=True).click()
            shown = tabs.locator(".bl-view").nth(view)
            shown.get_by_text("6 succeeded").wait_for()
            until(lambda shown=shown: wide(shown))
        figures = page.locator(".bl-live .js-plotly-plot")
        figures.nth(5).locator(".main-svg").first.wait_for()
        for figure in figures.all():
            until(lambda figure=figure: wide(figure))
        if SHOTS:
            page.set_viewport_size({"width": 1280, "height": 2600})
            page.wait_for_timeout(1500)
            page.screenshot(path=Path(SHOTS) / "notebook7.png")
        page.wait_for_function(
            "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON())"
            ".includes('Your prediction: ')"
        )
        page.wait_for_function(DRAWN, arg=8)
        page.evaluate(SAVED)
        page.close()
        found = json.loads((folder / "lab.ipynb").read_text())
        stored = [output["data"] for cell in found["cells"] for output in cell["outputs"]]
        assert [sorted(data) for data in stored] == [
            ["image/png", "text/html", "text/plain"], ["image/png", "text/html", "text/plain"],
            ["text/html", "text/plain"], ["text/html", "text/plain"],
            *[["image/png", "text/html", "text/plain"]] * 6,
        ]  # fmt: skip
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{url}/notebooks/lab.ipynb")
        page.set_viewport_size({"width": 700, "height": 5600})  # what is off it is not drawn
        pictures = page.locator(".bl-still img")
        pictures.nth(8).wait_for()
        expect(pictures).to_have_count(9)
        for number, picture in enumerate(pictures.all()):
            words = picture.get_attribute("alt")
            assert ("6 succeeded" if number < 3 else "a figure of the report") in words
            assert picture_width(picture) >= 700
        assert page.evaluate(WIDE) == [], "nothing scrolls sideways on a narrow page"
        page.get_by_role("heading", name="Two").wait_for()
        page.get_by_text("Your prediction: 3 nodes").wait_for()
        assert page.locator(".bl-view").count() == 0
        assert page.get_by_text("model not found").count() == 0
        page.wait_for_function(IDLE)
        page.evaluate(SAVED)
        page.close()
