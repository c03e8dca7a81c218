"""A check of all that is answered: an error's text is fixed, and nothing speaks Python."""

from __future__ import annotations

from typing import Any

from batchlab.rest.error_texts import TEXTS
from batchlab.rest.spelling import in_python

OWN = {"PropertyValue", "QueryParameterValue", "HeaderValue", "Message"}
"""Values that are as the client wrote them, or are of a formula."""


def check_failures(content: Any) -> None:
    """Refuse an answer with a failure that speaks of Python."""
    if isinstance(content, list):
        for one in content:
            check_failures(one)
    elif isinstance(content, dict):
        if isinstance(content.get("message"), dict):
            check_error(content)
        elif {"code", "message"} <= content.keys():
            assert not in_python(content["message"]), content
        for one in content.values():
            check_failures(one)


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
