"""Optional libraries: imported when they are first needed, named when they are missing.

A node and the command line need little, and that is what `pip install batchlab` installs.
Libraries that only some users need are extras of the package. If one is missing, the error says
what to install.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from batchlab.errors import NotInstalled

__all__ = ["extra", "install_command", "pandas"]


@contextmanager
def extra(name: str, need: str) -> Iterator[None]:
    """Import a library of an extra in this context, or say how to install it.

    Parameters
    ----------
    name : str
        The extra.
    need : str
        What needs which library, as the start of a sentence: ``"A figure needs plotly"``.

    Raises
    ------
    NotInstalled
        ``OperationInvalidForCurrentState``: the library is missing.
    """
    try:
        yield
    except ImportError:
        raise NotInstalled(
            "OperationInvalidForCurrentState",
            f"{need}, which is not installed: {install_command(name)}",
        ) from None


def pandas() -> Any:
    """Import pandas, which only data frames need.

    Raises
    ------
    NotInstalled
        ``OperationInvalidForCurrentState``: pandas is not installed.
    """
    with extra("pandas", "A DataFrame needs pandas"):
        import pandas  # type: ignore[import-untyped]  # noqa: PLC0415 - takes half a second
    return pandas


def install_command(name: str) -> str:
    """The command that installs an extra."""
    return f'pip install "batchlab[{name}]"'
