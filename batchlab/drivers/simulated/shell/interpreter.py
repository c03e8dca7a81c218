"""Runs the parsed scripts of simulated nodes: pipes, branches, loops, functions, background."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Sequence
from fnmatch import fnmatchcase

from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.shell.conditions import holds
from batchlab.drivers.simulated.shell.expansion import Expansion
from batchlab.drivers.simulated.shell.script import parse
from batchlab.drivers.simulated.shell.state import BackgroundJob, Exit, Leave, Return, Terminated
from batchlab.drivers.simulated.shell.syntax import (
    Piece,
    Redirect,
    ShellArithmetic,
    ShellCase,
    ShellChain,
    ShellCommand,
    ShellCondition,
    ShellFor,
    ShellFunction,
    ShellGroup,
    ShellIf,
    ShellLoop,
    ShellNot,
    ShellPipe,
    ShellRedirected,
)

__all__ = ["Interpreter"]

MOST_TURNS = 1000
"""Turns of a loop in no time, after which it hangs."""
MOST_JOBS = 100
"""Jobs in the background from which on a shell forgets those that have ended."""
MOST_CALLS = 20
"""How deep functions may call each other, since each takes stack."""
Running = Generator[float, None, None]


class Interpreter(Expansion):
    """A shell process, without the commands that it runs."""

    pace = 0.0
    """Seconds that each command takes besides."""
    keeps_streams = False
    """Whether the streams of the command that runs stay afterwards, as those of ``exec`` do."""

    @abstractmethod
    def fork(self) -> Interpreter:
        """Return a child that knows the same."""

    @abstractmethod
    def command(self, settings: dict[str, str], words: list[str]) -> Steps:
        """Run a command: a function, a builtin or a program."""

    @abstractmethod
    def external(self, words: list[str]) -> Steps:
        """Run what is not a part of the shell: what a rule says, or a program."""

    @abstractmethod
    def locate(self, name: str, builtins: set[str]) -> int:
        """Print where a program is, as ``command -v`` does."""

    # -- scripts and what runs beside them -------------------------------------------------------

    def script(self, text: str) -> Steps:
        """Run a script, and what it has arranged for its end."""
        return (yield from self._beside(self._whole(text)))

    def _whole(self, text: str) -> Steps:
        parsed = parse(text, bash=self.bash)
        if not parsed.chains and not parsed.error:
            return 0
        try:
            yield from self.here(text)
        except Exit as ended:
            self.state.status = ended.status
        except (Leave, Return):  # of what is around a substitution: only that ends
            self.state.status = 0
        except Terminated:
            if self.bash:
                yield from self._at_exit()
            raise
        yield from self._at_exit()
        return self.state.status

    def here(self, text: str) -> Generator[float, None, bool]:
        """Run a script as a part of this one; return whether no shell can parse it to its end."""
        parsed = parse(text, bash=self.bash)
        yield from self.each(parsed.chains)
        if parsed.error:
            self.complain(f"{self.state.name}: Syntax error: {parsed.error}")
            self.state.status = 2
        return bool(parsed.error)

    def _at_exit(self) -> Running:
        action, status = self.state.traps.pop("EXIT", ""), self.state.status
        if action:
            try:
                yield from self.trap(action)
            except Exit as ended:
                status = ended.status
        self.state.status = status

    def trap(self, action: str) -> Running:
        """Run what a trap says; the exit code stays what it was."""
        status = self.state.status
        parsed = parse(action, bash=self.bash)
        yield from self.each(parsed.chains)
        self.state.status = status

    def _beside(self, steps: Steps) -> Steps:
        """Run steps, and meanwhile the jobs in the background."""
        signal: Terminated | None = None
        while True:
            try:
                left = steps.throw(signal) if signal else next(steps)
            except StopIteration as end:
                return int(end.value)
            signal = None
            while True:
                running = [job for job in self.state.jobs if job.status is None]
                passing = min([left, *(job.due for job in running)])
                try:
                    yield passing
                except Terminated as sent:
                    signal = sent
                    break
                left -= passing
                for job in running:
                    job.due -= passing
                    if job.due <= 0:
                        job.go_on()
                if left <= 0:
                    break

    def background(self, chain: ShellChain) -> None:
        """Start a job."""
        child = self.fork()
        child.streams[0] = None
        jobs = self.state.jobs
        pid = (jobs[-1].pid if jobs else self.state.pid) + 1
        if len(jobs) > MOST_JOBS:
            self.state.jobs = jobs = [job for job in jobs if job.status is None]
        child.state.pid = self.state.pid
        steps = child.apart(lambda: child.each([chain._replace(background=False)]))
        job = BackgroundJob(pid, steps)
        jobs.append(job)
        job.go_on()

    def apart(self, running: Callable[[], Running]) -> Steps:
        """Run something as a process of its own, which ends where the something exits."""
        return (yield from self._beside(self._apart(running)))

    def _apart(self, running: Callable[[], Running]) -> Steps:
        try:
            yield from running()
        except (Exit, Return) as ended:
            self.state.status = ended.status
        except Leave:
            self.state.status = 0
        yield from self._at_exit()
        return self.state.status

    def each(self, chains: Sequence[ShellChain]) -> Running:
        """Run one chain after the other."""
        for chain in chains:
            if chain.background:
                self.background(chain)
                self.state.status = 0
            else:
                yield from self._chain(chain.links)

    def _excused(self, chains: Sequence[ShellChain]) -> Running:
        """Run a condition, which may fail."""
        self.state.excused += 1
        yield from self.each(chains)
        self.state.excused -= 1

    def _chain(self, links: Sequence[tuple[str, Piece]]) -> Running:
        state, last = self.state, links[-1][1]
        for joint, piece in links:
            if (joint == "&&" and state.status) or (joint == "||" and not state.status):
                continue
            before = state.excused
            state.excused += piece is not last
            try:
                state.status = yield from self._piece(piece)
            except Terminated:
                if "TERM" not in state.traps:
                    raise
                state.status = 143
                yield from self.trap(state.traps["TERM"])
            finally:
                state.excused = before
            if state.status and "e" in state.options and not state.excused and piece is last:
                inner = piece.piece if isinstance(piece, ShellRedirected) else piece
                separate = isinstance(inner, ShellGroup) and inner.separate
                plain = ShellCommand | ShellPipe | ShellCondition | ShellArithmetic
                if separate or isinstance(inner, plain):
                    raise Exit(state.status)

    def _piece(self, piece: Piece) -> Steps:
        state = self.state
        match piece:
            case ShellCommand():
                return (yield from self._simple(piece))
            case ShellPipe():
                return (yield from self._pipe(piece))
            case ShellIf():
                return (yield from self._branch(piece))
            case ShellCase():
                return (yield from self._case(piece))
            case ShellLoop():
                return (yield from self._loop(piece))
            case ShellFor():
                return (yield from self._for(piece))
            case ShellGroup(chains, separate):
                if separate:
                    child = self.fork()
                    return (yield from child.apart(lambda: child.each(chains)))
                yield from self.each(chains)
                return state.status
            case ShellNot(inner):
                state.excused += 1
                status = yield from self._piece(inner)
                state.excused -= 1
                return int(not status)
            case ShellFunction(name, body):
                state.functions[name] = body
                return 0
            case ShellRedirected(inner, redirects):
                return (yield from self._redirected(redirects, lambda: self._piece(inner)))
            case ShellArithmetic(expression):
                try:
                    return int(not self.calculate(expression))
                except Exit as failed:
                    return failed.status
            case ShellCondition(parts):
                try:
                    return int(not (yield from holds(self, parts)))
                except ValueError as error:
                    self.complain(f"{self.state.name}: [[: {error}")
                    return 1

    # -- pieces ----------------------------------------------------------------------------------

    def _pipe(self, pipe: ShellPipe) -> Steps:
        """Run the commands one after the other, in the time that the longest of them takes."""
        read, longest = self.streams[0], 0.0
        statuses: list[int] = []
        for place, piece in enumerate(pipe.stages):
            child = self.fork()
            child.streams[0] = read
            if place < len(pipe.stages) - 1:
                read = child.streams[1] = bytearray()
            steps, taken = child._stage(piece), 0.0
            while True:
                try:
                    taken += next(steps)
                except StopIteration as end:
                    statuses.append(end.value)
                    break
                if taken > longest:
                    yield taken - longest
                    longest = taken
        failed = [status for status in statuses if status]
        return failed[-1] if failed and "pipefail" in self.state.options else statuses[-1]

    def _stage(self, piece: Piece) -> Steps:
        chain = ShellChain((("", piece),))
        return self.apart(lambda: self.each([chain]))

    def _branch(self, branch: ShellIf) -> Steps:
        yield from self._excused(branch.condition)
        chosen = branch.otherwise if self.state.status else branch.body
        yield from self.each(chosen)
        return self.state.status if chosen else 0

    def _loop(self, loop: ShellLoop) -> Steps:
        status, turns = 0, 0
        while True:
            begun = self.now()
            yield from self._excused(loop.condition)
            if bool(self.state.status) != loop.until:
                return status
            if (yield from self._turn(loop.body)):
                return 0
            if loop.step:
                self.calculate(loop.step)
            status = self.state.status
            turns = turns + 1 if self.now() == begun else 0
            if turns > MOST_TURNS:
                yield float("inf")

    def _for(self, loop: ShellFor) -> Steps:
        fields = yield from self.fields(loop.words)
        for field in fields:
            self.assign(loop.name, field)
            if (yield from self._turn(loop.body)):
                return 0
        return self.state.status if fields else 0

    def _case(self, case: ShellCase) -> Steps:
        subject = yield from self.text(case.subject)
        for patterns, body in case.clauses:
            for pattern in patterns:
                if fnmatchcase(subject, (yield from self.pattern(pattern))):
                    yield from self.each(body)
                    return self.state.status if body else 0
        return 0

    def _turn(self, body: Sequence[ShellChain]) -> Generator[float, None, bool]:
        """Run the body of a loop; return whether the loop ends with it."""
        before = self.state.loops
        self.state.loops += 1
        try:
            yield from self.each(body)
        except Leave as leave:
            self.state.status = 0
            if leave.loops > 1 and before:
                raise Leave(goes_on=leave.goes_on, loops=leave.loops - 1) from None
            return not leave.goes_on
        finally:
            self.state.loops = before
        return False

    def refuse_depth(self, name: str) -> None:
        """End the shell if functions or files call each other too deeply."""
        if len(self.state.locals) >= MOST_CALLS:
            self.complain(f"{name}: functions call each other too deeply")
            raise Exit(2)

    def call(self, name: str, args: list[str]) -> Steps:
        """Call a function."""
        state = self.state
        self.refuse_depth(name)
        before = state.arguments, state.loops
        state.arguments, state.loops = args, 0
        state.locals.append({})
        try:
            return (yield from self._piece(state.functions[name]))
        except Return as returned:
            return returned.status
        finally:
            state.arguments, state.loops = before
            for variable, value in state.locals.pop().items():
                state.variables.pop(variable, None)
                if value is not None:
                    self.assign(variable, value)

    def _redirected(self, redirects: Sequence[Redirect], run: Callable[[], Steps]) -> Steps:
        """Run something with other streams."""
        kept = list(self.streams)
        try:
            for descriptor, operator, target in redirects:
                self.redirect(descriptor, operator, (yield from self.text(target)))
        except OSError as error:
            self.streams = kept
            self.complain(f"sh: cannot open {error.filename}: {error.strerror}")
            return 1 if self.bash else 2
        try:
            return (yield from run())
        finally:
            if not self.keeps_streams:
                self.streams = kept
            self.keeps_streams = False

    def _simple(self, command: ShellCommand) -> Steps:
        if self.pace:
            yield self.pace
        self.state.substituted = 0
        words = yield from self.fields(command.words)
        return (yield from self._redirected(
            command.redirects, lambda: self._assigned(command, words)
        ))  # fmt: skip

    def _assigned(self, command: ShellCommand, words: list[str]) -> Steps:
        settings: dict[str, str] = {}
        for target, word in command.assignments:
            name, text = target.removesuffix("+"), (yield from self.text(word))
            if target != name:
                text = f"{self.value(name) or ''}{text}"
            settings[name] = text
            if not words:
                self.assign(name, text)
        if "x" in self.state.options:
            shown = [*(f"{name}={value}" for name, value in settings.items()), *words]
            self.complain(f"+ {' '.join(shown)}")
        return (yield from self.command(settings, words)) if words else self.state.substituted
