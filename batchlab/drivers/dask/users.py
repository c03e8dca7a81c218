"""Isolated users: runs have separate user IDs in the operating system.

A node of a lab that isolates users has a *group*, which may enter the node's folder. The group has
an auto user for all tasks, one user for each named user of the pool, and one for each task that
asks for its own. They have only numeric IDs and no account, so no one can log in as them and
nothing is left behind. A table of all IDs in use on the machine, including those of other labs,
prevents conflicts; an ID is free again when the folder that it was taken for no longer exists.

Ownership: every directory down to that of a task belongs to root, so no task can mislead the node
with a link, and is open to the group. The directory of a task with its own user is closed to
others. Only ``wd``, the streams and files of the command belong to the user. An elevated user is
root.

When the node acts on behalf of a user, such as when it downloads a file, it acts with the user's
rights (`Owner.acting`): the kernel decides what is allowed, not a check of paths.
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
from batchlab.drivers.dask.folders import NodeFolders

__all__ = ["NodeUsers", "Owner", "exposure", "obstacle", "open_users"]

GROUP = "group:"
SHARED = 0o3770
"""Mode of a directory that the group may write to, where users can remove only their own files."""
AUTO_USER = "_azbatch"
RANGES = ((1_900_000_000, 1_900_999_999), (40_000, 59_999))
"""Ranges of IDs: the second is for containers that have only the first 65536."""
KEPT = (
    "PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED",
    "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "OMP_NUM_THREADS",
)  # fmt: skip
"""Variables of root's process that an ordinary user may see, in addition to ``LC_*``."""

_SETGROUPS = {"x86_64": 116, "aarch64": 159}
"""The system call, because the C library's function changes all threads of the process."""


def obstacle(folder: str) -> str | None:
    """Return why nodes in this folder cannot isolate users; None if they can."""
    if sys.platform != "linux" or platform.machine() not in _SETGROUPS:
        return f"it requires Linux on x86_64 or aarch64, not {sys.platform} {platform.machine()}"
    if os.geteuid() != 0:
        return f"it requires root, but this process runs as user {os.geteuid()}"
    numbers = _numbers()
    if numbers is None:
        return "this container has no free user IDs (see /proc/self/uid_map)"
    closed = next((path for path in _above(folder) if not os.stat(path).st_mode & 0o001), None)
    if closed is not None:
        return f"only its owner can enter {closed}: set root=... to a folder that all can enter"
    try:
        subprocess.run(["true"], user=numbers[0], group=numbers[0], extra_groups=[], check=True)
        with _table():
            pass
    except (OSError, subprocess.SubprocessError) as error:
        return f"root cannot switch to another user here: {error}"
    return None


def exposure(address: str) -> str | None:
    """Return why a scheduler or worker at this address undoes the isolation; None if it does not.

    Who can talk to Dask can run code as its user, which is root.
    """
    if address.partition("://")[0] in ("inproc", "tls"):
        return None
    return (
        f"{address} has no TLS, so every user of its network, including those of tasks, can run "
        "code there as root: start the cluster with certificates, such as "
        "dask.distributed.LocalCluster(security=True)"
    )


def open_users(address: str, folders: NodeFolders) -> NodeUsers:
    """Return the users of a node on the worker at an address; raises `PermissionError`."""
    reason = exposure(address) or obstacle(folders.lab)
    if reason is not None:
        raise PermissionError(f"isolate_users is not available here: {reason}")
    users = NodeUsers(folders.root)
    users.open_folders()
    return users


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The user that a run runs as.

    Parameters
    ----------
    name : str
        The value of ``USER``.
    uid, gid : int
        0 and the group of the node if elevated.
    groups : tuple of int
        Supplementary groups.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether the user is elevated."""
        return self.uid == 0

    @property
    def process(self) -> dict[str, object]:
        """The arguments of `subprocess.Popen` to run a command as this user."""
        if self.is_root:
            return {"close_fds": True}
        return {
            "user": self.uid, "group": self.gid, "extra_groups": list(self.groups),
            "close_fds": True,
        }  # fmt: skip

    @property
    def killable(self) -> tuple[int, ...]:
        """The ID of the user, if all its processes belong to one task."""
        return (self.uid,) if self.uid == self.gid and self.uid else ()

    def environment(self, inherited: Mapping[str, str], working: str) -> dict[str, str]:
        """Return the part of the node's environment that the user may see, and a home."""
        if self.is_root:
            return dict(inherited)
        kept = {
            name: value
            for name, value in inherited.items()
            if name in KEPT or name.startswith("LC_")
        }
        return {**kept, "HOME": working, "USER": self.name, "LOGNAME": self.name}

    def give(self, path: str, mode: int) -> None:
        """Give this user a file or directory in a directory of root."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        os.chmod(path, mode)

    def give_all(self, directory: str) -> None:
        """Give this user alone the files in a directory of root."""
        for name in os.listdir(directory):
            self.give(f"{directory}/{name}", 0o600)

    def share(self, directory: str) -> None:
        """Let this user and its group write to a directory of root."""
        os.chown(directory, 0, self.gid)
        os.chmod(directory, SHARED)

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Let this thread, and no other, access files with the rights of this user."""
        if self.is_root:
            yield
            return
        before = os.getgroups()
        _set_groups(self.groups)
        try:
            _libc.setfsgid(self.gid)
            _libc.setfsuid(self.uid)
            if _libc.setfsuid(-1) != self.uid or _libc.setfsgid(-1) != self.gid:
                raise PermissionError(f"this process cannot act as user {self.uid}")
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
        """Open the node's folder to the group only."""
        os.chmod(os.path.dirname(self._root), 0o711)
        for name in ("", "/startup", "/workitems", "/fsmounts", "/applications"):
            os.chown(self._root + name, 0, self.group)
            os.chmod(self._root + name, 0o750)
        os.chown(f"{self._root}/shared", 0, self.group)
        os.chmod(f"{self._root}/shared", SHARED)
        os.chmod(f"{self._root}/volatile", 0o700)

    def owner(self, user: RunUser | None, directory: str) -> Owner:
        """Return the user of a run whose directory exists."""
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
        """Create the directory of a run and its parents; return the user of the run."""
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
    """Return the ID for a folder and a name, taking a new one if necessary."""
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
    """The IDs in use on this machine: the last one taken, then each with its purpose."""

    def __init__(self, file: int) -> None:
        self._file = file

    def read(self) -> tuple[int, dict[int, str]]:
        """Return the last ID, and the IDs whose folder still exists."""
        text = os.pread(self._file, 2**24, 0).decode()
        last, _, rest = text.partition("\n")
        lines: dict[int, str] = {}
        for line in rest.splitlines():
            number, _, key = line.partition(" ")
            if os.path.lexists(os.fsdecode(bytes.fromhex(key.split(" ")[0]))):
                lines[int(number)] = key
        return int(last or 0), lines

    def write(self, last: int, lines: Mapping[int, str]) -> None:
        """Replace the table."""
        rows = [str(last), *(f"{number} {key}" for number, key in lines.items())]
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, "\n".join(rows).encode() + b"\n", 0)


@contextlib.contextmanager
def _table() -> Iterator[_Table]:
    """Lock the table for this process."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(watchdog.USERS_FILE, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield _Table(file)
    finally:
        os.close(file)


def _numbers() -> tuple[int, int] | None:
    """Return the first and last ID that this system allows."""
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
    """Yield the existing parent directories of a folder."""
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
