"""The tokens of scripts on simulated nodes: words, operators, redirections, here-documents."""

from __future__ import annotations

import re

from batchlab.drivers.simulated.shell.words import NotUnderstood, SyntaxFault, end_of_word

__all__ = ["Token", "tokens_of"]

Token = tuple[str, str]
"""Its kind, and its text; the text of a ``here`` is the document, of an ``error``, what it is."""
_SH = r"""(?P<space>[ \t]+|\\\n|(?<![^\s;&|()])\#[^\n]*)
      | (?P<redirect>[0-9]?(?:<<-|<<|>>|>\||[<>]&|>|<))
      | (?P<operator>&&|\|\||;;|;|\n|[()&]|\|)"""
_BASH = r"""(?P<space>[ \t]+|\\\n|(?<![^\s;&|()])\#[^\n]*)
      | (?P<process>[<>]\()
      | (?P<redirect>[0-9]?(?:<<<|<<-|<<|>>|>\||[<>]&|>|<)|&>>|&>)
      | (?P<arithmetic>(?<![^\s;&|!])\(\((?:[^()]|\([^()]*\))*\)\))
      | (?P<operator>&&|\|\||;;|;|\n|[()&]|\|&|\|)"""
_TOKENS = {False: re.compile(_SH, re.VERBOSE), True: re.compile(_BASH, re.VERBOSE)}
_QUOTES = re.compile(r"['\"\\]")


def tokens_of(text: str, *, bash: bool) -> list[Token]:
    """Return the tokens of a script, up to an ``error`` or the ``end``."""
    found: list[Token] = []
    awaited: list[int] = []  # where the names of here-documents stand whose lines come later
    at = 0
    try:
        while at < len(text):
            match = _TOKENS[bash].match(text, at)
            kind = (match.lastgroup or "") if match else "word"
            begin, at = at, match.end() if match else end_of_word(text, at)
            if at == begin:
                raise SyntaxFault("unterminated quoted string")
            if kind == "process":
                raise NotUnderstood(match.group() if match else "")
            if kind == "space":
                continue
            if kind == "word" and found and found[-1][0] == "redirect" and "<<" in found[-1][1]:
                awaited += [len(found)] * ("<<<" not in found[-1][1])
            found.append((kind, text[begin:at]))
            if found[-1] == ("operator", "\n"):
                for place in awaited:
                    at = _read(text, at, found, place)
                awaited.clear()
    except SyntaxFault as fault:
        return [*found, ("error", str(fault))]
    for place in awaited:
        at = _read(text, at, found, place)
    return [*found, ("end", "")]


def _read(text: str, at: int, found: list[Token], place: int) -> int:
    """Read the lines of a here-document, and return where they end."""
    name = found[place][1]
    tabs, end = found[place - 1][1].endswith("-"), _QUOTES.sub("", name)
    lines: list[str] = []
    while at < len(text):
        line, newline, _ = text[at:].partition("\n")
        at += len(line) + len(newline)
        line = line.lstrip("\t") if tabs else line
        if line == end:
            break
        lines.append(line + newline)
    found[place] = ("raw" if end != name else "here", "".join(lines))
    return at
