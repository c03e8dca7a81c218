"""Text to tree: lark parses it, the builder makes the nodes, and errors get their position.

Nothing here recurses over the text: lark's LALR parser has its own stack and calls the builder
from the inside out, and each node knows its depth. Anything nested deeper than `MAX_DEPTH` is
refused, so it is safe to walk the tree later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from batchlab.autoscale import mistakes, syntax
from batchlab.autoscale.functions import FUNCTIONS
from batchlab.autoscale.names import canonical
from batchlab.autoscale.problems import FormulaError, Source, formula_error
from batchlab.autoscale.samples import METHODS
from batchlab.autoscale.syntax import LEVEL_OF, Expression, Program, SourcePlace, Statement
from batchlab.autoscale.tokens import Token, Tokens

__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "MAX_STATEMENTS", "parse"]

MAX_CHARACTERS = 8192
MAX_STATEMENTS = 100
MAX_DEPTH = 100
"""How deeply parentheses, calls, signs and choices may be nested; our choice."""


class _NotBuilt(Exception):
    """The grammar accepts the text, but the builder does not."""

    def __init__(self, place: SourcePlace, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.hint = hint


class _Builder:
    """Callbacks for lark: children in, node out.

    A child that stands for an expression may not be built yet: it may be the token of a name or a
    literal, or the list of operands and operators of a `row`. `_built` makes it a node.
    """

    def start(self, children: list[Any]) -> Program:
        return Program(tuple(child for child in children if isinstance(child, Statement)))

    def assignment(self, children: list[Any]) -> Statement:
        target, equals, value = children
        value = _built(value)
        return Statement(canonical(target.text), value, _token_place(target),
                         place=SourcePlace(target.start_pos, value.place.end, equals.start_pos),
                         depth=value.depth)  # fmt: skip

    def expression(self, children: list[Any]) -> Statement:
        value = _built(children[0])
        return Statement(None, value, place=value.place, depth=value.depth)

    def unary(self, children: list[Any]) -> Expression:
        sign, operand = children
        operand = _built(operand)
        place = SourcePlace(sign.start_pos, operand.place.end, sign.start_pos)
        return syntax.Unary(sign.text, operand, place=place, depth=_depth(place, operand))

    def row(self, children: list[Any]) -> list[Any]:
        return children

    def longer_row(self, children: list[Any]) -> list[Any]:
        row, symbol, operand = children
        row += symbol, operand
        return row  # type: ignore[no-any-return]

    def choice(self, children: list[Any]) -> Expression:
        condition, mark, then, _, otherwise = children
        condition, then, otherwise = _built(condition), _built(then), _built(otherwise)
        place = SourcePlace(condition.place.start, otherwise.place.end, mark.start_pos)
        depth = _depth(place, condition, then, otherwise)
        return syntax.Choice(condition, then, otherwise, place=place, depth=depth)

    def args(self, children: list[Any]) -> list[Expression]:
        return [_built(children[0])]

    def longer_args(self, children: list[Any]) -> list[Expression]:
        arguments, _, argument = children
        arguments.append(_built(argument))
        return arguments  # type: ignore[no-any-return]

    def call(self, children: list[Any]) -> Expression:
        name, opening, arguments, closing = children
        place = SourcePlace(name.start_pos, closing.end_pos, opening.start_pos)
        known, given = name.text.lower(), tuple(arguments or ())
        return syntax.Call(known if known in FUNCTIONS else name.text, given,
                           place=place, depth=_depth(place, *given))  # fmt: skip

    def member(self, children: list[Any]) -> Expression:
        target, dot, name = children
        target = _built(target)
        place = SourcePlace(target.place.start, name.end_pos, dot.start_pos)
        return syntax.Member(target, name.text.lower(), place=place, depth=_depth(place, target))

    def method(self, children: list[Any]) -> Expression:
        target, _, name, opening, arguments, closing = children
        target = _built(target)
        place = SourcePlace(target.place.start, closing.end_pos, opening.start_pos)
        known = METHODS.get(name.text.lower())
        given = tuple(arguments or ())
        return syntax.Method(target, known.name if known else name.text, given,
                             place=place, depth=_depth(place, target, *given))  # fmt: skip

    def group(self, children: list[Any]) -> Expression:
        opening, inner, closing = children
        inner = _built(inner)
        place = SourcePlace(opening.start_pos, closing.end_pos, inner.place.at)
        # Parentheses have no node; they widen the inner one and count as a level.
        object.__setattr__(inner, "place", place)
        object.__setattr__(inner, "depth", _depth(place, inner))
        return inner  # type: ignore[no-any-return]


def _built(child: Any) -> Any:
    """Build a node, unless it is built already."""
    kind = type(child)
    if kind is Token:
        return _leaf(child)
    return _grouped(child) if kind is list else child


def _leaf(token: Token) -> Expression:
    text, place = token.text, SourcePlace(token.start_pos, token.end_pos, token.start_pos)
    if token.type == "NAME":
        return syntax.Name(canonical(text), place=place)
    if text[0] == '"':
        return syntax.Text(text[1:-1], place=place)
    if not isfinite(value := float(text)):
        raise _NotBuilt(place, "the number is too large for a double")
    return syntax.Number(value, place=place)


def _grouped(row: list[Any]) -> Expression:
    """Group a flat row, tightest operators first; at most as deep as there are levels."""
    operands = [_built(operand) for operand in row[::2]]
    symbols: list[Token] = row[1::2]
    levels = [LEVEL_OF[symbol.text] for symbol in symbols]
    for tightest in sorted(set(levels), reverse=True)[:-1]:
        joined, run, joints = [], [operands[0]], []
        for symbol, level, operand in zip(symbols, levels, operands[1:], strict=True):
            if level == tightest:
                run.append(operand)
                joints.append(symbol)
            else:
                joined.append(_chain(run, joints) if joints else run[0])
                run, joints = [operand], []
        joined.append(_chain(run, joints) if joints else run[0])
        operands = joined
        symbols = [symbol for symbol, level in zip(symbols, levels, strict=True)
                   if level != tightest]  # fmt: skip
        levels = [level for level in levels if level != tightest]
    return _chain(operands, symbols)


def _chain(parts: list[Any], joints: list[Token]) -> Expression:
    place = SourcePlace(parts[0].place.start, parts[-1].place.end, joints[0].start_pos)
    return syntax.Chain(
        parts[0],
        tuple([(joint.text, part) for joint, part in zip(joints, parts[1:], strict=True)]),
        tuple([joint.start_pos for joint in joints]),
        place=place,
        depth=_depth(place, *parts),
    )


def _depth(place: SourcePlace, *children: Any) -> int:
    depth = 1 + max([child.depth for child in children], default=0)
    if depth > MAX_DEPTH:
        raise _NotBuilt(place, f"nested more than {MAX_DEPTH} levels deep",
                        "assign parts of it to variables: a = ...; b = a + ...")  # fmt: skip
    return depth


def _token_place(token: Token) -> SourcePlace:
    return SourcePlace(token.start_pos, token.end_pos, token.start_pos)


@cache
def _parser() -> Callable[[str], Program]:
    lark = Lark.open_from_package(
        __package__,
        "grammar.lark",
        parser="lalr",
        lexer=Tokens,
        transformer=_Builder(),
        maybe_placeholders=True,
    )
    return lark.parse  # type: ignore[return-value]


def parse(source: Source) -> Program:
    """Parse a formula.

    Raises
    ------
    FormulaError
        ``AutoScalingFormulaTooLong``: more than 8192 characters or 100 statements;
        ``AutoScalingFormulaSyntaxError``: not a formula, or nested too deeply.
    """
    text = source.text
    if len(text) > MAX_CHARACTERS:
        raise _too_long(
            source, MAX_CHARACTERS, f"a formula has at most {MAX_CHARACTERS} characters; "
            f"this one has {len(text)}",
        )  # fmt: skip
    program = _read(source)
    if isinstance(program, FormulaError):
        raise program  # raised here, so that the parser's own error is not its context
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
            f"a formula has at most {MAX_STATEMENTS} statements; "
            f"this one has {len(program.statements)}",
        )  # fmt: skip


def _too_long(source: Source, offset: int, message: str) -> FormulaError:
    place = SourcePlace(offset, offset + 1, offset)
    return formula_error(source, place, message, code="AutoScalingFormulaTooLong")


def _unexpected_token(source: Source, error: UnexpectedToken) -> FormulaError:
    if error.token.type == "$END":
        start = len(source.text.rstrip())
        return _unexpected(source, error, start, start + 1, "the formula ends too early")
    start, text = error.token.start_pos, error.token.text
    message = f"unexpected {mistakes.quoted(text)}"
    return _unexpected(source, error, start, start + len(text), message)


def _unexpected_character(source: Source, error: UnexpectedCharacters) -> FormulaError:
    start = error.pos_in_stream or 0
    message = f"unexpected {mistakes.quoted(source.text[start])}"
    return _unexpected(source, error, start, start + 1, message)


def _unexpected(
    source: Source, error: UnexpectedInput, start: int, end: int, message: str
) -> FormulaError:
    # What the parser accepts here; the sets in the errors themselves are wider.
    accepted = error.interactive_parser.accepts()  # type: ignore[no-untyped-call]
    return formula_error(
        source,
        SourcePlace(start, end, start),
        message,
        expected=mistakes.describe(accepted),
        hint=mistakes.hint_for(source.text, start, source.text[start:end]),
    )
