"""What Dask keeps of handlers that were called.

It looks only once at how a handler is called, and remembers that. A handler is mostly a
method, so the worker, the node or the whole lab it belongs to would stay in memory with it.
"""

from __future__ import annotations

from typing import Any

from distributed import core

__all__ = ["forget_handlers"]


def forget_handlers() -> None:
    """Let Dask forget all handlers; it looks again at those that are called again."""
    looked: Any = getattr(core, "_expects_comm", None)  # of some versions
    clear = getattr(looked, "cache_clear", None)
    if clear is not None:
        clear()
