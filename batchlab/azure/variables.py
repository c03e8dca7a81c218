"""The environment variables that lead clients here, for three kinds of shells."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import psutil

from batchlab.errors import invalid

__all__ = ["SHELLS", "Shell", "chosen_shell", "joining", "own_shell", "written"]

Shell = Literal["bash", "fish", "powershell"]
SHELLS: tuple[Shell, ...] = get_args(Shell)
_EVALUATED: dict[Shell, str] = {
    "bash": 'eval "$({})"', "fish": "{} | source",
    "powershell": "{} | Out-String | Invoke-Expression",
}  # fmt: skip


_PROGRAMS: dict[str, Shell] = {
    **dict.fromkeys(("bash", "sh", "dash", "zsh", "ksh"), "bash"),
    "fish": "fish",
    **dict.fromkeys(("pwsh", "powershell"), "powershell"),
}


def own_shell() -> Shell:
    """The shell that has started this program, else the one that the user logs in with."""
    names = [*_callers(), os.environ.get("SHELL", "")]
    found = (_PROGRAMS.get(Path(name).name.removesuffix(".exe")) for name in names)
    return next(filter(None, found), "bash")


def _callers() -> Iterator[str]:
    """The names of the processes that have started this one, the nearest first."""
    try:
        for process in psutil.Process().parents():
            yield process.name()
    except psutil.Error:
        return  # one has just ended, or belongs to another user


def joining(shell: Shell, port: int) -> str:
    """The command that leads another terminal to the lab whose proxy has this port."""
    return _EVALUATED[shell].format(f"batchlab serve --azure --port {port} --env --shell {shell}")


def chosen_shell(name: str | None) -> Shell:
    """The shell with this name, by default `own_shell`.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: no such shell.
    """
    if name is None:
        return own_shell()
    for shell in SHELLS:
        if shell == name:
            return shell
    raise invalid("shell", name, f"must be one of {', '.join(SHELLS)}", owner="serve")


def written(variables: Mapping[str, str], shell: Shell) -> str:
    """Commands of a shell that set variables, a line for each."""
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
