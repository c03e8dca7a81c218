"""Python tasks on simulated nodes: the function is really called, in the process of the lab.

The workload decides how long a call takes in virtual time. After that time the function is called,
with the task's environment variables, and its output is captured. It has no separate process and
no separate folder: relative paths refer to the folder of the notebook. If a rule of the workload
makes the command fail, the function is not called.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from batchlab.drivers import calls
from batchlab.drivers.simulated.workload import Behavior

if TYPE_CHECKING:
    from batchlab.drivers.simulated.around import Steps
    from batchlab.drivers.simulated.shell.process import SimulatedProcess

__all__ = ["call"]


def call(process: SimulatedProcess, behavior: Behavior) -> Steps:
    """Wait for the duration of the behavior, then call the function."""
    code = yield from process.behave(behavior, top=True)
    if code:
        return code
    arguments = process.environment.get(calls.ARGUMENTS_VARIABLE)
    try:
        function = process.disk.read(process.path(calls.FUNCTION))
        packed = (
            calls.unpacked(arguments)
            if arguments
            else process.disk.read(process.path(calls.ARGUMENTS))
        )
    except OSError as error:
        process.complain(f"{calls.PROGRAM}: {error.filename}: {error.strerror}")
        return 1
    out, err = io.StringIO(), io.StringIO()
    with _as_if_inside(process.environment), redirect_stdout(out), redirect_stderr(err):
        code, result = calls.outcome(function, packed)
    process.say(out.getvalue())
    process.complain(err.getvalue(), end="")
    process.disk.make_folder(process.path(calls.FOLDER), parents=True)
    process.disk.write(process.path(calls.RESULT), result, process.now(), append=False)
    return code


@contextmanager
def _as_if_inside(environment: dict[str, str]) -> Iterator[None]:
    """Set the variables of a task in this process, and restore everything afterwards."""
    variables, path = dict(os.environ), list(sys.path)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        sys.path[:] = path
