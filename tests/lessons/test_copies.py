"""A learner's copy: no outputs, cells for predictions, answers folded; it still runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from batchlab.lessons.copies import QUESTION, for_learners

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)


def cells(lesson: Path) -> tuple[list[Any], list[Any]]:
    copied = for_learners(lesson.read_bytes())
    notebook = nbformat.reads(copied.decode(), as_version=4)
    nbformat.validate(notebook)
    assert for_learners(lesson.read_bytes()) == copied
    return nbformat.read(lesson, as_version=4).cells, notebook.cells


@lessons
def test_copy_has_no_outputs_and_all_code_of_the_lesson(lesson: Path) -> None:
    stored, copied = cells(lesson)
    mine = [cell for cell in copied if cell.metadata.get("tags") == ["predict"]]
    code = [cell for cell in copied if cell.cell_type == "code" and cell not in mine]
    assert [cell.source for cell in code] == [c.source for c in stored if c.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in [*code, *mine])
    questions = sum(QUESTION in cell.source for cell in stored)
    asking = sum("bl.predict(" in cell.source for cell in stored)
    assert len(mine) == questions - asking


@lessons
def test_copy_folds_each_answer_and_loses_no_text(lesson: Path) -> None:
    stored, copied = cells(lesson)
    texts = [cell.source for cell in copied if cell.cell_type == "markdown"]
    folded = sum(text.startswith("<details>") for text in texts)
    answers = 0
    asked = False
    for cell in stored:
        if cell.cell_type == "markdown":
            answers += asked and not cell.source.startswith(("#", "---", QUESTION))
            asked = QUESTION in cell.source
    assert folded == answers
    for before, after in zip([c.source for c in stored if c.cell_type == "markdown"], texts,
                             strict=True):  # fmt: skip
        words = after.replace("<details><summary>Compare with your prediction</summary>", "")
        assert words.replace("</details>", "").split() == before.split()


def test_answer_is_folded_up_to_the_next_heading_or_question() -> None:
    def markdown(text: str) -> dict[str, Any]:
        return {"cell_type": "markdown", "metadata": {}, "source": [text]}

    code = {"cell_type": "code", "metadata": {}, "source": ["1"], "outputs": [1]}
    book = {"nbformat": 4, "cells": [
        markdown(f"{QUESTION} How many?"), code,
        markdown(f"Two.\n\nNot three.\n\n## More\n\n{QUESTION} And now?"), code,
        markdown(f"Five.\n\n{QUESTION} Once more?"),
        {**code, "source": ["guess = bl.predict('More?')\n", "guess"]}, code, markdown("Six."),
    ]}  # fmt: skip
    found = json.loads(for_learners(json.dumps(book).encode()))["cells"]
    assert [cell["metadata"].get("tags", [""])[0] for cell in found] == [
        "", "predict", "", "", "predict", "", "", "", "", "",
    ]  # fmt: skip
    answer = "".join(found[3]["source"])
    assert answer.startswith("<details><summary>Compare with your prediction</summary>\n\nTwo.")
    assert answer.endswith(f"\n</details>\n\n## More\n\n{QUESTION} And now?")
    assert "Five.\n\n</details>" in "".join(found[6]["source"])
    assert "".join(found[9]["source"]).endswith("Six.\n\n</details>")


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"no notebook", b'{"nbformat": 3}'])
def test_what_is_no_notebook_is_copied_as_it_is(content: bytes) -> None:
    assert for_learners(content) == content
