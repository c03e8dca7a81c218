"""What a `$filter` is read as, and what is said of one that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.errors import InvalidRequest
from batchlab.rest.odata import Filter, read_filter

KNOWN = {"id", "state", "size", "creationTime"}
THING = {"id": "a", "state": "active", "size": 3, "creationTime": "2026-01-01T00:00:00Z"}


def read(text: str, known: set[str] = KNOWN) -> Filter:
    found = read_filter(text, known)
    assert found is not None
    return found


def reason(text: str, known: set[str] = KNOWN) -> Any:
    with pytest.raises(InvalidRequest) as refused:
        read_filter(text, known)
    assert refused.value.code == "InvalidQueryParameterValue"
    assert refused.value.values["QueryParameterName"] == "$filter"
    assert refused.value.values["QueryParameterValue"] == text[:197] + "..." * (len(text) > 200)
    return refused.value.values["Reason"]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("id eq 'b' or id eq 'a' and size gt 2", True),
        ("id eq 'a' or id eq 'b' and size gt 9", True),
        ("(id eq 'a' or id eq 'b') and size gt 9", False),
        ("((size ge 3.0))and(size le 3)", True),
        ("size gt -1", True),
        ("size eq '3'", False),
        ("size lt 'x'", False),
        ("size ne null and state ne true", True),
        ("size/of/it eq null", True),
        ("creationTime eq datetime'2026-01-01' and creationTime le 2026-01-01T01:00:00+01:00",
         True),
        ("  startswith ( id , 'a' )  ", True),
    ],
)  # fmt: skip
def test_filter_is_read_as_odata_does(text: str, passes: bool) -> None:
    assert read(text).test(THING) is passes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id", "ends too early"),
        ("(id eq 'a'", "ends too early"),
        ("id like 'a'", "expected one of eq, ne, gt, ge, lt, le, found 'like'"),
        ("id eqx 'a'", "expected one of eq, ne, gt, ge, lt, le, found 'eqx'"),
        ("'a' eq id", "expected a property, found \"'a'\""),
        ("id eq (1)", "expected a value, found '('"),
        ("id eq nullx", "expected a value, found 'nullx'"),
        ("id eq DateTime'x'", "expected a value, found \"DateTime'x'\""),
        ("startswith id", "expected '(', found 'id'"),
        ("startswith(id 'a')", "expected ',', found \"'a'\""),
        ("startswith(id, 5)", "expected text in single quotes, found '5'"),
        ("startswith(id,'a'(", "expected ')', found '('"),
        ("(id eq 'a' 'b'", "expected ')', found \"'b'\""),
        ("id eq 'a')", "expected the end, found ')'"),
        ("id eq 'a", 'syntax error at "\'a"'),
        ("nothing/id eq 1", "there is no property 'nothing'"),
        ("id eq 1 or startswith(nothing,'a')", "there is no property 'nothing'"),
        ("id eq '" + "a" * 4096 + "'", "must have at most 4096 characters"),
    ],
)
def test_filter_that_cannot_be_read_is_refused_with_the_place(text: str, said: str) -> None:
    assert reason(text) == said


def test_filter_tells_the_state_that_it_requires() -> None:
    assert read("startswith(id,'a') and (state eq 'active' and size gt 1)").state == "active"
    assert read("state eq 'active' or id eq 'a'").state is None
    assert read("state ne 'active' and id eq 'state'").state is None


def test_filter_that_was_read_for_one_list_is_refused_by_another() -> None:
    text = "size gt 1"
    assert read(text).test(THING)
    assert reason(text, {"id"}) == "there is no property 'size'"
    assert read(text).test(THING)


def test_filter_as_deep_or_as_long_as_it_may_be_is_evaluated() -> None:
    deep = "(id eq 1or " * 340 + "id ne 1" + ")" * 340
    long = " or ".join(["id eq 1"] * 372)
    assert max(map(len, (deep, long))) <= 4096
    assert read(deep).test(THING)
    assert not read(long).test(THING)
    assert not read("(" * 2000 + "id eq 1" + ")" * 2000).test(THING)
