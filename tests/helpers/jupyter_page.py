"""A real JupyterLab, and a notebook in a real browser: what a user would do and see."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from helpers.chromium import PATIENCE_S, settled
from helpers.ports import free_port

START_S = 240
"""How long a JupyterLab that runs may take to answer: on a busy machine, half a minute."""
CELLS = (
    "() => { const panel = window.jupyterapp.shell.currentWidget;"
    "const cells = panel.content.model.toJSON().cells.filter(cell => cell.cell_type === 'code');"
    "return "
)
"""Of the notebook that is open: the code cells as they would be saved."""
OPEN = (
    "async path => { const { commands, serviceManager, shell } = window.jupyterapp;"
    "await serviceManager.kernelspecs.refreshSpecs();"
    "await commands.execute('docmanager:open', { path }); shell.expandLeft() }"
)
CLOSE = (
    "() => { const { serviceManager, shell } = window.jupyterapp ?? {};"
    "for (const widget of shell ? [...shell.widgets('main')] : []) {"
    " const session = widget.sessionContext?.session;"
    " if (session) serviceManager.sessions.shutdown(session.id).catch(() => {});"
    " if (widget.context) widget.context.model.dirty = false; widget.dispose() } }"
)
"""Closes all notebooks, and has their kernels end: nobody waits for it."""
NO_PROBLEMS = ("Canceled future", "ERR_NETWORK_CHANGED", "Failed to fetch")
"""What JupyterLab says of a kernel that has died, and of a network that changed; no display of
ours fetches anything."""
IDLE = "() => new Promise(done => requestIdleCallback(() => requestIdleCallback(done)))"
"""Waits until the page has nothing to do, as it has after it was scrolled."""
STATE = (
    "() => { const panel = window.jupyterapp?.shell.currentWidget, texts = selector =>"
    " [...document.querySelectorAll(selector)].map(one => one.innerText);"
    "const kernel = panel?.sessionContext?.session?.kernel;"
    "return { notebook: panel?.context?.path, kernel: [kernel?.status, kernel?.connectionStatus],"
    " dialogs: texts('.jp-Dialog'), prompts: texts('.jp-InputPrompt'),"
    " outputs: texts('.jp-OutputArea-output').map(text => text.slice(0, 300)),"
    " views: document.querySelectorAll('.bl-view').length } }"
)
"""What is open, what its kernel is at, and what a person sees of it."""
COMM = re.compile(rb'"comm_id": ?"([0-9a-f-]+)"')
DATE = re.compile(rb'"date": ?"([^"]+)"')
SEEN = """number => {
  const one = document.querySelectorAll('.bl-view')[number];
  const view = one?.parentElement?.batchlab;
  if (!view) return null;
  if (view.visible === false) one.scrollIntoView({ block: 'nearest' });
  return one.dataset.draws && view.visible !== false && !view.pending ? one : null }"""
"""A display, scrolled to where it is seen, for only then is it drawn, and drawn; else null. Asked
again and again, for JupyterLab scrolls as well, to the cell that runs."""


@contextlib.contextmanager
def jupyter_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """A JupyterLab with settings of its own; its address, and where its notebooks are."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    settings = folder / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
    }
    environment.pop("BATCHLAB_STATIC", None)
    command = [sys.executable, "-m", "jupyterlab"]
    with serving(command, folder / "log", notebooks, environment) as (url, _):
        yield url, notebooks


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path], log: Path, folder: Path, environment: dict[str, str],
    base: str = "/",
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:  # fmt: skip
    """A JupyterLab that shows a folder to browsers of this machine; its address and process."""
    port = free_port()
    options = [
        "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True", f"--ServerApp.base_url={base}",
        f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}{base.rstrip('/')}"
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, *options], cwd=folder, env=environment, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api").close()
                break
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "JupyterLab does not answer"
            time.sleep(0.1)
        yield url, server
    finally:
        server.terminate()
        try:
            server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:  # it waits for a kernel
            server.kill()
            server.wait()


@contextlib.contextmanager
def visited(
    browser: Any, pages: list[Any], server: tuple[str, Path], request: pytest.FixtureRequest
) -> Iterator[Notebook]:
    """A place for a notebook, in the page of the test before, for JupyterLab loads for seconds.

    Where that test failed the page is a new one: who knows what is left in the old. What was there
    is told with the failure.
    """
    page, before = pages.pop() if pages else browser.new_page(), request.session.testsfailed
    page.set_viewport_size({"width": 1280, "height": 800})
    notebook = Notebook(page, *server)
    yield notebook
    failed = request.session.testsfailed > before
    if failed:
        print(page.evaluate(STATE))
    notebook.close()
    if notebook.problems or failed:
        page.close()
    else:
        pages.append(page)


class Notebook:
    """A notebook that is open in a page.

    Attributes
    ----------
    page : playwright.sync_api.Page
    problems : list of str
        Errors of the page, and requests that left this machine.
    messages : list of (float, str)
        When the kernel sent each message to a widget, in seconds since 1970, and the id of its
        channel.
    """

    def __init__(self, page: Any, url: str, folder: Path) -> None:
        self.page = page
        self.url, self.folder = url, folder
        self.problems: list[str] = []
        self.messages: list[tuple[float, str]] = []
        page.set_default_timeout(PATIENCE_S * 1000)
        self._heard = {
            "pageerror": lambda error: self._problem(f"{error.stack or error}"),
            "console": self._console,
            "request": self._request,
            "websocket": lambda socket: socket.on("framereceived", self._frame),
        }
        for name, listener in self._heard.items():
            page.on(name, listener)

    def close(self) -> None:
        """Leave the page as it was before: without notebooks, kernels, and listeners."""
        self.page.evaluate(CLOSE)
        for name, listener in self._heard.items():
            self.page.remove_listener(name, listener)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self._problem(message.text)

    def _problem(self, text: str) -> None:
        # JupyterLab asks the kernel for this and that by itself, and says when it died meanwhile;
        # and tests with hosts of their own may add a network to this machine at any moment.
        if not any(one in text for one in NO_PROBLEMS):
            self.problems.append(text)

    def _frame(self, payload: Any) -> None:
        start = payload[:4000] if isinstance(payload, bytes) else payload[:4000].encode()
        found = COMM.search(start)
        if found and b"comm_msg" in start:
            sent = DATE.search(start)  # its own: that of the message it answers comes later
            assert sent
            at = datetime.fromisoformat(sent[1].decode()).timestamp()
            self.messages.append((at, found[1].decode()))

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.url, "blob:", "data:", "ws://127.0.0.1")):
            self.problems.append(f"asked for {request.url}")

    def open(self, *cells: str, kernel: str = "python3") -> None:
        """Open a new notebook with these cells, in a workspace of its own."""
        name = f"{uuid.uuid4().hex[:8]}.ipynb"
        nbformat.write(
            nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
                metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
            ),
            self.folder / name,
        )
        self.open_file(name)
        self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")

    def open_file(self, name: str) -> None:
        """Open a notebook that is there: in the JupyterLab of this page, or a new one."""
        if self.page.url.startswith(self.url):
            self.page.evaluate(OPEN, name)
        else:
            self.page.goto(f"{self.url}/lab/workspaces/{uuid.uuid4().hex}/tree/{name}")
        self.ready()

    def ready(self) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'"
        )

    def command(self, name: str, arguments: str = "{}") -> None:
        """Have JupyterLab do something, and do not wait until it is done."""
        self.page.evaluate(
            f"() => {{ window.jupyterapp.commands.execute('{name}', {arguments}) }}"
        )

    def run(self, views: int = 0) -> None:
        """Run all cells; wait for so many displays."""
        self.command("notebook:run-all-cells")
        if views:
            self.page.wait_for_function(
                f"() => document.querySelectorAll('.bl-view').length >= {views}"
                ' || document.querySelector(\'[data-mime-type="application/vnd.jupyter.error"],'
                ' [data-mime-type="application/vnd.jupyter.stderr"]\')'
            )
            wrong = self.page.locator(
                '[data-mime-type*="jupyter.error"], [data-mime-type*="stderr"]'
            )
            assert wrong.count() == 0, wrong.first.inner_text()

    def execute(self, code: str) -> None:
        """Have the kernel do something that is in no cell, and do not wait until it is done."""
        self.page.evaluate(
            "code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".requestExecute({ code }) }", code)  # fmt: skip

    def run_through(self) -> list[dict[str, Any]]:
        """Clear all outputs, run all cells, and wait for the last; the code cells, as saved."""
        self.command("notebook:clear-all-cell-outputs")
        self.page.wait_for_function(CELLS + "cells.every(cell => !cell.outputs.length) }")
        self.command("notebook:run-all-cells")
        self.page.wait_for_function(
            CELLS + "cells.every(cell => cell.execution_count)"
            " || cells.some(cell => cell.outputs.some(one => one.output_type === 'error')) }",
            timeout=240_000,
        )
        self.ready()
        found: list[dict[str, Any]] = self.page.evaluate(CELLS + "cells }")
        return found

    def page_through(self) -> Iterator[int]:
        """Bring all of it on the screen, a piece at a time; yields the number of each piece."""
        scroller = self.page.locator(".jp-WindowedPanel-outer").first
        height = scroller.evaluate("one => one.scrollHeight")
        for number, top in enumerate(range(0, height, 700)):
            scroller.evaluate("(one, top) => { one.scrollTop = top }", top)
            self.page.evaluate(IDLE)
            settled(self.page)
            yield number

    def kernel_interrupt(self) -> None:
        """Interrupt what runs."""
        self.command("notebook:interrupt-kernel")

    def view(self, number: int = 0) -> Any:
        """A display, scrolled to where it is seen, and drawn there."""
        self.page.wait_for_function(SEEN, arg=number)
        return self.page.locator(".bl-view").nth(number)

    def theme(self, name: str) -> None:
        """Have JupyterLab and all displays in these colours: ``Light`` or ``Dark``."""
        self.command("apputils:change-theme", f"{{theme: 'JupyterLab {name}'}}")
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light",
            arg=str(name == "Light").lower(),
        )
        settled(self.page)

    def narrow(self) -> None:
        """Make the page narrow, and wait until nothing sticks out of the first display."""
        self.page.set_viewport_size({"width": 800, "height": 800})
        self.page.wait_for_function(
            "() => { const one = document.querySelector('.bl-view');"
            "return one.classList.contains('bl-narrow') && one.scrollWidth <= one.clientWidth }"
        )

    def output(self, text: str) -> str:
        """Wait until something printed holds a line with a text; what was printed there."""
        self.page.wait_for_function(
            "text => [...document.querySelectorAll('.jp-OutputArea-output pre')]"
            ".some(one => one.textContent.split('\\n').slice(0, -1)"
            ".some(line => line.includes(text)))",
            arg=text,
        )
        found = self.page.locator(".jp-OutputArea-output pre", has_text=text).last.inner_text()
        return str(found)

    def said(self) -> list[int]:
        """Tasks that wait, run, succeeded and failed, as a cell prints them after ``counts``."""
        return [int(word) for word in self.output("counts").split()[1:]]

    def counts(self, number: int = 0) -> list[int]:
        """The same, as a display that is drawn says at the moment."""
        text: str = self.view(number).get_attribute("data-counts")
        return [int(part) for part in text.split()]

    def until_counts(self, *counts: int, number: int = 0) -> None:
        """Wait until a display says so."""
        self.page.wait_for_function(
            f"([number, text]) => ({SEEN})(number)?.dataset.counts === text",
            arg=[number, " ".join(map(str, counts))],
        )

    def until_answered(self, number: int = 0) -> None:
        """Wait until the open panel of a display has an answer newer than all that happened."""
        self.page.wait_for_function(
            f"number => ({SEEN})(number)?.parentElement.batchlab.ending.last(true)", arg=number
        )

    def panel(self, name: str, text: str, number: int = 0) -> Any:
        """Open a panel, and wait until it says something."""
        view = self.view(number)
        view.get_by_role("tab", name=name).click()
        body = view.locator(".bl-body")
        body.get_by_text(text).first.wait_for()
        return body
