"""The programs on simulated nodes that take time, or run other programs: ``timeout``, ``sh``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.shell.arguments import seconds
from batchlab.drivers.simulated.shell.state import Terminated
from batchlab.drivers.simulated.shell.words import NotUnderstood

if TYPE_CHECKING:
    from batchlab.drivers.simulated.shell.process import SimulatedProcess

__all__ = ["LAUNCHERS", "SHELLS"]

Launcher = Callable[["SimulatedProcess", list[str]], Steps]
SHELLS = {"sh", "bash", "dash"}
_SETTING = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def _sleep(process: SimulatedProcess, args: list[str]) -> Steps:
    yield seconds(args)
    return 0


def _shell(program: str) -> Launcher:
    def run(process: SimulatedProcess, args: list[str]) -> Steps:
        return (yield from _run_shell(program, process, list(args)))

    return run


def _run_shell(program: str, process: SimulatedProcess, args: list[str]) -> Steps:
    child, inline = process.child(), False
    child.bash, child.state.name = program == "bash", process.called
    while args and args[0][:1] in {"-", "+"}:
        letters = args.pop(0)
        if letters in {"--login", "--norc", "--noprofile"} and child.bash:
            continue
        for letter in letters[1:]:
            if letter == "o" and args and args[0] == "pipefail" and child.bash:
                child.state.options.add(args.pop(0))
            elif letter in "eux":
                child.state.options.add(letter)
            elif letter not in ("cl" if child.bash else "c"):
                raise NotUnderstood(letters)
        inline = inline or "c" in letters
    if not args:
        if inline:
            raise NotUnderstood("-c without a script")
        text = process.stdin().decode(errors="replace")
    elif inline:
        text = args.pop(0)
        child.state.name = args.pop(0) if args else process.called
    else:
        name = child.state.name = args.pop(0)
        try:
            text = process.disk.read(process.path(name)).decode(errors="replace")
        except OSError as error:
            process.complain(f"{program}: cannot open {name}: {error.strerror}")
            return 127 if child.bash else 2
    child.state.arguments = args
    return (yield from child.script(text))


def _timeout(process: SimulatedProcess, args: list[str]) -> Steps:
    words = list(args)
    kept = False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        kept = kept or option == "--preserve-status"
        if option in {"-s", "-k", "--signal", "--kill-after"} and words:
            words.pop(0)
        elif not re.match(
            r"-[sk].|--signal=|--kill-after=|--preserve-status$|--foreground$", option
        ):
            raise NotUnderstood(option)
    if len(words) < 2:
        raise NotUnderstood("timeout without a command")
    left = seconds(words[:1]) or float("inf")
    steps, late = process.external(words[1:]), False
    try:
        wait = next(steps)
        while True:
            if wait < left:
                left -= wait
                yield wait
                wait = next(steps)
            else:
                yield left
                left, late = float("inf"), True
                wait = steps.throw(Terminated())
    except StopIteration as end:
        return 124 if late and not kept else int(end.value)
    except Terminated:
        if not late:  # an outer one
            raise
        return 143 if kept else 124


def _env(process: SimulatedProcess, args: list[str]) -> Steps:
    words, before = list(args), process.environment
    changed = dict(before)
    while words:
        if words[0] in {"-i", "-"}:
            changed.clear()
        elif words[0] == "-u" and len(words) > 1:
            changed.pop(words.pop(1), None)
        elif match := _SETTING.fullmatch(words[0]):
            changed[match[1]] = match[2]
        elif words[0].startswith("-"):
            raise NotUnderstood(words[0])
        else:
            break
        words.pop(0)
    if not words:
        process.say("".join(f"{name}={value}\n" for name, value in changed.items()))
        return 0
    process.environment = changed
    try:
        return (yield from process.external(words))
    finally:
        process.environment = before


def _nice(process: SimulatedProcess, args: list[str]) -> Steps:
    words = list(args)
    if words[:1] == ["-n"]:
        words = words[2:]
    elif words and re.fullmatch(r"-n?-?\d+", words[0]):
        words = words[1:]
    if not words or words[0].startswith("-"):
        raise NotUnderstood("nice")
    return (yield from process.external(words))


def _nohup(process: SimulatedProcess, args: list[str]) -> Steps:
    if not args or args[0].startswith("-"):
        raise NotUnderstood("nohup")
    return (yield from process.external(list(args)))


def _time(process: SimulatedProcess, args: list[str]) -> Steps:
    if not args or args[0].startswith("-"):
        raise NotUnderstood("time")
    begun = process.now()
    status = yield from process.command({}, args)
    minutes, took = divmod(process.now() - begun, 60)
    process.complain(f"\nreal\t{minutes:.0f}m{took:.3f}s")
    return status


def _xargs(process: SimulatedProcess, args: list[str]) -> Steps:
    words, count, place, always = list(args), 0, "", True
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "-n" and words:
            option += words.pop(0)
        if match := re.fullmatch(r"-n(\d+)", option):
            count = int(match[1])
        elif option.startswith("-I") and (option != "-I" or words):
            place = option[2:] or words.pop(0)
        elif option == "-r":
            always = False
        else:
            raise NotUnderstood(f"xargs {option}")
    text = process.stdin().decode(errors="replace")
    if re.search(r"['\"\\]", text):
        raise NotUnderstood("xargs of quotes")
    items = [line.strip() for line in text.splitlines() if line.strip()] if place else text.split()
    words = words or ["echo"]
    if place:
        calls = [[word.replace(place, item) for word in words] for item in items]
    elif items or always:
        count = count or max(1, len(items))
        parts = [items[at : at + count] for at in range(0, len(items), count)] or [[]]
        calls = [[*words, *part] for part in parts]
    else:
        calls = []
    status = 0
    for call in calls:
        code = yield from process.external(call)
        if code:
            status = code if code > 125 else 123
        if code == 255:
            return 124
    return status


LAUNCHERS: dict[str, Launcher] = {
    "sleep": _sleep,
    "time": _time,
    "timeout": _timeout,
    "env": _env,
    "nice": _nice,
    "nohup": _nohup,
    "xargs": _xargs,
    **{name: _shell(name) for name in sorted(SHELLS)},
}
"""Programs by name; also found in ``/bin`` and ``/usr/bin``."""
