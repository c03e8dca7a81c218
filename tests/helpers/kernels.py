"""Kernels of other versions of ipykernel, each in an environment of its own."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from helpers.environments import NotMade, environment, install
from helpers.jupyter_page import CLOSE, Notebook

INSTALLED = version("ipykernel")
OLDER = sorted({"7.2.0", "7.3.0", "7.4.0"} - {INSTALLED})
"""What else may be found where batchlab is; how they treat a browser's messages differs."""

ELSE = """\
import site; site.addsitedir({place!r})
"""


def shown(notebook: Notebook, version: str, *cells: str) -> None:
    """Run these cells with the kernel of a version, until there is a display.

    Those before 7.4 now and then overlook what they are asked, one in some hundred, and all that
    comes after it: then once more, with a new one.
    """
    from playwright.sync_api import TimeoutError as Late

    for again in range(2):
        try:
            notebook.open(*cells, kernel=kernel(version, notebook.folder.parent))
            notebook.run(views=1)
            return
        except Late:
            if version not in OLDER or again:
                raise
            notebook.page.evaluate(CLOSE)


def kernel(version: str, folder: Path) -> str:
    """The name of a kernel of this version, made where it is not there yet; else skipped.

    Its environment has ipykernel and what that needs, and finds all else where the tests do.
    """
    if version == INSTALLED:
        return "python3"
    name = f"ipykernel-{version}"
    spec = folder / "data/kernels" / name / "kernel.json"
    if not spec.exists():
        python = _environment(folder / name, version)
        spec.parent.mkdir(parents=True)
        command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({
            "argv": command, "display_name": name, "language": "python",
            "metadata": {"debugger": False}, "kernel_protocol_version": "5.5",
        }))  # fmt: skip
    return name


def _environment(folder: Path, version: str) -> Path:
    try:
        python = environment(folder)
        install(python, f"ipykernel=={version}")
    except NotMade as error:
        pytest.skip(f"ipykernel {version} cannot be had: {error}")
    (site_packages,) = folder.glob("lib/python*/site-packages")
    tests = str(Path(pytest.__file__).parents[1])
    (site_packages / "what_tests_have.pth").write_text(ELSE.format(place=tests))
    return python
