"""Why something waits or has failed, in sentences: what the methods `explain` return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchlab.core.answers.reasons import Reason
from batchlab.core.messages.questions import LocateNode, LocateTask
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.handles.tail import whole_lines
from batchlab.masking import mask
from batchlab.words import plural

__all__ = ["Explanation", "Place", "end_of_stderr"]

LINES = 10
"""The most lines of a failed command's output that are shown."""
BYTES = 4096
"""The most bytes of them."""
Place = tuple[LocateTask | LocateNode, str]
"""Where a failed command ran, and the path of its stderr there."""


class Explanation(list[str], Displayed):
    """Why something waits or has failed: a list of sentences, the main reason first.

    Attributes
    ----------
    reasons : list of Reason
        Each has `code`, `text`, `lasting` (whether you have to act) and `remedy` (what would
        change it); for a job or a pool also `tasks` (how many it holds up) and an `example`.
    nothing : str
        The text for when nothing is in the way.
    output : str
        The last lines that a failed command wrote to stderr, at most ten, or why they cannot be
        read; empty if nothing failed.
    """

    def __init__(
        self, reasons: Iterable[Reason], nothing: str, *, whole: bool = False, output: str = "",
        failed: bool = False,
    ) -> None:  # fmt: skip
        self.reasons = list(reasons)
        self.nothing = nothing
        self.whole = whole
        self.output = output
        self._failed = failed or bool(output)
        super().__init__(reason.text for reason in self.reasons)

    @property
    def codes(self) -> list[str]:
        """The code of each sentence."""
        return [reason.code for reason in self.reasons]

    @property
    def waits(self) -> bool:
        """Whether it is about something that waits, not about something that failed."""
        return not self._failed

    def __repr__(self) -> str:
        return mask("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        if not self.reasons:
            yield self.nothing
        for reason in self.reasons:
            yield _sentence(reason) if self.whole or self._failed else reason.text
        yield from self.output.splitlines()


def _sentence(reason: Reason) -> str:
    tasks = plural(reason.tasks, "task") + ": " if reason.tasks else ""
    return tasks + reason.text + (f"\n    -> {reason.remedy}" if reason.remedy else "")


def end_of_stderr(connection: Connection, place: Place) -> str:
    """The end of what a failed command wrote to stderr, or why that cannot be read."""
    where, path = place
    try:
        size, end = connection.read_end(where, path, BYTES)
    except BatchError as error:
        return f"{path} cannot be read: {error.message}."
    if not size:
        return f"{path} is empty."
    shown = whole_lines(end) if size > len(end) else end
    lines = shown.decode(errors="replace").splitlines()
    is_cut = size > len(end) or len(lines) > LINES
    title = f"The last lines of {path}:" if is_cut else f"{path}:"
    return mask("\n".join([title, *(f"    {line}" for line in lines[-LINES:])]))
