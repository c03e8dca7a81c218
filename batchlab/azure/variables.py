"""The environment variables that lead clients here, for three kinds of shells."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from batchlab.errors import invalid

__all__ = ["SHELLS", "Shell", "own_shell", "written"]

Shell = Literal["bash", "fish", "powershell"]
SHELLS: tuple[Shell, ...] = get_args(Shell)


def own_shell() -> Shell:
    """The shell that the user has, as far as it is known."""
    name = Path(os.environ.get("SHELL", "")).name
    if name == "fish":
        return "fish"
    return "powershell" if name in ("pwsh", "powershell") else "bash"


def written(variables: Mapping[str, str], shell: str) -> str:
    """Commands of a shell that set variables, a line for each.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: no such shell.
    """
    if shell not in SHELLS:
        raise invalid("shell", shell, f"must be one of {', '.join(SHELLS)}", owner="serve")
    write = {"bash": _bash, "fish": _fish, "powershell": _powershell}[shell]
    return "\n".join(write(name, value) for name, value in variables.items())


def _bash(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str) -> str:
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"
