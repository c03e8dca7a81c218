"""The place to work on a formula, in a real notebook: write, see what is wrong, mend, apply."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.chromium import barriers, expect, settled
from helpers.jupyter_page import Notebook
from helpers.waiting import until

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(400)]

PICTURES = Path(__file__).parent / "pictures"
"""What the README shows; made anew by ``BATCHLAB_PICTURES=1 pytest tests/browser``."""

SETUP = """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="4m"))
pool = lab.create_pool("render", enable_auto_scale=True, auto_scale_evaluation_interval="5m",
                       auto_scale_formula=bl.formulas.pending_tasks(10).text)
job = lab.create_job("frames", pool)
for n in range(12):
    job.create_tasks([f"work {n} {i}" for i in range(5 + 7 * (n % 3))])
    lab.advance("5m")
"""


def test_formula_is_written_mended_tried_and_applied(notebook: Notebook) -> None:
    notebook.open(SETUP, "pool.auto_scale_lab()", "lab.advance('13m'); print('went on')")
    notebook.run()
    page, view = notebook.page, notebook.view()
    view.get_by_text("Valid.", exact=True).wait_for()
    view.get_by_text("Now: dedicated nodes").wait_for()
    text = view.get_by_role("textbox", name="formula")
    wrong = "$wanted = $PendngTasks.GetSample(1);\n$TargetDedicatedNodes = max(4, $wanted);\n"
    text.fill(wrong)
    view.locator(".bl-problem").first.wait_for()
    mark = view.locator(".bl-shown .bl-mark-error")
    assert "".join(mark.all_inner_texts()).startswith("$PendngTasks")
    assert text.get_attribute("aria-invalid") == "true"
    view.locator(".bl-problem").first.click()
    assert page.evaluate("() => document.activeElement.selectionStart") == wrong.index("$Pendng")
    text.fill(wrong.replace("$Pendng", "$Pending"))
    expect(view.get_by_role("button", name="Apply")).to_be_enabled()
    expect(view.locator(".bl-mark-error")).to_have_count(0)
    view.get_by_role("tab", name="Samples").click()
    view.get_by_text("1 of 1").wait_for()
    view.get_by_role("tab", name="What if").click()
    page.wait_for_function("() => document.querySelector('.bl-lab').dataset.plays")
    view.get_by_role("columnheader", name="this formula").wait_for()
    view.get_by_role("slider", name="Tasks").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.bl-lab').dataset.plays > 1")
    settled(page)
    if os.environ.get("BATCHLAB_PICTURES"):
        view.screenshot(path=PICTURES / "autoscale.png")
    assert barriers(page, ".bl-lab") == []
    box = view.bounding_box()
    assert box["height"] <= 540, box
    notebook.theme("Dark")
    assert barriers(page, ".bl-lab") == []
    for tab in ("Values", "Samples", "Why", "History"):
        view.get_by_role("tab", name=tab).click()
        assert barriers(page, ".bl-lab") == [], tab
    notebook.theme("Light")
    view.locator(".bl-body .bl-link").first.click()
    view.locator(".bl-sentences li").first.wait_for()
    view.get_by_role("button", name="Apply").click()
    view.get_by_role("button", name="Apply: sure?").click()
    view.get_by_text("Pool render now follows this formula, evaluated every 5 minutes.").wait_for()
    notebook.execute("lab.advance('6m')")
    page.wait_for_function("() => document.querySelector('.bl-lab').dataset.nodes === '4 4'")
    notebook.narrow()


def test_pool_of_a_cluster_is_seen_to_follow_a_formula_while_a_cell_waits(
    notebook: Notebook,
) -> None:
    """Real nodes: as the cell goes on, the formula is written, tried and applied."""
    notebook.open("""
import batchlab as bl
lab = bl.Lab()
pool = lab.create_pool("p", target_dedicated_nodes=1, task_slots_per_node=2)
pool.nodes.wait()
job = lab.create_job("j", pool)
""", """
display(pool.auto_scale_lab())
job.create_tasks(["/bin/sh -c 'while [ ! -e stop ]; do sleep 0.2; done'"] * 5)
job.tasks.wait()
""")  # fmt: skip
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    view.get_by_text("Valid.", exact=True).wait_for()
    page.wait_for_function("() => document.querySelector('.bl-lab').dataset.nodes === '1 1'")
    text = view.get_by_role("textbox", name="formula")
    text.fill("$TargetDedicatedNodes = 2;")
    view.get_by_text("Now: dedicated nodes 1 → 2").wait_for()
    view.get_by_role("button", name="Apply").click()
    view.get_by_role("button", name="Apply: sure?").click()
    view.get_by_text("Pool p now follows this formula").wait_for()
    page.wait_for_function("() => document.querySelector('.bl-lab').dataset.nodes === '2 2'")
    view.get_by_role("tab", name="History").click()
    view.locator(".bl-body tbody tr").first.wait_for()
    chart = view.get_by_role("img", name="nodes and tasks over time")
    spoken = view.locator(".bl-chart .bl-hidden")

    def newest() -> bool:
        chart.press("End")
        return "1 waiting, 4 running" in spoken.inner_text()

    until(newest)
    notebook.kernel_interrupt()


def test_text_of_formulas_and_names_is_never_read_as_html(notebook: Notebook) -> None:
    notebook.open('''
import batchlab as bl
evil = "<img src=x onerror=document.title=1><script>document.title=1</script>"
lab = bl.SimulatedLab()
pool = lab.create_pool("p")
pool.auto_scale_lab("a = \\"" + evil + "\\"; // " + evil + "\\nb = " + evil)
''')  # fmt: skip
    notebook.run()
    view = notebook.view()
    view.locator(".bl-problem").first.wait_for()
    assert "<img src=x" in view.locator(".bl-shown").inner_text()
    assert notebook.page.locator(".bl-view img, .bl-view script").count() == 0
    assert notebook.page.title() != "1"
