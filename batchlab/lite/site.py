"""Builds the site, with JupyterLite."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from batchlab.errors import Conflict, NotFound, NotInstalled, invalid
from batchlab.extras import install_command
from batchlab.lessons.notebooks import lessons_folder
from batchlab.lite.lessons import Runs, write_lessons
from batchlab.lite.packages import collect
from batchlab.version import __version__

__all__ = ["PYODIDE", "Site", "build_site", "ready_site"]

PYODIDE = "314.0.7"
"""The version of Pyodide; its Python decides which compiled packages are downloaded."""
PARTS = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
KERNEL = "@jupyterlite/pyodide-kernel-extension"
MARK = "batchlab-lite.json"
"""In a site: which batchlab built it. A folder with other contents is never overwritten."""


@dataclass(frozen=True)
class Site:
    """A site that was built.

    Attributes
    ----------
    folder : Path
    lessons : dict of str to {'whole', 'simulated', 'machine'}
        What of each lesson runs in a browser.
    size : int
        Bytes of all files.
    """

    folder: Path
    lessons: dict[str, Runs]
    size: int


def build_site(output: Path, *, pyodide: Path | None = None) -> Site:
    """Build the lessons as a static site.

    Parameters
    ----------
    output : Path
        The folder of the site; an earlier site in it is replaced.
    pyodide : Path, optional
        A folder with Pyodide. By default npm downloads it.

    Raises
    ------
    NotInstalled
        ``OperationInvalidForCurrentState``: JupyterLite or npm is missing.
    InvalidRequest
        ``InvalidPropertyValue``: the folder has other contents, or cannot be written to.
    Conflict
        ``OperationInvalidForCurrentState``: something could not be downloaded or built.
    """
    _need_libraries()
    source, _ = lessons_folder()
    _check(output)
    with tempfile.TemporaryDirectory(prefix="batchlab-lite-") as name:
        work = Path(name)
        if pyodide is None:
            pyodide = _fetched(work / "npm")
        elif not all((pyodide / part).is_file() for part in PARTS):
            reason = f"must be a folder with {', '.join(PARTS)}"
            raise invalid("pyodide", str(pyodide), reason, owner="batchlab lite")
        python = work / "site" / "static" / "pyodide"
        python.mkdir(parents=True)
        for part in PARTS:
            shutil.copy(pyodide / part, python)
        packages = collect(pyodide, _kernel_wheels(), python)
        lessons = write_lessons(source, work / "notebooks")
        _write_settings(work / "site", packages)
        _build(work)
        mark = {"version": __version__, "lessons": lessons}
        (work / "output" / MARK).write_text(json.dumps(mark, indent=1) + "\n")
        try:
            _put(work / "output", output)
        except OSError as error:
            reason = f"cannot be written to: {error.strerror or error}"
            raise invalid("output", str(output), reason, owner="batchlab lite") from None
    return Site(output, lessons, _size(output))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*"))


def ready_site(folder: Path, *, pyodide: Path | None = None) -> Site:
    """Return the site in a folder; build it if there is none, or one of another batchlab.

    Parameters
    ----------
    folder : Path
    pyodide : Path, optional
        As for `build_site`, with its errors.
    """
    try:
        mark = json.loads((folder / MARK).read_bytes())
        if mark["version"] == __version__:
            return Site(folder, mark["lessons"], _size(folder))
    except (OSError, ValueError, TypeError, LookupError):
        pass  # there is none
    return build_site(folder, pyodide=pyodide)


def _need_libraries() -> None:
    for name in ("jupyterlite_core", "jupyterlite_pyodide_kernel"):
        if importlib.util.find_spec(name) is None:
            raise NotInstalled(
                "OperationInvalidForCurrentState",
                f"A site with the lessons needs JupyterLite, which is not installed: "
                f"{install_command('lite')}",
            )


def _check(output: Path) -> None:
    """Refuse a folder that is not ours before anything is built."""
    parent = next(folder for folder in (output, *output.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise invalid("output", str(output), f"{parent} is not a folder", owner="batchlab lite")
    if output.exists() and any(output.iterdir()) and not (output / MARK).exists():
        reason = "has contents that are not an earlier site: choose an empty or a new folder"
        raise invalid("output", str(output), reason, owner="batchlab lite")
    if not os.access(parent, os.W_OK):
        raise invalid("output", str(output), "cannot be written to", owner="batchlab lite")


def _fetched(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled(
            "OperationInvalidForCurrentState",
            f"A site with the lessons needs Pyodide {PYODIDE}, which npm downloads, and npm is "
            "not installed: install Node.js, or name a folder with Pyodide by --pyodide",
        )
    done = subprocess.run(
        [npm, "install", "--prefix", str(folder), "--silent", "--no-audit", "--no-fund",
         "--no-package-lock", f"pyodide@{PYODIDE}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = folder / "node_modules" / "pyodide"
    if done.returncode or not found.is_dir():
        raise _failed(f"npm could not download pyodide@{PYODIDE}", done)
    return found


def _kernel_wheels() -> Path:
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415 - comes with JupyterLite

    for place in jupyter_path("labextensions"):
        wheels = Path(place) / KERNEL / "static" / "pypi"
        if wheels.is_dir():
            return wheels
    raise NotFound(
        "FileNotFound",
        f"JupyterLite's kernel is not complete, {KERNEL} is missing: {install_command('lite')}",
    )


def _write_settings(site: Path, packages: list[str]) -> None:
    kernel = {
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"packages": packages},
    }
    settings = {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "batchlab",
            "litePluginSettings": {f"{KERNEL}:kernel": kernel},
        },
    }
    (site / "jupyter-lite.json").write_text(json.dumps(settings, indent=1) + "\n")
    # A live display stays in its page while the reader scrolls; in a narrow window code is whole.
    notebook = {"windowingMode": "none", "codeCellConfig": {"lineWrap": True}}
    overrides = {"@jupyterlab/notebook-extension:tracker": notebook}
    (site / "overrides.json").write_text(json.dumps(overrides, indent=1) + "\n")


def _build(work: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(work / "site"),
         "--contents", str(work / "notebooks"), "--output-dir", str(work / "output"),
         "--apps", "lab", "--apps", "notebooks", "--no-sourcemaps", "--no-libarchive"],
        cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise _failed("JupyterLite could not build the site", done)


def _failed(what: str, done: subprocess.CompletedProcess[str]) -> Conflict:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return Conflict("OperationInvalidForCurrentState", f"{what}: {(lines or ['no reason'])[-1]}")


def _put(built: Path, output: Path) -> None:
    """Replace the folder's contents: everything was built, so little can fail now."""
    output.mkdir(parents=True, exist_ok=True)
    for old in output.iterdir():
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    for new in built.iterdir():
        shutil.move(new, output / new.name)
