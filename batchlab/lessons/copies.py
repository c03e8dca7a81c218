"""A lesson as a learner gets it: without outputs, and with its answers folded.

A prediction is worth nothing if the answer is in view. So after each question there is a cell for
the prediction, unless the lesson has one, and the text that answers it is folded until then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["QUESTION", "for_learners"]

QUESTION = "**Predict.**"
PREDICTION = "predicted = ...  # write down what you expect, then run the next cell"
ASKED = "bl.predict("
"""In a cell that asks for the prediction by itself."""
FOLDED = "<details><summary>Compare with your prediction</summary>\n\n{}\n\n</details>"

Cell = dict[str, Any]


def for_learners(content: bytes) -> bytes:
    """Return a lesson without outputs, with cells for predictions and with folded answers.

    What is not a notebook is returned as it is.
    """
    try:
        notebook = json.loads(content)
        if notebook["nbformat"] < 4:
            return content
        notebook["cells"] = list(_asking(notebook["cells"]))
    except (ValueError, LookupError, TypeError):
        return content
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _asking(cells: list[Cell]) -> Iterator[Cell]:
    asked, questions = False, 0
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            yield {**cell, "outputs": [], "execution_count": None}
            continue
        if cell["cell_type"] != "markdown":
            yield cell
            continue
        if asked:
            source = _fold(source)
        yield {**cell, "source": source.splitlines(keepends=True)}
        asked = QUESTION in source
        if asked and not (after and ASKED in "".join(after["source"])):
            questions += 1
            yield _prediction(questions)


def _prediction(number: int) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"predict-{number:02d}",
        "metadata": {"tags": ["predict"]},
        "outputs": [],
        "source": [PREDICTION],
    }


def _fold(source: str) -> str:
    """Fold the beginning of a text, up to the next heading, rule or question."""
    lines = source.splitlines(keepends=True)
    end = next(
        (at for at, line in enumerate(lines) if line.startswith(("#", "---", QUESTION))),
        len(lines),
    )
    answer = "".join(lines[:end]).strip()
    return "\n\n".join([FOLDED.format(answer), "".join(lines[end:])]).strip() if answer else source
