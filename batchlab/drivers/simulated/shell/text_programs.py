"""Programs on simulated nodes that read lines and print lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from batchlab.drivers.simulated.shell.patterns import python_pattern
from batchlab.drivers.simulated.shell.program_host import (
    Host,
    Program,
    for_each,
    lines_of,
    options_of,
)
from batchlab.drivers.simulated.shell.sed import sed
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["TEXT_PROGRAMS"]


def _wc(host: Host, args: Sequence[str]) -> int:
    """Count; the columns are as wide as those of GNU."""
    options, names = options_of(args, "lwcm")
    kinds = [kind for kind in "lwmc" if kind in (options or {"l", "w", "c"})]
    rows: list[tuple[dict[str, int], str]] = []

    def count(name: str) -> None:
        data = host.disk.read(host.path(name)) if name else host.stdin()
        counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data),
                  "m": len(data.decode(errors="replace"))}  # fmt: skip
        rows.append((counts, name))

    status = for_each(host, "wc", names or [""], count)
    if len(names) > 1:
        sums = {kind: sum(counts[kind] for counts, _ in rows) for kind in "lwcm"}
        rows.append((sums, "total"))
    width = max((len(str(counts["c"])) for counts, _ in rows), default=1) if names else 7
    width = 1 if len(kinds) == 1 and len(names) < 2 else width
    for counts, name in rows:
        columns = " ".join(f"{counts[kind]:{width}d}" for kind in kinds)
        host.say(f"{columns} {name}".rstrip() + "\n")
    return status


_KEY = re.compile(r"(\d+)(?:,(\d+))?([nr]*)")


def _sort(host: Host, args: Sequence[str]) -> int:
    options: set[str] = set()
    words, names, keys, separator, target = list(args), [], [], "", ""
    while words:
        word = words.pop(0)
        if word[:1] != "-" or word == "-":
            names.append(word)
        elif word[1] in "kto":
            value = word[2:] or (words.pop(0) if words else "")
            separator = value if word[1] == "t" else separator
            target = value if word[1] == "o" else target
            keys += [value] * (word[1] == "k")
        elif set(word[1:]) <= set("nrus"):
            options |= set(word[1:])
        else:
            raise NotUnderstood(word)
    if (lines := lines_of(host, "sort", names)) is None:
        return 2
    lines.sort(reverse="r" in options)
    if keys or "n" in options:
        for key in reversed(keys or ["1"]):
            match = _KEY.fullmatch(key)
            if match is None:
                raise NotUnderstood(f"-k {key}")
            numeric = "n" in (match[3] or options)
            found = {line: _key(line, match, separator, numeric=numeric) for line in lines}
            lines.sort(key=found.__getitem__, reverse="r" in (match[3] or options))
    if "u" in options:
        if keys or "n" in options:
            raise NotUnderstood("-u of keys or numbers")
        lines = list(dict.fromkeys(lines))
    text = "".join(f"{line}\n" for line in lines)
    if target:
        host.disk.write(host.path(target), text.encode(), host.now(), append=False)
    else:
        host.say(text)
    return 0


def _key(line: str, key: re.Match[str], separator: str, *, numeric: bool) -> tuple[float, str]:
    """What a line is sorted by: fields keep the blanks before them."""
    fields = line.split(separator) if separator else re.findall(r"\s*\S+", line)
    text = separator.join(fields[int(key[1]) - 1 : int(key[2]) if key[2] else None])
    number = re.match(r"\s*-?\d*\.?\d+", text) if numeric else None
    return (float(number[0]) if number else 0.0, "" if numeric else text)


def _seq(host: Host, args: Sequence[str]) -> int:
    words, separator, padded = list(args), "\n", False
    while words and re.match(r"-[ws]", words[0]):
        word = words.pop(0)
        padded = padded or word == "-w"
        if word.startswith("-s"):
            separator = word[2:] or (words.pop(0) if words else "")
    if not 1 <= len(words) <= 3 or not all(re.fullmatch(r"-?\d{1,9}", one) for one in words):
        raise NotUnderstood(" ".join(args))
    first, *step, last = map(int, words if len(words) > 1 else ("1", *words))
    by = step[0] if step else 1
    if not by or (last - first) // by > 100_000:
        raise NotUnderstood(" ".join(args))
    numbers = range(first, last + (by > 0 or -1), by)
    width = max((len(str(number)) for number in (first, last)), default=0) if padded else 0
    text = separator.join(f"{number:0{width}d}" for number in numbers)
    host.say(f"{text}\n" if text else "")
    return 0


def _ends(host: Host, program: str, args: Sequence[str]) -> int:
    """Print the first or the last lines: ``-n 3``, ``-n3``, ``-3``, or bytes: ``-c 3``."""
    words, unit, sign, count = list(args), "n", "", 10
    while words and words[0].startswith("-") and len(words[0]) > 1:
        option = words.pop(0)
        if option in {"-n", "-c"} and words:
            option += words.pop(0)
        match = re.fullmatch(r"-([nc]?)([+-]?)(\d+)", option)
        if match is None:
            raise NotUnderstood(option)
        unit, sign, count = match[1] or "n", match[2], int(match[3])
    status = 0
    for name in words or [""]:
        try:
            data = host.disk.read(host.path(name)) if name else host.stdin()
        except OSError as error:
            host.complain(f"{program}: cannot open '{name}' for reading: {error.strerror}")
            status = 1
            continue
        if len(words) > 1:
            host.say(f"{chr(10) * (name != words[0])}==> {name} <==\n")
        pieces = re.findall(rb"[^\n]*\n|[^\n]+" if unit == "n" else rb"(?s:.)", data)
        if program == "head":
            end = len(pieces) - count if sign == "-" else count
            host.say(b"".join(pieces[: max(end, 0)]))
        else:
            begin = count - 1 if sign == "+" else len(pieces) - count
            host.say(b"".join(pieces[max(begin, 0) :]))
    return status


def _grep(host: Host, args: Sequence[str]) -> int:
    words = [f"-m{args[at + 1]}" if arg == "-m" and at + 1 < len(args) else arg
             for at, arg in enumerate(args) if at == 0 or args[at - 1] != "-m"]  # fmt: skip
    most = next((int(word[2:]) for word in words if re.fullmatch(r"-m\d+", word)), None)
    words = [word for word in words if not re.fullmatch(r"-m\d+", word)]
    leading = [word for word in words if word.startswith("-") and len(word) > 1 and word != "-e"]
    rest = [word for word in words if word not in leading and word != "-e"]
    options, _ = options_of(leading, "cEFhHilnoqsvwx")
    if not rest:
        host.complain("Usage: grep [OPTION]... PATTERNS [FILE]...")
        return 2
    pattern = re.escape(rest[0]) if "F" in options else python_pattern(
        rest[0], extended="E" in options).pattern  # fmt: skip
    pattern = rf"\b(?:{pattern})\b" if "w" in options else pattern
    pattern = rf"^(?:{pattern})$" if "x" in options else pattern
    wanted = re.compile(pattern, re.IGNORECASE if "i" in options else 0)
    status, names = 1, rest[1:]
    labelled = (len(names) > 1 or "H" in options) and "h" not in options
    for name in names or [""]:
        try:
            text = host.disk.read(host.path(name)) if name else host.stdin()
        except OSError as error:
            if "s" not in options:
                host.complain(f"grep: {name}: {error.strerror}")
            status = 2
            continue
        found = [
            (number, line)
            for number, line in enumerate(text.decode(errors="replace").splitlines(), 1)
            if bool(wanted.search(line)) != ("v" in options)
        ][:most]
        status = 0 if found and status == 1 else status
        if "q" not in options:
            host.say(_shown(found, wanted, options, f"{name}:" if labelled else "", name))
        elif found:
            return 0
    return status


def _shown(
    found: list[tuple[int, str]], wanted: re.Pattern[str], options: set[str], label: str, name: str
) -> str:
    if "l" in options:
        return f"{name or '(standard input)'}\n" * bool(found)
    if "c" in options:
        return f"{label}{len(found)}\n"
    lines = [
        (number, text)
        for number, line in found
        for text in ([m[0] for m in wanted.finditer(line) if m[0]] if "o" in options else [line])
    ]
    return "".join(
        f"{label}{number}:{line}\n" if "n" in options else f"{label}{line}\n"
        for number, line in lines
    )


def _places(text: str, most: int) -> list[int]:
    """The numbers of a list of ``cut``: ``1,3-5,7-``."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", part)
        if match is None or not (match[1] or match[3]):
            raise NotUnderstood(text)
        first = int(match[1] or 1)
        last = int(match[3] or most) if match[2] else first
        found |= set(range(first, min(last, most) + 1))
    return sorted(found)


def _cut(host: Host, args: Sequence[str]) -> int:
    words, separator, kind, places, only = list(args), "\t", "", "", False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        letter, value = option[1:2], option[2:]
        if letter in "dfcb" and letter:
            value = value or (words.pop(0) if words else "")
            separator = value if letter == "d" else separator
            kind, places = (kind, places) if letter == "d" else (letter, value)
        elif option == "-s":
            only = True
        else:
            raise NotUnderstood(option)
    if not kind or len(separator) != 1:
        host.complain("cut: you must specify a list of bytes, characters, or fields")
        return 1
    if (lines := lines_of(host, "cut", words)) is None:
        return 1
    for line in lines:
        if kind == "f":
            fields = line.split(separator)
            chosen = [fields[place - 1] for place in _places(places, len(fields))]
            if len(fields) > 1 or not only:
                host.say((separator.join(chosen) if len(fields) > 1 else line) + "\n")
        else:
            host.say("".join(line[place - 1] for place in _places(places, len(line))) + "\n")
    return 0


_SETS = {"upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "lower": "abcdefghijklmnopqrstuvwxyz",
         "digit": "0123456789", "space": " \t\n\r\v\f", "blank": " \t"}  # fmt: skip
_SETS["alpha"] = _SETS["upper"] + _SETS["lower"]
_SETS["alnum"] = _SETS["digit"] + _SETS["alpha"]
_SETS["punct"] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def _set(text: str) -> str:
    """The characters of a set of ``tr``: ``a-z``, ``[:upper:]``, ``\\n``."""
    found = ""
    for name, first, last, one in re.findall(
        r"\[:(\w+):\]|(\\.|[^\\])-(\\.|[^\\])|(\\.|.)", text, re.DOTALL
    ):
        if name:
            if name not in _SETS:
                raise NotUnderstood(text)
            found += _SETS[name]
        elif first:
            found += "".join(map(chr, range(ord(_sign(first)), ord(_sign(last)) + 1)))
        else:
            found += _sign(one)
    return found


def _sign(text: str) -> str:
    escaped = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\", "\\0": "\0"}
    if len(text) > 1 and text not in escaped and text[1].isalnum():
        raise NotUnderstood(text)
    return escaped.get(text, text[-1:])


def _tr(host: Host, args: Sequence[str]) -> int:
    options, sets = options_of(args, "cCds")
    complement = bool(options & {"c", "C"})
    if len(sets) != (1 if "d" in options or ("s" in options and len(sets) == 1) else 2):
        host.complain("tr: missing operand")
        return 1
    text = host.stdin().decode(errors="replace")
    first = _set(sets[0])
    second = _set(sets[1]) if len(sets) > 1 else ""
    if "d" in options:
        host.say("".join(sign for sign in text if (sign in first) == complement))
        return 0
    if second:
        table = dict(zip(first, second.ljust(len(first), second[-1]), strict=False))
        if complement:
            text = "".join(sign if sign in first else second[-1] for sign in text)
        else:
            text = "".join(table.get(sign, sign) for sign in text)
    if "s" in options:
        squeezed = re.escape(second or first)
        negated = "^" if complement and not second else ""
        text = re.sub(f"([{negated}{squeezed}])\\1+", r"\1", text)
    host.say(text)
    return 0


def _uniq(host: Host, args: Sequence[str]) -> int:
    options, names = options_of(args, "cdu")
    if len(names) > 1:
        raise NotUnderstood(" ".join(args))
    if (lines := lines_of(host, "uniq", names)) is None:
        return 1
    for line, group in groupby(lines):
        count = len(list(group))
        if ("d" in options and count == 1) or ("u" in options and count > 1):
            continue
        host.say(f"{count:7d} {line}\n" if "c" in options else f"{line}\n")
    return 0


def _turned(host: Host, program: str, args: Sequence[str]) -> int:
    _, names = options_of(args, "")
    if (lines := lines_of(host, program, names)) is None:
        return 1
    turned = lines[::-1] if program == "tac" else [line[::-1] for line in lines]
    host.say("".join(f"{line}\n" for line in turned))
    return 0


TEXT_PROGRAMS: dict[str, Program] = {
    "cut": _cut,
    "grep": _grep,
    "egrep": lambda host, args: _grep(host, ["-E", *args]),
    "fgrep": lambda host, args: _grep(host, ["-F", *args]),
    "head": lambda host, args: _ends(host, "head", args),
    "rev": lambda host, args: _turned(host, "rev", args),
    "sed": sed,
    "seq": _seq,
    "sort": _sort,
    "tac": lambda host, args: _turned(host, "tac", args),
    "tail": lambda host, args: _ends(host, "tail", args),
    "tr": _tr,
    "uniq": _uniq,
    "wc": _wc,
}
