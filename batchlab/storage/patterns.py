"""Which files an output file pattern matches.

The directories before the first wildcard of a pattern are its base. A file is named by its path
below the base, so ``**/*.txt`` keeps the directory tree and ``out/*.txt`` gives bare names. A
pattern without wildcards is one file. ``*`` and ``?`` do not match a slash; ``**`` as a whole part
matches any number of directories. A leading dot must be written explicitly.
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
    """A parsed pattern.

    Parameters
    ----------
    base : str
        An absolute directory.
    name : str
        The rest of the pattern, below the base.
    regex : re.Pattern or None
        The expression that paths below the base must match; None if `name` is one file.
    deep : bool
        Whether directories below the base may contain a match.
    """

    base: str
    name: str
    regex: re.Pattern[str] | None
    deep: bool

    def blob(self, found: str, path: str | None) -> str:
        """Return the blob name of a file, from its path below the base."""
        if self.regex is None:
            return path or found.rpartition("/")[2]
        return f"{path}/{found}" if path else found


def read_pattern(text: str, directory: str, environment: Mapping[str, str]) -> Pattern:
    """Parse a pattern.

    Parameters
    ----------
    text : str
        The pattern as given.
    directory : str
        The absolute directory that relative patterns are relative to.
    environment : mapping
        The environment variables of the task; an unknown ``$NAME`` stays unchanged.
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
