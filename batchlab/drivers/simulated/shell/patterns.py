"""Regular expressions of ``grep`` and ``sed``, as Python reads them."""

from __future__ import annotations

import re
from functools import lru_cache

from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["python_pattern"]

_CLASSES = {
    "digit": "0-9", "alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "space": r"\s", "blank": " \\t",
    "upper": "A-Z", "lower": "a-z", "xdigit": "0-9A-Fa-f", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip
_PIECE = re.compile(
    r"(?P<bracket>\[\^?\]?(?:\[:\w+:\]|[^\]])*\])|\\(?P<escaped>.)|(?P<special>[+?(){}|])"
    r"|(?P<other>.)",
    re.DOTALL,
)


@lru_cache(maxsize=512)
def python_pattern(
    pattern: str, *, extended: bool = False, ignore_case: bool = False
) -> re.Pattern[str]:
    """Translate a basic or an extended expression; raises `NotUnderstood`."""
    found = ""
    for piece in _PIECE.finditer(pattern):
        kind, text = piece.lastgroup, piece[piece.lastgroup or 0]
        if kind == "bracket":
            found += _bracket(text)
        elif kind == "escaped":
            found += _escaped(text, extended=extended)
        elif kind == "special" and not extended:
            found += f"\\{text}"
        elif text == "*" and not found.rstrip("(|^"):
            found += r"\*"
        elif (text == "^" and piece.start() and pattern[piece.start() - 1] not in "(|") or (
            text == "$" and piece.end() < len(pattern) and pattern[piece.end()] not in ")|\\"
        ):
            found += f"\\{text}"
        else:
            found += text
    try:
        return re.compile(found, re.IGNORECASE if ignore_case else 0)
    except re.error:
        raise NotUnderstood(pattern) from None


def _bracket(text: str) -> str:
    negated = text.startswith("[^")
    inner = text[2 if negated else 1 : -1]
    pieces = re.split(r"\[:(\w+):\]", inner)
    if "[." in inner or "[=" in inner or any(name not in _CLASSES for name in pieces[1::2]):
        raise NotUnderstood(text)
    plain = [re.sub(r"([\\\[\]&~|])", r"\\\1", piece) for piece in pieces[::2]]
    names = [_CLASSES[name] for name in pieces[1::2]]
    body = "".join(a + b for a, b in zip(plain, [*names, ""], strict=True))
    return f"[{'^' * negated}{body}]"


def _escaped(text: str, *, extended: bool) -> str:
    if not extended and text in "+?(){}|":
        return text
    if text in "wWsSbB" or text.isdigit():
        return f"\\{text}"
    if text in "<>":
        return r"\b"
    if text in "nt":
        return f"\\{text}"
    if text.isalnum():
        raise NotUnderstood(f"\\{text}")
    return re.escape(text)
