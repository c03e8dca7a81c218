"""Ports for servers that have to be told theirs."""

from __future__ import annotations

import contextlib
import random
import socket

CHOSEN = range(10_000, 32_000)
"""Below those that an operating system gives to whatever takes any."""


def free_port() -> int:
    """A port that is free, and that nobody is given before its server has it."""
    while True:
        port = random.SystemRandom().choice(CHOSEN)  # tests seed the other one
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
