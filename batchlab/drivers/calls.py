"""The program of Python tasks: it calls a function and writes the outcome to a file.

A Python task is an ordinary task whose command is `PROGRAM`. Its function is downloaded to its
working directory as a resource file, and so are its arguments unless they are small enough for an
environment variable. The outcome is uploaded as an output file. A node runs this file as a
separate program that must start fast, so it imports only what it needs from the standard library,
and nothing of batchlab. A simulated node calls `outcome`.

The first line of an outcome file is its kind; the rest depends on the kind::

    value    the pickle of the return value
    error    the pickle of a tuple: the exception's message, its traceback as text, and the
             pickle of the exception, empty if it cannot be pickled
    exit     nothing: the function ended its process with `sys.exit`
    begun    nothing: the function is running, or its process was killed
"""

from __future__ import annotations

import os
import sys
from _pickle import dumps, loads  # used by `pickle` itself, and imported in half the time
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
"""The folder of its files in the working directory."""
FUNCTION = f"{FOLDER}/function.pkl"
ARGUMENTS = f"{FOLDER}/arguments.pkl"
RESULT = f"{FOLDER}/result.pkl"
ARGUMENTS_VARIABLE = "BATCHLAB_ARGUMENTS"
"""The environment variable for small arguments, in base64."""

VALUE, ERROR, EXIT, BEGUN = b"value\n", b"error\n", b"exit\n", b"begun\n"


def outcome(function: bytes, arguments: bytes) -> tuple[int, bytes]:
    """Call a function; return the exit code and the contents of the outcome file.

    Parameters
    ----------
    function : bytes
        The pickle of the Python version, the caller's ``sys.path`` and the pickled function.
    arguments : bytes
        The pickle of the positional and keyword arguments.
    """
    try:
        value = _call(function, arguments)
        return 0, VALUE + _pickled(value)
    except SystemExit as error:
        return _exit_code(error), EXIT
    except BaseException as error:
        return 1, ERROR + _pickled_error(error)


def unpacked(arguments: str) -> bytes:
    """Decode small arguments from their environment variable."""
    return a2b_base64(arguments)


def _call(function: bytes, arguments: bytes) -> object:
    version, path, packed = loads(function)
    here = sys.version_info[:2]
    if tuple(version) != here:
        raise RuntimeError(
            "the function comes from Python {}.{}, but this node runs Python {}.{}: use the same "
            "version for both".format(*version, *here)
        )
    sys.path += [entry for entry in path if entry not in sys.path and os.path.isdir(entry)]
    call = loads(packed)
    args, kwargs = loads(arguments)
    return call(*args, **kwargs)


def _pickled(value: object) -> bytes:
    try:
        return dumps(value, 5)
    except Exception:  # uses classes or functions of the notebook: pickle these as well
        import cloudpickle  # type: ignore[import-untyped]  # noqa: PLC0415 - slow

        try:
            data: bytes = cloudpickle.dumps(value)
        except Exception as error:
            raise TypeError(
                f"the function returned a {type(value).__name__}, which cannot be pickled: {error}"
            ) from None
        return data


def _pickled_error(error: BaseException) -> bytes:
    """Pickle the message, the traceback and, if possible, the exception itself."""
    import traceback  # noqa: PLC0415 - slow

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next  # the frames of this file are of no interest
    text = "".join(traceback.format_exception(type(error), error, trace))
    print(text, file=sys.stderr, end="", flush=True)
    itself = b""
    try:
        packed = _pickled(error.with_traceback(None))
        loads(packed)
        itself = packed
    except BaseException:
        pass
    message = traceback.format_exception_only(type(error), error)[-1].strip()
    return dumps((message, text, itself))


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
