"""Text to tokens: one regular expression of all terminals of the grammar, run once over a text.

Lark's own lexer counts lines and columns for every token, which took longer than all the parsing;
here a token is its kind, its text and where it stands, and lines are counted for errors alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from lark.common import LexerConf
from lark.exceptions import UnexpectedCharacters
from lark.lexer import Lexer

__all__ = ["Token", "Tokens"]


class Token(msgspec.Struct, frozen=True, gc=False):
    """A piece of the text, with what lark's parser and its errors look at in a token."""

    type: str
    text: str
    start_pos: int
    end_pos: int
    line: None = None
    column: None = None
    end_line: None = None
    end_column: None = None


class Tokens(Lexer):
    """A lexer for lark: what its grammar calls a terminal, the longest first, as lark does."""

    def __init__(self, conf: LexerConf) -> None:
        terminals = sorted(
            conf.terminals,
            key=lambda terminal: (-terminal.pattern.max_width, -len(terminal.pattern.value)),
        )
        self._ignored = frozenset(conf.ignore)
        self._terminals = re.compile(
            "|".join(f"(?P<{each.name}>{each.pattern.to_regexp()})" for each in terminals)
        )

    def lex(self, text: Any, parser_state: Any = None) -> Iterator[Any]:
        """Go through a text; raises `UnexpectedCharacters` at what begins no token."""
        ignored, end = self._ignored, 0
        for match in self._terminals.finditer(text):
            kind, (start, after) = match.lastgroup, match.span()
            if start != end:  # it has jumped over something
                break
            end = after
            if kind not in ignored:
                yield Token(kind, match.group(), start, end)  # type: ignore[arg-type]
        if end < len(text):
            raise UnexpectedCharacters(text, end, 0, 0)  # type: ignore[no-untyped-call]
