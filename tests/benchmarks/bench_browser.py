"""A lab of 100,000 tasks in a browser: is it still pleasant to look at?

Long tasks are what a page's main thread does for more than 50 ms in one go: meanwhile it is deaf.
The longest gap is that between two frames. Drawn without a graphics card, so rather too slow.
Goal: nothing above 200 ms while it is panned, zoomed, or live; 50 frames a second with 10,000
nodes, the table of tasks included; first picture within 1 s, first report within 2 s; a display of
16 running tasks takes at most 5 % of a core of the kernel.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from helpers.chromium import launched  # noqa: E402 - found by the line above
from helpers.jupyter_page import Notebook, jupyter_server  # noqa: E402 - as above

TASKS = 100_000
SETUP = """
import batchlab as bl, threading, time
lab = bl.SimulatedLab(workload=bl.Workload(default="{seconds}s"))
pool = lab.create_pool("p", target_dedicated_nodes={nodes}, task_slots_per_node={slots})
lab.advance("10m")
job = lab.create_job("j", pool)
job.create_tasks([f"work {{n}}" for n in range({tasks})])
lab.advance("100m")
"""
LIVE = """
def go():
    for _ in range(100):
        lab.advance("20s"); time.sleep(0.1)
threading.Thread(target=go).start()
"""
FIRST = """
from time import time as wall
print("shown", wall())
lab
"""
REPORT = """
import batchlab as bl
lab = bl.SimulatedLab(workload=bl.Workload(default="30s"))
pool = lab.create_pool("p", target_dedicated_nodes=20)
job = lab.create_job("j", pool)
job.create_tasks([f"work {n}" for n in range(1000)])
job.tasks.wait()
from IPython.display import display
from time import perf_counter
begin = perf_counter()
display(job.report())
print("reported", round(perf_counter() - begin, 2))
"""
RUNNING = """
import batchlab as bl, time
lab = bl.Lab()
pool = lab.create_pool("p", target_dedicated_nodes=4, task_slots_per_node=4)
job = lab.create_job("j", pool)
job.create_tasks(["/bin/sh -c 'sleep 60'"] * 16)
job.tasks["task016"].wait("running")
"""
SHARE = """
time.sleep(5)
begin, cpu = time.perf_counter(), time.process_time()
time.sleep(15)
print("share", (time.process_time() - cpu) / (time.perf_counter() - begin))
lab.close()
"""
WATCH = """() => {
  const seen = (window.seen = { long: [], gaps: [], last: performance.now(), on: true });
  const note = (one) => seen.long.push(one.duration);
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(note));
  observer.observe({ entryTypes: ["longtask"] });
  const step = (now) => {
    seen.gaps.push(now - seen.last);
    seen.last = now;
    if (seen.on) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}"""
FIRST_PICTURE = """() => new Promise((tell) => {
  const look = () => (document.querySelector('.bl-view[data-counts], [data-mime-type*="error"]')
    ? tell(Date.now() / 1000) : requestAnimationFrame(look));
  look();
})"""


def measured(notebook: Notebook, name: str, act: Any, seconds: float = 4.0) -> None:
    """Do something again and again, and print what the page had to bear."""
    page = notebook.page
    page.evaluate(WATCH)
    end = page.evaluate("() => performance.now()") + 1000 * seconds
    step = 0
    while page.evaluate("() => performance.now()") < end:
        act(step)
        step += 1
    seen = page.evaluate("() => { window.seen.on = false; return window.seen }")
    gaps, long = seen["gaps"], seen["long"]
    cost = page.evaluate("() => document.querySelector('.bl-view').parentElement.batchlab.cost")
    print(
        f"  {name:22s} {len(gaps) / seconds:5.1f} frames/s, longest gap {max(gaps):5.0f} ms;"
        f" {len(long):3d} long tasks, longest {max(long, default=0):4.0f} ms;"
        f" a picture takes {cost:4.0f} ms"
    )


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyter_server(Path(folder)) as server,
        launched() as browser,
    ):

        def opened(*cells: str) -> Notebook:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            notebook = Notebook(page, *server)
            page.set_default_timeout(300_000)
            notebook.open(*cells)
            return notebook

        notebook = opened("import batchlab as bl; lab = bl.SimulatedLab()", FIRST)
        first_picture(notebook, "of an empty lab")
        notebook.page.close()
        report(opened)
        live_share(opened)
        for nodes, slots, seconds in ((10_000, 1, 300), (1000, 4, 300), (100, 4, 30)):
            print(f"{TASKS:,} tasks on {nodes} nodes of {slots} slots")
            setup = SETUP.format(nodes=nodes, slots=slots, seconds=seconds, tasks=TASKS)
            notebook = opened(setup, FIRST)
            look(notebook)
            notebook.page.close()


def look(notebook: Notebook) -> None:
    """Do with a display what one does with it."""
    first_picture(notebook, "of this one")
    page = notebook.page
    canvas = notebook.view().locator(".bl-timeline canvas")
    measured(notebook, "nothing is done", lambda _: page.wait_for_timeout(50))
    canvas.press("f")
    for _ in range(3):
        canvas.press("+")
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    measured(notebook, "panned with the mouse",
             lambda n: page.mouse.move(x - 200 + (n * 7) % 400, y))  # fmt: skip
    page.mouse.up()
    measured(notebook, "zoomed in and out", lambda n: canvas.press("+-"[n // 4 % 2]))
    canvas.press("0")
    grid = notebook.view().locator(".bl-grid canvas")
    measured(notebook, "walked over the nodes", lambda _: grid.press("ArrowRight"))
    slider = notebook.view().get_by_role("slider", name="time")
    measured(notebook, "moved in time",
             lambda n: slider.press("PageUp" if n // 8 % 2 else "PageDown"))  # fmt: skip
    table(notebook)
    notebook.view().get_by_role("button", name="Live").click()
    notebook.execute(LIVE)
    measured(notebook, "live", lambda _: page.wait_for_timeout(50), 8)
    print("  tasks that wait, run, succeeded, failed:", *notebook.counts())


def table(notebook: Notebook) -> None:
    """Scroll and search through the tasks."""
    notebook.view().get_by_role("tab", name="Tasks").click()
    scroller = notebook.view().locator(".bl-task-table")
    scroller.wait_for()
    measured(
        notebook,
        "scrolled through tasks",
        lambda n: scroller.evaluate(
            "(one, n) => { one.scrollTop = (n * 97 * 22) % (one.scrollHeight || 1) }", n
        ),
    )
    search = notebook.view().get_by_role("searchbox", name="search tasks")
    measured(notebook, "searched", lambda n: search.fill(f"task{n % 97}"))


def report(opened: Any) -> None:
    """The first report of a kernel: from when its cell runs to when it is all there."""
    notebook = opened(REPORT)
    notebook.command("notebook:run-all-cells")
    print(f"  first report: {notebook.output('reported').split()[1]} s")
    notebook.page.close()


def live_share(opened: Any) -> None:
    """What a display costs the kernel, of a core, while 16 tasks run."""
    shares = []
    for shown in (False, True):
        notebook = opened(RUNNING, "lab" if shown else "1", SHARE)
        notebook.command("notebook:run-all-cells")
        shares.append(float(notebook.output("share").split()[1]))
        notebook.page.close()
    print(f"  16 running tasks: {shares[0]:.1%} of a core without a display, {shares[1]:.1%} with")


def first_picture(notebook: Notebook, name: str) -> None:
    """From when a cell runs to when its display has counts."""
    notebook.command("notebook:run-all-cells")
    seen = notebook.page.evaluate(FIRST_PICTURE)
    begun = float(notebook.output("shown").split()[1])
    print(f"  first picture {name}: {seen - begun:.2f} s after its cell began")


if __name__ == "__main__":
    main()
