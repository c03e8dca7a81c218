"""Each display in a real notebook: seen, pressed, resized, read by machines, and under attack."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.chromium import barriers, expect, picture_width
from helpers.jupyter_page import Notebook

pytestmark = pytest.mark.timeout(400)

PICTURES = Path(__file__).parent / "pictures"
"""What the README shows; made anew by ``BATCHLAB_PICTURES=1 pytest tests/browser``."""

SETUP = """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="40s"))
pool = lab.create_pool("render", target_dedicated_nodes=12, target_low_priority_nodes=4,
                       task_slots_per_node=2, start_task="/bin/sh -c 'sleep 20'")
job = lab.create_job("frames", pool, job_preparation_task="/bin/sh -c 'sleep 15; echo prepared'",
                     job_release_task="/bin/sh -c 'sleep 5; echo bye'")
job.create_tasks([
    bl.TaskSpec(id=f"frame{n:03}", constraints=bl.TaskConstraints(max_task_retry_count=n % 2),
                command_line="/bin/sh -c 'sleep 21; echo no light; exit 1'" if n % 9 == 0
                else "work")
    for n in range(200)])
lab.advance("4m")
next(iter(pool.nodes.values())).reboot()
lab.advance("2m")
print("counts", job.counts.active, job.counts.running, job.counts.succeeded, job.counts.failed)
"""

EVIL = "<img src=x onerror=document.title=1><script>document.title=1</script>&amp;\\u202e"


@pytest.mark.ci("browser")
def test_every_display_is_seen_and_says_what_the_service_says(notebook: Notebook) -> None:
    notebook.open(SETUP, "lab.watch()", "pool", "job", "job.tasks['frame009']",
                  "next(iter(pool.nodes.values()))")  # fmt: skip
    notebook.run(views=5)
    page = notebook.page
    said = notebook.said()
    for number in range(3):
        notebook.until_counts(*said, number=number)
    logs = page.evaluate("() => new Set([...document.querySelectorAll('.bl-view')]"
                         ".map(one => one.parentElement.batchlab.log)).size")  # fmt: skip
    assert logs == 1, "a page keeps the story of a lab once"
    view = notebook.view(0)
    expect(view.locator(".bl-legend .bl-key").first).to_have_text("r16 running")
    box = view.bounding_box()
    assert box["height"] <= 460, "one screen, no scrolling"
    assert barriers(page, ".bl-view") == []
    notebook.theme("Dark")
    assert barriers(page, ".bl-view") == []
    notebook.theme("Light")
    notebook.panel("Waiting", "All task slots of the nodes")
    if os.environ.get("BATCHLAB_PICTURES"):
        view.screenshot(path=PICTURES / "lab.png")
    notebook.narrow()


@pytest.mark.ci("browser")
def test_what_is_chosen_is_told_about(notebook: Notebook) -> None:
    notebook.open(SETUP, "lab.watch()")
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    view.locator(".bl-legend").get_by_text("running").first.wait_for()
    view.locator(".bl-grid canvas").focus()
    page.keyboard.press("End")
    body = view.locator(".bl-body")
    body.get_by_text("node 16").first.wait_for()
    assert "spot" in body.inner_text()
    assert "2 of 2 in use" in body.inner_text()
    page.keyboard.press("Escape")
    body.get_by_text("render: 12 dedicated and 4 spot nodes").wait_for()
    view.locator(".bl-grid canvas").press("End")
    body.get_by_role("button", name="the lab").click()
    body.get_by_text("The whole lab").wait_for()
    view.locator(".bl-grid canvas").press("End")
    body.get_by_text("node 16").first.wait_for()
    notebook.panel("Prepare", "Preparation: 16 succeeded; release: none.")
    body.get_by_role("button", name="succeeded").first.click()
    body.get_by_text("prepared").first.wait_for()
    notebook.panel("Waiting", "All task slots of the nodes")
    body.get_by_role("button", name="frame").first.click()
    body.get_by_text("job frames").first.wait_for()
    notebook.panel("Faults", "Fail the next start task")
    view.locator(".bl-grid canvas").press("Home")
    body.get_by_role("button", name="Reboot").click()
    body.get_by_role("button", name="Reboot: sure?").click()
    body.get_by_text("reboots: its tasks are requeued").wait_for()
    view.locator(".bl-legend").get_by_text("rebooting").wait_for()
    notebook.panel("Files", "is rebooting: its files are not available")


@pytest.mark.ci("browser")
def test_files_are_browsed_and_followed(notebook: Notebook) -> None:
    notebook.open(SETUP, "job.tasks['frame000']")
    notebook.run(views=1)
    body = notebook.panel("Files", "stdout.txt")
    body.get_by_role("button", name="stdout.txt").click()
    body.get_by_text("no light").wait_for()
    with notebook.page.expect_download() as waiting:
        body.get_by_role("button", name="download").click()
    assert waiting.value.suggested_filename == "stdout.txt"
    assert Path(waiting.value.path()).read_text() == "no light\n"
    body.get_by_role("button", name="back").click()
    body.get_by_role("button", name="wd/").click()
    body.get_by_text("This folder is empty.").wait_for()


FILES = """
import io
import batchlab as bl
from PIL import Image
lab = bl.SimulatedLab()
box = lab.storage.create_container("scene")
picture = io.BytesIO()
Image.radial_gradient("L").save(picture, "png")
box.upload(picture.getvalue(), "sky.png")
box.upload(b'frame,note\\n1,"light, 1"\\n', "run.csv")
box.upload(b"".join(b"line %d %s\\n" % (n, b"fine" if n % 700 else b"error")
                    for n in range(9000)), "log.txt")
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
files = [bl.ResourceFile(http_url=box.url_of(name), file_path=f"out/{name}")
         for name in ("sky.png", "run.csv", "log.txt")]
task = job.create_task("paint", "true", resource_files=files)
task.wait()
task
"""


@pytest.mark.ci("browser")
def test_files_are_shown_as_what_they_are(notebook: Notebook) -> None:
    notebook.open(FILES)
    notebook.run(views=1)
    body = notebook.panel("Files", "wd/")
    body.get_by_role("button", name="wd/").click()
    body.get_by_role("button", name="out/").click()
    body.get_by_role("button", name="log.txt").click()
    find = body.get_by_label("find in the file")
    find.fill("ERROR")
    body.get_by_text("in the part shown").wait_for()
    body.get_by_role("button", name="whole file").click()
    body.get_by_text("1 of 13", exact=True).wait_for()
    find.press("Enter")
    body.get_by_text("2 of 13", exact=True).wait_for()
    find.fill("nowhere")
    body.get_by_text("not found").wait_for()
    assert barriers(notebook.page, ".bl-view") == []
    body.get_by_role("button", name="back").click()
    body.get_by_role("button", name="run.csv").click()
    body.get_by_role("cell", name="light, 1").wait_for()
    assert barriers(notebook.page, ".bl-view") == []
    body.get_by_role("button", name="as text").click()
    body.get_by_text('1,"light, 1"').wait_for()
    body.get_by_role("button", name="back").click()
    body.get_by_role("button", name="sky.png").click()
    body.get_by_role("img", name="wd/out/sky.png").wait_for()
    assert picture_width(body.locator("img")) == 256


@pytest.mark.ci("browser")
def test_any_moment_of_the_past_is_shown_without_the_kernel(notebook: Notebook) -> None:
    notebook.open(SETUP, "lab.watch()", "import time; time.sleep(3600)")
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    present = notebook.said()
    notebook.until_counts(*present)  # the story is here
    slider = view.get_by_role("slider", name="time")
    slider.press("Home")
    notebook.until_counts(200, 0, 0, 0)
    for _ in range(6):
        slider.press("PageUp")
    then = notebook.counts()
    assert all(then[:2])
    assert sum(then) == 200
    assert "ago" in view.locator(".bl-time").inner_text()
    body = view.locator(".bl-body")
    view.get_by_role("tab", name="Waiting").click()
    body.get_by_text(f"The whole lab: {then[0]} waiting").wait_for()
    at = view.locator(".bl-time").inner_text().split()[0]
    told = body.inner_text()
    assert f"as it was at {at}" in told
    assert f"{then[0]} tasks: all slots were taken\nframes" in told
    assert "16 of 16 nodes: 16 took tasks; 32 of 32 slots in use" in told
    assert barriers(page, ".bl-view") == []
    view.locator(".bl-grid canvas").press("Home")
    body.get_by_text("as it was at").wait_for()
    assert "2 of 2 in use" in body.inner_text()
    body.get_by_role("button", name="frames / frame").first.click()
    body.get_by_text("frame").first.wait_for()
    view.get_by_role("tab", name="Prepare").click()
    body.get_by_role("row", name="node 1 succeeded").wait_for()
    view.get_by_role("tab", name="Waiting").click()
    body.get_by_text("Nothing held it back.").wait_for()
    slider.press("Home")
    body.get_by_text("not created yet").or_(body.get_by_text("No node was up yet.")).wait_for()
    view.get_by_role("tab", name="Files").click()
    view.locator(".bl-present", has_text="Files of the past are not kept").wait_for()
    assert barriers(page, ".bl-view") == []
    view.get_by_role("button", name="Go to the present").click()
    notebook.until_counts(*present)
    view.locator(".bl-present").wait_for(state="hidden")
    view.get_by_role("button", name="play").click()
    page.wait_for_function(
        "() => +document.querySelector('.bl-view').dataset.counts.split(' ')[0] > 100"
    )
    view.get_by_role("button", name="pause").click()
    notebook.kernel_interrupt()


@pytest.mark.ci("browser")
def test_lab_that_is_over_is_seen_from_its_journal(notebook: Notebook, tmp_path: Path) -> None:
    journal = str(tmp_path / "journal")
    notebook.open(SETUP.replace("SimulatedLab(", f"SimulatedLab(journal={journal!r}, ", 1),
                  f"lab.close(); lab = bl.ReplayedLab({journal!r}); lab", "lab.jobs['frames']",
                  "lab.pools['render'].explain()")  # fmt: skip
    notebook.run(views=2)
    said = notebook.said()
    for number in range(2):
        notebook.until_counts(*said, number=number)
    view = notebook.view(0)
    view.get_by_role("button", name="ended").wait_for()
    assert journal in view.locator(".bl-heading").inner_text()
    notebook.panel("Waiting", "All task slots of the nodes")
    notebook.panel("Faults", "Nothing can be done to it any more.")
    view.locator(".bl-grid canvas").press("Home")
    notebook.panel("Files", "a journal does not contain files")
    slider = view.get_by_role("slider", name="time")
    slider.press("Home")
    notebook.until_counts(200, 0, 0, 0)
    view.get_by_role("button", name="Go to the end").click()
    notebook.until_counts(*said)


@pytest.mark.ci("browser")
def test_timeline_is_zoomed_and_walked_by_keyboard(notebook: Notebook) -> None:
    notebook.open(SETUP, "pool")
    notebook.run(views=1)
    page, view = notebook.page, notebook.view()
    canvas = view.locator(".bl-timeline canvas")
    get = "() => { const win = document.querySelector('.bl-view').parentElement.batchlab"
    page.wait_for_function(f"{get}.timeline.picture?.win; return win }}")
    span = f"{get}.timeline.picture.win; return win.to - win.from }}"
    before = page.evaluate(span)
    for key in ("+", "+", "ArrowLeft"):
        canvas.press(key)
    page.wait_for_function(f"before => ({span})() < 0.5 * before", arg=before)
    canvas.press("n")
    view.locator(".bl-body dl").wait_for()
    canvas.press("0")
    page.wait_for_function(f"before => ({span})() === before", arg=before)


@pytest.mark.ci("browser")
def test_text_of_users_and_programs_is_never_read_as_html(notebook: Notebook) -> None:
    notebook.open(f'''
import batchlab as bl
evil = "{EVIL}"
lab = bl.SimulatedLab()
pool = lab.create_pool("p", target_dedicated_nodes=1, display_name=evil,
                       start_task=f"echo '{{evil}}'")
job = lab.create_job("j", pool, display_name=evil, job_preparation_task=f"echo '{{evil}}'")
task = job.create_task("t", f"/bin/sh -c \\"echo '{{evil}}'; exit 1\\"", display_name=evil)
task.wait()
missing = job.create_task("missing", evil)
missing.wait()
''', "lab.watch()", "job", "task", "missing")  # fmt: skip
    notebook.run(views=4)
    page = notebook.page
    notebook.panel("Details", "<img src=x", number=2)
    notebook.panel("Details", "<img src=x", number=3)
    notebook.panel("Files", "stdout.txt", number=2)
    body = notebook.view(2).locator(".bl-body")
    body.get_by_role("button", name="stdout.txt").click()
    body.get_by_text("<img src=x").first.wait_for()
    notebook.panel("Prepare", "Preparation: 1 succeeded", number=1)
    notebook.view(1).locator(".bl-body").get_by_role("button", name="succeeded").first.click()
    notebook.view(1).locator(".bl-output").get_by_text("<img src=x").wait_for()
    assert page.title() != "1"
    assert page.locator(".bl-view img, .bl-view script").count() == 0


@pytest.mark.ci("browser")
def test_nothing_and_very_much_look_well(notebook: Notebook) -> None:
    notebook.open('''
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="400s"))
lab
''', '''
empty = lab.create_pool("empty")
empty
''', '''
one = lab.create_pool("a-pool-with-a-name-that-goes-on-and-on-until-no-room-is-left-x",
                      target_dedicated_nodes=1)
one
''', '''
big = lab.create_pool("big", target_dedicated_nodes=10_000)
job = lab.create_job("j", big)
job.create_tasks([f"work {n}" for n in range(12_000)])
lab.advance("10m")
big
''', "big.delete(); big.wait('deleted')", "big")  # fmt: skip
    notebook.run(views=5)
    view = notebook.view
    view(1).get_by_text("the target is 0").wait_for()
    notebook.until_counts(2000, 0, 10000, 0, number=3)  # the pool went while they ran
    view(3).get_by_text("The pool was deleted.").wait_for()
    view(4).get_by_text("The pool was deleted.").wait_for()
    slider = view(3).get_by_role("slider", name="time")
    slider.evaluate("one => { one.value = 400; one.dispatchEvent(new Event('input')); }")
    view(3).locator(".bl-legend").get_by_text("10,000").wait_for()
    took = view(3).evaluate(
        "one => { const view = one.parentElement.batchlab;"
        "return Math.min(...[1, 2, 3, 4, 5].map(() => { view.draw(); return view.cost })) }"
    )
    assert took < 1000, f"a picture of 10,000 nodes took {took} ms"
