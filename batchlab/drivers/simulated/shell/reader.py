"""Reads the commands of a script on simulated nodes, token by token: see `script`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from batchlab.drivers.simulated.shell.arithmetic import parse_expression
from batchlab.drivers.simulated.shell.braces import expand_braces
from batchlab.drivers.simulated.shell.syntax import (
    Compound,
    Piece,
    Redirect,
    Script,
    ShellArithmetic,
    ShellCase,
    ShellChain,
    ShellCommand,
    ShellCondition,
    ShellFor,
    ShellFunction,
    ShellGroup,
    ShellIf,
    ShellLoop,
    ShellNot,
    ShellPipe,
    ShellRedirected,
)
from batchlab.drivers.simulated.shell.tokens import Token
from batchlab.drivers.simulated.shell.words import (
    NotUnderstood,
    Part,
    SyntaxFault,
    Word,
    quoted_parts,
)

__all__ = ["Reader"]

_ENDS_OF_LINE = {("operator", ";"), ("operator", "\n"), ("operator", "&")}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMPOUND = {"if", "case", "while", "until", "for", "{"}
_CLOSING = {"then", "else", "elif", "fi", "do", "done", "esac", "}"}
_BASH_ONLY = {"function", "select", "coproc"}
_ARGUMENTS = (Part("@", "variable", quoted=True),)


class Reader:
    """Parses commands one by one and keeps its position."""

    def __init__(self, tokens: list[Token], word_of: Callable[[str], Word], *, bash: bool) -> None:
        self._tokens = tokens
        self._word_of = word_of
        self._at = 0
        self._bash = bash

    def script(self) -> Script:
        """Parse everything."""
        found: list[ShellChain] = []
        lines = 0  # how many chains the lines have that are read to their end
        try:
            while self._tokens[self._at] != ("end", ""):
                if self._tokens[self._at] == ("operator", "\n"):
                    lines = len(found)
                    self._at += 1
                else:
                    found.append(self._chain())
                    self._end_chain(found)
        except SyntaxFault as fault:
            return Script(tuple(found[:lines]), str(fault))
        return Script(tuple(found))

    def chains(self, *ends: str) -> tuple[ShellChain, ...]:
        """Parse up to and including one of these tokens."""
        found: list[ShellChain] = []
        while True:
            kind, token = self._tokens[self._at]
            if kind in {"word", "operator"} and token in ends:
                self._at += 1
                return tuple(found)
            if kind in {"end", "error"}:
                raise self._unexpected(f"{token or 'end of file'} (expecting {ends[-1]!r})")
            if (kind, token) == ("operator", "\n"):
                self._at += 1
            else:
                found.append(self._chain())
                self._end_chain(found)

    def _body(self, *ends: str) -> tuple[ShellChain, ...]:
        """Parse like `chains`, where something must stand."""
        found = self.chains(*ends)
        if not found:
            self._at -= 1
            raise self._unexpected()
        return found

    def _end_chain(self, found: list[ShellChain]) -> None:
        """Pass what ends a chain, unless a token follows that closes what is around it."""
        kind, token = self._tokens[self._at]
        if (kind, token) == ("operator", "&"):
            found[-1] = found[-1]._replace(background=True)
        if (kind, token) in _ENDS_OF_LINE:
            self._at += token != "\n"
        elif kind != "end" and (kind, token) not in {("operator", ")"), ("operator", ";;")}:
            raise self._unexpected()

    def _unexpected(self, what: str = "") -> SyntaxFault:
        kind, token = self._tokens[self._at]
        if kind == "error":
            return SyntaxFault(token)
        named = {"\n": "newline", "": "end of file"}.get(token, f'"{token}"')
        return SyntaxFault(f"{what or named} unexpected")

    def _chain(self) -> ShellChain:
        links: list[tuple[str, Piece]] = []
        joint = ""
        while True:
            links.append((joint, self._pipe()))
            kind, joint = self._tokens[self._at]
            if kind != "operator" or joint not in {"&&", "||"}:
                return ShellChain(tuple(links))
            self._go_on()

    def _pipe(self) -> Piece:
        if self._tokens[self._at] == ("word", "!"):
            self._at += 1
            return ShellNot(self._pipe())
        stages = [self._command()]
        while self._tokens[self._at] in {("operator", "|"), ("operator", "|&")}:
            if self._tokens[self._at][1] == "|&":
                both = (Redirect(2, ">&", (Part("1"),)),)
                stages[-1] = ShellRedirected(stages[-1], both)
            self._go_on()
            stages.append(self._command())
        return ShellPipe(tuple(stages)) if len(stages) > 1 else stages[0]

    def _go_on(self) -> None:
        """Pass an operator, after which a line may end."""
        self._at += 1
        self._skip(("operator", "\n"))

    def _skip(self, *tokens: Token) -> None:
        """Pass any number of these."""
        while self._tokens[self._at] in tokens:
            self._at += 1

    def _command(self) -> Piece:
        kind, token = self._tokens[self._at]
        if kind == "word" and token in _COMPOUND | ({"[["} if self._bash else set()):
            self._at += 1
            return self._redirected(self._compound(token))
        if kind == "arithmetic":
            self._at += 1
            parse_expression(token[2:-2], bash=True)
            return self._redirected(ShellArithmetic(token[2:-2]))
        if (kind, token) == ("operator", "("):
            self._at += 1
            return self._redirected(ShellGroup(self._body(")"), separate=True))
        if kind == "word" and token in _BASH_ONLY and self._bash:
            if token != "function":
                raise NotUnderstood(token)
            self._at += 1
            return self._function(self._take("word"))
        begin = self._at
        while self._tokens[self._at][0] not in {"operator", "end", "error", "arithmetic"}:
            self._at += 1
        if self._at == begin or (kind == "word" and token in _CLOSING):
            self._at = begin
            raise self._unexpected()
        if self._tokens[self._at] == ("operator", "("):
            if self._at > begin + 1 or not _NAME.fullmatch(token):
                if self._tokens[self._at - 1][1].endswith("=") and self._bash:
                    raise NotUnderstood(f"{self._tokens[self._at - 1][1]}(...), an array")
                raise self._unexpected()
            return self._function(token)
        return self._simple(self._tokens[begin : self._at])

    def _function(self, name: str) -> ShellFunction:
        """Parse the rest of the definition of a function."""
        if self._tokens[self._at] == ("operator", "("):
            self._at += 1
            self._take("operator", ")")
        self._skip(("operator", "\n"))
        return ShellFunction(name, self._command())

    def _redirected(self, piece: Compound) -> Piece:
        """Parse the redirections of a compound command."""
        begin = self._at
        while self._tokens[self._at][0] in {"redirect", "word", "here", "raw"}:
            if self._tokens[self._at][0] == "word" and self._tokens[self._at - 1][0] != "redirect":
                break
            self._at += 1
        if self._at == begin:
            return piece
        return ShellRedirected(piece, self._simple(self._tokens[begin : self._at]).redirects)

    def _compound(self, keyword: str) -> Compound:
        if keyword == "if":
            return self._branch()
        if keyword == "case":
            return self._case()
        if keyword == "{":
            return ShellGroup(self._body("}"))
        if keyword == "[[":
            return self._condition()
        return self._for() if keyword == "for" else self._loop(until=keyword == "until")

    def _counting(self) -> ShellGroup:
        """Parse the rest of a ``for ((first; condition; step))``."""
        parts = self._take("arithmetic")[2:-2].split(";")
        if len(parts) != 3:
            raise self._unexpected()
        first, condition, step = (part.strip() or "1" for part in parts)
        for expression in (first, condition, step):
            parse_expression(expression, bash=True)
        self._skip(("operator", ";"), ("operator", "\n"))
        self._take("word", "do")
        known = (ShellChain((("", ShellArithmetic(condition)),)),)
        loop = ShellLoop(False, known, self._body("done"), step)
        begin = ShellNot(ShellNot(ShellArithmetic(first)))
        return ShellGroup((ShellChain((("", begin),)), ShellChain((("", loop),))))

    def _for(self) -> ShellFor | ShellGroup:
        """Parse the rest of a `for`, through `done`."""
        if self._tokens[self._at][0] == "arithmetic":
            return self._counting()
        name = self._take("word")
        if not _NAME.fullmatch(name):
            raise SyntaxFault("bad for loop variable")
        words: tuple[Word, ...] = (_ARGUMENTS,)
        self._skip(("operator", "\n"))
        if self._tokens[self._at] == ("word", "in"):
            begin = self._at = self._at + 1
            while self._tokens[self._at][0] == "word":
                self._at += 1
            words = self._words(token for _, token in self._tokens[begin : self._at])
            if self._tokens[self._at] not in _ENDS_OF_LINE - {("operator", "&")}:
                raise self._unexpected()
        self._skip(("operator", ";"), ("operator", "\n"))
        self._take("word", "do")
        return ShellFor(name, words, self._body("done"))

    def _take(self, kind: str, *tokens: str) -> str:
        """Pass one of these tokens, or any one of the kind if there are none."""
        found, token = self._tokens[self._at]
        if found != kind or (tokens and token not in tokens):
            raise self._unexpected()
        self._at += 1
        return token

    def _case(self) -> ShellCase:
        """Parse the rest of a `case`, through `esac`."""
        subject = self._word_of(self._take("word"))
        self._skip(("operator", "\n"))
        self._take("word", "in")
        clauses = []
        while True:
            self._skip(("operator", "\n"))
            if self._tokens[self._at] == ("word", "esac"):
                self._at += 1
                break
            if self._tokens[self._at] == ("operator", "("):
                self._at += 1
            patterns = [self._word_of(self._take("word"))]
            while self._take("operator", "|", ")") == "|":
                patterns.append(self._word_of(self._take("word")))
            clauses.append((tuple(patterns), self.chains(";;", "esac")))
            if self._tokens[self._at - 1][1] == "esac":
                break
        return ShellCase(subject, tuple(clauses))

    def _condition(self) -> ShellCondition:
        """Parse the rest of a `[[`."""
        parts: list[Word | str] = []
        while self._tokens[self._at] != ("word", "]]"):
            kind, token = self._tokens[self._at]
            if kind in {"end", "error"}:
                raise self._unexpected()
            if kind == "word":
                parts.append(token if token == "!" else self._word_of(token))
            elif token in {"&&", "||", "(", ")", "<", ">"}:
                parts.append(token)
            elif token != "\n":
                raise NotUnderstood(token)
            self._at += 1
        self._at += 1
        return ShellCondition(tuple(parts))

    def _branch(self) -> ShellIf:
        """Parse the rest of an `if` or `elif`, through the final `fi`."""
        condition, body = self._body("then"), self._body("elif", "else", "fi")
        end = self._tokens[self._at - 1][1]
        otherwise: tuple[ShellChain, ...] = ()
        if end == "elif":
            otherwise = (ShellChain((("", self._branch()),)),)
        elif end == "else":
            otherwise = self._body("fi")
        return ShellIf(condition, body, otherwise)

    def _loop(self, *, until: bool) -> ShellLoop:
        """Parse the rest of a loop, through `done`."""
        condition = self._body("do")
        return ShellLoop(until, condition, self._body("done"))

    def _words(self, tokens: Iterable[str]) -> tuple[Word, ...]:
        if self._bash:
            tokens = (word for token in tokens for word in expand_braces(token))
        return tuple(map(self._word_of, tokens))

    def _simple(self, tokens: Sequence[Token]) -> ShellCommand:
        assignments: list[tuple[str, Word]] = []
        words: list[str] = []
        redirects: list[Redirect] = []
        pending: str | None = None
        for kind, token in tokens:
            if kind == "redirect":
                if pending is not None:
                    raise self._unexpected()
                pending = token
            elif pending is not None:
                redirects += _redirects(pending, self._target(kind, token), bash=self._bash)
                pending = None
            elif not words and (match := _ASSIGNMENT.match(token)):
                if match[2] and not self._bash:
                    raise NotUnderstood(token)
                assignments.append((match[1] + match[2], self._word_of(token[match.end() :])))
            else:
                words.append(token)
        if pending is not None:
            raise self._unexpected()
        return ShellCommand(tuple(assignments), self._words(words), tuple(redirects))

    def _target(self, kind: str, token: str) -> Word:
        if kind == "here":
            return tuple(quoted_parts(token))
        return (Part(token, quoted=True),) if kind == "raw" else self._word_of(token)


def _redirects(operator: str, target: Word, *, bash: bool) -> list[Redirect]:
    number, sign = (operator[0], operator[1:]) if operator[0].isdigit() else ("", operator)
    sign = {">|": ">", "<<-": "<<"}.get(sign, sign)
    text = "".join(part.text for part in target)
    both = Redirect(2, ">&", (Part("1"),))
    if sign[0] == "&" or (bash and sign == ">&" and not number and text not in {"1", "2", "-"}):
        return [Redirect(1, sign.strip("&"), target), both]
    descriptor = int(number) if number else int(sign[0] == ">")
    if descriptor > 2 or (descriptor == 0) != (sign[0] == "<") or sign == "<&":
        raise NotUnderstood(operator + text)
    known = all(part.kind == "literal" for part in target) and text in {"1", "2", "-"}
    if sign == ">&" and not known:
        raise NotUnderstood(operator + text)
    return [Redirect(descriptor, sign, target)]
