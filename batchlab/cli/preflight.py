"""`batchlab lab --check`: whether this machine can run the lessons, and what to do if not.

What may hang, a Dask cluster and a command on a node, runs in a process of its own with a time
limit, so that the whole check ends within fifteen seconds.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import typer

from batchlab.extras import install_command
from batchlab.words import plural, span_text

__all__ = ["MachineCheck", "preflight"]

OLDEST = (3, 11)
PORT = 8888
MEMORY = 1e9
"""Bytes that JupyterLab, a kernel and a lab of two nodes need."""
DISK = 2e8
LAB_S = 10.0
"""How long the lab may take: one that starts slower than this annoys in every lesson."""
EXTENSIONS = {"@jupyter-widgets/jupyterlab-manager": "ipywidgets", "anywidget": "anywidget"}
"""The front ends of live displays, and the packages that bring them."""

LIBRARIES = {"13": ("azure.batch", "sdk"), "15": ("plotly", "plotly")}
"""What some lessons need, and the extras that bring it."""

LAB = """
import json, time
import batchlab as bl
began = time.perf_counter()
with bl.Lab() as lab:
    started = time.perf_counter()
    pool = lab.create_pool("check", target_dedicated_nodes=1)
    task = lab.create_job("check", pool).create_task("hello", "/bin/sh -c 'echo hello'")
    task.wait()
    print(json.dumps([started - began, time.perf_counter() - started, task.stdout]))
"""


@dataclass(frozen=True)
class MachineCheck:
    """One thing that was looked at.

    Attributes
    ----------
    kind : {'ok', 'note', 'fix'}
        With ``fix`` the lessons do not run; with ``note`` they do, but something is to be known.
    text : str
        What was found.
    cure : str
        What to do about it.
    """

    kind: Literal["ok", "note", "fix"]
    text: str
    cure: str = ""


def preflight(place: Path) -> int:
    """Look at everything, print a line for each, and return the exit code: 1 if one needs a fix.

    Parameters
    ----------
    place : Path
        Where the learner's notebooks are or will be.
    """
    worst = 0
    looks: tuple[Callable[[], Iterator[MachineCheck]], ...] = (
        _python, _packages, _lessons, _front_ends, _port, lambda: _disk(place), _machine, _lab,
    )  # fmt: skip
    for look in looks:
        for one in look():
            cure = f": {one.cure}" if one.cure else ""
            typer.echo(f"{one.kind.upper():4}  {one.text}{cure}")
            worst |= one.kind == "fix"
    typer.echo("\nSomething needs a fix, see above." if worst else "\nThe lessons can run here.")
    return worst


def _python() -> Iterator[MachineCheck]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        yield MachineCheck("fix", f"Python {version}", "install Python 3.11 or newer")
    else:
        yield MachineCheck("ok", f"Python {version}")
    if os.name != "posix":
        yield MachineCheck("fix", "Windows", "use WSL; only simulated labs run here")


def _packages() -> Iterator[MachineCheck]:
    """What the package and its notebooks need, against what is installed."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - comes with Dask

    wrong, found = [], {}
    for text in metadata.requires("batchlab") or ():
        one = Requirement(text)
        if one.marker is not None and not one.marker.evaluate({"extra": "notebook"}):
            continue
        try:
            version = found[one.name] = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        if not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one.name} {version} is not {one.specifier}")
    if wrong:
        yield MachineCheck("fix", f"Packages: {', '.join(wrong)}", install_command("notebook"))
    shown = (f"{name} {found[name]}" for name in ("distributed", "jupyterlab") if name in found)
    own = metadata.version("batchlab")
    yield MachineCheck("ok", f"Versions: {', '.join([f'batchlab {own}', *shown])}")


def _lessons() -> Iterator[MachineCheck]:
    """What single lessons need beside that."""
    for lesson, (library, extra) in LIBRARIES.items():
        try:
            found = find_spec(library)
        except ModuleNotFoundError:  # azure itself is missing
            found = None
        if found is None:
            cure = install_command(extra)
            yield MachineCheck("note", f"Lesson {lesson} needs {library}, which is missing", cure)


def _front_ends() -> Iterator[MachineCheck]:
    """Whether JupyterLab finds what draws live displays."""
    try:
        from jupyter_core.paths import jupyter_path  # noqa: PLC0415 - an extra
    except ImportError:
        return  # the packages said so
    places = [Path(place) for place in jupyter_path("labextensions")]
    for name, package in EXTENSIONS.items():
        if not any((place / name / "package.json").is_file() for place in places):
            yield MachineCheck(
                "fix", f"Live displays: JupyterLab does not find {name}",
                f"pip install --force-reinstall {package}, in the environment of JupyterLab",
            )  # fmt: skip
            return
    yield MachineCheck("ok", "Live displays: their front ends are installed")


def _port() -> Iterator[MachineCheck]:
    for port in range(PORT, PORT + 50):  # as far as JupyterLab itself looks
        try:
            with socket.create_server(("127.0.0.1", port)):
                break
        except OSError:
            continue
    else:
        yield MachineCheck("fix", f"Ports from {PORT} on are all in use", "batchlab lab --port 0")
        return
    other = f", because {PORT} is in use" if port != PORT else ""
    yield MachineCheck("ok", f"Port {port} is free for JupyterLab{other}")


def _disk(place: Path) -> Iterator[MachineCheck]:
    import psutil  # noqa: PLC0415

    parent = next(folder for folder in (place, *place.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=parent) as file:
            file.write(b"batchlab")
    except OSError as error:
        reason = error.strerror or error
        yield MachineCheck(
            "fix", f"Folder {place} cannot be written to ({reason})", "batchlab lab --folder DIR"
        )
        return
    for folder in {str(parent), tempfile.gettempdir()}:
        free = psutil.disk_usage(folder).free
        if free < DISK:
            yield MachineCheck("fix", f"Disk of {folder}: {free / 1e6:.0f} MB left", "make room")
    yield MachineCheck("ok", f"Folder {place} can be written to")


def _machine() -> Iterator[MachineCheck]:
    import psutil  # noqa: PLC0415

    cores, memory = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (
        os.cpu_count() or 1), psutil.virtual_memory().available  # fmt: skip
    text = f"{plural(cores, 'core')}, {memory / 1e9:.1f} GB of memory available"
    if memory < MEMORY:
        yield MachineCheck("note", text, "close other programs, and one lesson before the next")
    elif cores < 2:
        yield MachineCheck("note", text, "lessons with real commands are slow here")
    else:
        yield MachineCheck("ok", text)


def _lab() -> Iterator[MachineCheck]:
    """Start a Dask cluster, and run a command on a node of it."""
    command = [sys.executable, "-c", LAB]
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=LAB_S, check=False,
            )  # fmt: skip
        start, ran, output = json.loads(done.stdout) if not done.returncode else (0, 0, "")
    except subprocess.TimeoutExpired:
        yield MachineCheck(
            "fix", f"A lab did not run a command within {LAB_S:.0f} s",
            "end other programs and try again; the simulated lessons run all the same",
        )  # fmt: skip
        return
    except (OSError, ValueError) as error:
        yield MachineCheck("fix", f"A lab could not be started ({error})", "reinstall batchlab")
        return
    if done.returncode or output.strip() != "hello":
        reason = (done.stderr.strip() or "no output").splitlines()[-1]
        yield MachineCheck(
            "fix", f"A lab could not run a command ({reason})",
            "start Python, and try: import batchlab as bl; bl.Lab()",
        )  # fmt: skip
        return
    yield MachineCheck("ok", f"Dask cluster: started in {span_text(start)}")
    yield MachineCheck("ok", f"Node: started, and ran a command, in {span_text(ran)}")
