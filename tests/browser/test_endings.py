"""What displays say when the things that they show come to an end: a pool, a lab, the kernel."""

from __future__ import annotations

import pytest

from helpers.chromium import expect
from helpers.jupyter_page import Notebook

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(400)]

LAB = """
import batchlab as bl
lab = bl.Lab()
pool = lab.create_pool("p", target_dedicated_nodes=1, task_slots_per_node=4)
pool.nodes.wait()
job = lab.create_job("j", pool)
task = job.create_task("t", "/bin/sh -c 'while [ ! -e stop ]; do sleep 0.1; done'")
"""
GONE = "The kernel has stopped: this is the last known state. Run the cell again."


def test_two_places_of_one_display_go_their_own_ways_until_the_pool_is_deleted(
    notebook: Notebook,
) -> None:
    notebook.open(LAB, "view = lab.watch(); view", "view", "pool", "pool")
    notebook.run(views=4)
    notebook.until_counts(0, 1, 0, 0, number=1)
    notebook.panel("Faults", "What if", number=0)
    waiting = notebook.panel("Waiting", "Nothing is waiting", number=1)
    notebook.until_counts(0, 1, 0, 0, number=2)
    notebook.view(2).locator(".bl-grid canvas").press("Home")
    notebook.view(2).locator(".bl-body").get_by_text("1 of 4 in use").wait_for()
    notebook.execute("job.create_task('more', 'true', required_slots=4)")
    waiting.get_by_text("1 waiting").wait_for()
    expect(notebook.view(0).locator(".bl-body").get_by_text("What if")).to_have_count(1)
    notebook.view(1).evaluate("one => one.parentElement.batchlab.close()")
    body = notebook.panel("Waiting", "1 waiting", number=0)
    notebook.execute("job.create_task('another', 'true', required_slots=4)")
    body.get_by_text("2 waiting").wait_for()
    notebook.execute("pool.delete()")
    for number in (0, 2, 3):
        view = notebook.view(number)
        words = "No pool is left." if number == 0 else "The pool was deleted."
        view.locator(".bl-grid").get_by_text(words).wait_for()
    notebook.view(2).locator(".bl-body").get_by_text("there is no pool 'p'").wait_for()
    expect(notebook.page.locator(".bl-body", has_text="…")).to_have_count(0)


def test_kernel_that_is_restarted_is_told_of_and_what_was_seen_stays(notebook: Notebook) -> None:
    notebook.open(LAB, "lab.watch()", "pool.auto_scale_lab()")
    notebook.run(views=2)
    notebook.until_counts(0, 1, 0, 0)
    notebook.view(1).get_by_text("Valid.", exact=True).wait_for()
    notebook.until_answered()
    notebook.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.restartKernel() }"
    )
    view = notebook.view(0)
    view.locator(".bl-notice").get_by_text(GONE).wait_for()
    view.get_by_role("button", name="ended").wait_for()
    panel = notebook.panel("Waiting", "Nothing was waiting.")
    assert "as it was at the end" in panel.inner_text()
    notebook.panel("Details", "j: active, on p")
    view.get_by_role("slider", name="time").press("Home")
    notebook.until_counts(0, 0, 0, 0)
    editor = notebook.view(1)
    editor.locator(".bl-problems").get_by_text(GONE).wait_for()
    expect(editor.get_by_role("button", name="Apply")).to_be_disabled()
    notebook.ready()
    notebook.command("notebook:clear-all-cell-outputs")
    notebook.run(views=2)
    notebook.until_counts(0, 1, 0, 0)
    expect(notebook.view(0).locator(".bl-notice")).to_have_text("")
    notebook.panel("Waiting", "Nothing is waiting")


def test_kernel_that_dies_is_told_of(notebook: Notebook) -> None:
    notebook.open(LAB, "lab.watch()")
    notebook.run(views=1)
    notebook.until_counts(0, 1, 0, 0)
    notebook.execute("import os; os._exit(1)")
    notebook.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    notebook.view().locator(".bl-notice").get_by_text(GONE).wait_for()
    notebook.panel("Faults", GONE)
