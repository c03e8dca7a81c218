"""Ending containers, which outlive the program of their engine that started them.

This file imports only the standard library, and nothing of batchlab: the watchdog loads it, too,
once a node that it clears away has run containers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

__all__ = ["NODE_LABEL", "clear_node", "remove_containers"]

NODE_LABEL = "batchlab.node"
"""The label of a container that has its node's root."""
_ANSWER_S = 10.0
_PATIENCE_S = 30.0
_PAUSE_S = 0.1


def clear_node(engine_file: str) -> None:
    """Kill and remove the containers of the node with this `engine_file` of the watchdog."""
    try:
        with open(engine_file, encoding="utf-8") as file:
            program = file.read()
    except OSError:
        return
    parent, name = os.path.split(engine_file)
    root = os.path.join(parent, name[1:].removesuffix(".engine"))
    remove_containers(program, NODE_LABEL, root)


def remove_containers(program: str, label: str, value: str) -> None:
    """Kill and remove the containers with a label, until none is left; never raises.

    Parameters
    ----------
    program : str
        The path of the engine's command line.
    label, value : str
    """
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            found = _call(program, "ps", "-aq", "--filter", f"label={label}={value}").split()
            if not found:
                return
            _call(program, "rm", "-f", *found)
            continue
        time.sleep(_PAUSE_S)


def _call(*words: str) -> str:
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, timeout=_ANSWER_S, check=True,
    ).stdout  # fmt: skip
