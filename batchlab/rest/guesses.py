"""Limits how often an address may guess a token or a code.

An address with too many wrong ones waits, also with the right one: otherwise it could go on
guessing. The same wrong one counts once, however often it is sent: a page that is loaded again and
someone who mistypes are not kept out. What is right never counts.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Callable

from batchlab.errors import Forbidden

__all__ = ["WRONG", "Guesses", "TooManyGuesses"]

WRONG = 20
"""How many different wrong guesses an address may send within the time."""
WINDOW_S = 60.0
MOST_ADDRESSES = 1000


class TooManyGuesses(Forbidden):
    """Too many wrong guesses came from an address (HTTP 429).

    Attributes
    ----------
    wait_s : int
        After how many seconds it may try again.
    """

    status = 429

    def __init__(self, what: str, wait_s: int) -> None:
        super().__init__(
            "TooManyRequests",
            f"too many wrong {what}s came from this address: try again in {wait_s} seconds",
        )
        self.wait_s = wait_s


class Guesses:
    """The wrong guesses of the last minute, by the addresses that sent them.

    Parameters
    ----------
    what : str
        What is guessed: ``"token"``.
    clock : callable, optional
        Seconds; for tests.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._wrong: dict[str, dict[bytes, float]] = {}

    def check(self, address: str) -> None:
        """Refuse an address that has to wait.

        Raises
        ------
        TooManyGuesses
            ``TooManyRequests``.
        """
        times = self._recent(address)
        if len(times) >= WRONG:
            oldest = next(iter(times.values()))
            raise TooManyGuesses(self._what, max(1, math.ceil(oldest + WINDOW_S - self._clock())))

    def add(self, address: str, guess: object) -> None:
        """Note a wrong guess; it is kept as a digest only."""
        times = self._recent(address)
        if not times:
            self._make_room()
            self._wrong[_network(address)] = times
        digest = hashlib.sha256(repr(guess).encode("utf-8", "replace")).digest()
        times.setdefault(digest, self._clock())

    def _recent(self, address: str) -> dict[bytes, float]:
        """The guesses of an address that still count, the oldest first."""
        times = self._wrong.get(_network(address), {})
        began = self._clock() - WINDOW_S
        while times and next(iter(times.values())) <= began:
            del times[next(iter(times))]
        return times

    def _make_room(self) -> None:
        if len(self._wrong) >= MOST_ADDRESSES:
            began = self._clock() - WINDOW_S
            self._wrong = {
                one: times for one, times in self._wrong.items()
                if times and max(times.values()) > began
            }  # fmt: skip
        while len(self._wrong) >= MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]


def _network(address: str) -> str:
    """An address, of IPv6 only the half that its owner cannot choose."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(one, ipaddress.IPv4Address):
        return str(one)
    return str(one.ipv4_mapped or ipaddress.IPv6Network((one, 64), strict=False))
