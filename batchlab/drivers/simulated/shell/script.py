"""Parses the part of the shell language that simulated nodes understand.

::

    script   = chain { (";" | "&" | newline) chain }  chain = pipe { ("&&" | "||") pipe }
    pipe     = command { "|" command }                pipe = "!" pipe
    command  = { NAME=word } { word | redirect }      redirect = (">" | ">>" | "2>" | "<" ...) word
    word     = parts, each literal, $NAME, ${NAME...}, $(script) or `script`, or
               $((expression)), quoted or not
    command  = "if" script "then" script { "elif" script "then" script } [ "else" script ] "fi"
    command  = ("while" | "until") script "do" script "done"
    command  = "for" NAME [ "in" { word } ] (";" | newline) "do" script "done"
    command  = "case" word "in" { clause } "esac"
    clause   = ["("] word { "|" word } ")" script ";;"     the last ";;" may be left out
    command  = "{" script "}" | "(" script ")"        each compound command may have redirects
    command  = NAME "()" command                      a function

and, in bash, ``[[ ... ]]``, ``((expression))``, ``<<<``, ``&>``, ``|&`` and ``{1..3}``. What no
shell could parse is an error of the script. Anything else raises `NotUnderstood`, and the whole
script is then left to the workload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial

from batchlab.drivers.simulated.shell.arithmetic import LONGEST, parse_expression
from batchlab.drivers.simulated.shell.reader import Reader
from batchlab.drivers.simulated.shell.syntax import Script
from batchlab.drivers.simulated.shell.tokens import tokens_of
from batchlab.drivers.simulated.shell.words import (
    NotUnderstood,
    Part,
    SyntaxFault,
    Word,
    parameter,
    quoted_parts,
    word,
)

__all__ = ["parse"]

_OF_BASH = {"slice", "/", "//", "^", "^^", ",", ",,"}
_UNKNOWN = {
    "BASHPID", "BASH_SOURCE", "BASH_VERSION", "EUID", "FUNCNAME", "LINENO", "OLDPWD", "OSTYPE",
    "PIPESTATUS", "PPID", "UID",
}  # fmt: skip
"""Variables that bash sets, and that are not simulated."""


@lru_cache(maxsize=4096)
def parse(text: str, *, bash: bool = False) -> Script:
    """Parse a script; raises `NotUnderstood`."""
    try:
        tokens = tokens_of(text, bash=bash)
        return Reader(tokens, partial(_word, bash=bash), bash=bash).script()
    except RecursionError:
        raise NotUnderstood("nested too deeply") from None


def _word(token: str, *, bash: bool) -> Word:
    parts = word(token)
    _check(parts, bash=bash)
    return parts


def _check(parts: Sequence[Part], *, bash: bool) -> None:
    """Parse what is substituted, so that nothing runs of a script that is not understood."""
    for part in parts:
        if part.kind == "script":
            inside = parse(part.text, bash=bash)
            if inside.error and re.search(r"\bcase\b", part.text):
                raise NotUnderstood("case inside $(...)")
            if inside.error:
                raise SyntaxFault(inside.error)
        elif part.kind == "parameter":
            found = parameter(part.text, quoted=part.quoted)
            if not bash and found.operator in _OF_BASH:
                raise NotUnderstood(f"${{{part.text}}}, which is a part of bash,")
            _check(found.word, bash=bash)
            _check(found.other, bash=bash)
            if bash and found.name in _UNKNOWN:
                raise NotUnderstood(f"${found.name}")
        elif part.kind == "variable" and bash and part.text in _UNKNOWN:
            raise NotUnderstood(f"${part.text}")
        elif part.kind == "expression":
            inner = quoted_parts(part.text)
            _check(inner, bash=bash)
            if bash and all(i.kind == "literal" for i in inner):
                parse_expression("".join(i.text for i in inner), bash=True)
            elif len(part.text) > LONGEST:
                raise NotUnderstood(part.text)
