"""Slides of a lesson, made from its notebook: one file that needs no network.

Each section, question and exercise begins a slide. A question stands alone with its code; what
came out, and why, is on the next slide. Paragraphs are shortened to their first sentence; the key
N shows all of the text below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from batchlab.extras import extra
from batchlab.html import tag
from batchlab.lessons.copies import QUESTION
from batchlab.lessons.teaching import Cell

__all__ = ["write_slides"]

TEMPLATE = Path(__file__).with_name("slides.html")
PICTURES_FIRST = ["image/png", "text/html", "image/svg+xml", "text/markdown", "text/plain"]
LEFT_OUT = {"Further reading"}
NOT_SHOWN = ("lessons.check(", "bl.predict(")
"""Cells that wait for the reader: a class answers aloud."""
MOST_LINES = 16
FEW_LINES = 3
LINE = 85
SHORTEST = 50
_SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z*`(])")
_WHOLE = re.compile(r"[|><!]|\d+\. ")
"""How tables, quotations, pictures and lists with numbers begin: they are shown as they are."""
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\.ipynb[^)]*\)")


@dataclass
class _Slide:
    heading: str
    cells: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: int = 0

    def __post_init__(self) -> None:
        self.cells.append(_markdown(f"## {self.heading}"))

    def is_full(self, more: int) -> bool:
        """Whether so many lines do not fit any more."""
        return self.lines > FEW_LINES and self.lines + more > MOST_LINES

    def give_last(self, other: _Slide) -> None:
        """Move the text at the end, which leads to what comes next, to the next slide."""
        last = self.cells[-1]
        if len(self.cells) > 2 and last["cell_type"] == "markdown":
            lines = _height(last["source"])
            self.lines -= lines
            other.add(self.cells.pop(), lines)

    def add(self, cell: Cell, lines: int) -> None:
        self.cells.append(cell)
        self.lines += lines


def write_slides(lesson: Path, target: Path) -> int:
    """Write the slides of a lesson into an HTML file, and return how many there are.

    Parameters
    ----------
    lesson : Path
        Its notebook, with outputs.
    target : Path

    Raises
    ------
    NotInstalled
        ``OperationInvalidForCurrentState``: nbconvert is missing.
    OSError
        The file cannot be written.
    """
    exporter: Any
    nbformat: Any
    colours: Any
    with extra("notebook", "Slides need nbconvert"):
        exporter = import_module("nbconvert").HTMLExporter
        nbformat = import_module("nbformat")
        colours = import_module("pygments.formatters").HtmlFormatter
    export = exporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    export.register_preprocessor(_pictures_first, enabled=True)

    def html(cells: list[Cell]) -> str:
        notebook = nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4,
                                       "nbformat_minor": 4})  # fmt: skip
        made = str(export.from_notebook_node(notebook)[0])
        made = re.sub(r"<details(?=[^>]*><summary[^>]*>What happened<)", "<details open", made)
        return re.sub(r' id="[^"]*"|<a class="anchor-link".*?</a>', "", made)

    def section(slide: _Slide, number: int) -> str:
        hidden = html([_markdown("\n\n".join(slide.notes))]) if slide.notes else ""
        notes = f'<aside aria-label="Notes">{hidden}</aside>' if hidden else ""
        return f'<section aria-label="Slide {number}">\n{html(slide.cells)}\n{notes}</section>'

    made = [one for one in _slides(nbformat.read(lesson, as_version=4).cells) if one.lines]
    style = colours(style="default").get_style_defs(".highlight")
    dark = colours(style="github-dark").get_style_defs(".highlight")
    page = TEMPLATE.read_text(encoding="utf-8")
    parts = {
        "title": str(tag("title", made[0].heading)),
        "lesson": str(tag("h1", f"{lesson.name[:2]} {made[0].heading}")),
        "style": f"{style}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}",
        "slides": "\n".join(section(one, number) for number, one in enumerate(made, 1)),
    }
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text)
    target.write_text(page, encoding="utf-8")
    return len(made)


def _markdown(source: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _pictures_first(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Leave one form of each output: slides are not trusted with more than they show."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data")
            if data:
                best = next((form for form in PICTURES_FIRST if form in data), None)
                output.data = {best: data[best]} if best else {}
    return notebook, resources


def _slides(cells: list[Cell]) -> Iterator[_Slide]:
    slide, asked = _first(cells[0]["source"]), False
    for cell in cells[1:]:
        if cell["cell_type"] == "code":
            if any(call in cell["source"] for call in NOT_SHOWN):
                continue
            if asked:
                slide.add(_code(cell, outputs=False), _height(cell["source"]))
                yield slide
                slide, asked = _Slide(slide.heading), False
                slide.add(_code(cell, source=False), _output_height(cell))
                continue
            height = _height(cell["source"]) + _output_height(cell)
            if slide.is_full(height):
                before, slide = slide, _Slide(slide.heading)
                before.give_last(slide)
                yield before
            slide.add(_code(cell), height)
            continue
        for block in _blocks(cell["source"]):
            if block.startswith("#"):
                yield slide
                slide, asked = _Slide(block.lstrip("# ")), False
                continue
            if slide.heading in LEFT_OUT:
                continue
            asks = QUESTION in block
            alone = asks or block.startswith("**Exercise")
            short = block if alone else _short(block)
            if slide.is_full(_height(short)) or (alone and slide.lines > FEW_LINES):
                yield slide
                slide = _Slide(slide.heading)
            asked = asks
            slide.add(_markdown(short), _height(short))
            if short != block:
                slide.notes.append(block)
    yield slide


def _first(source: str) -> _Slide:
    """The title with what is done in the lesson, and what is learnt."""
    blocks = list(_blocks(source))
    slide = _Slide(blocks[0].lstrip("# "))
    for block in blocks[1:5]:
        if not block.startswith("#"):
            slide.add(_markdown(block), _height(block))
    return slide


def _code(cell: Cell, *, source: bool = True, outputs: bool = True) -> Cell:
    return {
        "cell_type": "code",
        "metadata": {**cell["metadata"], "transient": {"remove_source": not source}},
        "source": cell["source"],
        "outputs": cell["outputs"] if outputs else [],
        "execution_count": None,
    }


def _height(text: str) -> int:
    """About how many lines a text takes."""
    return sum(1 + len(line) // LINE for line in text.splitlines())


def _output_height(cell: Cell) -> int:
    height = 0
    for output in cell["outputs"]:
        data = output.get("data", {})
        drawn = "image/png" in data or "text/html" in data
        height += 10 if drawn else _height(output.get("text") or data.get("text/plain", ""))
    return height


def _blocks(source: str) -> Iterator[str]:
    """Paragraphs, headings, lists; code in fences is one."""
    for part in re.split(r"(^```.*?^```$)", source, flags=re.DOTALL | re.MULTILINE):
        whole = [part] if part.startswith("```") else part.split("\n\n")
        for block in whole:
            text = _LINK.sub(r"\1", block.strip())
            if text and text != "---":
                yield text


def _short(block: str) -> str:
    """The first sentence, and the next ones if it is hardly one."""
    if block.startswith("- "):
        points = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        return "\n".join(f"- {_short(one.strip())}" for one in points)
    if _WHOLE.match(block) or block.startswith("```"):
        return block
    short = ""
    for sentence in _SENTENCE.split(block):
        short = f"{short} {sentence}".strip()
        if len(short) >= SHORTEST:
            break
    return short
