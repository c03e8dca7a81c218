"""Ids: which are legal, and how they compare."""

import pytest

from batchlab.core.model.ids import check_id, fold
from batchlab.errors import InvalidRequest


@pytest.mark.parametrize("value", ["a", "A-b_9", "0", "-", "x" * 64])
def test_id_legal_ones_are_kept_as_given(value: str) -> None:
    assert check_id(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "", "x" * 65, "a b", "a/b", "../x", "a.b", "a:job-1", "<img src=x>", "a\n", "\na", "ä",
        "a\0", "٣", None, 7, b"a", ["a"],
    ],
)  # fmt: skip
def test_id_illegal_ones_are_refused_with_what_was_given(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_id(value, "pool_id", "PoolInfo")
    assert caught.value.code == "InvalidPropertyValue"
    assert caught.value.values["PropertyName"] == "pool_id"
    assert f"is {value!r}: " in caught.value.message
    if isinstance(value, str):
        assert caught.value.values["PropertyValue"] == value
    elif value is None:
        assert "PropertyValue" not in caught.value.values


def test_id_compares_without_case_and_keeps_one_string() -> None:
    assert fold("Abc") == fold("aBC") == "abc"
    lower = "".join(["ab", "c"])
    assert fold(lower) is lower
