"""What a saved notebook shows of its displays: without a kernel, and whether trusted or not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from helpers.chromium import expect
from helpers.jupyter_page import Notebook

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(400)]

SETUP = """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="40s"))
pool = lab.create_pool("render", target_dedicated_nodes=6, task_slots_per_node=2,
                       start_task="/bin/sh -c 'sleep 20'")
job = lab.create_job("frames", pool, job_preparation_task="/bin/sh -c 'sleep 15'")
job.create_tasks([bl.TaskSpec(id=f"frame{n:03}",
                              command_line="/bin/sh -c 'exit 1'" if n % 9 == 0 else "work")
                  for n in range(60)])
lab.advance("3m")
"""
SHOWN = ("lab", "pool", "job", "job.tasks['frame009']", "next(iter(pool.nodes.values()))",
         "pool.auto_scale_lab()", "lab.watch()")  # fmt: skip
PICTURES = 5
"""Those of them that have a picture; the others are text."""
SHOTS = os.environ.get("BATCHLAB_SHOTS")
"""A folder for screenshots, to be looked at."""


ENDED = "tasks: 53 succeeded, 7 failed"
STORED = (
    "([text, kind]) => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
    ".flatMap(cell => cell.outputs ?? []).map(one => [one.data?.['text/html']].flat().join(''))"
    ".filter(html => html.includes(kind)).every(html => html.includes(text))"
)
"""Whether all pictures of a kind, as they would be saved now, are of a moment with these words."""
DRAWN = (
    "many => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
    ".flatMap(cell => cell.outputs ?? []).filter(one => one.data?.['image/png']).length === many"
)
"""Whether so many outputs, as they would be saved now, have a picture: it may follow its text."""
LEAVE = (
    "async () => { const { serviceManager, shell } = window.jupyterapp;"
    "const { context } = shell.currentWidget; await serviceManager.sessions.shutdownAll();"
    "context.model.dirty = false; shell.currentWidget.dispose() }"
)
ALONE = """() => Promise.all([...document.querySelectorAll('.bl-still img')].map(async one => {
  await one.decode();
  return { alt: one.alt, wide: one.naturalWidth, seen: one.getBoundingClientRect().width } }))"""


def saved(notebook: Notebook) -> tuple[str, list[dict[str, str]]]:
    """Save the notebook that is open; its name, and its outputs as they lie on the disk."""
    path = notebook.page.evaluate(
        "async () => { const { commands, shell } = window.jupyterapp;"
        "await commands.execute('docmanager:save'); return shell.currentWidget.context.path }"
    )
    found = json.loads((notebook.folder / path).read_text())
    assert "widgets" not in found["metadata"]
    data = [one["data"] for cell in found["cells"] for one in cell.get("outputs", ())
            if "data" in one]  # fmt: skip
    return path, [{kind: "".join(text) for kind, text in one.items()} for one in data]


def shot(notebook: Notebook, name: str) -> None:
    """Take pictures of the page, light and dark, where somebody wants to look at them."""
    if SHOTS:
        for width, theme in ((1280, "Light"), (800, "Dark")):
            notebook.page.set_viewport_size({"width": width, "height": 4000})
            notebook.command("apputils:change-theme", f"{{theme: 'JupyterLab {theme}'}}")
            notebook.page.wait_for_timeout(1500)
            notebook.page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png")
        notebook.command("apputils:change-theme", "{theme: 'JupyterLab Light'}")
        notebook.page.set_viewport_size({"width": 1280, "height": 4000})


def test_saved_notebook_shows_pictures_without_a_kernel(notebook: Notebook) -> None:
    page = notebook.page
    notebook.open(SETUP, *SHOWN)
    notebook.run(views=len(SHOWN))
    view = notebook.view(0)
    view.locator(".bl-legend").get_by_text("running").first.wait_for()
    view.locator(".bl-grid canvas").press("Home")
    view.locator(".bl-body").get_by_text("2 of 2 in use").wait_for()
    view.evaluate("one => { one.dataset.kept = 'yes' }")
    notebook.execute("lab.advance('10m')")
    page.wait_for_function(STORED, arg=[ENDED, "timeline of"])
    assert view.get_attribute("data-kept") == "yes", "a new picture leaves the display alone"
    view.locator(".bl-body").get_by_role("button", name="the lab").wait_for()
    notebook.execute("lab.advance('1m'); job.terminate(); lab.close()")
    view.get_by_role("button", name="ended").wait_for()
    page.wait_for_function(STORED, arg=["completed", ">Job</small>"])
    page.wait_for_function(DRAWN, arg=PICTURES)
    shot(notebook, "ended")
    name, stored = saved(notebook)
    assert len(stored) == len(SHOWN)
    for data in stored:
        assert {"text/plain", "text/html"} == data.keys() - {"image/png"}
        assert sum(map(len, data.values())) <= 60_000
    page.evaluate(LEAVE)
    changed = json.loads((notebook.folder / name).read_text())
    changed["cells"][0]["source"] = "# somebody else's"
    (notebook.folder / f"other-{name}").write_text(json.dumps(changed))
    page.set_viewport_size({"width": 1280, "height": 4000})  # what is off the screen is not drawn
    for path in (name, f"other-{name}"):
        notebook.open_file(path)
        expect(page.locator(".bl-still img")).to_have_count(PICTURES)
        for still in page.evaluate(ALONE):
            assert still["wide"] >= 700
            assert still["seen"] >= 400
            assert still["alt"]
        assert page.locator(".bl-view").count() == 0
        assert page.get_by_text("model not found").count() == 0
        label = page.locator(".bl-still .bl-label").first
        weight = label.evaluate("one => getComputedStyle(one).fontWeight")
        assert weight == "400", "it has its style"
        shot(notebook, path[:5])
        page.evaluate(LEAVE)
    html, _ = HTMLExporter().from_filename(str(notebook.folder / name))
    assert html.count("<img alt=") == PICTURES
    assert "widget-view" not in html
