"""A check of every error that is answered: its text is fixed, and no value speaks Python."""

from __future__ import annotations

from typing import Any

from batchlab.rest.error_texts import TEXTS
from batchlab.rest.spelling import in_python

OWN = {"PropertyValue", "QueryParameterValue", "HeaderValue", "Message"}
"""Values that are as the client wrote them, or are of a formula."""


def check_error(content: Any) -> None:
    """Refuse an error whose text is not Azure's, or that speaks of Python."""
    text, *rest = content["message"]["value"].split("\n")
    assert text == TEXTS[content["code"]], content
    assert not rest or [line.partition(":")[0] for line in rest] == ["RequestId", "Time"]
    pairs = content.get("values", [])
    assert len({pair["key"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert isinstance(pair["value"], str)
        assert pair["value"] or pair["key"] in OWN, content
        if pair["key"] not in OWN:
            assert not in_python(pair["value"]), content
    if content["code"].endswith(("NotFound", "Exists")):
        assert "values" not in content
