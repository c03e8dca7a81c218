"""Why something waits, in sentences: what the methods `explain` return."""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.core.answers.reasons import Reason
from batchlab.display import Displayed
from batchlab.masking import mask
from batchlab.words import plural

__all__ = ["Explanation"]


class Explanation(list[str], Displayed):
    """Why something waits: a list of sentences, the main reason first.

    Attributes
    ----------
    reasons : list of Reason
        Each has `code`, `text`, `lasting` (whether you have to act) and `remedy` (what would
        change it); for a job or a pool also `tasks` (how many it holds up) and an `example`.
    nothing : str
        The text for when nothing is in the way.
    """

    def __init__(self, reasons: Iterable[Reason], nothing: str, *, whole: bool = False) -> None:
        self.reasons = list(reasons)
        self.nothing = nothing
        self.whole = whole
        super().__init__(reason.text for reason in self.reasons)

    @property
    def codes(self) -> list[str]:
        """The code of each sentence."""
        return [reason.code for reason in self.reasons]

    def __repr__(self) -> str:
        texts = map(_sentence, self.reasons) if self.whole else self
        return mask("\n".join(texts)) or self.nothing


def _sentence(reason: Reason) -> str:
    tasks = plural(reason.tasks, "task") + ": " if reason.tasks else ""
    return tasks + reason.text + (f"\n    -> {reason.remedy}" if reason.remedy else "")
