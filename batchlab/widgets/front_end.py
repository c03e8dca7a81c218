"""What shows the outputs of this kernel: which kinds of displays it can keep alive."""

from __future__ import annotations

import os
import sys
from typing import Literal

__all__ = ["cell_id", "front_end"]

_SERVED = ("JPY_SESSION_NAME", "KERNEL_GATEWAY", "SERVER_SOFTWARE")
"""Set for kernels that a server started for a page."""


def front_end() -> Literal["page", "widgets", "none"]:
    """Who shows outputs.

    Returns
    -------
    str
        ``page``: JupyterLab, Notebook and their relatives, where a live display can cover a
        picture; ``widgets``: an editor that shows only what it knows as a widget; ``none``: a
        program that only runs the notebook.
    """
    shell = sys.modules["IPython"].get_ipython()
    names = getattr(shell, "user_ns", {})
    if (
        "__vsc_ipynb_file__" in names
        or "VSCODE_PID" in os.environ
        or "google.colab" in sys.modules
    ):
        return "widgets"
    if "JPY_PARENT_PID" in os.environ and not any(name in os.environ for name in _SERVED):
        return "none"
    return "page"


def cell_id() -> str:
    """The id of the running cell; empty if the front end does not say."""
    kernel = getattr(sys.modules["IPython"].get_ipython(), "kernel", None)
    if kernel is None:
        return ""
    try:
        parent = kernel.get_parent("shell")
    except TypeError:  # Pyodide's has one channel
        parent = kernel.get_parent()
    return str(((parent or {}).get("metadata") or {}).get("cellId") or "")
