"""What pages for people quote from the code: write it again with
``python tests/helpers/pages.py --write``.

A quotation stands between two comments with its name, ``<!-- lessons -->`` and
``<!-- end of lessons -->``. A test sees to it that every quotation is up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from batchlab.core.state.states import KINDS
from batchlab.lessons.notebooks import lessons_folder, titles

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / ".github/ARCHITECTURE.md"]
QUOTED = re.compile(r"(<!-- ([a-z ]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def lessons() -> str:
    """A list of all lessons: number, and title with a link."""
    folder, _ = lessons_folder()
    return "\n".join(f"- {name[:2]} [{title}](notebooks/{name})" for name, title in titles(folder))


def states(kind: str) -> str:
    """A state diagram; a state that more than half of all lead to is a sentence below it."""
    table = KINDS[kind]
    moves = {old: [new for new in table if new in news] for old, news in table.follows.items()}
    common = {new for new in moves if 2 * len(_before(new, moves)) > len(moves) > 4}
    edges = [(old, new) for old, news in moves.items() for new in news if new not in common]
    lines = [f"    {old} --> {new}" for old, new in [("[*]", next(iter(moves))), *edges]]
    below = [f"- to `{new}`, {_sources(_before(new, moves), moves)}" for new in moves
             if new in common]  # fmt: skip
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", *[""] * bool(below), *below])


def rows(kind: str) -> str:
    """A table of what is declared of each state."""
    lines = [f"| `{row.name}` | {row.label} | {', '.join(row.groups.split())} | {row.activity} |"
             for row in KINDS[kind].values()]  # fmt: skip
    return "\n".join(["| state | shown as | groups | billed as |", "|---|---|---|---|", *lines])


def _before(state: str, moves: dict[str, list[str]]) -> list[str]:
    return [old for old, news in moves.items() if state in news]


def _sources(before: list[str], moves: dict[str, list[str]]) -> str:
    rest = [f"`{state}`" for state in moves if state not in before]
    return f"from every state except {', '.join(rest)}" if rest else "from every state"


QUOTATIONS: dict[str, Callable[[], str]] = {
    "lessons": lessons,
    **{f"states of {kind}": partial(states, kind) for kind in KINDS},
    "rows of node": partial(rows, "node"),
}


def quoted(page: str) -> str:
    """A page with all its quotations as they should be."""
    return QUOTED.sub(lambda found: f"{found[1]}{QUOTATIONS[found[2]]()}\n{found[3]}", page)


def outdated() -> Iterator[tuple[Path, str]]:
    """Each page that is not as it should be, and how it should be."""
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        if page != (wanted := quoted(page)):
            yield path, wanted


if __name__ == "__main__":
    for path, wanted in outdated():
        print(path.relative_to(ROOT))
        if "--write" in sys.argv:
            path.write_text(wanted, encoding="utf-8")
