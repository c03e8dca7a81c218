"""Spawning a command, waiting for it, and leaving no process of it behind.

A command line is split into words as in a POSIX shell, but no shell is involved: ``$VAR`` and
``>`` have no meaning. Each command leads its own session and process group. After its exit it is
not reaped until the rest of its group is killed, so that no other group can get the same ID
before. Processes that moved to another group or session are found by their session, an
environment variable or a limit (see `watchdog`); this takes milliseconds and is done only for a
command that is killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from batchlab.drivers.dask.guards import enter_session
from batchlab.drivers.dask.spawner import open_stream
from batchlab.drivers.dask.watchdog import kill_marked, kill_users, kin_of, mark_kin
from batchlab.drivers.launches import LaunchFailed, is_exhausted, launch_failed

if TYPE_CHECKING:
    from batchlab.drivers.dask.users import Owner

__all__ = ["Process", "kill_remaining", "split_command"]

_PLAIN = re.compile(r"[ !#-&(-\[\]-~]*")  # printable, without quotes and backslash


def split_command(command_line: str) -> list[str]:
    """Split a command line into words; raises `LaunchFailed` if its quotes do not match."""
    if _PLAIN.fullmatch(command_line):
        return command_line.split()  # the same, ten times as fast
    try:
        return shlex.split(command_line)
    except ValueError as error:
        raise launch_failed(
            "CommandLaunchFailed", f"the command line {command_line!r} cannot be parsed: {error}"
        ) from None


@cache
def _nothing() -> int:
    return os.open(os.devnull, os.O_RDONLY)


class Process:
    """A command that has been spawned.

    Parameters
    ----------
    words : list of str
        The program, looked up on the ``PATH`` of `environment` or relative to `directory`, and
        its arguments.
    directory : str
        The working directory.
    environment : mapping
    stdout, stderr : str
        The output files, which are overwritten.
    owner : Owner, optional
        The user it runs as; the user of this process if omitted.

    Raises
    ------
    LaunchFailed
        ``CommandProgramNotFound`` or ``CommandLaunchFailed``.
    """

    def __init__(
        self,
        words: list[str],
        directory: str,
        environment: Mapping[str, str],
        stdout: str,
        stderr: str,
        owner: Owner | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._reaped = False
        self._killed = False
        self._environment = environment
        self._root = environment.get("AZ_BATCH_NODE_ROOT_DIR", "")
        self._killable = owner.killable if owner is not None else ()
        identity: dict[str, Any] = {"close_fds": False} if owner is None else owner.process
        with contextlib.ExitStack() as opened:
            out = _open_stream(stdout, opened, owner)
            err = _open_stream(stderr, opened, owner)
            try:
                self._popen = subprocess.Popen(
                    words, cwd=directory, env=environment, stdin=_nothing(), stdout=out,
                    stderr=err, start_new_session=True, **identity,
                )  # fmt: skip
            except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
                raise _not_launched(words, directory, error, owner) from None
        if "AZ_BATCH_TASK_DIR" in environment:
            mark_kin(self.pid, self._root, environment["AZ_BATCH_TASK_DIR"])
        self._strike = enter_session(self.pid, self._root)

    @property
    def pid(self) -> int:
        """The ID of the process, its group and its session."""
        return self._popen.pid

    def kill(self) -> bool:
        """Kill the process and its group; False if it had already ended. Does not wait."""
        with self._lock:
            if self._reaped or self.has_ended():
                return False
            self._killed = True
            _kill_group(self.pid)
            return True

    def returned(self) -> int:
        """Wait until the command itself has ended; processes that it started may continue."""
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                if ended is not None:
                    natural = ended.si_code == os.CLD_EXITED
                    return ended.si_status if natural else 128 + ended.si_status
        code = self._popen.wait()  # macOS before Python 3.13
        return 128 - code if code < 0 else code

    def clear(self, last_look: Callable[[int], None] | None = None) -> None:
        """Kill all remaining processes of a command after it has ended."""
        self._killed = True
        self.wait(last_look)

    def wait(self, last_look: Callable[[int], None] | None = None) -> int:
        """Wait until no process of the command is left; return its exit code, or 128 + signal.

        `last_look` is called with the ID of the ended process, before the ID can be reused.
        """
        code = self.returned()
        if last_look is not None:
            last_look(self.pid)
        with self._lock:
            _kill_group(self.pid)
            self._strike()  # from here on, the ID may be reused
            self._popen.wait()
            self._reaped = True
        if self._killed and "AZ_BATCH_TASK_DIR" in self._environment:
            kill_remaining(self._environment)
            kill_users(self._killable)
        return code

    def has_ended(self) -> bool:
        """Whether the process has ended; does not reap it."""
        if not hasattr(os, "waitid"):
            return self._popen.poll() is not None
        try:
            flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
            return os.waitid(os.P_PID, self.pid, flags) is not None
        except ChildProcessError:
            return True


def kill_remaining(environment: Mapping[str, str], sessions: Collection[int] = ()) -> None:
    """Kill the processes of a run that are no longer in its group, and those of `sessions`."""
    root, directory = (
        environment.get("AZ_BATCH_NODE_ROOT_DIR", ""),
        environment["AZ_BATCH_TASK_DIR"],
    )
    mark = b"AZ_BATCH_TASK_DIR=" + os.fsencode(directory)
    kill_marked(mark, sessions=sessions, kin=kin_of(root, directory))


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _open_stream(path: str, opened: contextlib.ExitStack, owner: Owner | None) -> int:
    try:
        number = open_stream(path)
    except OSError as error:
        raise launch_failed(
            "DiskFull" if error.errno == errno.ENOSPC else "CommandLaunchFailed",
            f"{path} cannot be written: {error.strerror}",
            server=True,
            exhausted=is_exhausted(error),
        ) from None
    opened.callback(os.close, number)
    if owner is not None:
        os.fchown(number, owner.uid, owner.gid)
    return number


def _not_launched(
    words: list[str], directory: str, error: Exception, owner: Owner | None
) -> LaunchFailed:
    program = words[0] if words else ""
    if isinstance(error, FileNotFoundError):
        if os.path.isdir(directory):
            return launch_failed(
                "CommandProgramNotFound",
                f"there is no program {program!r} on the node (or, if it is a script, its "
                "interpreter is missing)",
            )
        return launch_failed(
            "CommandLaunchFailed",
            f"the working directory {directory} no longer exists",
            server=True,
        )
    if isinstance(error, PermissionError) and owner is not None and os.access(program, os.X_OK):
        reason = (
            "only root can access it, not the task's user: run the task elevated, or use a "
            f"program outside root's folders ({os.path.realpath(program)})"
        )
    elif isinstance(error, PermissionError):
        reason = "it is a directory or not executable"
    else:
        reason = getattr(error, "strerror", None) or str(error)
    exhausted = is_exhausted(error)
    return launch_failed(
        "CommandLaunchFailed", f"{program!r} cannot be started: {reason}",
        server=exhausted, exhausted=exhausted,
    )  # fmt: skip
