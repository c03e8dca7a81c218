"""What the trials share: where they are noted, labs on emulated hosts, and nodes on them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import batchlab as bl
from helpers.waiting import until
from hosts.network import Host, Network

SOON = 90
TRIALS: dict[str, Callable[[Network], str]] = {}
"""By sentence."""


def trial(sentence: str) -> Callable[[Any], Any]:
    def note(function: Callable[[Network], str]) -> Callable[[Network], str]:
        TRIALS[sentence] = function
        return function

    return note


def attach(address: str, **options: Any) -> bl.Lab:
    def lab() -> Any:
        with contextlib.suppress(bl.BatchError):  # the scheduler may still be coming up
            return bl.Lab(address, **options)

    found: bl.Lab = until(lab, SOON)
    return found


def start(network: Network, workers: int = 2) -> tuple[str, list[Host]]:
    """Start a scheduler and workers, each on a host of its own."""
    address = network.host().scheduler()
    hosts = [network.host() for _ in range(workers)]
    for number, host in enumerate(hosts):
        host.worker(address, f"w{number}", "--no-nanny")
    return address, hosts


def idle(lab: Any, count: int, name: str = "p", **options: Any) -> Any:
    pool = lab.create_pool(name, target_dedicated_nodes=count, **options)
    pool.nodes.wait("idle", timeout=SOON)
    return pool


def since(begin: float) -> str:
    return f"{time.monotonic() - begin:.1f} s"
