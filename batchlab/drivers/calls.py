"""The program of Python tasks: calls a function, and leaves what came of it in a file.

A Python task is a task like any other whose command is `PROGRAM`. In its working directory lie,
fetched like any resource file, the function and, unless they are so small that they fit into its
environment, the arguments; what the program leaves there is uploaded like any output file. A node
runs this very file as a program of its own, so it has to start fast: it imports nothing but what
it needs of the standard library, and nothing of batchlab. A simulated node calls `outcome`.

The file of an outcome is a line that says its kind, and then the rest::

    value    the pickle of what the function returned
    error    the pickle of three: what the exception says, its traceback as text, and its own
             pickle, empty if it has none
    exit     nothing: the function ended its process by `sys.exit`
    begun    nothing: so far, or for ever, when the process was killed
"""

from __future__ import annotations

import os
import sys
from _pickle import dumps, loads  # what `pickle` itself uses, in half the time
from binascii import a2b_base64

__all__ = [
    "ARGUMENTS",
    "ARGUMENTS_VARIABLE",
    "BEGUN",
    "ERROR",
    "EXIT",
    "FOLDER",
    "FUNCTION",
    "PROGRAM",
    "RESULT",
    "VALUE",
    "outcome",
    "unpacked",
]

PROGRAM = "batchlab-call"
"""The first word of the command line of a Python task."""
FOLDER = ".batchlab"
"""Where its files are, in its working directory."""
FUNCTION = f"{FOLDER}/function.pkl"
ARGUMENTS = f"{FOLDER}/arguments.pkl"
RESULT = f"{FOLDER}/result.pkl"
ARGUMENTS_VARIABLE = "BATCHLAB_ARGUMENTS"
"""Small arguments, as base64."""

VALUE, ERROR, EXIT, BEGUN = b"value\n", b"error\n", b"exit\n", b"begun\n"


def outcome(function: bytes, arguments: bytes) -> tuple[int, bytes]:
    """Call a function; the exit code, and what goes into the file of the outcome.

    Parameters
    ----------
    function : bytes
        The pickle of the Python version, the caller's ``sys.path``, and the function's own pickle.
    arguments : bytes
        The pickle of its positional and its keyword arguments.
    """
    try:
        value = _call(function, arguments)
        return 0, VALUE + _pickled(value)
    except SystemExit as error:
        return _exit_code(error), EXIT
    except BaseException as error:
        return 1, ERROR + _pickled_error(error)


def unpacked(arguments: str) -> bytes:
    """Small arguments, as they were before they went into a variable."""
    return a2b_base64(arguments)


def _call(function: bytes, arguments: bytes) -> object:
    version, path, packed = loads(function)
    here = sys.version_info[:2]
    if tuple(version) != here:
        raise RuntimeError(
            "the function comes from Python {}.{}, and this node has Python {}.{}: functions "
            "travel between equal versions only".format(*version, *here)
        )
    sys.path += [entry for entry in path if entry not in sys.path and os.path.isdir(entry)]
    call = loads(packed)
    args, kwargs = loads(arguments)
    return call(*args, **kwargs)


def _pickled(value: object) -> bytes:
    try:
        return dumps(value, 5)
    except Exception:  # made of things of the notebook: travels with all that it is made of
        import cloudpickle  # type: ignore[import-untyped]  # noqa: PLC0415 - slow

        try:
            data: bytes = cloudpickle.dumps(value)
        except Exception as error:
            raise TypeError(
                f"what the function returned, a {type(value).__name__}, cannot be brought back: "
                f"{error}"
            ) from None
        return data


def _pickled_error(error: BaseException) -> bytes:
    """What the exception says, its traceback, and itself if it can be pickled."""
    import traceback  # noqa: PLC0415 - slow

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next  # the frames of this file are nobody's concern
    text = "".join(traceback.format_exception(type(error), error, trace))
    print(text, file=sys.stderr, end="", flush=True)
    itself = b""
    try:
        packed = _pickled(error.with_traceback(None))
        loads(packed)
        itself = packed
    except BaseException:
        pass
    told = traceback.format_exception_only(type(error), error)[-1].strip()
    return dumps((told, text, itself))


def _exit_code(error: SystemExit) -> int:
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 255
    print(code, file=sys.stderr, flush=True)
    return 1


def _main() -> int:
    directory = os.environ["AZ_BATCH_TASK_WORKING_DIR"]
    target = os.path.join(directory, RESULT)
    _write(target, BEGUN)
    sys.path.insert(0, directory)
    small = os.environ.get(ARGUMENTS_VARIABLE)
    arguments = unpacked(small) if small else _read(os.path.join(directory, ARGUMENTS))
    code, result = outcome(_read(os.path.join(directory, FUNCTION)), arguments)
    _write(target, result)
    return code


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.part"
    with open(part, "wb") as file:
        file.write(data)
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(_main())
