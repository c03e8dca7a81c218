"""No link of the lessons or of the README leads nowhere.

Of a link to another host nothing is fetched: it must be well formed, and its host one of the few
that the lessons send readers to.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [
    ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")), *LESSONS,
]  # fmt: skip
HOSTS = {
    "batchlab.github.io",
    "distributed.dask.org",
    "docs.dask.org",
    "gateway.dask.org",
    "github.com",
    "jupyterlite.rtfd.io",
    "kubernetes.dask.org",
    "learn.microsoft.com",
    "mybinder.org",
}
LINK = re.compile(r"\]\((?!#)([^()\s]*)(#[^()\s]*)?\)|\]\((#[^()\s]*)\)")
BROKEN = re.compile(r"\]\([^)]*\s[^)]*\)|\]\(\)|\] \(http|<https?:|(?<!\()https?://\S+\)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def words(page: Path) -> str:
    """What is written there for people, without code."""
    if page.suffix == ".md":
        text = page.read_text(encoding="utf-8")
    else:
        cells = nbformat.read(page, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a link may have behind its #: as JupyterLab has it, and as code hosts do."""
    headings = re.findall(r"^#+ (.+)$", words(page), re.MULTILINE)
    plain = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return plain | {heading.replace(" ", "-") for heading in headings}


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor, own in LINK.findall(words(page)):
        address = urlsplit(target)
        if address.scheme:
            assert address.scheme == "https", target
            assert address.hostname in HOSTS, target
            assert address.path.strip("/"), target
            assert not re.search(r"/en-us/", target), f"{target} is of one language"
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.is_relative_to(ROOT), target
        assert there.exists(), target
        if anchor or own:
            assert (anchor or own)[1:] in anchors(there), f"{target}{anchor or own}"


@pages
def test_links_are_well_formed(page: Path) -> None:
    assert BROKEN.findall(words(page)) == []


@pages
def test_lessons_that_are_named_exist(page: Path) -> None:
    numbers = {path.name[:2] for path in LESSONS}
    text = re.sub(r"\d+ (minutes|hours|seconds)", "", words(page))
    for named in re.findall(r"[Ll]essons? (\d\d(?:(?:, | and | to |, and )\d\d)*)", text):
        assert set(re.findall(r"\d\d", named)) <= numbers, named


@pytest.mark.parametrize(
    ("lesson", "following"), list(pairwise(LESSONS)), ids=lambda page: page.stem[:2]
)
def test_lesson_leads_to_the_one_after_it(lesson: Path, following: Path) -> None:
    assert f"]({following.name})" in nbformat.read(lesson, as_version=4).cells[-1].source


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](b c)", True), ("[a]()", True), ("[a] (https://x.org)", True),
        ("see https://x.org/)", True), ("[a](https://x.org/b)", False),
        ("[![a](b.svg)](https://x.org/c)", False),
    ],
)  # fmt: skip
def test_what_is_no_link_is_found(text: str, broken: bool) -> None:
    assert bool(BROKEN.search(text)) == broken
