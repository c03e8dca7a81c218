"""What a shell on a simulated node knows, and how its commands leave what is around them."""

from __future__ import annotations

from dataclasses import dataclass, field

from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.shell.syntax import Piece

__all__ = ["BackgroundJob", "Exit", "Leave", "Return", "ShellState", "Terminated"]


class Exit(Exception):
    """``exit``, or the end of a shell for another reason."""

    def __init__(self, status: int) -> None:
        self.status = status


class Return(Exception):
    """``return``."""

    def __init__(self, status: int) -> None:
        self.status = status


class Leave(Exception):
    """``break``, or ``continue`` if it goes on, of so many loops."""

    def __init__(self, *, goes_on: bool, loops: int = 1) -> None:
        self.goes_on = goes_on
        self.loops = loops


class Terminated(Exception):
    """The signal TERM, which ``timeout`` sends."""


@dataclass(eq=False)
class BackgroundJob:
    """A command in the background: when it goes on (in seconds from now), and how it ended."""

    pid: int
    steps: Steps
    due: float = 0.0
    status: int | None = None

    def go_on(self) -> None:
        """Run it until it next waits."""
        try:
            self.due = next(self.steps)
        except StopIteration as end:
            self.status = end.value
        except Terminated:
            self.status = 143


@dataclass
class ShellState:
    """What a shell knows besides its folder, its streams, and its exported variables."""

    name: str = "sh"
    arguments: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Piece] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    traps: dict[str, str] = field(default_factory=dict)
    jobs: list[BackgroundJob] = field(default_factory=list)
    locals: list[dict[str, str | None]] = field(default_factory=list)
    """The values that variables had outside of each function that runs."""
    status: int = 0
    substituted: int = 0
    """The exit code of the last substitution of a command."""
    loops: int = 0
    """How many are around what runs."""
    excused: int = 0
    """Around what runs, how much may fail although ``set -e`` is on: conditions."""
    pid: int = 1000

    def fork(self) -> ShellState:
        """What a copy of the shell knows, in parentheses or a pipe."""
        return ShellState(
            self.name, list(self.arguments), dict(self.variables), dict(self.functions),
            set(self.options), status=self.status, loops=self.loops, excused=self.excused,
            locals=[dict(one) for one in self.locals], pid=self.pid,
        )  # fmt: skip
