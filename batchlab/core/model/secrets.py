"""Texts that are not shown and not written down: a journal only says that there was one.

So a lab that is opened again does not have them. Messages between the parts of a lab do.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FORGOTTEN", "Secret", "forget_secret", "read_secret", "reveal_secret"]

FORGOTTEN = "(not kept)"


class Secret:
    """A text that only `reveal` shows.

    Parameters
    ----------
    text : str
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def is_kept(self) -> bool:
        """Whether it is there: it is not if it was read from a journal."""
        return self._text != FORGOTTEN

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "'***'"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def forget_secret(value: Any) -> str:
    """Encode what msgspec cannot, for what is kept: that there was a secret."""
    if isinstance(value, Secret):
        return FORGOTTEN
    raise NotImplementedError(type(value).__name__)


def reveal_secret(value: Any) -> str:
    """Encode what msgspec cannot, for a message: the secret."""
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def read_secret(kind: type, value: Any) -> Any:
    """Decode what msgspec cannot."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(kind.__name__)
