"""Text to tokens: one regular expression of all terminals of the grammar, applied once to a text.

Lark's own lexer counts lines and columns for every token, which took longer than the parsing. Here
a token has only its type, its text and its offsets; lines are counted only for errors.
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
    """A piece of the text, with the attributes that lark's parser and errors need."""

    type: str
    text: str
    start_pos: int
    end_pos: int
    line: None = None
    column: None = None
    end_line: None = None
    end_column: None = None


class Tokens(Lexer):
    """A lexer for lark that tries the terminals of the grammar longest first, as lark does."""

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
        """Yield the tokens of a text; raises `UnexpectedCharacters` where none begins."""
        ignored, end = self._ignored, 0
        for match in self._terminals.finditer(text):
            kind, (start, after) = match.lastgroup, match.span()
            if start != end:  # the expression skipped something
                break
            end = after
            if kind not in ignored:
                yield Token(kind, match.group(), start, end)  # type: ignore[arg-type]
        if end < len(text):
            raise UnexpectedCharacters(text, end, 0, 0)  # type: ignore[no-untyped-call]
