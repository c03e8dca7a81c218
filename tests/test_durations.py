"""Durations, read and written."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchlab.durations import format_duration, parse_duration
from batchlab.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800),
        ("250ms", 0.25), ("1.5h", 5400), (" 5 m ", 300), ("1H 30M", 5400), ("0s", 0),
        ("PT5M", 300), ("P1DT2H", 93_600), ("PT0.5S", 0.5), ("P2W", 1_209_600), ("pt1h1m1s", 3661),
        ("P10675199DT2H48M5.4775807S", 10_675_199 * 86_400 + 10_085.477581),
        (90, 90), (0.25, 0.25), (timedelta(minutes=2), 120),
    ],
)  # fmt: skip
def test_duration_is_read(text: object, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == pytest.approx(seconds, rel=1e-9)


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "5", "m", "5 minutes", "5mm", "1h-30m", "-5m", "P", "PT", "P1DT", "P1H", "1e3s",
        "PT5M ago", "<b>", "9" * 400 + "d", float("nan"), float("inf"), 1e300, -1, -0.001,
        timedelta(seconds=-1), True, None, b"5m", [], {"minutes": 5}, "\0",
    ],
)  # fmt: skip
def test_duration_that_is_none_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_duration(value, name="resize_timeout", owner="PoolSpec")
    assert caught.value.code == "InvalidPropertyValue"
    assert caught.value.values["PropertyName"] == "resize_timeout"
    assert "PoolSpec.resize_timeout" in caught.value.message


def test_duration_below_zero_is_read_where_it_makes_sense() -> None:
    assert parse_duration(-5, negative=True) == timedelta(seconds=-5)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"), (timedelta(seconds=45), "45s"), (timedelta(minutes=90), "1h30m"),
        (timedelta(days=7), "7d"), (timedelta(milliseconds=1500), "1.5s"),
        (timedelta(minutes=-5), "-5m"),
    ],
)  # fmt: skip
def test_duration_is_written_as_people_say_it(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@given(st.integers(0, 10**12).map(lambda ms: timedelta(milliseconds=ms)))
def test_duration_written_is_read_back(span: timedelta) -> None:
    assert abs(parse_duration(format_duration(span)) - span) <= timedelta(milliseconds=1)


@given(st.text())
def test_duration_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert parse_duration(text) >= timedelta(0)
