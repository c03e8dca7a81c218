"""Predictions in a real notebook: answered by mouse and keyboard, revealed, saved and reopened."""

from __future__ import annotations

import json

import pytest

from browser.test_saved import LEAVE, saved, shot
from helpers.chromium import barriers, picture_width
from helpers.jupyter_page import Notebook

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(400)]

SETUP = "import batchlab as bl"
ASKED = (
    'one = bl.predict("How many tasks run at the same time?", unit="tasks"); one',
    'two = bl.predict("Which state has the job?", choices=["active", "completed"]); two',
    'three = bl.predict("Who is first?", order=["first", "second", "third"]); three',
    'four = bl.predict("How many nodes are there?", over="10m", most=8, unit="nodes"); four',
)
REVEALED = (
    "one.reveal(2)",
    'two.reveal("active")',
    'three.reveal(["second", "first", "third"])',
    "four.reveal([(0, 0), (120, 2), (300, 6)])",
)
"""What happened, which is not the point here."""


def test_predictions_are_answered_revealed_and_kept(notebook: Notebook) -> None:
    page = notebook.page
    notebook.open(SETUP, *ASKED)
    notebook.run(views=4)
    page.set_viewport_size({"width": 1280, "height": 2400})
    one, two, three, four = (page.locator(".bl-prediction").nth(n) for n in range(4))
    one.get_by_role("spinbutton").fill("12")
    one.get_by_text("Your prediction: 12 tasks.").wait_for()
    two.get_by_label("completed").check()
    three.get_by_role("button", name="second earlier").press("Enter")
    assert three.locator("li span").all_inner_texts() == ["second", "first", "third"]
    chart = four.get_by_role("slider")

    def point(x: float, y: float) -> None:
        """Move the mouse there, once the chart stays where it is."""
        box = chart.bounding_box()
        chart.hover(position={
            "x": box["width"] * (46 + x * 586) / 640,
            "y": box["height"] * (8 + (1 - y) * 158) / 190,
        })  # fmt: skip

    point(0.01, 0)
    page.mouse.down()
    point(0.5, 0.5)
    page.mouse.up()
    four.get_by_text("Your prediction: 0 nodes at first, 4 nodes at most.").wait_for()
    chart.press("End")
    chart.press("ArrowUp")
    assert chart.get_attribute("aria-valuenow") == "1", "behind the stroke it goes on as it began"
    assert chart.get_attribute("aria-valuetext") == "1 node after 9 min 55 s"
    assert barriers(page, ".bl-prediction") == []
    shot(notebook, "asked")
    for code in REVEALED:
        page.evaluate(
            "code => { const { content } = window.jupyterapp.shell.currentWidget;"
            "content.model.sharedModel.addCell({ cell_type: 'code', source: code }) }", code,
        )  # fmt: skip
    page.evaluate(
        "async () => { const { commands, shell } = window.jupyterapp;"
        "const { content } = shell.currentWidget;"
        "for (let at = 5; at < 9; at += 1) { content.activeCellIndex = at;"
        "await commands.execute('notebook:run-cell') } }"
    )
    for text in (
        "You predicted 12 tasks, and it was 2 tasks: 6 times too high.",
        "You predicted “completed”, and it was “active”.",
        "Right: second, first, third.",
        "You predicted 4 nodes at most, and it was 6 nodes.",
    ):
        page.get_by_text(text).first.wait_for()
    shot(notebook, "revealed")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        ".flatMap(cell => cell.outputs ?? []).map(one => JSON.stringify(one))"
        ".filter(text => text.includes('Your prediction: ')).length >= 4"
    )
    name, stored = saved(notebook)
    assert all({"text/plain", "text/html"} == data.keys() for data in stored)
    page.evaluate(LEAVE)
    changed = json.loads((notebook.folder / name).read_text())
    changed["cells"][0]["source"] = "# not trusted"
    (notebook.folder / f"other-{name}").write_text(json.dumps(changed))
    notebook.open_file(f"other-{name}")
    page.get_by_text("Your prediction: 12 tasks").first.wait_for()
    page.get_by_text("it was 2 tasks: 6 times").first.wait_for()
    assert page.locator(".bl-view").count() == 0
    picture = page.locator("img[alt*='it was 6 nodes']")
    assert picture_width(picture) >= 600
    shot(notebook, "predictions-reopened")
