"""The commands that are a part of the shell on simulated nodes, such as ``cd`` and ``trap``."""

from __future__ import annotations

import re
from collections.abc import Callable

from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.disk import Folder, parts_of
from batchlab.drivers.simulated.shell.arguments import exit_code
from batchlab.drivers.simulated.shell.interpreter import Interpreter
from batchlab.drivers.simulated.shell.script import parse
from batchlab.drivers.simulated.shell.state import BackgroundJob, Exit, Leave, Return
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["BASH_ONLY", "BUILTINS", "UNKNOWN"]

Builtin = Callable[[Interpreter, list[str]], "int | Steps"]
_NAME = re.compile(r"[A-Za-z_]\w*")
_SIGNALS = {"EXIT", "HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "PIPE"}
_NUMBERS = {"0": "EXIT", "1": "HUP", "2": "INT", "3": "QUIT", "15": "TERM"}
_ALSO = {"[", "echo", "false", "printf", "pwd", "test", "true"}
"""Programs that are also a part of the shell."""
_OPTIONS = {"errexit": "e", "nounset": "u", "xtrace": "x", "allexport": "a"}


def _leave(*, goes_on: bool) -> Builtin:
    def leave(shell: Interpreter, args: list[str]) -> int:
        if shell.state.loops:
            raise Leave(goes_on=goes_on, loops=int(args[0]) if args and args[0].isdigit() else 1)
        return 0

    return leave


def _exit(shell: Interpreter, args: list[str]) -> int:
    if args and not args[0].isdigit():
        shell.complain(f"{shell.state.name}: exit: Illegal number: {args[0]}")
    raise Exit(exit_code(args, shell.state.status))


def _return(shell: Interpreter, args: list[str]) -> int:
    if not shell.state.locals:
        if shell.bash:
            shell.complain("bash: return: can only return from a function or sourced script")
            return 2
        raise Exit(exit_code(args, shell.state.status))
    raise Return(exit_code(args, shell.state.status))


def _cd(shell: Interpreter, args: list[str]) -> int:
    if args[:1] == ["-"] or len(args) > 1:
        raise NotUnderstood(f"cd {' '.join(args)}")
    path = shell.path(args[0] if args else shell.value("HOME") or "/")
    try:
        found = shell.disk.find(path)
    except OSError:
        found = None
    if not isinstance(found, Folder):
        shell.complain(f"{shell.state.name}: cd: can't cd to {args[0] if args else path}")
        return 1 if shell.bash else 2
    shell.cwd = "/" + "/".join(parts_of(path))
    return 0


def _export(shell: Interpreter, args: list[str]) -> int:
    for setting in args:
        variable, sign, value = setting.partition("=")
        if not _NAME.fullmatch(variable):
            if variable[:1] == "-":
                raise NotUnderstood(f"export {variable}")
            shell.complain(f"{shell.state.name}: export: {variable}: bad variable name")
            if shell.bash:
                return 1
            raise Exit(2)
        shell.environment[variable] = value if sign else shell.value(variable) or ""
        shell.state.variables.pop(variable, None)
    return 0


def _unset(shell: Interpreter, args: list[str]) -> int:
    for name in args:
        if args[0] != "-f":
            shell.state.variables.pop(name, None)
            shell.environment.pop(name, None)
        if args[0] != "-v":
            shell.state.functions.pop(name, None)
    return 0


def _set(shell: Interpreter, args: list[str]) -> int:
    if not args:
        raise NotUnderstood("set")
    words = list(args)
    while words and words[0][:1] in {"-", "+"} and len(words[0]) > 1:
        word = words.pop(0)
        if word == "--":
            shell.state.arguments = words
            return 0
        change = shell.state.options.add if word[0] == "-" else shell.state.options.discard
        for letter in word[1:]:
            if letter == "o":
                name = words.pop(0) if words else ""
                if name not in {*_OPTIONS, "pipefail"}:
                    raise NotUnderstood(f"set -o {name}")
                if name == "pipefail" and not shell.bash:
                    shell.complain("sh: set: Illegal option -o pipefail")
                    raise Exit(2)
                change(_OPTIONS.get(name, name))
            elif letter in "euxa":
                change(letter)
            else:
                raise NotUnderstood(f"set {word}")
    if words:
        shell.state.arguments = words
    return 0


def _shift(shell: Interpreter, args: list[str]) -> int:
    count = int(args[0]) if args and args[0].isdigit() else 1
    if count > len(shell.state.arguments):
        if shell.bash:
            return 1
        shell.complain("sh: shift: can't shift that many")
        raise Exit(2)
    del shell.state.arguments[:count]
    return 0


def _local(shell: Interpreter, args: list[str]) -> int:
    if not shell.state.locals:
        shell.complain(f"{shell.state.name}: local: not in a function")
        if shell.bash:
            return 1
        raise Exit(2)
    for setting in args:
        variable, sign, value = setting.partition("=")
        if not _NAME.fullmatch(variable):
            raise NotUnderstood(f"local {setting}")
        before = shell.value(variable)
        shell.state.locals[-1].setdefault(variable, before)
        shell.assign(variable, value if sign or shell.bash else before or "")
    return 0


def _trap(shell: Interpreter, args: list[str]) -> int:
    if not args or args[0] in {"-p", "-l"}:
        raise NotUnderstood("trap without an action")
    action, *names = args if len(args) > 1 else ["-", *args]
    for name in names:
        signal = _NUMBERS.get(name, name.upper() if shell.bash else name)
        signal = signal.removeprefix("SIG") if shell.bash else signal
        if signal in {"ERR", "DEBUG", "RETURN"} and shell.bash:
            raise NotUnderstood(f"trap for {signal}")
        if signal not in _SIGNALS:
            shell.complain(f"{shell.state.name}: trap: {name}: bad trap")
            return 1
        if action == "-":
            shell.state.traps.pop(signal, None)
        else:
            parse(action, bash=shell.bash)
            shell.state.traps[signal] = action
    return 0


def _read(shell: Interpreter, args: list[str]) -> int:
    names, raw = list(args), False
    while names and names[0].startswith("-"):
        if names[0] != "-r":
            raise NotUnderstood(f"read {names[0]}")
        raw = bool(names.pop(0))
    if not names and not shell.bash:
        shell.complain("sh: read: arg count")
        raise Exit(2)
    line, complete = shell.line()
    while not raw and line.endswith("\\") and complete:
        more, complete = shell.line()
        line = line[:-1] + more
    line = line if raw else re.sub(r"\\(.)", r"\1", line)
    separators = shell.value("IFS")
    separators = " \t\n" if separators is None else separators
    blanks = "".join(sign for sign in separators if sign in " \t\n")
    for name in (names or ["REPLY"])[:-1]:
        line = line.lstrip(blanks) if blanks else line
        match = re.search(f"[{re.escape(separators)}]", line) if separators else None
        field, line = (line[: match.start()], line[match.end() :]) if match else (line, "")
        shell.assign(name, field)
    shell.assign((names or ["REPLY"])[-1], line.strip(blanks) if blanks and names else line)
    return int(not complete)


def _jobs(shell: Interpreter, args: list[str]) -> list[BackgroundJob]:
    """Return the jobs that are named, as ``$!`` or ``%1``, or all."""
    if not args:
        return shell.state.jobs
    wanted = {arg.removeprefix("%") for arg in args}
    return [
        job
        for number, job in enumerate(shell.state.jobs, 1)
        if str(job.pid) in wanted or (str(number) in wanted and f"%{number}" in args)
    ]


def _wait(shell: Interpreter, args: list[str]) -> Steps:
    if args and args[0].startswith("-"):
        raise NotUnderstood(f"wait {args[0]}")
    jobs = _jobs(shell, args)
    while running := [job for job in jobs if job.status is None]:
        yield max(0.0, min(job.due for job in running))
    if not args:
        return 0
    return (jobs[-1].status or 0) if jobs else 127


def _kill(shell: Interpreter, args: list[str]) -> int:
    names = [arg for arg in args if not arg.startswith("-")]
    if not names or args[:1] == ["-s"] or args[:1] == ["-l"]:
        raise NotUnderstood("kill")
    status = 0
    for name in names:
        if name == str(shell.state.pid):
            raise Exit(137 if "-9" in args or "-KILL" in args else 143)
        jobs = [job for job in _jobs(shell, [name]) if job.status is None]
        if not jobs:
            shell.complain(f"{shell.state.name}: kill: ({name}) - No such process")
            status = 1
        elif "-0" not in args:
            jobs[0].steps.close()
            jobs[0].status = 137 if "-9" in args or "-KILL" in args else 143
    return status


def _eval(shell: Interpreter, args: list[str]) -> Steps:
    return (yield from _here(shell, " ".join(args)))


def _here(shell: Interpreter, text: str) -> Steps:
    """Run a script in this shell."""
    shell.state.status = 0
    if (yield from shell.here(text)) and not shell.bash:
        raise Exit(2)
    return shell.state.status


def _source(shell: Interpreter, args: list[str]) -> Steps:
    if not args:
        raise NotUnderstood(".")
    try:
        if "/" not in args[0] and not shell.bash:
            raise FileNotFoundError
        text = shell.disk.read(shell.path(args[0])).decode(errors="replace")
    except OSError:
        shell.complain(f"{shell.state.name}: .: {args[0]}: not found")
        if shell.bash:
            return 1
        raise Exit(2) from None
    shell.refuse_depth(args[0])
    shell.state.locals.append({})
    before = shell.state.arguments
    shell.state.arguments = args[1:] or before
    try:
        return (yield from _here(shell, text))
    except Return as returned:
        return returned.status
    finally:
        shell.state.locals.pop()
        shell.state.arguments = before


def _exec(shell: Interpreter, args: list[str]) -> Steps:
    if args:
        shell.state.traps.pop("EXIT", None)
        raise Exit((yield from shell.command({}, ["command", *args])))
    shell.keeps_streams = True
    return 0


def _command(shell: Interpreter, args: list[str]) -> int | Steps:
    if args[:1] in (["-v"], ["-V"]) and len(args) == 2:
        return shell.locate(args[1], {*BUILTINS, *_ALSO, *shell.state.functions})
    if not args or args[0].startswith("-"):
        raise NotUnderstood("command")
    if (name := args[0]) in BUILTINS:
        return BUILTINS[name](shell, args[1:])
    return shell.external(args)


def _nothing(shell: Interpreter, args: list[str]) -> int:
    return 0


BUILTINS: dict[str, Builtin] = {
    ":": _nothing,
    ".": _source,
    "break": _leave(goes_on=False),
    "cd": _cd,
    "command": _command,
    "continue": _leave(goes_on=True),
    "eval": _eval,
    "exec": _exec,
    "exit": _exit,
    "export": _export,
    "kill": _kill,
    "local": _local,
    "read": _read,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "trap": _trap,
    "hash": _nothing,
    "times": _nothing,
    "umask": _nothing,
    "unset": _unset,
    "wait": _wait,
}
BASH_ONLY: dict[str, Builtin] = {"source": _source}
"""Builtins of bash, which sh does not find."""
UNKNOWN = {
    "[[", "declare", "function", "let", "mapfile", "popd", "pushd", "readarray", "shopt",
    "typeset",
}  # fmt: skip
"""Words of bash that are not simulated, and that sh does not find either."""
