"""A process on a simulated node: what it runs, and what it says.

It interprets programs, builtins and scripts, and asks the rules of the workload before each
command of a script. A process whose loop turns round without taking time hangs, as a real one
would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from batchlab.drivers.launches import LaunchFailed
from batchlab.drivers.simulated.around import Around, Steps, rules_failed
from batchlab.drivers.simulated.disk import Disk, File
from batchlab.drivers.simulated.shell.arguments import program_of
from batchlab.drivers.simulated.shell.interpreter import Interpreter
from batchlab.drivers.simulated.shell.launchers import LAUNCHERS, SHELLS
from batchlab.drivers.simulated.shell.programs import PROGRAMS
from batchlab.drivers.simulated.shell.shell_builtins import BASH_ONLY, BUILTINS, UNKNOWN
from batchlab.drivers.simulated.shell.words import NotUnderstood
from batchlab.drivers.simulated.workload import Behavior

__all__ = ["UNDERSTOOD", "SimulatedProcess"]

UNDERSTOOD = {*LAUNCHERS, *PROGRAMS}
"""Programs that a node interprets."""
KNOWN = {
    "alias", "awk", "base64", "bc", "cmp", "column", "comm", "declare", "df", "diff", "du",
    "free", "getopts", "gunzip", "gzip", "id", "jobs", "join", "jq", "ln", "mktemp", "nl", "nproc",
    "paste", "perl", "ps", "readlink", "readonly", "realpath", "shuf", "split", "stat", "tar",
    "top", "type", "ulimit", "uname", "unzip", "uptime", "which", "whoami", "yes", "zip",
}  # fmt: skip
"""Tools whose effect a script relies on, which are not simulated."""
_SHEBANG = re.compile(rb"#!\s*(?:/usr/bin/env\s+|/(?:usr/)?bin/)(\w+)")


class SimulatedProcess(Interpreter):
    """A process with the state that child processes inherit: folder, variables, streams."""

    def __init__(
        self,
        around: Around,
        disk: Disk,
        directory: str,
        environment: Callable[[], dict[str, str]],
    ) -> None:
        super().__init__(disk, directory, around.now, environment)
        self._around = around
        self.pace = around.workload.pace
        self._begun = around.now()
        self.called = ""
        """The program that runs, as it was named."""

    def child(self) -> SimulatedProcess:
        """Return a process that inherits folder, streams and exported variables."""
        child = SimulatedProcess(self._around, self.disk, "", lambda: dict(self.environment))
        child.cwd, child.streams = self.cwd, list(self.streams)
        child.state.pid = self.state.pid + 100 + len(self.state.jobs)
        return child

    def fork(self) -> SimulatedProcess:
        """Return a child that also has the variables that are not exported."""
        child = self.child()
        child.state, child.bash = self.state.fork(), self.bash
        return child

    def value(self, name: str) -> str | None:
        """Return the value of a variable, with those that bash sets."""
        known = super().value(name)
        if known is not None or not self.bash:
            return known
        match name:
            case "RANDOM":
                return str(self._around.random.randrange(2**15))
            case "SECONDS":
                return str(int(self.now() - self._begun))
            case "HOSTNAME":
                return self.environment.get("AZ_BATCH_NODE_ID")
        return None

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
        self.called = words[0]
        try:
            if name in LAUNCHERS:
                return (yield from LAUNCHERS[name](self, args))
            if name in PROGRAMS:
                return PROGRAMS[name](self, args)
            if "/" in name and not top and self.disk.exists(self.path(name)):
                return (yield from self._file(name, args))
            if name in KNOWN and not top:
                raise NotUnderstood(" ".join(words))
            if "=" in name or args[:1] == ["="]:
                self.complain(f"sh: {name}: not found (a variable is set without blanks: X=1)")
                return 127
        except NotUnderstood as unknown:
            self.complain(_not_simulated(name, str(unknown)))
        except OSError as error:
            self.complain(f"{name}: {error.filename}: {error.strerror}")
            return 1
        except RecursionError:
            if not top:
                raise
            self.complain(f"{name}: nested too deeply")
            return 2
        return (yield from self.behave(self._around.workload.default, top=top))

    def _file(self, name: str, args: list[str]) -> Steps:
        """Run a script by its path."""
        found = self.disk.find(self.path(name))
        if not isinstance(found, File) or not found.mode & 0o111:
            self.complain(f"sh: {name}: Permission denied")
            return 126
        shebang = _SHEBANG.match(bytes(found.data))
        program = shebang[1].decode() if shebang else "sh"
        if program not in SHELLS:
            return (yield from self.behave(self._around.workload.default))
        return (yield from LAUNCHERS[program](self, [name, *args]))

    def external(self, words: list[str]) -> Steps:
        """Run what is not a part of the shell: what a rule says, or a program."""
        try:
            rule = self._around.workload.of_command(" ".join(words), self._around.describe)
        except Exception as error:  # the user's own function
            self.complain(f"sh: {rules_failed(error)}")
            return 126
        return (yield from self.run(words) if rule is None else self.behave(rule))

    def command(self, settings: dict[str, str], words: list[str]) -> Steps:
        """Run a command: a function, a builtin or a program."""
        name = words[0]
        if name in BUILTINS or (self.bash and name in BASH_ONLY) or name in self.state.functions:
            return (yield from self._inside(settings, words))
        if not self.bash and (name in BASH_ONLY or name in UNKNOWN):
            self.complain(f"sh: {name}: not found (it is a part of bash: use /bin/bash -c)")
            return 127
        if name in UNKNOWN:
            self.complain(_not_simulated("bash", name))
            return (yield from self.behave(self._around.workload.default))
        if not settings:
            return (yield from self.external(words))
        before = self.environment
        self.environment = {**before, **settings}
        try:
            return (yield from self.external(words))
        finally:
            self.environment = before

    def _inside(self, settings: dict[str, str], words: list[str]) -> Steps:
        """Run a function or a builtin, which may change the shell."""
        name, args = words[0], words[1:]
        before = {variable: self.value(variable) for variable in settings}
        for variable, value in settings.items():
            self.assign(variable, value)
        try:
            if name in self.state.functions:
                return (yield from self.call(name, args))
            done = {**BUILTINS, **BASH_ONLY}[name](self, args)
            return done if isinstance(done, int) else (yield from done)
        except NotUnderstood as unknown:
            self.complain(_not_simulated(name, str(unknown)))
            return (yield from self.behave(self._around.workload.default))
        finally:
            for variable, old in before.items():
                self.state.variables.pop(variable, None)
                if old is not None:
                    self.assign(variable, old)

    def locate(self, name: str, builtins: set[str]) -> int:
        """Print where a program is, as ``command -v`` does."""
        if name not in builtins and name not in UNDERSTOOD:
            raise NotUnderstood(name)
        self.say(f"{name}\n" if name in builtins else f"/usr/bin/{name}\n")
        return 0


def _not_simulated(program: str, what: str) -> str:
    return (
        f"batchlab: simulated nodes cannot interpret {what[:80]!r} ({program}), which therefore "
        "does nothing, in the time of the workload's default. Use another command, or say what "
        f"this one does: Workload(rules={{'*{program} *': Behavior(stdout='...')}})"
    )
