"""What users read is written in their words: some of ours are none of theirs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
CLEAN = ["README.md", ".github", "docs", "notebooks", "batchlab"]
"""Where none of the words is left: files, and folders with all that is below them."""

WORDS = [
    "bear", "bears", "mend", "mended", "told", "whoever", "somebody", "cannot be had",
    "is there one of", "by and by", "in the place of", "for want of", "begin anew",
    "brings away", "can be had", "to be had", "for ever", "anew",
]  # fmt: skip
FOUND = re.compile(rf".*\b(?:{'|'.join(WORDS)})\b.*".replace(" ", r"\s+"), re.IGNORECASE)
SCRIPT = re.compile(
    r"//[^\n]*|/\*.*?\*/"  # a comment, or a string in quotes of three kinds
    r"|(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)",
    re.DOTALL,
)


def texts(path: Path) -> Iterator[str]:
    """What a file has for people: its strings, its words, its cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    elif path.suffix == ".js":
        yield from (found[1] for found in SCRIPT.finditer(text) if found[1])
    elif path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        yield from (cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        yield text


def files() -> Iterator[Path]:
    for place in CLEAN:
        path = ROOT / place
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (one for one in inside if one.suffix in (".py", ".js", ".ipynb", ".md"))


def found(path: Path) -> list[str]:
    """The lines of a file's texts in which one of the words is."""
    return [line for text in texts(path) for line in FOUND.findall(text)]


@pytest.mark.parametrize("path", [*files()], ids=lambda path: str(path.relative_to(ROOT)))
def test_text_has_none_of_the_words(path: Path) -> None:
    assert found(path) == []


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.py", 'told = f"It is Told {told}."  # told', ["It is Told "]),
        ("a.js", "told = 'an untold number'; // told\n/* told */ `is told`", ["`is told`"]),
        ("a.md", "Text in the\nplace of a number.", ["Text in the\nplace of a number."]),
    ],
)  # fmt: skip
def test_words_are_found_where_they_are(
    name: str, text: str, lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert found(tmp_path / name) == lines
