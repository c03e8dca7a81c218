"""Addresses at which nodes reach each other: an IP address, and ports reserved for the node.

On one machine, each node gets its own loopback address if the system has more than one (on Linux,
all of 127.0.0.0/8 is this machine): a task can bind to it, on any port. Nodes that share the
address of a machine, on an existing cluster or on macOS, get port ranges that do not overlap.
"""

from __future__ import annotations

import hashlib
import sys

__all__ = ["Addresses"]

LOW = 20_000
COUNT = 100
"""Number of ports of a node; all are below those that systems assign automatically."""
_RANGES = 120


class Addresses:
    """The addresses of a lab's nodes.

    Parameters
    ----------
    lab_id : str
        Usually keeps the loopback addresses of two labs apart.
    """

    def __init__(self, lab_id: str) -> None:
        digest = hashlib.sha256(lab_id.encode()).digest()
        self._network = (1 + digest[0] % 254, digest[1])
        self._own: dict[str, str] = {}
        self._shared: dict[str, dict[str, int]] = {}  # host -> node id -> number of its range

    def ip_address(self, node_id: str, host: str) -> str:
        """Return the address of a node whose worker is on this host."""
        if not host.startswith("127.") or sys.platform != "linux":
            return host
        if node_id not in self._own:
            number = len(self._own)
            first, second = self._network
            second = (second + number // 250) % 256
            self._own[node_id] = f"127.{first}.{second}.{number % 250 + 1}"
        return self._own[node_id]

    def port_range(self, node_id: str, host: str) -> tuple[int, int]:
        """Return the first and last port reserved for the node at that address."""
        number = 0
        if self.ip_address(node_id, host) == host:
            taken = self._shared.setdefault(host, {})
            if node_id not in taken:
                used = set(taken.values())
                taken[node_id] = next(n for n in range(len(used) + 1) if n not in used)
            number = taken[node_id] % _RANGES
        low = LOW + COUNT * number
        return low, low + COUNT - 1

    def give_back(self, node_id: str) -> None:
        """Release the port range of a node that no longer exists."""
        for taken in self._shared.values():
            taken.pop(node_id, None)
