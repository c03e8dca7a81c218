"""Text to tree: lark reads it, the builder makes nodes, and a mistake is told where it stands.

Nothing here recurses over the text: lark's LALR parser keeps a stack of its own and calls the
builder from the inside out, and each node knows how deep it is. Whatever is nested deeper than
`MAX_DEPTH` is refused, so that walking a tree later is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from math import isfinite
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from batchlab.autoscale import mistakes, syntax
from batchlab.autoscale.functions import FUNCTIONS
from batchlab.autoscale.names import canonical
from batchlab.autoscale.problems import FormulaError, Source, formula_error
from batchlab.autoscale.sampling import METHODS
from batchlab.autoscale.syntax import LEVEL_OF, Expression, Place, Program, Statement

__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "MAX_STATEMENTS", "parse"]

MAX_CHARACTERS = 8192
MAX_STATEMENTS = 100
MAX_DEPTH = 100
"""How deep brackets, calls, signs and choices may be nested, our choice."""


class _NotBuilt(Exception):
    """The grammar accepts it, the builder does not."""

    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.hint = hint


class _Builder:
    """Callbacks for lark: children in, node out."""

    def start(self, children: list[Any]) -> Program:
        return Program(tuple(child for child in children if child is not None))

    def assignment(self, children: list[Any]) -> Statement:
        target, equals, value = children
        return Statement(canonical(str(target)), value, _token_place(target),
                         place=Place(target.start_pos, value.place.end, equals.start_pos),
                         depth=value.depth)  # fmt: skip

    def expression(self, children: list[Any]) -> Statement:
        (value,) = children
        return Statement(None, value, place=value.place, depth=value.depth)

    def number(self, children: list[Token]) -> Expression:
        (token,) = children
        if not isfinite(value := float(token)):
            raise _NotBuilt(_token_place(token), "the number is too large for a double")
        return syntax.Number(value, place=_token_place(token))

    def text(self, children: list[Token]) -> Expression:
        return syntax.Text(str(children[0])[1:-1], place=_token_place(children[0]))

    def name(self, children: list[Token]) -> Expression:
        return syntax.Name(canonical(str(children[0])), place=_token_place(children[0]))

    def unary(self, children: list[Any]) -> Expression:
        sign, operand = children
        place = Place(sign.start_pos, operand.place.end, sign.start_pos)
        return syntax.Unary(str(sign), operand, place=place, depth=_depth(place, operand))

    def chain(self, children: list[Any]) -> Expression:
        return _grouped(children[::2], children[1::2])

    def choice(self, children: list[Any]) -> Expression:
        condition, mark, then, otherwise = children
        place = Place(condition.place.start, otherwise.place.end, mark.start_pos)
        depth = _depth(place, condition, then, otherwise)
        return syntax.Choice(condition, then, otherwise, place=place, depth=depth)

    def args(self, children: list[Any]) -> tuple[Expression, ...]:
        return tuple(children)

    def call(self, children: list[Any]) -> Expression:
        name, opening, arguments, closing = children
        place = Place(name.start_pos, closing.end_pos, opening.start_pos)
        known = str(name).lower()
        return syntax.Call(known if known in FUNCTIONS else str(name), arguments or (),
                           place=place, depth=_depth(place, *(arguments or ())))  # fmt: skip

    def member(self, children: list[Any]) -> Expression:
        target, dot, name = children
        place = Place(target.place.start, name.end_pos, dot.start_pos)
        return syntax.Member(target, str(name).lower(), place=place, depth=_depth(place, target))

    def method(self, children: list[Any]) -> Expression:
        target, _, name, opening, arguments, closing = children
        place = Place(target.place.start, closing.end_pos, opening.start_pos)
        known = METHODS.get(str(name).lower())
        given = arguments or ()
        return syntax.Method(target, known.name if known else str(name), given,
                             place=place, depth=_depth(place, target, *given))  # fmt: skip

    def group(self, children: list[Any]) -> Expression:
        opening, inner, closing = children
        place = Place(opening.start_pos, closing.end_pos, inner.place.at)
        # The brackets themselves leave no node; they widen the inner one and count as a level.
        object.__setattr__(inner, "place", place)
        object.__setattr__(inner, "depth", _depth(place, inner))
        return inner  # type: ignore[no-any-return]


def _grouped(operands: list[Any], symbols: list[Token]) -> Expression:
    """Split a flat chain at its loosest operators; at most as deep as there are levels."""
    if not symbols:
        return operands[0]  # type: ignore[no-any-return]
    levels = [LEVEL_OF[symbol] for symbol in symbols]
    loosest = min(levels)
    cuts = [index for index, level in enumerate(levels) if level == loosest]
    bounds = [-1, *cuts, len(symbols)]
    parts = [
        _grouped(operands[left + 1 : right + 1], symbols[left + 1 : right])
        for left, right in pairwise(bounds)
    ]
    place = Place(parts[0].place.start, parts[-1].place.end, symbols[cuts[0]].start_pos or 0)
    return syntax.Chain(
        parts[0],
        tuple([(str(symbols[cut]), part) for cut, part in zip(cuts, parts[1:], strict=True)]),
        tuple([symbols[cut].start_pos or 0 for cut in cuts]),
        place=place,
        depth=_depth(place, *parts),
    )


def _depth(place: Place, *children: Any) -> int:
    depth = 1 + max((child.depth for child in children), default=0)
    if depth > MAX_DEPTH:
        raise _NotBuilt(place, f"nested more than {MAX_DEPTH} levels deep",
                        "give parts of it names of their own: a = ...; b = a + ...")  # fmt: skip
    return depth


def _token_place(token: Token) -> Place:
    start, end = token.start_pos or 0, token.end_pos or 0
    return Place(start, end, start)


@cache
def _parser() -> Callable[[str], Program]:
    lark = Lark.open_from_package(
        __package__,
        "grammar.lark",
        parser="lalr",
        lexer="basic",
        transformer=_Builder(),
        maybe_placeholders=True,
    )
    return lark.parse  # type: ignore[return-value]


def parse(source: Source) -> Program:
    """Read a formula.

    Raises
    ------
    FormulaError
        ``AutoScalingFormulaTooLong``: more than 8192 characters or 100 statements;
        ``AutoScalingFormulaSyntaxError``: not a formula, or nested too deep.
    """
    text = source.text
    if len(text) > MAX_CHARACTERS:
        raise _too_long(
            source, MAX_CHARACTERS, f"a formula has at most {MAX_CHARACTERS} characters, "
            f"this one has {len(text)}",
        )  # fmt: skip
    program = _read(source)
    if isinstance(program, FormulaError):
        raise program  # out here, so that it does not drag the parser's own error along
    _check(source, program)
    return program


def _read(source: Source) -> Program | FormulaError:
    try:
        return _parser()(source.text)
    except _NotBuilt as error:
        return formula_error(source, error.place, error.message, hint=error.hint)
    except UnexpectedToken as error:
        return _unexpected_token(source, error)
    except UnexpectedCharacters as error:
        return _unexpected_character(source, error)


def _check(source: Source, program: Program) -> None:
    if len(program.statements) > MAX_STATEMENTS:
        raise _too_long(
            source, program.statements[MAX_STATEMENTS].place.start,
            f"a formula has at most {MAX_STATEMENTS} statements, "
            f"this one has {len(program.statements)}",
        )  # fmt: skip


def _too_long(source: Source, offset: int, message: str) -> FormulaError:
    place = Place(offset, offset + 1, offset)
    return formula_error(source, place, message, code="AutoScalingFormulaTooLong")


def _unexpected_token(source: Source, error: UnexpectedToken) -> FormulaError:
    if error.token.type == "$END":
        start = len(source.text.rstrip())
        return _unexpected(source, error, start, start + 1, "the formula ends too early")
    start, text = error.token.start_pos or 0, str(error.token)
    message = f"unexpected {mistakes.quoted(text)}"
    return _unexpected(source, error, start, start + len(text), message)


def _unexpected_character(source: Source, error: UnexpectedCharacters) -> FormulaError:
    start = error.pos_in_stream or 0
    message = f"unexpected {mistakes.quoted(source.text[start])}"
    return _unexpected(source, error, start, start + 1, message)


def _unexpected(
    source: Source, error: UnexpectedInput, start: int, end: int, message: str
) -> FormulaError:
    # What the parser could go on with; the sets that the errors carry themselves are wider.
    accepted = error.interactive_parser.accepts()  # type: ignore[no-untyped-call]
    return formula_error(
        source,
        Place(start, end, start),
        message,
        expected=mistakes.describe(accepted),
        hint=mistakes.hint_for(source.text, start, source.text[start:end]),
    )
