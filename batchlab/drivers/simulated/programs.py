"""The programs on simulated nodes: some two dozen that are common in learners' command lines.

Each program receives its process and its arguments, and returns an exit code. An `OSError` is
printed as by the real program; `NotUnderstood` (an option that is not supported here) leaves the
command to the workload.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from batchlab.drivers.simulated.disk import Disk, Folder
from batchlab.drivers.simulated.words import NotUnderstood

__all__ = ["PROGRAMS", "Host"]


class Host(Protocol):
    """The part of its process that a program can use."""

    disk: Disk
    environment: dict[str, str]
    cwd: str

    def now(self) -> float:
        """Virtual seconds since 1970."""
        ...

    def path(self, name: str) -> str:
        """Return the absolute path of a name."""
        ...

    def stdin(self) -> bytes:
        """Return all of the standard input."""
        ...

    def say(self, data: str | bytes) -> None:
        """Print to stdout."""
        ...

    def complain(self, text: str) -> None:
        """Print a line to stderr."""
        ...


Program = Callable[[Host, Sequence[str]], int]
_PLAIN = re.compile(r"\^?[\w ,:;=@%/_-]*\$?")
"""Patterns with the same meaning in grep and in Python."""
_SIZE = re.compile(r"(\d+)((?:[KMGT](?:i?B)?)?)")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r"}


def _options(args: Sequence[str], known: str) -> tuple[set[str], list[str]]:
    options: set[str] = set()
    names = list(args)
    while names and names[0].startswith("-") and len(names[0]) > 1:
        option = names.pop(0)
        if option == "--":
            break
        options |= set(option[1:])
    if options - set(known):
        raise NotUnderstood(" ".join(args))
    return options, names


def _each(host: Host, program: str, names: Sequence[str], act: Callable[[str], None]) -> int:
    status = 0
    for name in names:
        try:
            act(name)
        except OSError as error:
            host.complain(f"{program}: {name}: {error.strerror}")
            status = 1
    return status


def _echo(host: Host, args: Sequence[str]) -> int:
    words, end = list(args), "\n"
    if words[:1] == ["-n"]:
        words, end = words[1:], ""
    elif words and words[0] in {"-e", "-E"}:
        raise NotUnderstood(words[0])
    host.say(" ".join(words) + end)
    return 0


def _printf(host: Host, args: Sequence[str]) -> int:
    if not args or args[0].startswith("-"):
        raise NotUnderstood("printf")
    rest = list(args[1:])

    def fill(match: re.Match[str]) -> str:
        sign = match.group()
        if sign in {"%s", "%d"}:
            return rest.pop(0) if rest else ("" if sign == "%s" else "0")
        if sign == "%%":
            return "%"
        if sign[0] == "\\" and sign[1] in _ESCAPES:
            return _ESCAPES[sign[1]]
        raise NotUnderstood(sign)

    while True:  # the format is reused until no argument is left
        before = len(rest)
        host.say(re.sub(r"%.?|\\.", fill, args[0]))
        if not rest or len(rest) == before:
            return 0


def _cat(host: Host, args: Sequence[str]) -> int:
    _, names = _options(args, "")
    if not names:
        host.say(host.stdin())
    return _each(host, "cat", names, lambda name: host.say(host.disk.read(host.path(name))))


def _rm(host: Host, args: Sequence[str]) -> int:
    options, names = _options(args, "rRf")
    if "f" in options:
        names = [name for name in names if host.disk.exists(host.path(name))]
    deep = bool(options & {"r", "R"})
    return _each(host, "rm", names, lambda name: host.disk.remove(host.path(name), recursive=deep))


def _mkdir(host: Host, args: Sequence[str]) -> int:
    options, names = _options(args, "p")
    parents = "p" in options
    return _each(
        host, "mkdir", names, lambda name: host.disk.make_folder(host.path(name), parents=parents)
    )


def _touch(host: Host, args: Sequence[str]) -> int:
    _, names = _options(args, "")
    now = host.now()
    return _each(host, "touch", names, lambda name: host.disk.write(host.path(name), b"", now))


def _ls(host: Host, args: Sequence[str]) -> int:
    _, names = _options(args, "1")
    if len(names) > 1:
        raise NotUnderstood("ls")
    name = names[0] if names else "."
    found = host.disk.find(host.path(name))
    shown = sorted(found) if isinstance(found, Folder) else [name]
    host.say("".join(f"{entry}\n" for entry in shown if not entry.startswith(".")))
    return 0


def _from_to(host: Host, args: Sequence[str]) -> tuple[str, str]:
    _, names = _options(args, "")
    if len(names) != 2:
        raise NotUnderstood("cp")
    source, target = (host.path(name) for name in names)
    if host.disk.exists(target) and isinstance(host.disk.find(target), Folder):
        target = f"{target}/{source.rpartition('/')[2]}"
    return source, target


def _copy(host: Host, args: Sequence[str]) -> int:
    source, target = _from_to(host, args)
    _put(host, target, host.disk.read(source), host.disk.allocated_to(source))
    return 0


def _move(host: Host, args: Sequence[str]) -> int:
    source, target = _from_to(host, args)
    data, size = host.disk.read(source), host.disk.allocated_to(source)
    host.disk.remove(source)  # first, so that it needs no space twice
    _put(host, target, data, size)
    return 0


def _put(host: Host, target: str, data: bytes, allocated: int) -> None:
    host.disk.write(target, data, host.now(), append=False)
    if allocated:
        host.disk.allocate(target, allocated, host.now())


def _fallocate(host: Host, args: Sequence[str]) -> int:
    words = list(args)
    size = (
        _SIZE.fullmatch(words[1]) if len(words) == 3 and words[0] in {"-l", "--length"} else None
    )
    if size is None:
        raise NotUnderstood("fallocate")
    base = 1000 if size[2].endswith("B") and "i" not in size[2] else 1024
    number = int(size[1]) * base ** " KMGT".index(size[2][:1] or " ")
    try:
        host.disk.allocate(host.path(words[2]), number, host.now())
    except OSError as error:
        host.complain(f"fallocate: fallocate failed: {error.strerror}")
        return 1
    return 0


def _env(host: Host, args: Sequence[str]) -> int:
    if args:
        raise NotUnderstood("env")
    host.say("".join(f"{name}={value}\n" for name, value in host.environment.items()))
    return 0


def _printenv(host: Host, args: Sequence[str]) -> int:
    _, names = _options(args, "")
    if not names:
        return _env(host, ())
    known = [host.environment[name] for name in names if name in host.environment]
    host.say("".join(f"{value}\n" for value in known))
    return int(len(known) < len(names))


def _grep(host: Host, args: Sequence[str]) -> int:
    options, words = _options(args, "cFiqvx")
    if len(words) not in (1, 2) or not ("F" in options or _PLAIN.fullmatch(words[0])):
        raise NotUnderstood("grep")
    pattern = re.escape(words[0]) if "F" in options else words[0]
    pattern = f"^{pattern}$" if "x" in options else pattern
    wanted = re.compile(pattern, re.IGNORECASE if "i" in options else 0)
    try:
        text = host.disk.read(host.path(words[1])) if words[1:] else host.stdin()
    except OSError as error:
        host.complain(f"grep: {words[1]}: {error.strerror}")
        return 2
    lines = text.decode(errors="replace").splitlines()
    found = [line for line in lines if bool(wanted.search(line)) != ("v" in options)]
    if "q" not in options:
        host.say(f"{len(found)}\n" if "c" in options else "".join(f"{line}\n" for line in found))
    return int(not found)


def _wc(host: Host, args: Sequence[str]) -> int:
    options, names = _options(args, "lwc")
    kinds = [kind for kind in "lwc" if kind in options or not options]
    if len(kinds) > 1 or len(names) > 1:
        raise NotUnderstood("wc")  # in columns, whose width is not the same everywhere
    try:
        data = host.disk.read(host.path(names[0])) if names else host.stdin()
    except OSError as error:
        host.complain(f"wc: {names[0]}: {error.strerror}")
        return 1
    count = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}[kinds[0]]
    host.say(f"{count} {names[0]}\n" if names else f"{count}\n")
    return 0


def _lines(host: Host, program: str, names: Sequence[str]) -> list[str] | None:
    """The lines of files, or of the standard input; None, and a complaint, if one is missing."""
    texts: list[bytes] = []
    failed = _each(
        host, program, names, lambda name: texts.append(host.disk.read(host.path(name)))
    )
    if failed:
        return None
    return b"".join(texts or [host.stdin()]).decode(errors="replace").splitlines()


def _sort(host: Host, args: Sequence[str]) -> int:
    options, names = _options(args, "nru")
    if (lines := _lines(host, "sort", names)) is None:
        return 2
    if "n" in options:
        if "u" in options or not all(re.fullmatch(r"\s*-?\d+\b.*|\D*", line) for line in lines):
            raise NotUnderstood("sort")
        numbers = {line: int((re.match(r"\s*-?\d+", line) or ["0"])[0]) for line in lines}
        lines.sort(key=lambda line: (numbers[line], line), reverse="r" in options)
    else:
        lines = sorted(set(lines) if "u" in options else lines, reverse="r" in options)
    host.say("".join(f"{line}\n" for line in lines))
    return 0


def _seq(host: Host, args: Sequence[str]) -> int:
    if not 1 <= len(args) <= 3 or not all(re.fullmatch(r"-?[1-9]\d{0,8}|0", one) for one in args):
        raise NotUnderstood("seq")
    first, *step, last = map(int, args if len(args) > 1 else ("1", *args))
    by = step[0] if step else 1
    if not by or (last - first) // by > 100_000:
        raise NotUnderstood("seq")
    host.say("".join(f"{number}\n" for number in range(first, last + (by > 0 or -1), by)))
    return 0


def _tee(host: Host, args: Sequence[str]) -> int:
    options, names = _options(args, "a")
    data = host.stdin()
    host.say(data)
    return _each(
        host, "tee", names,
        lambda name: host.disk.write(host.path(name), data, host.now(), append="a" in options),
    )  # fmt: skip


def _ends(host: Host, program: str, args: Sequence[str]) -> int:
    """Print the first or the last lines: ``-n 3``, ``-n3`` or ``-3``."""
    words, count = list(args), 10
    if words and (match := re.fullmatch(r"-n?(\d+)", words[0])):
        count, words = int(match[1]), words[1:]
    elif len(words) > 1 and words[0] == "-n" and words[1].isdigit():
        count, words = int(words[1]), words[2:]
    if len(words) > 1 or any(word.startswith("-") for word in words):
        raise NotUnderstood(program)
    if (lines := _lines(host, program, words)) is None:
        return 1
    chosen = lines[:count] if program == "head" else lines[max(len(lines) - count, 0) :]
    host.say("".join(f"{line}\n" for line in chosen))
    return 0


def _test(host: Host, args: Sequence[str]) -> int:
    words = list(args)
    if words[:1] == ["!"] and len(words) > 1:
        return 1 - _test(host, words[1:])
    if len(words) <= 1:
        return int(not (words and words[0]))
    if len(words) == 2 and words[0] in _UNARY:
        return int(not _UNARY[words[0]](host, words[1]))
    if len(words) == 3 and words[1] in _BINARY:
        try:
            return int(not _BINARY[words[1]](words[0], words[2]))
        except ValueError:
            host.complain(f"test: {words[0]}: integer expression expected")
            return 2
    raise NotUnderstood("test")


def _bracket(host: Host, args: Sequence[str]) -> int:
    if args[-1:] != ["]"]:
        host.complain("[: missing ]")
        return 2
    return _test(host, args[:-1])


def _is_folder(host: Host, name: str) -> bool:
    path = host.path(name)
    return host.disk.exists(path) and isinstance(host.disk.find(path), Folder)


def _is_file(host: Host, name: str) -> bool:
    return host.disk.exists(host.path(name)) and not _is_folder(host, name)


_UNARY: dict[str, Callable[[Host, str], bool]] = {
    "-e": lambda host, name: host.disk.exists(host.path(name)),
    "-f": _is_file,
    "-d": _is_folder,
    "-s": lambda host, name: _is_file(host, name) and host.disk.size(host.path(name)) > 0,
    "-n": lambda host, text: bool(text),
    "-z": lambda host, text: not text,
}
_BINARY: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "-eq": lambda left, right: int(left) == int(right),
    "-ne": lambda left, right: int(left) != int(right),
    "-lt": lambda left, right: int(left) < int(right),
    "-le": lambda left, right: int(left) <= int(right),
    "-gt": lambda left, right: int(left) > int(right),
    "-ge": lambda left, right: int(left) >= int(right),
}


def _pwd(host: Host, args: Sequence[str]) -> int:
    host.say(f"{host.cwd}\n")
    return 0


PROGRAMS: dict[str, Program] = {
    "true": lambda host, args: 0,
    "false": lambda host, args: 1,
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "rm": _rm,
    "mkdir": _mkdir,
    "touch": _touch,
    "ls": _ls,
    "cp": _copy,
    "mv": _move,
    "env": _env,
    "fallocate": _fallocate,
    "printenv": _printenv,
    "pwd": _pwd,
    "grep": _grep,
    "head": lambda host, args: _ends(host, "head", args),
    "seq": _seq,
    "sort": _sort,
    "tail": lambda host, args: _ends(host, "tail", args),
    "tee": _tee,
    "wc": _wc,
    "test": _test,
    "[": _bracket,
}
"""Programs by name; also found in ``/bin`` and ``/usr/bin``."""
