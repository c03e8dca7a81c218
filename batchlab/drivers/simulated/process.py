"""A process on a simulated node: what it runs, and what it says.

It interprets programs, builtins and scripts, and asks the rules of the workload before each
command of a script. A process whose loop turns round without taking time hangs, as a real one
would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from fnmatch import fnmatchcase
from glob import escape

from batchlab.drivers.launches import LaunchFailed
from batchlab.drivers.simulated.arguments import exit_code, program_of, seconds
from batchlab.drivers.simulated.arithmetic import evaluate
from batchlab.drivers.simulated.around import Around, Steps, rules_failed
from batchlab.drivers.simulated.disk import Disk, parts_of
from batchlab.drivers.simulated.programs import PROGRAMS
from batchlab.drivers.simulated.script import (
    Piece,
    ShellCase,
    ShellChain,
    ShellCommand,
    ShellFor,
    ShellGroup,
    ShellIf,
    ShellLoop,
    ShellNot,
    ShellPipe,
    parse,
)
from batchlab.drivers.simulated.streams import Streams
from batchlab.drivers.simulated.words import NotUnderstood, Part, Word, quoted_parts
from batchlab.drivers.simulated.workload import Behavior

__all__ = ["BUILTINS", "UNDERSTOOD", "SimulatedProcess"]

MOST_TURNS = 1000
"""Turns of a loop in no time, after which it hangs."""
_SHELLS = {"sh", "bash", "dash"}
BUILTINS = {":", "break", "cd", "continue", "exec", "exit", "export", "set"}
UNDERSTOOD = {"sleep", *_SHELLS, *PROGRAMS}


class _Exit(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class _Leave(Exception):
    """``break``, or ``continue`` if it goes on."""

    def __init__(self, *, goes_on: bool) -> None:
        self.goes_on = goes_on


class SimulatedProcess(Streams):
    """A process with the state that child processes inherit: folder, variables, streams."""

    def __init__(
        self,
        around: Around,
        disk: Disk,
        directory: str,
        environment: Callable[[], dict[str, str]],
    ) -> None:
        super().__init__(disk, directory, around.now)
        self._around = around
        self._make_environment = environment
        self._environment: dict[str, str] | None = None
        self._variables: dict[str, str] = {}
        self._status = 0
        self._strict = False
        self._substituted = 0  # the exit code of the last substitution of a command
        self._loops = 0  # around what runs

    # -- what programs use, besides the streams ---------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The exported variables, created on first use."""
        if self._environment is None:
            self._environment = self._make_environment()
        return self._environment

    @environment.setter
    def environment(self, value: dict[str, str]) -> None:
        self._environment = value

    # -- what a process does ---------------------------------------------------------------------

    def behave(self, behavior: Behavior, *, top: bool = False) -> Steps:
        """Do what a behavior describes."""
        failure = behavior.failure_info
        if failure is not None:
            if top:
                raise LaunchFailed(failure)
            self.complain(f"sh: {failure.code}")
            return 127
        yield self._around.workload.seconds(behavior, self._around.random)
        self.emit(1, behavior.stdout)
        self.emit(2, behavior.stderr)
        for name, text in behavior.files.items():
            folder, _, _ = self.path(name).rpartition("/")
            self.disk.make_folder(folder, parents=True)
            self.disk.write(self.path(name), text.encode(), self.now(), append=False)
        return behavior.exit_code

    def run(self, words: Sequence[str], *, top: bool = False) -> Steps:
        """Run a program with arguments."""
        name, args = program_of(words[0]), list(words[1:])
        try:
            if name == "sleep":
                yield seconds(args)
                return 0
            if name in _SHELLS:
                return (yield from self._subshell(args))
            if name in PROGRAMS:
                return PROGRAMS[name](self, args)
        except NotUnderstood:
            pass
        except OSError as error:
            self.complain(f"{name}: {error.filename}: {error.strerror}")
            return 1
        return (yield from self.behave(self._around.workload.default, top=top))

    def _subshell(self, args: list[str]) -> Steps:
        strict, inline = False, False
        while args and args[0].startswith("-"):
            letters = set(args.pop(0)[1:])
            if letters - set("ceu"):
                raise NotUnderstood("sh")
            strict, inline = strict or "e" in letters, inline or "c" in letters
        if not args or len(args) > 1:
            raise NotUnderstood("sh")
        text = args[0] if inline else self.disk.read(self.path(args[0])).decode(errors="replace")
        return (yield from self._child(strict=strict)._script(text))

    def _child(self, *, strict: bool) -> SimulatedProcess:
        child = SimulatedProcess(self._around, self.disk, "", lambda: dict(self.environment))
        child.cwd, child.streams, child._strict = self.cwd, list(self.streams), strict
        return child

    def _fork(self) -> SimulatedProcess:
        """Return a child that also has the variables that are not exported."""
        child = self._child(strict=self._strict)
        child._variables, child._status = dict(self._variables), self._status
        child._loops = self._loops
        return child

    def _script(self, text: str) -> Steps:
        chains = parse(text)
        if not chains:
            return 0
        try:
            yield from self._each(chains)
        except _Exit as ended:
            return ended.status
        except _Leave:  # of a loop around a substitution: this ends only the substitution
            return 0
        return self._status

    def _pipe(self, pipe: ShellPipe) -> Steps:
        """Run the commands one after the other, in the time that the longest of them takes."""
        read, status, longest = self.streams[0], 0, 0.0
        for command in pipe.stages:
            child = self._fork()
            child.streams[0] = read
            if command is not pipe.stages[-1]:
                read = child.streams[1] = bytearray()
            steps, taken = child._stage(command), 0.0
            while True:
                try:
                    taken += next(steps)
                except StopIteration as end:
                    status = end.value
                    break
                if taken > longest:
                    yield taken - longest
                    longest = taken
        return status

    def _stage(self, command: ShellCommand) -> Steps:
        try:
            return (yield from self._simple(command))
        except _Exit as ended:
            return ended.status
        except _Leave:
            return 0

    def _each(self, chains: Sequence[ShellChain]) -> Generator[float, None, None]:
        for chain in chains:
            yield from self._chain(chain.links)

    def _branch(self, branch: ShellIf) -> Steps:
        strict, self._strict = self._strict, False  # a condition may fail
        yield from self._each(branch.condition)
        self._strict = strict
        chosen = branch.otherwise if self._status else branch.body
        yield from self._each(chosen)
        return self._status if chosen else 0

    def _loop(self, loop: ShellLoop) -> Steps:
        strict, status, turns = self._strict, 0, 0
        while True:
            self._strict = False  # a condition may fail
            begun = self.now()
            yield from self._each(loop.condition)
            self._strict = strict
            if bool(self._status) != loop.until:
                return status
            if (yield from self._turn(loop.body)):
                return 0
            status = self._status
            turns = turns + 1 if self.now() == begun else 0
            if turns > MOST_TURNS:
                yield float("inf")

    def _for(self, loop: ShellFor) -> Steps:
        fields = yield from self._fields(loop.words)
        for field in fields:
            self._assign(loop.name, field)
            if (yield from self._turn(loop.body)):
                return 0
        return self._status if fields else 0

    def _case(self, case: ShellCase) -> Steps:
        subject = yield from self._text(case.subject)
        for patterns, body in case.clauses:
            for pattern in patterns:
                glob = ""
                for part in pattern:
                    text = yield from self._expanded(part)
                    glob += escape(text) if part.quoted else text
                if fnmatchcase(subject, glob):
                    yield from self._each(body)
                    return self._status if body else 0
        return 0

    def _turn(self, body: Sequence[ShellChain]) -> Generator[float, None, bool]:
        """Run the body of a loop; return whether the loop ends with it."""
        before = self._loops
        self._loops += 1
        try:
            yield from self._each(body)
        except _Leave as leave:
            self._status = 0
            return not leave.goes_on
        finally:
            self._loops = before
        return False

    def _chain(self, links: Sequence[tuple[str, Piece]]) -> Generator[float, None, None]:
        last = links[-1][1]
        for joint, piece in links:
            if (joint == "&&" and self._status) or (joint == "||" and not self._status):
                continue
            self._status = yield from self._piece(piece)
            plain = not isinstance(piece, ShellNot)
            if self._status and self._strict and piece is last and plain:
                raise _Exit(self._status)

    def _piece(self, piece: Piece) -> Steps:
        if isinstance(piece, ShellCommand):
            return (yield from self._simple(piece))
        if isinstance(piece, ShellPipe):
            return (yield from self._pipe(piece))
        if isinstance(piece, ShellIf):
            return (yield from self._branch(piece))
        if isinstance(piece, ShellCase):
            return (yield from self._case(piece))
        if isinstance(piece, ShellLoop):
            return (yield from self._loop(piece))
        if isinstance(piece, ShellFor):
            return (yield from self._for(piece))
        if isinstance(piece, ShellGroup):
            yield from self._each(piece.body)
            return self._status
        strict, self._strict = self._strict, False
        status = yield from self._piece(piece.piece)
        self._strict = strict
        return int(not status)

    def _simple(self, command: ShellCommand) -> Steps:
        kept, self._substituted = list(self.streams), 0
        words = yield from self._fields(command.words)
        try:
            for descriptor, operator, target in command.redirects:
                self.redirect(descriptor, operator, (yield from self._text(target)))
        except OSError as error:
            self.streams = kept
            self.complain(f"sh: cannot open {error.filename}: {error.strerror}")
            return 2
        try:
            settings: dict[str, str] = {}
            for name, word in command.assignments:
                settings[name] = yield from self._text(word)
                if not words:
                    self._assign(name, settings[name])
            return (yield from self._with(settings, words)) if words else self._substituted
        finally:
            self.streams = kept

    def _with(self, settings: dict[str, str], words: list[str]) -> Steps:
        if words[0] in BUILTINS:
            return (yield from self._builtin(words[0], words[1:]))
        try:
            rule = self._around.workload.of_command(" ".join(words), self._around.describe)
        except Exception as error:  # the user's own function
            self.complain(f"sh: {rules_failed(error)}")
            return 126
        if rule is not None:
            return (yield from self.behave(rule))
        if not settings:
            return (yield from self.run(words))
        before = self.environment
        self.environment = {**before, **settings}
        try:
            return (yield from self.run(words))
        finally:
            self.environment = before

    def _builtin(self, name: str, args: list[str]) -> Steps:
        if name == "exit":
            raise _Exit(exit_code(args, self._status))
        if name in {"break", "continue"} and self._loops:
            raise _Leave(goes_on=name == "continue")
        if name == "exec" and args:
            raise _Exit((yield from self._with({}, args)))
        if name == "cd":
            path = self.path(args[0] if args else "/")
            if not self.disk.exists(path):
                self.complain(f"sh: cd: can't cd to {args[0]}")
                return 2
            self.cwd = "/" + "/".join(parts_of(path))
        elif name == "export":
            for setting in args:
                variable, sign, value = setting.partition("=")
                self.environment[variable] = value if sign else self._value(variable)
        elif name == "set" and args in (["-e"], ["-eu"], ["-ue"]):
            self._strict = True
        return 0

    # -- variables -------------------------------------------------------------------------------

    def _assign(self, name: str, value: str) -> None:
        (self.environment if name in self.environment else self._variables)[name] = value

    def _value(self, name: str) -> str:
        if name == "?":
            return str(self._status)
        return self._variables.get(name) or self.environment.get(name, "")

    def _expanded(self, part: Part) -> Generator[float, None, str]:
        if part.kind == "literal":
            return part.text
        if part.kind == "variable":
            return self._value(part.text)
        if part.kind == "expression":
            return self._result((yield from self._text(quoted_parts(part.text))))
        child, out = self._fork(), bytearray()
        child.streams[1] = out
        self._substituted = yield from child._script(part.text)
        return out.replace(b"\0", b"").decode(errors="replace").rstrip("\n")

    def _result(self, expression: str) -> str:
        try:
            return str(evaluate(expression, self._value))
        except ZeroDivisionError:
            self.complain(f"sh: arithmetic expression: division by zero: {expression!r}")
        except ValueError as error:
            self.complain(f"sh: Illegal number: {error}")
        except NotUnderstood:
            self.complain(f"sh: arithmetic expression: syntax error: {expression!r}")
        raise _Exit(2)

    def _text(self, word: Sequence[Part]) -> Generator[float, None, str]:
        text = ""
        for part in word:
            text += yield from self._expanded(part)
        return text

    def _fields(self, words: Sequence[Word]) -> Generator[float, None, list[str]]:
        """Expand words; what unquoted variables and substitutions stand for is split at blanks."""
        found: list[str] = []
        for word in words:
            whole = ""
            for part in word:
                text = yield from self._expanded(part)
                splits = part.kind != "literal" and not part.quoted
                whole += re.sub(r"[ \t\n]+", "\0", text) if splits else text
            fields = [field for field in whole.split("\0") if field]
            found += fields or [""] * any(part.quoted for part in word)
        return found
