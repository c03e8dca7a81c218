"""Who was heard when: a host declares a node lost late rather than early."""

import asyncio

import pytest

from batchlab.drivers.dask.silence import Silence


class Clock:
    """A loop whose time is set by hand, and which has one timer."""

    def __init__(self):
        self.now = 1000.0
        self.due, self.call = None, None

    def time(self):
        return self.now

    def call_at(self, due, call):
        self.due, self.call = due, call
        return self

    def cancel(self):
        self.due = None

    def pass_to(self, now):
        """Let time pass, with the timer on time."""
        while self.due is not None and self.due <= now:
            self.now, due, self.due = self.due, self.due, None
            self.call()
            assert self.due is None or self.due > due
        self.now = now

    def sleep_to(self, now):
        """Let time pass while this process does not run."""
        self.now = now
        if self.due is not None and self.due <= now:
            self.due = None
            self.call()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


def test_worker_is_lost_when_it_was_silent_for_the_limit_and_not_before(clock):
    lost = []
    silence = Silence(30.0, lambda address: lost.append((address, clock.now)))
    silence.hear("a")
    clock.pass_to(1005)
    silence.hear("b")
    clock.pass_to(1020)
    silence.hear("a")
    assert silence.of("b") == 15
    clock.pass_to(1034.9)
    assert lost == []
    clock.pass_to(1060)
    assert lost == [("b", 1035), ("a", 1050)]
    assert not silence.listens("a")
    assert clock.due is None


def test_host_that_did_not_run_gives_everybody_their_whole_time_again(clock):
    """What they sent meanwhile has not been read yet."""
    lost = []
    silence = Silence(30.0, lost.append)
    silence.hear("a")
    clock.sleep_to(1500)
    assert lost == []
    clock.pass_to(1529)
    assert lost == []
    silence.hear("a")
    clock.pass_to(1558)
    assert lost == []
    clock.pass_to(1560)
    assert lost == ["a"]


def test_worker_that_is_forgotten_is_not_lost(clock):
    lost = []
    silence = Silence(30.0, lost.append)
    silence.hear("a")
    silence.forget("a")
    clock.pass_to(1100)
    assert lost == []
    silence.hear("a")
    silence.close()
    clock.pass_to(1200)
    assert lost == []
