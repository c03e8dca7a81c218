"""Displays of a real lab while it works: cells that block, a burst of tasks, the end."""

from __future__ import annotations

import pytest

from batchlab.widgets.ui import HZ
from helpers.jupyter_page import Notebook
from helpers.kernels import INSTALLED, OLDER, shown

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(400)]

LAB = """
import batchlab as bl
lab = bl.Lab()
pool = lab.create_pool("p", target_dedicated_nodes=4, task_slots_per_node=4)
pool.nodes.wait()
job = lab.create_job("j", pool)
"""


BLOCKING = "job.tasks.wait()"
CASES = [*((version, BLOCKING) for version in (INSTALLED, *OLDER)),
         (INSTALLED, "await job.tasks.done()")]  # fmt: skip
"""Each kernel has a way of its own to hear a browser while a cell blocks it."""


@pytest.mark.parametrize(("version", "wait"), CASES)
def test_display_and_its_buttons_live_while_its_own_cell_waits(
    notebook: Notebook, version: str, wait: str
) -> None:
    shown(
        notebook,
        version,
        LAB.replace("nodes=4", "nodes=1"),  # of several any may come up first, and get the task
        f"""
import ipykernel
print("ipykernel", ipykernel.__version__)
display(lab.watch())
task = job.create_task("t", "/bin/sh -c 'while [ ! -e stop ]; do sleep 0.1; done'")
{wait}
print("over", job.counts.succeeded)
""",
    )
    notebook.output(f"ipykernel {version}")
    notebook.until_counts(0, 1, 0, 0)
    view = notebook.view()
    view.locator(".bl-grid canvas").press("Home")
    view.locator(".bl-body").get_by_text("1 of 4 in use").wait_for()
    notebook.panel("Faults", "Reboot")
    body = view.locator(".bl-body")
    body.get_by_role("button", name="Lose contact").click()
    body.get_by_role("button", name="Lose contact: sure?").click()
    body.get_by_text("was cut. Its tasks are requeued").wait_for()
    view.locator(".bl-runs").get_by_text("node lost").wait_for()
    notebook.kernel_interrupt()


def test_burst_of_tasks_is_shown_without_a_flood_and_without_a_loss(notebook: Notebook) -> None:
    notebook.open(
        LAB,
        'view = lab.watch(); print("channels", view.model_id, view.feed); view',
        """
import time
print("burst", time.time())
job.create_tasks(["/bin/true"] * 4000)
job.tasks.wait()
counts = job.counts
print("counts", counts.active, counts.running, counts.succeeded, counts.failed)
""",
    )
    notebook.run(views=1)
    channels = notebook.output("channels").split()[1:]
    begin = float(notebook.output("burst").split()[1])
    notebook.output("counts 0 0 4000 0")
    notebook.until_counts(0, 0, 4000, 0)
    for one in channels:
        times = [at for at, channel in notebook.messages if channel == one and at >= begin]
        if times:
            assert len(times) <= 1.25 * HZ * max(times[-1] - times[0], 1) + 1


def test_display_survives_a_page_that_is_loaded_again_and_a_lab_that_is_closed(
    notebook: Notebook,
) -> None:
    notebook.open(LAB, """
job.create_tasks(["/bin/true"] * 20)
job.tasks.wait()
""", "lab.watch()", "job")  # fmt: skip
    notebook.run(views=2)
    notebook.until_counts(0, 0, 20, 0)
    notebook.page.evaluate(
        "async () => { await window.jupyterapp.commands.execute('docmanager:save') }"
    )
    notebook.page.reload()
    notebook.ready()
    notebook.until_counts(0, 0, 20, 0)
    notebook.until_answered()
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: 'lab.close()'}).done"
    )
    notebook.view().get_by_role("button", name="ended").wait_for()
    notebook.until_counts(0, 0, 20, 0)
    view = notebook.view()
    view.locator(".bl-notice").get_by_text("The lab is closed: this is how it ended.").wait_for()
    panel = notebook.panel("Waiting", "Nothing was waiting.")
    assert "as it was at the end" in panel.inner_text()
    notebook.panel("Files", "Select a task or a node")
    notebook.panel("Faults", "Nothing can be done to it any more.")
    notebook.panel("Details", "j: active, on p")
    view.locator(".bl-grid canvas").press("Home")
    notebook.panel("Details", "Tasks run")
    view.get_by_role("slider", name="time").press("Home")
    view.locator(".bl-body").get_by_text("as it was at").wait_for()
