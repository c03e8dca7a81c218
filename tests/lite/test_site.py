"""The site with the lessons: what it is built of, what refuses to be built, and how it is seen."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import batchlab as bl
from batchlab.classroom import ClassServer, ClassTable
from batchlab.classroom.site import LiteSite
from batchlab.cli import app
from batchlab.lite import SiteServer, build_site, packages, site
from batchlab.lite.lessons import runs
from helpers.chromium import CHROMIUM, expect, launched
from helpers.environments import NotMade, environment, install

INFO = {"arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2", "abi_version": "1_0"}
KERNEL_READY_S = 200
ROOT = Path(__file__).parents[2]
LESSONS = {"00-start-here.ipynb": 3, "08-autoscale.ipynb": 1, "12-why-does-nothing-run.ipynb": 0}
"""With how many live displays."""


def test_installed_package_is_packed_again_without_what_is_compiled(tmp_path: Path) -> None:
    found = packages.metadata.distribution("markupsafe")
    wheel = packages._packed(found, "markupsafe", tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "markupsafe/_native.py" in names
    assert not [name for name in names if name.endswith((".so", ".pyc", "RECORD"))]
    again = tmp_path / "again"
    again.mkdir()
    assert packages._packed(found, "markupsafe", again).read_bytes() == wheel.read_bytes()


def test_own_package_is_packed_with_its_metadata_and_without_the_lessons(tmp_path: Path) -> None:
    wheel = packages._packed(packages.metadata.distribution("batchlab"), "batchlab", tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert f"batchlab-{bl.__version__}.dist-info/METADATA" in names
    assert "batchlab/widgets/static/grid.js" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".ipynb")]
    assert packages._imports(wheel) == ["batchlab"]


def test_what_a_browser_cannot_run_is_not_needed_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded = []

    def download(wanted: Any, info: Any, folder: Path) -> Path:
        downloaded.append(wanted.name)
        stem = f"{wanted.name}-1.0"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
            about = f"Metadata-Version: 2.1\nName: {wanted.name}\nVersion: 1.0\n"
            archive.writestr(f"{stem}.dist-info/METADATA", about)
        return folder / f"{stem}-py3-none-any.whl"

    monkeypatch.setattr(packages, "_downloaded", download)
    names = {package.name for package in packages._needed(INFO, tmp_path)}
    assert {"batchlab", "anywidget", "ipywidgets", "lark", "markupsafe", "rich"} <= names
    assert not names & {"distributed", "psutil", "pillow", "jupyterlab", "typer"}
    assert "msgspec" in downloaded
    assert "batchlab" not in downloaded


@pytest.mark.parametrize("left", ["thesis.txt", "folder"])
def test_folder_with_other_contents_is_refused_before_anything_is_built(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "_need_libraries", lambda: None)
    (tmp_path / left).mkdir()
    with pytest.raises(bl.InvalidRequest, match="choose an empty or a new folder") as refusal:
        build_site(tmp_path)
    assert refusal.value.code == "InvalidPropertyValue"
    assert (tmp_path / left).exists()


def test_file_is_refused_as_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "_need_libraries", lambda: None)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(bl.InvalidRequest, match="is not a folder"):
        build_site(tmp_path / "file")
    with pytest.raises(bl.InvalidRequest, match="is not a folder"):
        build_site(tmp_path / "file" / "inside")


def test_missing_npm_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "_need_libraries", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(bl.BatchError, match="or name a folder with Pyodide"):
        build_site(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_folder_without_pyodide_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "_need_libraries", lambda: None)
    done = CliRunner().invoke(
        app, ["lite", "--output", str(tmp_path / "site"), "--pyodide", str(tmp_path)]
    )
    assert done.exit_code == 1
    assert "must be a folder with pyodide.mjs" in done.output
    assert not (tmp_path / "site").exists()


def test_missing_jupyterlite_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bl.BatchError, match=r'pip install "batchlab\[lite\]"'):
        build_site(tmp_path / "site")


def test_taken_port_says_what_to_do(tmp_path: Path) -> None:
    with (
        SiteServer(tmp_path, 0) as server,
        pytest.raises(bl.InvalidRequest, match="0 takes a free port"),
    ):
        SiteServer(tmp_path, server.server_port)


def test_code_is_wrapped_in_a_narrow_window_and_displays_stay(tmp_path: Path) -> None:
    site._write_settings(tmp_path, [])
    (settings,) = json.loads((tmp_path / "overrides.json").read_bytes()).values()
    assert settings["codeCellConfig"] == {"lineWrap": True}
    assert settings["windowingMode"] == "none"


# -- a real site in a real browser --------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site built as a user does, in an environment of its own."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("chromium or npm is not installed")
    work = tmp_path_factory.mktemp("lite")
    try:
        python = environment(work / "env")
        install(python, "-e", f"{ROOT}[lite]")
    except NotMade as error:
        pytest.skip(str(error))
    folder = work / "site"
    folder.mkdir()
    (folder / site.MARK).write_text("{}")
    (folder / "old").write_text("an earlier site")
    done = subprocess.run(
        [python.with_name("batchlab"), "lite", "--output", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ways = [runs(json.loads(path.read_bytes())) for path in (ROOT / "notebooks").glob("*.ipynb")]
    can = sum(way != "machine" for way in ways)
    assert f"{can} of {len(ways)} lessons run in the browser" in done.stdout
    assert not (folder / "old").exists()
    return folder


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with SiteServer(built, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.ci("browser")
@pytest.mark.timeout(800)
def test_lessons_run_in_the_browser_alone(built: Path, address: str) -> None:
    assert sum(path.stat().st_size for path in built.rglob("*")) < 60e6
    with launched() as chromium:
        for name, live in LESSONS.items():
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(KERNEL_READY_S * 1000)
            outside: list[str] = []
            broken: list[str] = []  # displays are loaded as blobs
            page.on("console", lambda line: "blob:" in line.text and broken.append(line.text))  # noqa: B023
            page.route("**/*", functools.partial(_only_here, address=address, outside=outside))
            begin = time.monotonic()
            page.goto(f"{address}/lab/index.html?path={name}")
            ready = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
            page.wait_for_selector(ready)
            print(f"{name}: ready after {time.monotonic() - begin:.1f} s")
            page.click("text=Run >> nth=0")
            page.click("text=Run All Cells")
            page.wait_for_function(LAST_CELL_RAN)
            assert page.evaluate(ERRORS) == []
            if live:
                page.locator(".bl-view").nth(live - 1).wait_for(state="attached")
            if name.startswith("00"):
                page.get_by_role("spinbutton").fill("3")
                page.get_by_text("Your prediction: 3 tasks").first.wait_for()
            assert outside == []
            assert [text for text in broken if "Error" in text] == []
            page.close()


@pytest.mark.ci("browser")
@pytest.mark.timeout(400)
def test_learner_with_only_a_browser_is_seen_in_the_class(built: Path) -> None:
    """By plain HTTP from another machine's view, where browsers allow less."""
    table = ClassTable("K7QM3X")
    server = ClassServer(table, site=LiteSite(built, "00-start-here.ipynb"))
    try:
        with launched() as chromium:
            teacher = chromium.new_page()
            teacher.goto(server.page)
            teacher.get_by_text(server.join_page).wait_for()
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            outside: list[str] = []
            address = server.url
            page.route("**/*", functools.partial(_only_here, address=address, outside=outside))
            page.goto(server.join_page)
            page.get_by_label("Your name").fill("Ada")
            page.get_by_role("button", name="Join").click()
            ready = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
            page.wait_for_selector(ready, timeout=KERNEL_READY_S * 1000)
            page.locator(".jp-CodeCell .cm-content").first.click()
            page.keyboard.press("Control+A")
            page.keyboard.insert_text(EXERCISE)
            page.keyboard.press("Control+Enter")
            cells = teacher.locator("tbody tr").filter(has_text="Ada").locator("td")
            expect(cells.nth(4)).to_have_text("1", timeout=KERNEL_READY_S * 1000)  # solved
            expect(cells.nth(2)).to_have_text("2")  # tries
            assert "00-1" in cells.nth(1).inner_text()
            assert outside == []
    finally:
        server.stop()


EXERCISE = """\
import batchlab as bl
from batchlab import lessons
lab = bl.SimulatedLab()
job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
task = job.create_task("t", "/bin/sh -c 'echo $AZ_BATCH_NODE_ID'")
first = lessons.check("00-1", job)
task.wait()
lessons.check("00-1", task)"""
LAST_CELL_RAN = (
    "() => { const all = window.jupyterapp ? [] : [...document.querySelectorAll('.jp-CodeCell "
    ".jp-InputPrompt')].map(one => one.textContent);"
    "return all.length > 0 && all.every(text => /\\d/.test(text)) }"
)
ERRORS = (
    "() => [...document.querySelectorAll('[data-mime-type=\"application/vnd.jupyter.error\"]')]"
    ".map(one => one.textContent)"
)


def _only_here(route: Any, *, address: str, outside: list[str]) -> None:
    url = route.request.url
    if url.startswith((address, "data:", "blob:")):
        route.continue_()
    else:
        outside.append(url)
        route.abort()
