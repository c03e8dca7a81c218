"""The words of scripts on simulated nodes: where they end, and what they are made of.

`shlex` is not enough, because it drops the quotes of a word, and ``'$A'`` differs from ``"$A"``.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

__all__ = ["NotUnderstood", "Part", "Word", "end_of_word", "quoted_parts", "word"]


class NotUnderstood(Exception):
    """A simulated node cannot interpret this."""


class Part(NamedTuple):
    """A piece of a word.

    It is literal text, the name of a variable, the script of
    ``$(...)``, or the expression of ``$((...))``.
    """

    text: str
    kind: Literal["literal", "variable", "script", "expression"] = "literal"
    quoted: bool = False


Word = tuple[Part, ...]
_DEEPEST = 50
"""How deep quotes and substitutions may be nested, since each takes stack."""

_WORD = re.compile(r"""(?:'[^']*'|\\.|[^\s'"\\;&|<>()`$]+|\$(?!\())+""", re.DOTALL)
_UNNESTED = {
    '"': re.compile(r"""(?:\\.|[^"\\`$]+|\$(?!\())+""", re.DOTALL),
    ")": re.compile(
        r"""(?:(?<![^\s;&|(])\#[^\n]*|'[^']*'|\\.|[^'"\\\#()`$]+|\$(?!\()|\#)+""", re.DOTALL
    ),
}
"""What stands before the sign that closes quotes or a substitution, and contains no other."""
_BACKQUOTED = re.compile(r"`((?:\\.|[^`\\])*)`", re.DOTALL)
_PART = re.compile(
    r"""'(?P<single>[^']*)' | \\(?P<escaped>.) | (?P<plain>[^'"\\$`]+)
      | (?P<variable>\$(?:\w+|\{\w+\}|\?))""",
    re.VERBOSE | re.DOTALL,
)
_INNER = re.compile(
    r"""\\(?P<escaped>[$`"\\\n]) | (?P<plain>[^\\$`]+|\\)
      | (?P<variable>\$(?:\w+|\{\w+\}|\?)) | (?P<dollar>\$(?![({$@#!*-]))""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(r"^~|[*?]|\[.")
_UNCLEAR = re.compile(r"^~|\[(?![!]?[\w.,:-]+\])", re.ASCII)


def end_of_word(text: str, at: int) -> int:
    """Return where the word that begins here ends: here, if none begins."""
    while True:
        match = _WORD.match(text, at)
        after = match.end() if match else _after_nested(text, at)
        if after == at:
            return at
        at = after


def word(token: str, *, pattern: bool = False) -> Word:
    """Return the parts of a word, which may have ``*``, ``?`` and ``[...]`` if it is a pattern."""
    parts: list[Part] = []
    at = 0
    while at < len(token):
        if token[at] == '"':
            end = _closing(token, at + 1, '"')
            parts += quoted_parts(token[at + 1 : end])
            at = end + 1
        elif token[at] == "`" or token.startswith("$(", at):
            end = _after_nested(token, at)
            parts.append(_substitution(token[at:end], quoted=False))
            at = end
        elif match := _PART.match(token, at):
            kind, text = match.lastgroup or "", match[match.lastgroup or 0]
            if kind == "plain" and (_UNCLEAR if pattern else _PATTERN).search(text):
                raise NotUnderstood(token)
            parts += _unquoted(kind, text)
            at = match.end()
        else:
            raise NotUnderstood(token)
    return tuple(parts)


def _closing(text: str, at: int, sign: str, depth: int = 1) -> int:
    """Return where the sign is that closes what begins here."""
    if depth > _DEEPEST:
        raise NotUnderstood("nested too deeply")
    while not text.startswith(sign, at):
        match = _UNNESTED[sign].match(text, at)
        after = match.end() if match else _after_nested(text, at, depth)
        if after == at and sign == ")" and text.startswith("(", at):
            after = _closing(text, at + 1, ")", depth + 1) + 1
        if after == at:
            raise NotUnderstood(f"no {sign}")
        at = after
    return at


def _after_nested(text: str, at: int, depth: int = 0) -> int:
    """Return the end of the double quotes or the substitution that begins here, if one does."""
    if text.startswith('"', at):
        return _closing(text, at + 1, '"', depth + 1) + 1
    if text.startswith("$(", at):
        return _closing(text, at + 2, ")", depth + 1) + 1
    match = _BACKQUOTED.match(text, at)
    return match.end() if match else at


def _substitution(text: str, *, quoted: bool) -> Part:
    if text[0] == "`":
        escaped = r'\\([$`\\"])' if quoted else r"\\([$`\\])"
        return Part(re.sub(escaped, r"\1", text[1:-1]), "script", quoted)
    if text.startswith("$((") and text.endswith("))"):
        return Part(text[3:-2], "expression", quoted)
    return Part(text[2:-1], "script", quoted)


def _unquoted(kind: str, text: str) -> list[Part]:
    if kind == "variable":
        return [_variable(text, quoted=False)]
    if kind == "plain":
        return [Part(text)]
    return [] if kind == "escaped" and text == "\n" else [Part(text, quoted=True)]


def quoted_parts(text: str) -> list[Part]:
    """Return the parts of what stands in double quotes, or in ``$((...))``."""
    parts, at = [Part("", quoted=True)], 0
    while at < len(text):
        if text[at] == "`" or text.startswith("$(", at):
            end = _after_nested(text, at)
            parts.append(_substitution(text[at:end], quoted=True))
            at = end
            continue
        match = _INNER.match(text, at)
        if match is None:
            raise NotUnderstood(text[at:])
        at = match.end()
        if match.lastgroup == "variable":
            parts.append(_variable(match.group(), quoted=True))
        elif match.group() != "\\\n":
            parts.append(Part(match[match.lastgroup or 0], quoted=True))
    return parts


def _variable(text: str, *, quoted: bool) -> Part:
    name = text.strip("${}")
    if name[0].isdigit():
        raise NotUnderstood(text)
    return Part(name, "variable", quoted)
