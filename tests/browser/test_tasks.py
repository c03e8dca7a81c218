"""The table of tasks in a real notebook: failures found, understood, and repeated."""

from __future__ import annotations

import pytest

from helpers.chromium import barriers, expect
from helpers.jupyter_page import Notebook

pytestmark = [pytest.mark.timeout(400), pytest.mark.ci("browser")]

SETUP = """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="40s"))
pool = lab.create_pool("render", target_dedicated_nodes=16, task_slots_per_node=2)
job = lab.create_job("frames", pool)
job.create_tasks([
    bl.TaskSpec(id=f"frame{n:03}", command_line="work" if n % 9
                else "/bin/sh -c 'sleep 21; echo no light >&2; exit 3'")
    for n in range(200)])
lab.advance("5m")
print("counts", job.counts.active, job.counts.running, job.counts.succeeded, job.counts.failed)
"""
HIDDEN = """() => {
  const view = document.querySelector('.bl-view').parentElement.batchlab;
  view.element.style.display = 'none';
  view.tasks.table.render();
  view.draw();
  view.element.style.display = '';
  return [view.tasks.table.elements.size, +view.element.dataset.draws];
}"""
"""Draws while a display is hidden for a moment: how many rows are left, how often it was drawn."""


def test_failures_are_found_understood_and_run_again(notebook: Notebook) -> None:
    notebook.open(SETUP, "lab.watch()")
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    failed = notebook.said()[3]
    header = view.locator(".bl-header")
    header.get_by_role("button", name=f"{failed} failed", exact=True).click()
    grid = view.get_by_role("grid")
    view.locator(f".bl-task-table[aria-rowcount='{failed + 1}']").wait_for()
    more = view.get_by_label("the chosen task")
    more.locator("b", has_text="frame000").wait_for()
    more.locator(".bl-last", has_text="no light").wait_for()  # after a single click
    row = grid.get_by_role("row", name="frame018")
    assert row.inner_text().split()[:5] == ["frame018", "completed", "failed", "3", "node"]
    row.click()
    more.locator("b", has_text="frame018").wait_for()
    more.get_by_text("exited with code 3").wait_for()
    assert "no light" in more.inner_text()
    assert barriers(page, ".bl-view") == []
    grid.press("Home")
    grid.press("Space")
    grid.press("Shift+ArrowDown")
    view.get_by_text("2 tasks selected").wait_for()
    assert barriers(page, ".bl-view") == []
    view.get_by_role("button", name="Reactivate").click()
    view.get_by_text("Reactivated 2 tasks.").wait_for()
    view.locator(f".bl-task-table[aria-rowcount='{failed - 1}']").wait_for()
    view.get_by_role("button", name="stderr.txt").click()
    view.locator(".bl-body").get_by_text("no light").wait_for()
    view.get_by_role("tab", name="Tasks").click()
    grid.press("Control+a")
    view.get_by_text(f"{failed - 2} tasks selected").wait_for()
    view.get_by_role("button", name="Delete").click()
    view.get_by_role("button", name=f"Delete {failed - 2} tasks: sure?").click()
    view.get_by_text(f"Deleted {failed - 2} tasks.").wait_for()
    view.get_by_text("No task matches.").wait_for()


def test_any_column_sorts_and_words_find(notebook: Notebook) -> None:
    notebook.open(SETUP, "job.tasks")
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    grid = view.get_by_role("grid")
    rows = grid.locator(".bl-task-rows [role=row]")
    rows.first.get_by_text("frame000").wait_for()
    grid.get_by_role("button", name="task").click()
    grid.get_by_role("button", name="task").click()
    rows.first.get_by_text("frame199").wait_for()
    assert grid.locator("[aria-sort=descending]").inner_text().startswith("task")
    grid.press("End")
    grid.get_by_role("row", name="frame000").wait_for()
    view.get_by_label("search tasks").fill("frame01 failed")
    view.get_by_text("No task matches.").wait_for()
    view.get_by_label("search tasks").fill("frame01 exit:3")
    view.locator(".bl-task-table[aria-rowcount='2']").wait_for()
    grid.get_by_role("row", name="frame018").wait_for()
    view.locator("xpath=self::*[@data-draws]").wait_for()
    left, drawn = page.evaluate(HIDDEN)
    assert left == 1, "rows stay while a notebook hides its cells, as for a new theme"
    page.wait_for_function(
        "drawn => +document.querySelector('.bl-view').dataset.draws > drawn", arg=drawn
    )
    notebook.theme("Dark")
    assert barriers(page, ".bl-view") == []
    notebook.theme("Light")


def test_tasks_of_the_past_are_those_that_had_started(notebook: Notebook) -> None:
    notebook.open(SETUP, "pool", "lab.close()")
    notebook.run(views=1)
    view = notebook.view()
    view.get_by_role("tab", name="Tasks").click()
    view.get_by_role("button", name="all 200").wait_for()
    expect(view.locator(".bl-task-acts")).to_be_hidden()
    slider = view.get_by_role("slider", name="time")
    slider.press("Home")
    view.get_by_text("No task had started.").wait_for()
    for _ in range(5):
        slider.press("PageUp")
    view.get_by_text("had not started and are not listed").wait_for()
    view.get_by_role("grid").get_by_role("row", name="frame000").click()
    view.get_by_label("the chosen task").get_by_text("The task was").wait_for()
    assert barriers(notebook.page, ".bl-view") == []
    view.get_by_role("button", name="End", exact=True).click()
    view.get_by_role("button", name="all 200").wait_for()


def test_a_hundred_thousand_tasks_are_a_page_at_a_time(notebook: Notebook) -> None:
    notebook.open('''
import batchlab as bl
lab = bl.SimulatedLab()
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=100))
for k in range(10):
    job.create_tasks([f"sleep {n}" for n in range(10_000)])
job.tasks
''')  # fmt: skip
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    grid = view.get_by_role("grid")
    view.locator(".bl-task-table[aria-rowcount='100001']").wait_for()
    notebook.messages.clear()
    grid.press("End")
    grid.get_by_role("row", name="task100000").wait_for()
    assert grid.locator("[role=row]").count() < 40
    took = page.evaluate(
        "() => { const view = document.querySelector('.bl-view').parentElement.batchlab;"
        "const { table } = view.tasks;"
        "const took = [...Array(50).keys()].map(i => { const begin = performance.now();"
        "table.element.scrollTop = i * 40000; table.render(); return performance.now() - begin });"
        "return took.sort((a, b) => a - b)[25] }"
    )
    assert took < 200, f"a table of 100,000 tasks took {took} ms to draw"
