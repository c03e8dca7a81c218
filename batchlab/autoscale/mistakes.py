"""Hints for common mistakes in formulas.

Only the text around a syntax error is examined: for syntax from other languages (``and``, ``&``,
``=`` for ``==``, ``if``, ``[1, 2]``), for what clings to text that was copied from a program, a
shell, JSON or a web page (backslashes, doubled or typographic quotes, placeholders), and for a
missing semicolon at the end of the previous line. Names that exist elsewhere are in `foreign`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from batchlab.autoscale.foreign import unit_hint, word_hint

__all__ = ["describe", "hint_for", "quoted"]

_VALUE = {"NAME", "LITERAL", "LPAR", "MINUS", "NOT"}
_OPERATORS = {"OPERATOR", "MINUS", "QUESTION"}
_WRITTEN = {
    "ASSIGN": "'='", "LPAR": "'('", "RPAR": "')'", "SEMICOLON": "';'", "COLON": "':'",
    "COMMA": "','", "NAME": "a name", "$END": "the end of the formula", "DOT": "'.'",
    "QUESTION": "'?'",
}  # fmt: skip

_QUOTES = 'these are typographic quotes: use straight ones, as in "text"'
_SPACE = "this is {}, often copied from a web page: type a plain space"
_POWER = "there is no power operator: multiply, x * x"
_BLOCK = "there are no blocks: write x = condition ? then : otherwise"
_REMAINDER = "there is no remainder operator: write a - b * floor(a / b)"
_PLACEHOLDER = "this is a placeholder of a template: write its value"
_CHARACTERS = {
    "&": "write && for and",
    "|": "write || for or",
    "'": 'put strings in double quotes: "text"',
    **dict.fromkeys("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2032\u2033\u00b4", _QUOTES),
    "`": 'put strings in double quotes: "text"',
    "\u00a0": _SPACE.format("a non-breaking space"),
    **dict.fromkeys("\u2002\u2003\u2007\u2009\u202f\u3000", _SPACE.format("a wide or thin space")),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff",
                    "here is an invisible character, often copied from a web page: delete it"),
    "\u2212": "this is a typographic minus: type a plain -",
    "\u2013": "this is a dash: type a plain -",
    "\u2014": "this is a dash: type a plain -",
    "\u00d7": "write * to multiply",
    "\u00b7": "write * to multiply",
    "\u00f7": "write / to divide",
    "\u2264": "write <= for \u2264",
    "\u2265": "write >= for \u2265",
    "\u2260": "write != for \u2260",
    "\u2026": "this stands for text that was left out: write it",
    **{chr(ord(plain) + 0xFEE0): f"this is a wide {plain}: type a plain one"
       for plain in ";,()?:=.<>+*/!&|$"},
    "#": "comments start with //",
    "%": _REMAINDER,
    "^": _POWER,
    "~": "write ! for not",
    "@": "delete the @: a formula has no such names",
    "[": "there are no list literals: GetSample returns a doubleVec",
    "{": _BLOCK,
    "}": _BLOCK,
    ".": "write a digit before the decimal point: 0.5",
    "$": "write a name after the $: letters, digits and _",
    '"': "close the string on the same line",
}  # fmt: skip
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "#39": "'", "nbsp": "a plain space"}
_COPIED = ": the backslash is from the program, JSON or shell that this was copied from"
_CONTINUED = "delete this backslash: a statement may simply go on in the next line"
_COMPOUND = re.compile(r"([-+*/])$")


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
    return (
        _about_pasted(before, after)
        or _about_numbers(text[:start], after)
        or _about_words(before, found)
        or _about_symbols(before, after, found)
        or _about_ends(before, found)
        or _CHARACTERS.get(found, "")
    )


def _about_pasted(before: str, after: str) -> str:
    """What text brings along from where it was copied."""
    if after.startswith("\\"):
        return _about_backslash(after)
    if before.endswith('""') or after.startswith('""'):
        return 'quotes are doubled, as in a C# string: write "text" with single ones'
    if entity := re.match(r"&(#?\w+);", after):
        plain = _ENTITIES.get(entity[1].lower())
        if plain == "&" and after.startswith(entity[0] * 2):
            return f"write && for {entity[0] * 2}, copied from a web page"
        return f"write {plain} for {entity[0]}, copied from a web page" if plain else ""
    if after.startswith("{") and before.endswith("{"):
        return _PLACEHOLDER
    if re.match(r"\{\{|\$\{|\$\(|\{[A-Za-z_][\w.]*\}|%[sdif]\b|%\(|<\w+>", after):
        return _PLACEHOLDER
    if re.match(r"\{[0-9]+\}", after):
        return f"{_BLOCK}; for a placeholder, write its value"
    if after.startswith(("```", "'" * 3)):
        return "paste only the formula, without the marks around it"
    if after.startswith("'") and not before.strip():
        return "paste the formula without the quotes around it"
    if (after.startswith(":") and before.endswith('"')) or re.match(r'\{\s*"', after):
        return "paste only the formula, without the JSON around it"
    if after.startswith(("/*", "<!--")):
        return "comments start with // and end at the end of the line"
    return ""


def _about_backslash(after: str) -> str:
    following = after[1:2]
    if following in ("n", "r"):
        return f"write a line break for \\{following}{_COPIED}"
    if following in ("t", "u", ""):
        return "delete this backslash"
    return f"write {following} for \\{following}{_COPIED}" if following.strip() else _CONTINUED


def _about_numbers(before: str, after: str) -> str:
    if not re.search(r"(?<![\w$])[0-9]+(\.[0-9]+)?[ \t]*$", before):
        bare = re.search(r"(?<![\w$])[0-9]+\.$", before.rstrip())
        return "write a digit after the decimal point: 5.0" if bare else ""
    if re.match(r"[eE][0-9]", after):
        return "numbers cannot have an exponent: write 1000 for 1e3"
    if after.startswith("%") and re.match(r"%\s*([);?:,&|]|$)", after):
        return "write 70 for 70 %: percentages are numbers from 0 to 100"
    if re.match(r"_[0-9]", after):
        return "write numbers without separators: 1000"
    if re.match(r"[fFLlu]\b", after):
        return "numbers have no suffix: write 1.5"
    if unit := re.match(r"[A-Za-z_]+(?!\w|\s*=[^=]|\s*[.(])", after):
        return unit_hint(unit[0])
    return ""


def _about_words(before: str, found: str) -> str:
    """Keywords: at the error, just before it, or at the beginning of its statement."""
    previous = re.search(r"(?<![$\w])[A-Za-z_]\w*$", before[-32:])
    opening = re.match(r"\s*([A-Za-z_]+)\b(?!\s*=[^=])", before.rsplit(";", 1)[-1])
    words = (found, previous[0] if previous else "", opening[1] if opening else "")
    return next((hint for word in words if (hint := word_hint(word))), "")


def _about_symbols(before: str, after: str, found: str) -> str:
    """Operators that do not exist, or are written in another way."""
    if found == "=":
        return _about_equals(before, after)
    statement = _statement(before)
    if before.endswith("<") and found == ">":
        return "write != for <>"
    if before.endswith("*") and found == "*":
        return _POWER
    if found == ":" and "?" not in statement:
        return "assign with a single ="
    if found == "+":
        if after.startswith(("+=", "++")) or before.endswith("+"):
            return "there is no ++: write x = x + 1"
        return "a number has no plus sign: leave the + out"
    if found[:1] in (";", ")", "") and before.endswith(("++", "--")):
        return f"there is no {before[-2:]}: write x = x {before[-1]} 1"
    if found[:1] in ("^", "%", "&", "|") and after[1:2] == "=":
        return f"there is no {after[:2]}: write x = x ..."
    if found == "?" and (after.startswith(("??", "?.")) or before.endswith("?")):
        return "every value is set: there is no ?? and no ?."
    if found[:1] == "[" and _value_ends(before):
        return "write val(v, 0) for v[0]"
    if before.endswith("-") and found == ">":
        return "write . for ->"
    if found == "," and statement.count("(") <= statement.count(")"):
        return "end a statement with ;"
    return ""


def _about_ends(before: str, found: str) -> str:
    statement = _statement(before)
    if found[:1] in (";", "") and statement.count("?") > statement.count(":"):
        return "a choice has two ends: condition ? then : otherwise"
    if found == ";" and not statement.strip():
        return "delete this semicolon: statements cannot be empty"
    if found == ")" and statement.count("(") <= statement.count(")"):
        return "this parenthesis was never opened"
    if found[:1] in (";", "") and statement.count("(") > statement.count(")"):
        return "a parenthesis is not closed"
    if re.match(r"[$A-Za-z_]", found) and _value_ends(before):
        return "a semicolon is missing before this statement"
    return ""


def _about_equals(before: str, after: str) -> str:
    if compound := _COMPOUND.search(before):
        return f"there is no {compound[1]}=: write x = x {compound[1]} 1"
    if before.endswith("!="):
        return "compare with !="
    if before.endswith(("<", ">", "!")):
        return f"write {before[-1]}= without a space"
    if after.startswith(("=>", "=<")) and _value_ends(before):
        return f"write {after[1]}= for {after[:2]}"
    if before.endswith("=") or after.startswith("=="):
        return "compare with ==, assign with ="
    statement = _statement(before)
    if "\n" in statement and "=" in statement.rsplit("\n", 1)[0]:
        return "a semicolon is missing at the end of the previous line"
    if "=" not in statement and re.search(r"\.\s*\w+$", statement):
        return "a name has no dots: only variables can be set"
    return "compare with ==; a single = assigns"


def _statement(before: str) -> str:
    """The statement up to the error, without its strings and comments."""
    return re.sub(r'"[^"\n]*"|//[^\n]*', "", before).rsplit(";", 1)[-1]


def _value_ends(before: str) -> bool:
    return bool(re.search(r'[\w)"]$', before))
