"""The programs on simulated nodes: some four dozen that are common in learners' command lines.

Each program receives its process and its arguments, and returns an exit code. An `OSError` is
printed as by the real program; `NotUnderstood` (an option that is not supported here) leaves the
command to the workload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from batchlab.drivers.simulated.shell.conditions import test
from batchlab.drivers.simulated.shell.file_programs import FILE_PROGRAMS
from batchlab.drivers.simulated.shell.patterns import python_pattern
from batchlab.drivers.simulated.shell.program_host import Host, Program, options_of
from batchlab.drivers.simulated.shell.text_programs import TEXT_PROGRAMS
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["PROGRAMS"]

_ESCAPE = re.compile(r"\\(0[0-7]{0,3}|[0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r", "a": "\a", "b": "\b", "v": "\v",
            "f": "\f"}  # fmt: skip


def _escaped(text: str, *, hexadecimal: bool) -> str:
    def turned(match: re.Match[str]) -> str:
        sign = match[1]
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign[0] == "x" and hexadecimal and len(sign) > 1:
            return chr(int(sign[1:], 16))
        if sign.isdigit():
            return chr(int(sign, 8) % 256)
        if sign in {"c", "e", "E"}:
            raise NotUnderstood(f"\\{sign}")
        return match.group()

    return _ESCAPE.sub(turned, text)


def _echo(host: Host, args: Sequence[str]) -> int:
    """Print words; ``sh`` reads backslashes in them, and has only the option ``-n``."""
    words, end, escapes = list(args), "\n", not host.bash
    options = r"-[neE]+" if host.bash else "-n"
    while words and re.fullmatch(options, words[0]):
        letters = words.pop(0)
        end = "" if "n" in letters else end
        escapes = ("e" in letters and "E" not in letters) or (escapes and "E" not in letters)
        if not host.bash:
            break
    text = " ".join(words)
    host.say((_escaped(text, hexadecimal=host.bash) if escapes and "\\" in text else text) + end)
    return 0


_FORMAT = re.compile(
    r"%(?P<flags>[-0+ #]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<kind>.)"
    r"|\\(?P<escape>0?[0-7]{1,3}|.)",
    re.DOTALL,
)


def _printf(host: Host, args: Sequence[str]) -> int:
    if args[:1] == ["--"]:
        args = args[1:]
    if not args or args[0].startswith("-"):
        raise NotUnderstood("printf")
    rest, status = list(args[1:]), 0

    def fill(match: re.Match[str]) -> str:
        nonlocal status
        if match["escape"]:
            return _escaped(match.group(), hexadecimal=True)
        kind, head = match["kind"], f"%{match['flags']}{match['width']}"
        precision = f".{match['precision']}" if match["precision"] is not None else ""
        if kind == "%":
            return "%"
        value = rest.pop(0) if rest else ""
        if kind == "s":
            return f"{head}{precision}s" % value
        if kind == "b":
            return f"{head}s" % _escaped(value, hexadecimal=True)
        if kind == "c":
            return f"{head}s" % value[:1]
        if kind in "diuxXo":
            number = re.match(r"\s*([+-]?)(0x[0-9a-fA-F]+|\d+)", value, re.ASCII)
            if value and (number is None or number.end() < len(value)):
                host.complain(f"printf: {value}: expected numeric value")
                status = 1
            digits = number[2] if number else "0"
            base = (
                16 if digits[:2] == "0x" else 8 if digits[:1] == "0" and digits.isdigit() else 10
            )
            found = int(f"{number[1] if number else ''}{digits}", base)
            return f"{head}{precision}{kind.replace('u', 'd').replace('i', 'd')}" % found
        if kind in "feg":
            try:
                return f"{head}{precision}{kind}" % float(value or 0)
            except ValueError:
                pass
        raise NotUnderstood(match.group())

    while True:  # the format is reused until no argument is left
        before = len(rest)
        host.say(_FORMAT.sub(fill, args[0]))
        if not rest or len(rest) == before:
            return status


def _printenv(host: Host, args: Sequence[str]) -> int:
    _, names = options_of(args, "")
    if not names:
        host.say("".join(f"{name}={value}\n" for name, value in host.environment.items()))
        return 0
    known = [host.environment[name] for name in names if name in host.environment]
    host.say("".join(f"{value}\n" for value in known))
    return int(len(known) < len(names))


def _bracket(host: Host, args: Sequence[str]) -> int:
    if args[-1:] != ["]"]:
        host.complain("[: missing ]")
        return 2
    return test(host, args[:-1], bash=host.bash)


def _date(host: Host, args: Sequence[str]) -> int:
    """Print the time of the lab, in UTC."""
    now, form = datetime.fromtimestamp(host.now(), UTC), "%a %b %e %H:%M:%S UTC %Y"
    for arg in args:
        if arg.startswith("+"):
            form = arg[1:].replace("%N", f"{now.microsecond * 1000:09d}")
            form = form.replace("%3N", f"{now.microsecond // 1000:03d}").replace("%:z", "+00:00")
        elif arg.startswith(("-I", "--iso-8601")):
            kind = arg.removeprefix("-I").removeprefix("--iso-8601").removeprefix("=")
            form = "%Y-%m-%d" if kind in {"", "date"} else "%Y-%m-%dT%H:%M:%S+00:00"
            if kind not in {"", "date", "seconds"}:
                raise NotUnderstood(arg)
        elif arg not in {"-u", "--utc"}:
            raise NotUnderstood(arg)
    if unknown := re.search(r"%[^aAbBcCdDeFgGhHIjklmMnprRsStTuUVwWxXyYzZ%]", form):
        raise NotUnderstood(unknown.group())
    form = form.replace("%s", str(int(host.now())))
    host.say(f"{now:{form}}\n")
    return 0


def _hostname(host: Host, args: Sequence[str]) -> int:
    if args and list(args) != ["-s"]:
        raise NotUnderstood(" ".join(args))
    host.say(f"{host.environment.get('AZ_BATCH_NODE_ID', 'localhost')}\n")
    return 0


def _expr(host: Host, args: Sequence[str]) -> int:
    """Calculate with two operands."""
    if len(args) == 3 and args[1] in {"+", "-", "*", "/", "%"}:
        if not all(re.fullmatch(r"-?\d+", args[at]) for at in (0, 2)):
            host.complain("expr: non-integer argument")
            return 2
        left, right = int(args[0]), int(args[2])
        if args[1] in "/%" and not right:
            host.complain("expr: division by zero")
            return 2
        size = abs(left) // abs(right) if args[1] in "/%" else 0
        quotient = size if (left < 0) == (right < 0) else -size
        found = {"+": left + right, "-": left - right, "*": left * right, "/": quotient,
                 "%": left - right * quotient}[args[1]]  # fmt: skip
        host.say(f"{found}\n")
        return int(not found)
    if len(args) == 3 and args[1] == ":":
        match = python_pattern(args[2]).match(args[0])
        grouped = match is not None and bool(match.re.groups)
        text = (
            (match[1] or "" if grouped else str(match.end()))
            if match
            else ("" if r"\(" in args[2] else "0")
        )
        host.say(f"{text}\n")
        return int(text in {"", "0"})
    if len(args) == 2 and args[0] == "length":
        host.say(f"{len(args[1])}\n")
        return int(not args[1])
    raise NotUnderstood(" ".join(args))


PROGRAMS: dict[str, Program] = {
    **FILE_PROGRAMS,
    **TEXT_PROGRAMS,
    "true": lambda host, args: 0,
    "false": lambda host, args: 1,
    "date": _date,
    "echo": _echo,
    "expr": _expr,
    "hostname": _hostname,
    "printenv": _printenv,
    "printf": _printf,
    "test": lambda host, args: test(host, args, bash=host.bash),
    "[": _bracket,
}
"""Programs by name; also found in ``/bin`` and ``/usr/bin``."""
