"""A command that a spawner has, and how it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from batchlab.drivers.dask.spawners import Spawner

__all__ = ["Ended", "Spawned"]


class Ended(NamedTuple):
    """How a spawner's attempt to run a command has ended."""

    code: int | None
    """The exit code, or 128 + signal; None if the command never began, or was lost."""
    killed: bool
    """Whether it was killed, or prevented, because of `Spawned.kill`."""
    counters: tuple[int, bytes, bytes] | None = None
    """The ID of the process and what its files in /proc said, if the spawner measures."""
    when: float = 0.0
    """The moment, on the monotonic clock."""
    then: int | None = None
    """The number of the command that the spawner has begun in its place."""
    lost: str = ""
    """What happened to the spawner, if that is why the command has ended."""


class Spawned:
    """A command that a spawner was asked to begin."""

    def __init__(
        self, spawner: Spawner, number: int, place: int, variables: dict[str, str],
        done: Callable[[Ended], None],
    ) -> None:  # fmt: skip
        self._spawner = spawner
        self.number = number
        self.place = place
        self.variables = variables
        self.done: Callable[[Ended], None] | None = done
        self.begun: Callable[[float], None] | None = None  # what a staged one calls, and when

    @property
    def pid(self) -> int | None:
        """The ID of the process and its session, while it runs."""
        return self._spawner.table.session(self.place) or None if self.done else None

    def kill(self) -> bool:
        """Have the command killed or not begun, unless its end was reported already."""
        if self.done is None:
            return False
        self._spawner.order(("kill", self.number))
        self._spawner.flush()
        return True

    def begin(self) -> None:
        """Have a staged command begun, unless it was already."""
        self.begun = None
        self._spawner.order(("begin", self.number))

    def drop(self) -> None:
        """Have a staged command ended if it has not begun."""
        self._spawner.order(("drop", self.number))
        self._spawner.flush()

    def begins(self, when: float) -> None:
        """Report that a staged command was begun by the spawner itself, and when."""
        begun, self.begun = self.begun, None
        if begun is not None:
            begun(when)

    def end(self, ended: Ended) -> None:
        """Report the end."""
        self._spawner.table.free(self.place)
        done, self.done = self.done, None
        if done is not None:
            done(ended)
