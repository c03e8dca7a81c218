"""The words of scripts on simulated nodes: where they end, and what they are made of.

`shlex` is not enough, because it drops the quotes of a word, and ``'$A'`` differs from ``"$A"``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

__all__ = [
    "NotUnderstood",
    "Parameter",
    "Part",
    "SyntaxFault",
    "Word",
    "end_of_word",
    "parameter",
    "quoted_parts",
    "word",
]


class NotUnderstood(Exception):
    """A simulated node cannot interpret this."""


class SyntaxFault(Exception):
    """No shell can interpret this."""


class Part(NamedTuple):
    """A piece of a word.

    It is literal text, the name of a variable, what stands inside ``${...}``, the script of
    ``$(...)``, or the expression of ``$((...))``.
    """

    text: str
    kind: Literal["literal", "variable", "parameter", "script", "expression"] = "literal"
    quoted: bool = False


Word = tuple[Part, ...]


class Parameter(NamedTuple):
    """``${name:-word}``: the name, the operator, and the parts of the word."""

    name: str
    operator: str
    word: Word
    other: Word = ()  # what a pattern is replaced with


_DEEPEST = 50
"""How deep quotes and substitutions may be nested, since each takes stack."""

_WORD = re.compile(r"""(?:'[^']*'|\\.|[^\s'"\\;&|<>()`$]+|\$(?![({]))+""", re.DOTALL)
_UNNESTED = {
    '"': re.compile(r"""(?:\\.|[^"\\`$]+|\$(?![({]))+""", re.DOTALL),
    "}": re.compile(r"""(?:\\.|'[^']*'|[^'"\\`$}]+|\$(?![({]))+""", re.DOTALL),
    ")": re.compile(
        r"""(?:(?<![^\s;&|(])\#[^\n]*|'[^']*'|\\.|[^'"\\\#()`$]+|\$(?![({])|\#)+""", re.DOTALL
    ),
}
"""What stands before the sign that closes quotes or a substitution, and contains no other."""
_BACKQUOTED = re.compile(r"`((?:\\.|[^`\\])*)`", re.DOTALL)
_VARIABLE = r"\$(?:[A-Za-z_]\w*|[0-9?@*#$!])"
_PART = re.compile(
    rf"""'(?P<single>[^']*)' | \\(?P<escaped>.) | (?P<plain>[^'"\\$`]+)
      | (?P<variable>{_VARIABLE}) | (?P<dollar>\$(?![({{'"$\w?@*#!-]))""",
    re.VERBOSE | re.DOTALL,
)
_INNER = re.compile(
    rf"""\\(?P<escaped>[$`"\\\n]) | (?P<plain>[^\\$`]+|\\)
      | (?P<variable>{_VARIABLE}) | (?P<dollar>\$(?![({{$@#!*?\w-]))""",
    re.VERBOSE | re.DOTALL,
)
_UNCLEAR = re.compile(r"^~|\[(?:\^|\[)", re.ASCII)
_PARAMETER = re.compile(
    r"(\#?)([A-Za-z_]\w*|[0-9]+|[?@*\#$!])(?:(:?[-=+?]|%%?|\#\#?)(.*))?", re.DOTALL
)
_OF_BASH = re.compile(
    r"([A-Za-z_]\w*|[0-9]+)(?:(:)(\d+)(?::(\d+))?|(//?)((?:\\.|[^/\\])*)(?:/(.*))?|(\^\^?|,,?))",
    re.DOTALL,
)


def end_of_word(text: str, at: int) -> int:
    """Return where the word that begins here ends: here, if none begins."""
    while True:
        match = _WORD.match(text, at)
        after = match.end() if match else _after_nested(text, at)
        if after == at:
            return at
        at = after


def word(token: str) -> Word:
    """Return the parts of a word."""
    parts: list[Part] = []
    at = 0
    while at < len(token):
        if token[at] == '"':
            end = _closing(token, at + 1, '"')
            parts += quoted_parts(token[at + 1 : end])
            at = end + 1
        elif token[at] == "`" or token.startswith(("$(", "${"), at):
            end = _after_nested(token, at)
            if end == at:
                raise SyntaxFault("EOF in backquote substitution")
            parts.append(_substitution(token[at:end], quoted=False))
            at = end
        elif match := _PART.match(token, at):
            kind, text = match.lastgroup or "", match[match.lastgroup or 0]
            if kind == "plain" and (_UNCLEAR.search(text) if parts or at else _special(text)):
                raise NotUnderstood(token)
            parts += _unquoted(kind, text)
            at = match.end()
        else:
            raise NotUnderstood(token)
    return tuple(parts)


def _special(text: str) -> bool:
    """Whether the begin of a word is a home directory, or a pattern that shells read otherwise."""
    return bool(_UNCLEAR.search(text)) and text not in {"[", "[["}


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
            raise SyntaxFault(f"no closing {sign}")
        at = after
    return at


def _after_nested(text: str, at: int, depth: int = 0) -> int:
    """Return the end of the double quotes or the substitution that begins here, if one does."""
    if text.startswith('"', at):
        return _closing(text, at + 1, '"', depth + 1) + 1
    for begin, end in (("$(", ")"), ("${", "}")):
        if text.startswith(begin, at):
            return _closing(text, at + 2, end, depth + 1) + 1
    match = _BACKQUOTED.match(text, at)
    return match.end() if match else at


def _substitution(text: str, *, quoted: bool) -> Part:
    if text[0] == "`":
        escaped = r'\\([$`\\"])' if quoted else r"\\([$`\\])"
        return Part(re.sub(escaped, r"\1", text[1:-1]), "script", quoted)
    if text.startswith("${"):
        parameter(text[2:-1], quoted=quoted)
        return Part(text[2:-1], "parameter", quoted)
    if text.startswith("$((") and text.endswith("))"):
        return Part(text[3:-2], "expression", quoted)
    return Part(text[2:-1], "script", quoted)


def _unquoted(kind: str, text: str) -> list[Part]:
    if kind == "variable":
        return [Part(text[1:], "variable")]
    if kind == "plain":
        return [Part(text)]
    if kind == "dollar":
        return [Part("$", quoted=True)]
    return [] if kind == "escaped" and text == "\n" else [Part(text, quoted=True)]


def quoted_parts(text: str) -> list[Part]:
    """Return the parts of what stands in double quotes, or in ``$((...))``."""
    parts, at = [Part("", quoted=True)], 0
    if text in {"$@", "${@}"}:
        parts = []  # without arguments, it is no word at all
    while at < len(text):
        if text[at] == "`" or text.startswith(("$(", "${"), at):
            end = _after_nested(text, at)
            if end == at:
                raise SyntaxFault("EOF in backquote substitution")
            parts.append(_substitution(text[at:end], quoted=True))
            at = end
            continue
        match = _INNER.match(text, at)
        if match is None:
            raise NotUnderstood(text[at:])
        at = match.end()
        if match.lastgroup == "variable":
            parts.append(Part(match.group()[1:], "variable", quoted=True))
        elif match.group() != "\\\n":
            parts.append(Part(match[match.lastgroup or 0], quoted=True))
    return parts


@lru_cache(maxsize=1024)
def parameter(text: str, *, quoted: bool) -> Parameter:
    """Parse what stands inside ``${...}``; raises `NotUnderstood`."""
    if text == "#":
        return Parameter("#", "", ())
    match = _PARAMETER.fullmatch(text)
    if match is None and (of_bash := _OF_BASH.fullmatch(text)):
        return _of_bash(of_bash)
    if match is None or (match[1] and match[3]):
        raise NotUnderstood(f"${{{text}}}")
    operator, rest = match[3] or "", match[4] or ""
    if match[1]:
        return Parameter(match[2], "length", ())
    plain = quoted and operator[-1:] in {"-", "=", "+", "?"}
    return Parameter(match[2], operator, tuple(quoted_parts(rest)) if plain else _rest(rest))


def _of_bash(match: re.Match[str]) -> Parameter:
    """``${name:1:2}``, ``${name/pattern/word}`` and ``${name^^}``."""
    if match[2]:
        numbers = (Part(match[3]),) + ((Part(match[4]),) if match[4] else ())
        return Parameter(match[1], "slice", numbers)
    if match[5]:
        return Parameter(match[1], match[5], _rest(match[6]), _rest(match[7] or ""))
    return Parameter(match[1], match[8], ())


def _rest(text: str) -> Word:
    """The parts of the word of a parameter, in which blanks separate nothing yet."""
    parts: list[Part] = []
    at = 0
    while at < len(text):
        end = end_of_word(text, at)
        parts += word(text[at:end]) if end > at else [Part(text[at])]
        at = max(end, at + 1)
    return tuple(parts)
