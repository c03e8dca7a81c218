"""Why nothing can listen on an address; of a port in use, who has it, and which one is free."""

from __future__ import annotations

import errno
import socket

from batchlab.errors import InvalidRequest, invalid

__all__ = ["cannot_listen", "taken_port"]


def cannot_listen(error: Exception, host: str, port: int, owner: str) -> InvalidRequest:
    """Build the error for an address on which nothing can listen."""
    name, value = ("port", port) if port else ("host", host)
    reason = f"cannot listen on this address: {error}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        reason = taken_port(host, port)
    return invalid(name, value, reason, owner=owner)


def taken_port(host: str, port: int) -> str:
    """The reason why nobody else can listen on a port, and the cure."""
    who = _listener(port) or "another program"
    free = _free_port(host, port)
    other = f"{free}, which is free, or port " if free else ""
    return (
        f"cannot listen on this address: {who} does; stop that, or use port {other}0, which takes "
        "any free one"
    )


def _listener(port: int) -> str:
    """The process that listens on a port, if this user may know."""
    import psutil  # noqa: PLC0415 - only for this message

    try:
        for one in psutil.net_connections("tcp"):
            if one.laddr and one.laddr.port == port and one.status == psutil.CONN_LISTEN:
                if one.pid:
                    return f"process {one.pid} ({psutil.Process(one.pid).name()})"
                return ""
    except (psutil.Error, OSError):
        return ""
    return ""


def _free_port(host: str, port: int) -> int:
    """The next free port; 0 if there is none nearby."""
    for other in range(port + 1, min(port + 20, 65536)):
        try:
            with socket.create_server((host, other)):
                return other
        except OSError:
            continue
    return 0
