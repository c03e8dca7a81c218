"""Who guesses codes or tokens waits: that address alone, a minute, and no one who knows it."""

from __future__ import annotations

import pytest

from batchlab.rest.guesses import MOST_ADDRESSES, WRONG, Guesses, TooManyGuesses

WAITS = [
    ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
    ("fe80:1:2:3:aaaa::1", "fe80:1:2:3:bbbb::2", "fe80:1:2:4::1"),
    ("2001:db8::1", "2001:db8::a:b:c:d", "2001:db8:0:1::1"),
    ("::ffff:10.0.0.1", "10.0.0.1", "::ffff:10.0.0.2"),
    ("fe80::1%eth0", "fe80::2%eth1", "10.0.0.1"),
    ("", "", "10.0.0.1"),
]
"""Who guesses, who waits as well, and who does not."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("guesser", "same", "other"), WAITS)
@pytest.mark.code("TooManyRequests")
def test_address_that_guesses_waits_a_minute(guesser: str, same: str, other: str) -> None:
    clock = Clock()
    guesses = Guesses("code", clock)
    for number in range(WRONG):
        guesses.check(guesser)
        guesses.add(guesser, f"WRONG{number}")
    clock.now = 20.0
    for address in (guesser, same):
        with pytest.raises(TooManyGuesses, match=r"wrong codes .* in 40 seconds") as refused:
            guesses.check(address)
        assert (refused.value.code, refused.value.wait_s) == ("TooManyRequests", 40)
    guesses.check(other)
    clock.now = 60.0
    guesses.check(guesser)


def test_same_wrong_guess_counts_once() -> None:
    guesses = Guesses("token")
    for _ in range(10 * WRONG):
        guesses.add("10.0.0.1", "mistyped")
        guesses.check("10.0.0.1")


def test_what_is_no_text_counts_too() -> None:
    guesses = Guesses("code")
    for number in range(WRONG):
        guesses.add("10.0.0.1", ["\ud800", {"code": number}])
    with pytest.raises(TooManyGuesses):
        guesses.check("10.0.0.1")


@pytest.mark.parametrize("pause", [0.0, 1.0])
def test_addresses_are_forgotten(pause: float) -> None:
    clock = Clock()
    guesses = Guesses("code", clock)
    for number in range(5 * MOST_ADDRESSES):
        guesses.add(f"10.1.{number // 256}.{number % 256}", "WRONG")
        clock.now += pause
    assert len(guesses._wrong) <= MOST_ADDRESSES
