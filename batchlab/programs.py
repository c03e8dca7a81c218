"""Programs that end with this process, however it ends: a shell waits for the end of a pipe that
only this process holds open."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

__all__ = ["end_program", "start_program"]

PATIENCE_S = 20
"""How long a program may take to end after it was asked to."""
_UNTIL_PIPE_ENDS = """
patience_s=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ while read -r _; do :; done; kill $child; sleep "$patience_s"; kill -9 0; } <&3 &
wait $child
code=$?
trap '' TERM
kill 0
exit $code
"""


def start_program(
    words: Sequence[str], *, patience_s: float = PATIENCE_S, **options: Any
) -> subprocess.Popen[Any]:
    """Start a program that ends with this process.

    Parameters
    ----------
    words : sequence of str
        The program and its arguments.
    patience_s : float, default 20
        Seconds after which it is killed if it does not end with this process.
    **options
        For `subprocess.Popen`, apart from ``stdin`` and ``start_new_session``.

    Returns
    -------
    subprocess.Popen
        The leader of a process group that the program is in; ends with it, and with its exit
        code.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", _UNTIL_PIPE_ENDS, "sh", str(patience_s), *words],
        stdin=subprocess.PIPE, start_new_session=True, **options,
    )  # fmt: skip


def end_program(process: subprocess.Popen[Any], patience_s: float = PATIENCE_S) -> None:
    """End a program with SIGTERM, or with SIGKILL if that takes too long; harmless if repeated.

    Parameters
    ----------
    process : subprocess.Popen
        From `start_program`.
    patience_s : float, default 20
        Seconds.
    """
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
