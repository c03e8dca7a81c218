"""Ports for servers that have to be told theirs."""

from __future__ import annotations

import contextlib
import random
import socket

CHOSEN = range(10_000, 20_000)
"""Below those that nodes reserve, and those that systems assign automatically."""


def free_port() -> int:
    """A port that is free, and that nobody is given before its server has it."""
    while True:
        port = random.SystemRandom().choice(CHOSEN)  # tests seed the other one
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
