"""What the commands of a simulated lab do: how long they take, what they print, how they end.

A node understands much of the shell (`batchlab.drivers.simulated.shell`): ``sleep 30`` takes 30
virtual seconds, and ``exit 1`` fails. Any other program behaves as the workload says: as in the
first rule whose pattern matches the task's id or command line, or else as the default. A rule
takes precedence even if the node could interpret the command. It may be a function of the launch,
so that what a command does depends on its node, on the time, or on what came before.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.base import Model
from batchlab.core.model.ids import RunId
from batchlab.core.model.ranges import is_number
from batchlab.core.model.values import FailureInfo
from batchlab.durations import parse_duration
from batchlab.errors import invalid

__all__ = ["Behavior", "Launch", "Load", "Workload"]

_SERVER_CODES = (
    "BlobDownloadMiscError",
    "BlobDownloadTimedOut",
    "DiskFull",
    "ResourceDirectoryCreateFailed",
    "ResourceFileCreateFailed",
    "ResourceFileWriteFailed",
    "Unknown",
)
_USER_CODES = (
    "BlobAccessDenied",
    "BlobNotFound",
    "CommandLaunchFailed",
    "CommandProgramNotFound",
    "ContainerInvalidImage",
    "ContainerInvalidRegistry",
    "ContainerInvalidSettings",
)


class Load(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The resources that a command uses while it runs in a simulated lab, as formulas see them.

    Parameters
    ----------
    cpu : float, default 1
        Number of busy cores.
    memory_megabytes : float, default 100
        Memory used.
    disk_gigabytes : float, default 0
        Disk space used.
    disk_read_bytes, disk_write_bytes : float, default 0
        Bytes per second.
    disk_read_ops, disk_write_ops : float, default 0
        Operations per second.
    network_in_bytes, network_out_bytes : float, default 0
        Bytes per second.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: not a number, or negative.
    """

    cpu: float = 1.0
    memory_megabytes: float = 100.0
    disk_gigabytes: float = 0.0
    disk_read_bytes: float = 0.0
    disk_write_bytes: float = 0.0
    disk_read_ops: float = 0.0
    disk_write_ops: float = 0.0
    network_in_bytes: float = 0.0
    network_out_bytes: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) < 0:
                raise invalid(name, getattr(self, name), "must be 0 or more", owner="Load")


PLAIN = Load()


class Behavior(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What one command does in a simulated lab.

    Wherever a Behavior is accepted, a duration means a Behavior of that `duration`.

    Parameters
    ----------
    duration : duration, optional
        How long it takes; the workload's default (40 s) if omitted.
    exit_code : int, default 0
        The exit code, 0 to 255.
    stdout, stderr : str, default ""
        The output that it prints at its end.
    files : mapping of str to str, optional
        The files that it writes at its end: text by path, relative to its working directory.
    failure : str, optional
        Azure's error code if the command cannot be launched, such as
        ``"CommandProgramNotFound"`` or ``"BlobNotFound"``. The command then takes no time and has
        no exit code.
    load : Load, default one core and 100 MB
        The resources that it uses while it runs.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``, ``UnsupportedProperty``.
    """

    duration: timedelta | None = None
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    files: dict[str, str] = {}
    failure: str | None = None
    load: Load = PLAIN

    @classmethod
    def from_sugar(cls, value: Any) -> Any:
        """Accept a duration as a behavior of that duration."""
        if is_number(value) or isinstance(value, (str, timedelta)):
            return cls(duration=parse_duration(value, owner="Behavior"))
        return None

    def __post_init__(self) -> None:
        if not 0 <= self.exit_code <= 255:
            raise invalid("exit_code", self.exit_code, "must be from 0 to 255", owner="Behavior")
        for path in self.files:
            if path.startswith("/") or ".." in path.split("/"):
                raise invalid("files", path, "must be a path inside the working directory",
                              owner="Behavior")  # fmt: skip
        codes = _USER_CODES + _SERVER_CODES
        if self.failure is not None and self.failure not in codes:
            raise invalid("failure", self.failure, "must be one of " + ", ".join(codes),
                          owner="Behavior")  # fmt: skip

    @property
    def is_silent(self) -> bool:
        """Whether the command produces nothing but an exit code."""
        return not (self.failure or self.stdout or self.stderr or self.files)

    @property
    def failure_info(self) -> FailureInfo | None:
        """Why the command is not launched; None if it is."""
        if self.failure is None:
            return None
        return FailureInfo(
            category="ServerError" if self.failure in _SERVER_CODES else "UserError",
            code=self.failure,
            message="The command was not launched",
            details={"Message": "the workload of this simulated lab makes it fail"},
        )


class Launch(NamedTuple):
    """A command that is launched, as the function of a rule sees it.

    Attributes
    ----------
    command : str
        The command line, or one command of a script.
    run_id : RunId
        Which run it belongs to: `job_id`, `task_id`, `node_id`, `number`.
    now : datetime
        The lab's time.
    node_age : timedelta
        Since the node first started with an empty disk; a reboot does not change it.
    """

    command: str
    run_id: RunId
    now: datetime
    node_age: timedelta


Describe = Callable[[str], Launch]
Rules = Mapping[str, Any] | Callable[[StartRun], Any]


class Workload:
    """What the commands of a simulated lab do.

    Parameters
    ----------
    default : Behavior or duration, default "40s"
        The behavior of a command that no rule matches and the node cannot interpret.
    rules : mapping of pattern to Behavior, duration or callable, or callable, optional
        Patterns as in `fnmatch`, matched against a task's id (ignoring case) and its command
        line, or a command of its script; the first match counts. A value may also be a function
        of the command that is launched (``launch.node_age``, ``launch.run_id.node_id`` ...), which
        returns a behavior or a duration: so a command can do something else on an old node, or at
        night. A callable in place of the mapping receives each run that starts
        (``run.run_id.task_id``, ``run.command_line`` ...) and returns a behavior, a duration, or
        None.
    jitter : float, default 0
        How much durations vary: 0.2 means up to 20 % more or less, drawn with the lab's seed.

    Examples
    --------
    >>> Workload(default="40s", rules={"task00*": Behavior(duration="10s", exit_code=1)})
    Workload(default=40s, rules=1, jitter=0)

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: neither a behavior nor a duration.
    """

    pace = 0.0
    """Seconds that each command of a script takes besides: none, except in rehearsals."""

    def __init__(
        self, default: Any = "40s", *, rules: Rules | None = None, jitter: float = 0
    ) -> None:
        self.default = _behavior(default, "default")
        if not is_number(jitter) or not 0 <= jitter < 1:
            raise invalid("jitter", jitter, "must be a number from 0 to less than 1",
                          owner="Workload")  # fmt: skip
        self.jitter = jitter
        self._rules: list[_Rule] = []
        self._ask: Callable[[StartRun], Any] | None = None
        if callable(rules):
            self._ask = rules
        elif isinstance(rules, Mapping):
            self._rules = [_rule(pattern, value) for pattern, value in rules.items()]
        elif rules is not None:
            raise invalid("rules", rules, "must be a mapping of patterns, or a callable",
                          owner="Workload")  # fmt: skip

    def __repr__(self) -> str:
        rules = "callable" if self._ask else len(self._rules)
        return f"Workload(default={self._default_s():g}s, rules={rules}, jitter={self.jitter:g})"

    def of_run(self, start_run: StartRun, describe: Describe) -> Behavior | None:
        """What the rules say about a run; None if nothing.

        Parameters
        ----------
        start_run : StartRun
        describe : callable
            Returns the `Launch` of a command, for rules that are functions.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: a function returned something else.
        """
        if self._ask is not None:
            answer = self._ask(start_run)
            return None if answer is None else _behavior(answer, "rules(run)")
        for id_pattern, command_pattern, behavior in self._rules:
            # The coordination command of a subtask is not what its task is known by.
            by_id = start_run.coordination is None and id_pattern.match(start_run.run_id.task_id)
            if by_id or command_pattern.match(start_run.command_line):
                return _decided(behavior, start_run.command_line, describe)
        return None

    def of_command(self, command: str, describe: Describe) -> Behavior | None:
        """Return the behavior of a command in a script; None if no rule matches.

        Parameters
        ----------
        command : str
        describe : callable
            As for `of_run`.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: a function returned something else.
        """
        for _, command_pattern, behavior in self._rules:
            if command_pattern.match(command):
                return _decided(behavior, command, describe)
        return None

    def seconds(self, behavior: Behavior, random: Random) -> float:
        """Return how long a command with this behavior takes this time.

        Parameters
        ----------
        behavior : Behavior
        random : random.Random
            Where chance comes from.
        """
        span = behavior.duration
        seconds = self._default_s() if span is None else span.total_seconds()
        return (
            seconds * random.uniform(1 - self.jitter, 1 + self.jitter) if self.jitter else seconds
        )

    def _default_s(self) -> float:
        span = self.default.duration
        return 40.0 if span is None else span.total_seconds()


def _behavior(value: Any, name: str) -> Behavior:
    if isinstance(value, Behavior):
        return value
    found = Behavior.from_sugar(value)
    if not isinstance(found, Behavior):
        raise invalid(name, value, "must be a Behavior or a duration", owner="Workload")
    return found


_Decision = Behavior | Callable[[Launch], Any]
_Rule = tuple[re.Pattern[str], re.Pattern[str], _Decision]


def _decided(decision: _Decision, command: str, describe: Describe) -> Behavior:
    if isinstance(decision, Behavior):
        return decision
    return _behavior(decision(describe(command)), "rules(launch)")


def _rule(pattern: object, value: Any) -> _Rule:
    if not isinstance(pattern, str):
        raise invalid("rules", pattern, "each pattern must be text", owner="Workload")
    regex = fnmatch.translate(pattern)
    behavior = value if callable(value) else _behavior(value, f"rules[{pattern!r}]")
    return re.compile(regex, re.IGNORECASE), re.compile(regex), behavior
