"""Several places that show one widget: each is served, and none is asked for when it has gone."""

from __future__ import annotations

import pytest

from batchlab.widgets import viewers
from batchlab.widgets.viewers import SILENT_S, Viewers


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(viewers.time, "monotonic", lambda: now[0])
    return now


def test_viewer_that_leaves_takes_only_its_own_wish_along() -> None:
    seen = Viewers()
    assert seen.hear("a", "files")
    assert seen.hear("b", "faults")
    assert not seen.hear("a", "files"), "that it is still there is no news"
    assert seen.hear("a", "waiting")
    seen.leave("b")
    seen.leave("nobody")
    assert seen.wanted() == ["waiting"]


def test_viewer_that_is_silent_while_another_speaks_has_gone(clock: list[float]) -> None:
    seen = Viewers()
    seen.hear("reloaded", 1)
    seen.hear("here", 2)
    clock[0] += SILENT_S - 1
    seen.hear("here", 2)
    assert sorted(seen.wanted()) == [1, 2]
    clock[0] += 2
    seen.hear("here", 2)
    assert seen.wanted() == [2]


def test_viewers_who_are_not_heard_while_the_kernel_is_busy_stay(clock: list[float]) -> None:
    seen = Viewers()
    seen.hear("a", 1)
    clock[0] += 100 * SILENT_S
    assert seen.wanted() == [1]
    assert not seen.hear("a", 1)
