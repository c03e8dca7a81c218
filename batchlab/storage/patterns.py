"""Which files an output file pattern means.

The directories of a pattern before its first wildcard are its base. What is matched is named by
its path below the base, so that ``**/*.txt`` keeps the tree and ``out/*.txt`` gives bare names. A
pattern without wildcards is one file. ``*`` and ``?`` stop at a directory, ``**`` as a whole part
stands for any number of them; a name that begins with a dot wants its dot spelt.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Pattern", "read_pattern"]

_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")
_SET = re.compile(r"\[(!?)(\]?[^\]]*)\]")
_WILD = re.compile(r"[*?]|\[!?\]?[^\]]*\]")


class Pattern(NamedTuple):
    """A pattern that has been read.

    Parameters
    ----------
    base : str
        An absolute directory.
    name : str
        What is looked for below it.
    regex : re.Pattern or None
        What paths below the base must match; None if `name` is one file.
    deep : bool
        Whether directories below the base may hold a match.
    """

    base: str
    name: str
    regex: re.Pattern[str] | None
    deep: bool

    def blob(self, found: str, path: str | None) -> str:
        """Return the name of the blob of a file, given its path below the base."""
        if self.regex is None:
            return path or found.rpartition("/")[2]
        return f"{path}/{found}" if path else found


def read_pattern(text: str, directory: str, environment: Mapping[str, str]) -> Pattern:
    """Read a pattern.

    Parameters
    ----------
    text : str
        As it was given.
    directory : str
        What a relative one is relative to, absolute.
    environment : mapping
        The variables of the task; a ``$NAME`` that is none of them stays as it is.
    """
    filled = _VARIABLE.sub(lambda found: environment.get(found[1].strip("{}"), found[0]), text)
    parts = [part for part in os.path.join(directory, filled).split("/") if part not in ("", ".")]
    wild = next((n for n, part in enumerate(parts) if _WILD.search(part)), None)
    first = len(parts) - 1 if wild is None else wild
    base, rest = os.path.normpath("/" + "/".join(parts[:first])), parts[first:]
    name = "/".join(rest)
    if wild is None:
        return Pattern(base, name, None, deep=False)
    return Pattern(base, name, re.compile(_regex(rest)), deep=len(rest) > 1 or rest == ["**"])


def _regex(parts: list[str]) -> str:
    whole = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            whole += r"(?:(?!\.)[^/]+/)*" + (r"(?!\.)[^/]+" if last else "")
        else:
            whole += _part(part) + ("" if last else "/")
    return whole + r"\Z"


def _part(part: str) -> str:
    regex, at = "" if part.startswith(".") else r"(?!\.)", 0
    while at < len(part):
        found = _SET.match(part, at)
        if found and found[2]:
            listed = found[2].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            listed = listed.replace("]", r"\]").replace("&", r"\&").replace("~", r"\~")
            listed = listed.replace("|", r"\|")
            regex += f"[{'^/' if found[1] else ''}{listed}]"
            at = found.end()
            continue
        letter = part[at]
        regex += {"*": "[^/]*", "?": "[^/]"}.get(letter) or re.escape(letter)
        at += 1
    return regex
