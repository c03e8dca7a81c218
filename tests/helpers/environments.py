"""Environments that tests make for themselves: by uv in seconds, by pip where there is no uv."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class NotMade(Exception):
    """What was wanted cannot be had here; its text says why."""


def environment(folder: Path) -> Path:
    """The Python of an empty environment, made in this folder."""
    uv = _uv()
    if uv is None:
        _run(sys.executable, "-m", "venv", folder)
    else:
        _run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder)
    return folder / "bin/python"


def install(python: Path, *wanted: str, within: Path | None = None) -> None:
    """Install what pip would: names with versions, or ``-r`` and a file of them."""
    uv = _uv()
    if uv is None:
        pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, *wanted, within=within)
    else:
        _run(uv, "pip", "install", "--quiet", "--python", python, *wanted, within=within)


def _uv() -> str | None:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return None


def _run(*command: str | Path, within: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=within, capture_output=True, text=True, timeout=400, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMade(str(error)) from None
    if done.returncode:
        raise NotMade(f"{done.stdout[-500:]}{done.stderr[-500:]}".strip())
