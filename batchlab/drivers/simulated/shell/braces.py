"""Braces in words of bash: ``{1..3}`` and ``a{b,c}``."""

from __future__ import annotations

import re

__all__ = ["expand_braces"]

_OPAQUE = r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|\$\{[^}]*\}|\$\([^)]*\)|`[^`]*`"""
_PIECE = re.compile(rf"(?P<opaque>{_OPAQUE})|(?P<sign>[{{}},])|[^'\"\\${{}},`]+|.", re.DOTALL)
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.-?(\d+))?|([a-zA-Z])\.\.([a-zA-Z])")
_MOST = 10_000


def expand_braces(token: str) -> list[str]:
    """Return the words that a word with braces stands for."""
    if "{" not in token:
        return [token]
    pieces = list(_PIECE.finditer(token))
    for start, piece in enumerate(pieces):
        if piece["sign"] != "{":
            continue
        depth, commas = 0, [piece.end()]
        for other in pieces[start:]:
            depth += {"{": 1, "}": -1}.get(other["sign"] or "", 0)
            if other["sign"] == "," and depth == 1:
                commas.append(other.end())
            if depth == 0:
                found = _choices(token, commas, other.start())
                if found is None:
                    break
                before = token[: piece.start()]
                after = expand_braces(token[other.end() :])
                middle = [one for choice in found for one in expand_braces(choice)]
                return [before + one + end for one in middle for end in after]
    return [token]


def _choices(token: str, begins: list[int], end: int) -> list[str] | None:
    """What stands between the commas, or the numbers of a range; None if it is neither."""
    if len(begins) > 1:
        return [
            token[begin : after - 1] if after else token[begin:end]
            for begin, after in zip(begins, [*begins[1:], 0], strict=True)
        ]
    match = _RANGE.fullmatch(token[begins[0] : end])
    if match is None:
        return None
    if match[4]:
        first, last, by = ord(match[4]), ord(match[5]), 1
    else:
        first, last, by = int(match[1]), int(match[2]), int(match[3] or 1) or 1
    if abs(last - first) // by > _MOST:
        return None
    by = by if last >= first else -by
    numbers = range(first, last + (1 if by > 0 else -1), by)
    if match[4]:
        return [chr(number) for number in numbers]
    padded = any(re.match(r"-?0\d", match[side]) for side in (1, 2))
    width = max(len(match[1]), len(match[2])) if padded else 0
    return [f"{number:0{width}d}" for number in numbers]
