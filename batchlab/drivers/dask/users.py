"""Users that are real: each run has a number of its own in the eyes of the operating system.

A node whose lab isolates users has a *group*, which may enter its folder, and in it an auto user
for all its tasks, one for each named user of the pool, and one for each task that wants its own.
They have numbers and no entry anywhere: nobody can log in as one of them, and nothing is left
behind. A table of all numbers in use on the machine keeps them apart, also those of other labs; a
number is free again when the folder that it was taken for is gone.

What belongs to whom: every directory down to that of a task is root's, so that no task can put a
link in the way of the node, and open to the group; a task with a user of its own has its directory
for itself alone. Only ``wd``, the streams and what the command makes are the user's. Who is
elevated is root.

What the node itself does on behalf of a user, such as fetching a file to where it wants it, it
does with the user's rights (`Owner.acting`): the kernel, not a look at paths, says what may be.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping

import msgspec

from batchlab.core.messages.outputs import RunUser
from batchlab.drivers.dask import watchdog

__all__ = ["NodeUsers", "Owner", "obstacle"]

GROUP = "group:"
SHARED = 0o3770
"""Mode of what a whole group may write to, where each removes only its own."""
AUTO_USER = "_azbatch"
RANGES = ((1_900_000_000, 1_900_999_999), (40_000, 59_999))
"""Where numbers are taken from: the second where a container has only the first 65536."""
KEPT = (
    "PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED",
    "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "OMP_NUM_THREADS",
)  # fmt: skip
"""Variables of root's process that a user without its rights may see, beside ``LC_*``."""

_SETGROUPS = {"x86_64": 116, "aarch64": 159}
"""The system call itself: the C library's function changes all threads of the process."""


def obstacle(folder: str) -> str | None:
    """Why users cannot be isolated on this machine, for nodes in this folder; None if they can."""
    if sys.platform != "linux" or platform.machine() not in _SETGROUPS:
        return f"it needs Linux on x86_64 or aarch64, not {sys.platform} {platform.machine()}"
    if os.geteuid() != 0:
        return f"it needs root, and this runs as user {os.geteuid()}"
    numbers = _numbers()
    if numbers is None:
        return "this container has no user numbers to spare (see /proc/self/uid_map)"
    closed = next((path for path in _above(folder) if not os.stat(path).st_mode & 0o001), None)
    if closed is not None:
        return f"only its owner can enter {closed}: give root=... a folder that all can enter"
    try:
        subprocess.run(["true"], user=numbers[0], group=numbers[0], extra_groups=[], check=True)
        with _table():
            pass
    except (OSError, subprocess.SubprocessError) as error:
        return f"root may not become another user here: {error}"
    return None


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who a run runs as.

    Parameters
    ----------
    name : str
        What ``USER`` says.
    uid, gid : int
        0 and the group of the node for one who is elevated.
    groups : tuple of int
        Further groups.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether it is elevated."""
        return self.uid == 0

    @property
    def process(self) -> dict[str, object]:
        """What `subprocess.Popen` needs to run a command as this user."""
        if self.is_root:
            return {"close_fds": True}
        return {
            "user": self.uid, "group": self.gid, "extra_groups": list(self.groups),
            "close_fds": True,
        }  # fmt: skip

    @property
    def killable(self) -> tuple[int, ...]:
        """The number of a user whose processes all belong to one task."""
        return (self.uid,) if self.uid == self.gid and self.uid else ()

    def environment(self, inherited: Mapping[str, str], working: str) -> dict[str, str]:
        """What is left of the node's environment: nothing of root's own, and a home."""
        if self.is_root:
            return dict(inherited)
        kept = {
            name: value
            for name, value in inherited.items()
            if name in KEPT or name.startswith("LC_")
        }
        return {**kept, "HOME": working, "USER": self.name, "LOGNAME": self.name}

    def give(self, path: str, mode: int) -> None:
        """Give a file or directory in a directory of root's to this user."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        os.chmod(path, mode)

    def give_all(self, directory: str) -> None:
        """Give the files in a directory of root's to this user alone."""
        for name in os.listdir(directory):
            self.give(f"{directory}/{name}", 0o600)

    def share(self, directory: str) -> None:
        """Let this user, and whoever is of its group, write to a directory of root's."""
        os.chown(directory, 0, self.gid)
        os.chmod(directory, SHARED)

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Have this thread, and no other, reach files with the rights of this user only."""
        if self.is_root:
            yield
            return
        before = os.getgroups()
        _set_groups(self.groups)
        try:
            _libc.setfsgid(self.gid)
            _libc.setfsuid(self.uid)
            if _libc.setfsuid(-1) != self.uid or _libc.setfsgid(-1) != self.gid:
                raise PermissionError(f"this process may not act as user {self.uid}")
            yield
        finally:
            _libc.setfsuid(0)
            _libc.setfsgid(0)
            _set_groups(before)


class NodeUsers:
    """The users of one node.

    Parameters
    ----------
    root : str
        The node's folder; it exists.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.group = _take(root, GROUP)
        self._numbers: dict[str, int] = {}

    def open_folders(self) -> None:
        """Let the group, and nobody else, into the node's folder."""
        os.chmod(os.path.dirname(self._root), 0o711)
        for name in ("", "/startup", "/workitems", "/fsmounts", "/applications"):
            os.chown(self._root + name, 0, self.group)
            os.chmod(self._root + name, 0o750)
        os.chown(f"{self._root}/shared", 0, self.group)
        os.chmod(f"{self._root}/shared", SHARED)
        os.chmod(f"{self._root}/volatile", 0o700)

    def owner(self, user: RunUser | None, directory: str) -> Owner:
        """Who a run is to run as, whose directory exists."""
        user = user or RunUser()
        alone = user.scope == "task" and not user.name
        if user.elevation_level == "admin":
            return Owner(name=user.name or "root", uid=0, gid=0 if alone else self.group)
        if alone:
            own = _take(directory, AUTO_USER)
            return Owner(name=AUTO_USER, uid=own, gid=own, groups=(self.group,))
        name = user.name.lower() or AUTO_USER
        if name not in self._numbers:
            self._numbers[name] = _take(self._root, name)
        return Owner(name=user.name or AUTO_USER, uid=self._numbers[name], gid=self.group)

    def make_directory(self, directory: str, user: RunUser | None) -> Owner:
        """Make the directory of a run with all above it, and say who the run runs as."""
        above, relative = self._root, os.path.relpath(directory, self._root)
        for part in relative.split("/"):
            above = f"{above}/{part}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(above, 0o700)
                os.chown(above, 0, self.group)
                os.chmod(above, 0o750)
        owner = self.owner(user, directory)
        os.chown(directory, 0, owner.gid)
        return owner


# -- the table of numbers ---------------------------------------------------------------------


def _take(folder: str, name: str) -> int:
    """The number that is taken for a folder under a name, now or before."""
    key = f"{os.fsencode(folder).hex()} {name}"
    with _table() as table:
        last, lines = table.read()
        for number, other in lines.items():
            if other == key:
                return number
        numbers = _numbers()
        assert numbers is not None
        first, end = numbers
        number = last
        for _ in range(end - first + 1):
            number = number + 1 if first <= number < end else first
            if number not in lines:
                break
        table.write(number, lines | {number: key})
        return number


class _Table:
    """Numbers in use on this machine: the last that was given, then each with what it is for."""

    def __init__(self, file: int) -> None:
        self._file = file

    def read(self) -> tuple[int, dict[int, str]]:
        """The last number, and the numbers whose folder is still there."""
        text = os.pread(self._file, 2**24, 0).decode()
        last, _, rest = text.partition("\n")
        lines: dict[int, str] = {}
        for line in rest.splitlines():
            number, _, key = line.partition(" ")
            if os.path.lexists(os.fsdecode(bytes.fromhex(key.split(" ")[0]))):
                lines[int(number)] = key
        return int(last or 0), lines

    def write(self, last: int, lines: Mapping[int, str]) -> None:
        """Write all of it down."""
        rows = [str(last), *(f"{number} {key}" for number, key in lines.items())]
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, "\n".join(rows).encode() + b"\n", 0)


@contextlib.contextmanager
def _table() -> Iterator[_Table]:
    """The table, held for this process alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(watchdog.USERS_FILE, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield _Table(file)
    finally:
        os.close(file)


def _numbers() -> tuple[int, int] | None:
    """The first and the last number that this system lets us take."""
    extents = []
    for kind in ("uid", "gid"):
        with open(f"/proc/self/{kind}_map", encoding="ascii") as file:
            extents.append([[int(word) for word in line.split()] for line in file])
    for first, last in RANGES:
        if all(
            any(start <= first and last < start + count for start, _, count in lines)
            for lines in extents
        ):
            return first, last
    return None


def _above(folder: str) -> Iterator[str]:
    """The directories above a folder that exist."""
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        if os.path.isdir(folder):
            yield folder


# -- rights of one thread ---------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _set_groups(groups: tuple[int, ...] | list[int]) -> None:
    array = (ctypes.c_uint32 * len(groups))(*groups)
    if _libc.syscall(_SETGROUPS[platform.machine()], len(groups), array) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
