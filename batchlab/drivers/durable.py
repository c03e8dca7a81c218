"""A lab that outlives its process: its journal is a folder, and opening it goes on.

Inputs are written to segments (`snapshots` says what is in the folder). When a segment is long
enough, the next one begins, and a process of low priority turns the closed ones into a snapshot;
so the folder stays small and is opened fast, however long the lab has lived.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from batchlab.core.machine import Core, Settings
from batchlab.core.messages.inputs import Input
from batchlab.core.model.moments import moment
from batchlab.drivers.journal import Durability, Journal, JournalFile
from batchlab.drivers.journal_lock import JournalLock, brief_lock
from batchlab.drivers.snapshots import Recovered, recover, segment, sync_folder
from batchlab.errors import Conflict, InvalidRequest, invalid
from batchlab.version import __version__

__all__ = [
    "JournalFolder",
    "Opened",
    "absolute",
    "is_folder",
    "open_journal",
    "refuse_other_settings",
]

logger = logging.getLogger("batchlab")

SEGMENT_INPUTS = 10_000
SEGMENT_BYTES = 16 * 2**20
_OWN = ("lock", "snapshot.lock", "earlier", "work", "moving")
_FORMAT = 1


class _Lab(msgspec.Struct, frozen=True, kw_only=True):
    """What `lab.json` says."""

    batchlab_lab: int = _FORMAT
    batchlab_version: str = __version__
    account: str
    storage_id: str


class Opened(msgspec.Struct):
    """A journal that was opened, and the core that goes on with it.

    Parameters
    ----------
    core : Core
    journal : Journal
    resumed : bool
        Whether there was a lab: the core has to know that its machines are gone.
    folder : JournalFolder, optional
        The journal, if it is a folder.
    """

    core: Core
    journal: Journal
    resumed: bool = False
    folder: JournalFolder | None = None


def absolute(path: str | os.PathLike[str]) -> str:
    """The absolute path of a journal; a slash at its end, which means a folder, stays."""
    text = os.fspath(path)
    slash = "/" if text.endswith(("/", os.sep)) else ""
    return os.path.abspath(text).rstrip("/") + slash  # noqa: PTH100 - a link may be meant as it is


def is_folder(path: str) -> bool:
    """Whether a journal at this path is a folder: a name with a suffix is that of a file."""
    with contextlib.suppress(OSError):
        return stat.S_ISDIR(Path(path).stat().st_mode)
    return path.endswith("/") or not Path(path).suffix


def open_journal(
    path: str, settings: Settings, *, durability: Durability = "flush", fresh: bool = False
) -> Opened:
    """Open a journal: begin a lab or, in a folder, go on with the one that is there.

    Parameters
    ----------
    path : str
    settings : Settings
        Those of a new lab.
    durability : {"flush", "fsync"}
    fresh : bool, default False
        Whether to begin a new lab, whatever is there; that is moved aside.

    Raises
    ------
    Conflict
        ``OperationInvalidForCurrentState``: there is a journal in one file, a lab of another
        account, or one that is open elsewhere.
    InvalidRequest
        ``InvalidPropertyValue``: it cannot be written, or is a folder with other files;
        ``InvalidInput``: it cannot be read.
    """
    try:
        if not is_folder(path):
            return Opened(Core(settings), _new_file(Path(path), settings, durability, fresh))
        folder = JournalFolder(Path(path), durability)
        try:
            return folder.open(settings, fresh)
        except BaseException:
            folder.close()
            raise
    except OSError as error:
        reason = f"cannot be written: {error.strerror}"
        raise invalid("journal", path, reason) from None


def refuse_other_settings(there: Settings, asked: Mapping[str, Any], *, owner: str) -> None:
    """Refuse settings that differ from those of a lab that goes on."""
    for name, value in asked.items():
        found = getattr(there, name)
        if found != value:
            word = name.removesuffix("_s")  # in seconds here, a duration for the user
            reason = f"the lab in the journal has {found!r}: omit {word}, or pass fresh=True"
            raise invalid(word, value, reason, owner=owner)


def _new_file(path: Path, settings: Settings, durability: Durability, fresh: bool) -> JournalFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    if fresh and path.exists():
        path.rename(_free(path.with_name(f"{path.stem}-{_stamp()}{path.suffix}")))
    try:
        return JournalFile(path, settings, durability=durability)
    except FileExistsError:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"{str(path)!r} is the journal of an earlier lab: pass fresh=True to move it aside, "
            "or another path. bl.ReplayedLab shows that lab; only a lab whose journal is a folder "
            "can be opened again",
        ) from None


class JournalFolder:
    """The journal of a durable lab; a `Journal`.

    Parameters
    ----------
    path : Path
    durability : {"flush", "fsync"}

    Attributes
    ----------
    storage : Path
        Where the lab's data is kept, unless the user says otherwise.
    storage_id : str
        Names the data, as long as the lab exists.
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        self._path = path
        self._durability: Durability = durability
        self._file: JournalFile | None = None
        self._number = 0
        self._inputs = 0
        self._compacting: subprocess.Popen[bytes] | None = None
        self.storage = path / "storage"
        self.storage_id = ""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_other_files(path)
        self._lock = JournalLock(path)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def open(self, settings: Settings, fresh: bool) -> Opened:
        """Begin, or go on with what is there."""
        if fresh or (self._path / "moving").exists():
            self._move_aside()
        lab = self._read_lab(settings.account_name)
        self.storage_id = lab.storage_id
        with brief_lock(self._path):
            found = self._recover()
            if found is not None:
                self._number, self._inputs = found.last, found.inputs
            core = found.core if found is not None else Core(settings)
            self._begin_segment(core.state.settings)
        self.storage.mkdir(mode=0o700, exist_ok=True)
        if self._inputs >= SEGMENT_INPUTS // 4:
            self._compact()
        return Opened(core, self, found is not None, self)

    def _recover(self) -> Recovered | None:
        for left in self._path.glob("snapshot.tmp*"):
            left.unlink(missing_ok=True)
        try:
            return recover(self._path)
        except InvalidRequest as error:
            cure = "fresh=True moves it aside, and begins a new lab"
            raise InvalidRequest(error.code, f"{error.message}; {cure}") from error

    def _read_lab(self, account: str) -> _Lab:
        path = self._path / "lab.json"
        if not path.exists():
            lab = _Lab(account=account, storage_id=uuid.uuid4().hex[:12])
            _write_at_once(path, msgspec.json.encode(lab))
            sync_folder(self._path.absolute().parent)
            return lab
        try:
            lab = msgspec.json.decode(path.read_bytes(), type=_Lab)
        except msgspec.MsgspecError as error:
            raise InvalidRequest("InvalidInput", f"{path} cannot be read: {error}") from None
        if lab.batchlab_lab != _FORMAT:
            raise InvalidRequest(
                "InvalidInput",
                f"{str(self._path)!r} was written by batchlab {lab.batchlab_version}; batchlab "
                f"{__version__} cannot read it",
            )
        if lab.account != account:
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"{str(self._path)!r} is the lab of account {lab.account!r}, not of {account!r}: "
                f"pass account={lab.account!r}, or another folder",
            )
        return lab

    def _move_aside(self) -> None:
        """Move everything to a folder in ``earlier``; if a crash came between, go on with it."""
        note = self._path / "moving"
        if not note.exists():
            if all(entry.name in _OWN for entry in self._path.iterdir()):
                return
            _write_at_once(note, _free(self._path / "earlier" / _stamp()).name.encode())
        earlier = self._path / "earlier" / note.read_text()
        earlier.mkdir(mode=0o700, parents=True, exist_ok=True)
        for entry in self._path.iterdir():
            if entry.name not in _OWN:
                entry.rename(earlier / entry.name)
        note.unlink()

    def work_in(self, folder: str) -> str | None:
        """Note where the lab works on this machine; return where it did before it was killed."""
        note = self._path / "work"
        before: list[str] = []
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            before = msgspec.json.decode(note.read_bytes(), type=list[str])
        with contextlib.suppress(OSError):  # a full disk: then a folder may remain
            note.write_bytes(msgspec.json.encode([os.uname().nodename, folder]))
        here = before[:1] == [os.uname().nodename]
        return before[1] if here and Path(before[1]).name.startswith("batchlab-") else None

    # -- writing ----------------------------------------------------------------------------------

    def write(self, entries: Sequence[tuple[float, Input]]) -> None:
        """Record inputs with their times; if this raises `OSError`, none is recorded."""
        file = self._file
        if file is None:
            return
        self._lock.keep()
        file.write(entries)
        self._inputs += len(entries)
        if self._inputs >= SEGMENT_INPUTS or file.size >= SEGMENT_BYTES:
            with contextlib.suppress(OSError):  # a full disk: go on in this one
                self._begin_segment(self._settings)
                self._compact()

    def _begin_segment(self, settings: Settings) -> None:
        number = self._number + 1
        path = segment(self._path, number)
        file = JournalFile(path, settings, durability=self._durability)
        if self._durability == "fsync":
            sync_folder(self._path)
        if self._file is not None:
            self._file.close()
            self._inputs = 0
        self._file, self._number, self._settings = file, number, settings

    def _compact(self) -> None:
        """Have all closed segments turned into a snapshot, unless that is being done."""
        if self._compacting is not None:
            code = self._compacting.poll()
            if code is None:
                return
            if code:
                logger.warning("the journal %s could not be compacted", self._path)
        self._inputs = 0
        command = [sys.executable, "-m", "batchlab.drivers.snapshots", str(self._path.resolve())]
        self._compacting = subprocess.Popen(
            [*command, str(self._number - 1)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def keep(self) -> Path:
        """Return its path: it is always kept."""
        return self._path

    def close(self) -> None:
        """Stop recording, and let others open it. Can be called twice."""
        if self._compacting is not None:
            with contextlib.suppress(ProcessLookupError):
                self._compacting.kill()  # harmless at any moment
            self._compacting.wait()
            self._compacting = None
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.release()


def _refuse_other_files(folder: Path) -> None:
    """Refuse a folder that is not a lab's and not empty."""
    others = sorted({entry.name for entry in folder.iterdir()} - {*_OWN, "lab.tmp", "moving.tmp"})
    if others and not (folder / "lab.json").exists():
        reason = f"it has other files, such as {others[0]!r}: choose a new folder"
        raise invalid("journal", str(folder), reason)


def _write_at_once(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all, even if the power fails."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)


def _stamp() -> str:
    return f"{moment(time.time()):%Y-%m-%dT%H-%M-%S}"


def _free(path: Path) -> Path:
    """A path like this one that does not exist."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found
