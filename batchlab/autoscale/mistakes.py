"""Hints for common mistakes in formulas.

Only the text around a syntax error is examined, for syntax from other languages (``and``, ``&``,
``=`` for ``==``, ``if``, ``[1, 2]``) and for a missing semicolon at the end of the previous line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["describe", "hint_for", "quoted"]

_VALUE = {"NAME", "LITERAL", "LPAR", "MINUS", "NOT"}
_OPERATORS = {"OPERATOR", "MINUS", "QUESTION"}
_WRITTEN = {
    "ASSIGN": "'='", "LPAR": "'('", "RPAR": "')'", "SEMICOLON": "';'", "COLON": "':'",
    "COMMA": "','", "NAME": "a name", "$END": "the end of the formula", "DOT": "'.'",
    "QUESTION": "'?'",
}  # fmt: skip

_WORDS = {
    "and": "write && for and",
    "or": "write || for or",
    "not": "write ! for not",
    "if": "there is no if: write x = condition ? then : otherwise",
    "else": "there is no else: write x = condition ? then : otherwise",
    "for": "there are no loops: aggregate with sum, avg, min or max",
    "while": "there are no loops: aggregate with sum, avg, min or max",
    "return": "a formula returns nothing: assign to $TargetDedicatedNodes",
}
_CHARACTERS = {
    "&": "write && for and",
    "|": "write || for or",
    "'": 'put strings in double quotes: "text"',
    "\u201c": 'these are typographic quotes: use straight ones, as in "text"',
    "\u201d": 'these are typographic quotes: use straight ones, as in "text"',
    "\u00a0": "this is a non-breaking space, often copied from a web page: type a plain space",
    "\u2212": "this is a typographic minus: type a plain -",
    "\u2013": "this is a dash: type a plain -",
    "#": "comments start with //",
    "%": "there is no remainder operator: write a - b * floor(a / b)",
    "^": "there is no power operator: multiply",
    "[": "there are no list literals: GetSample returns a doubleVec",
    "{": "there are no blocks: write x = condition ? then : otherwise",
    "}": "there are no blocks: write x = condition ? then : otherwise",
    ".": "write a digit before the decimal point: 0.5",
    "$": "write a name after the $: letters, digits and _",
    '"': "close the string on the same line",
}
_COMPOUND = re.compile(r"[-+*/]$")


def quoted(text: str) -> str:
    """Put a piece of the text in quotes, shortened if necessary."""
    shown = text if len(text) <= 40 else text[:37] + "..."
    return f"'{shown}'" if shown.isprintable() and "'" not in shown else ascii(shown)


def describe(terminals: Iterable[str]) -> list[str]:
    """Name the tokens that are allowed at a position, the most helpful first."""
    left = set(terminals)
    said = [_WRITTEN[name] for name in ("RPAR", "SEMICOLON", "COLON", "COMMA") if name in left]
    if left >= _VALUE:
        said.append("a value")
        left -= _VALUE
    elif "OPERATOR" in left:
        said.append("an operator")
        left -= _OPERATORS | {"LPAR", "DOT"}
    rest = sorted(left - {"RPAR", "SEMICOLON", "COLON", "COMMA"})
    return said + [_WRITTEN[name] for name in rest if name in _WRITTEN]


def hint_for(text: str, start: int, found: str) -> str:
    """Guess what was meant at the position of a syntax error; empty if there is no guess."""
    before, after = text[:start].rstrip(), text[start:]
    previous = re.search(r"[A-Za-z_]\w*$", before[-32:])
    number = re.search(r"[0-9]$", before)
    if number and re.match(r"[eE][0-9]", after) and before == text[:start]:
        return "numbers cannot have an exponent: write 1000 for 1e3"
    if after.startswith("/*"):
        return "comments start with // and end at the end of the line"
    opening = re.match(r"\s*([A-Za-z]+)", before.rsplit(";", 1)[-1])
    for said in (found, previous and previous[0], opening and opening[1]):
        if said and said.lower() in _WORDS:
            return _WORDS[said.lower()]
    if found == "=":
        return _about_equals(before, after)
    if re.match(r"[$A-Za-z_]", found) and _value_ends(before):
        return "a semicolon is missing before this statement"
    return _CHARACTERS.get(found[:1], "")


def _about_equals(before: str, after: str) -> str:
    if _COMPOUND.search(before):
        return "there is no += or -=: write x = x + 1"
    if before.endswith("=") or after.startswith("=="):
        return "compare with ==, assign with ="
    statement = before.rsplit(";", 1)[-1]
    if "\n" in statement and "=" in statement.rsplit("\n", 1)[0]:
        return "a semicolon is missing at the end of the previous line"
    return "compare with ==; a single = assigns"


def _value_ends(before: str) -> bool:
    return bool(re.search(r'[\w)"]$', before))
