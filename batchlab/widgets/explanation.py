"""Cards of explanations: why something waits or has failed, and what would help."""

from __future__ import annotations

from markupsafe import Markup

from batchlab.colours import PINK
from batchlab.core.answers.reasons import Reason
from batchlab.handles.explanation import Explanation
from batchlab.html import card, join, muted, tag

__all__ = ["explanation_card", "explanation_text"]


def explanation_card(explanation: Explanation) -> Markup:
    """Draw an explanation by itself."""
    title = "Why it waits" if explanation.waits else "What went wrong"
    title = title if explanation else "Explanation"  # nothing waits, and nothing went wrong
    return card(title, "", [], explanation_text(explanation), colour=PINK)


def explanation_text(explanation: Explanation) -> Markup:
    """The reasons, each with its remedy, and the last lines of output."""
    if not explanation:
        return tag("p", repr(explanation))
    reasons = tag("ul", *map(_reason, explanation.reasons), cls="bl-reasons")
    return join([reasons, tag("pre", explanation.output) if explanation.output else Markup()])


def _reason(reason: Reason) -> Markup:
    tasks = tag("strong", f"{reason.tasks:,} task{'s' * (reason.tasks != 1)}: ")
    remedy = tag("div", "→ ", reason.remedy, cls="bl-muted") if reason.remedy else ""
    words = (tasks if reason.tasks else "", reason.text, " ", muted(reason.code), remedy)
    return tag("li", *words, cls="bl-lasting" if reason.lasting else "bl-reason")
