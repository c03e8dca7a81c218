"""The words of command lines on simulated nodes."""

from __future__ import annotations

import re
import shlex

from batchlab.drivers.launches import LaunchFailed, launch_failed
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["exit_code", "not_found", "program_of", "seconds", "split"]

_QUOTING = re.compile(r"['\"\\]")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)")


def program_of(word: str) -> str:
    """Return the name of a program, given as a name or as a path in the system's folders."""
    return word.removeprefix("/usr").removeprefix("/bin/") if word[:1] == "/" else word


def split(command_line: str) -> list[str]:
    """Split a command line into words; only quotes have a special meaning."""
    if not _QUOTING.search(command_line):
        return command_line.split()
    try:
        return shlex.split(command_line)
    except ValueError as error:
        raise launch_failed(
            "CommandLaunchFailed",
            f"the command line {command_line!r} cannot be parsed: {error}",
        ) from None


def not_found(program: str) -> LaunchFailed:
    """The failure of a command line that begins with a builtin of the shell."""
    return launch_failed(
        "CommandProgramNotFound",
        f"{program!r} is a shell builtin, not a program: use /bin/sh -c '...'",
    )


def seconds(args: list[str]) -> float:
    """How long ``sleep`` takes with these arguments."""
    spans = [_SPAN.fullmatch(arg) for arg in args]
    if args == ["infinity"]:
        return float("inf")
    found = [float(span[1]) * _UNITS[span[2]] for span in spans if span]
    if not found or len(found) < len(spans):
        raise NotUnderstood("sleep")
    return sum(found)


def exit_code(args: list[str], status: int) -> int:
    """What ``exit`` ends with; by default, with the status of the command before."""
    if not args:
        return status
    return int(args[0]) % 256 if args[0].isdigit() else 2
