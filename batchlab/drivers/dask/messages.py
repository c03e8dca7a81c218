"""What travels over Dask's comms: lists, as one block of bytes each.

Commands and reports are msgpack, which costs a few microseconds each; requests, questions and
their answers are pickles, as everything between the parts of a Dask cluster. A refusal is an
answer like any other: an exception inside a handler would be Dask's to log, and inside a stream
handler would cost the node its place in the cluster.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, Union

import msgspec

from batchlab.core.messages.inputs import NodesMeasured, Report, RunCoordinated, RunExited
from batchlab.core.messages.outputs import (
    CancelRun,
    Command,
    DeleteFiles,
    ForgetJob,
    MeasureNodes,
    PackageToInstall,
    StartApplication,
    StartRun,
)
from batchlab.drivers.vault import NodeCertificate
from batchlab.errors import BatchError, LabFailed
from batchlab.storage.locations import StorageLocation

__all__ = [
    "AccountRpc",
    "FileCall",
    "NodeConfig",
    "answer",
    "answer_error",
    "commands_op",
    "decode_commands",
    "decode_reports",
    "encode_commands",
    "encode_reports",
    "reports_op",
    "unpack",
]

NodeCommand = Union[StartRun, StartApplication, CancelRun, ForgetJob, DeleteFiles, MeasureNodes]  # noqa: UP007
"""Commands that a node's agent carries out; the others are for whoever keeps the nodes."""

LENGTH_BYTES = 8
"""How many bytes say how long a message of a gateway is."""

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[NodeCommand])
NodeReport = Union[RunExited, RunCoordinated, NodesMeasured]  # noqa: UP007
"""Reports that a node's agent makes; the others come from whoever keeps the nodes."""

_reports: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[NodeReport])


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's agent is told when it is put on a worker.

    Parameters
    ----------
    lab_id : str
        Names the lab's folders apart from those of other labs.
    node_id, account_name, account_url : str
    is_dedicated : bool
        False for a spot node.
    cores : int
        What its size promises.
    speed : float
        Seconds of lab time in a second of wall clock.
    root : str, optional
        Where the lab's folder is made; the worker's directory for temporary files if omitted.
    isolate_users : bool
        Whether runs really run as the users that they name.
    reimage : bool
        Whether the node begins with empty folders, whatever it finds.
    release_on_leave : bool
        Whether a node that leaves while jobs live on runs their release.
    storage : StorageLocation, optional
        The account's part of the lab's storage.
    application_packages : tuple of PackageToInstall
        What is unpacked before it takes tasks.
    certificates : tuple of NodeCertificate
        What it holds for its runs.
    """

    lab_id: str
    node_id: str
    account_name: str
    account_url: str
    is_dedicated: bool = True
    cores: int = 1
    speed: float = 1.0
    root: str | None = None
    release_on_leave: bool = False
    isolate_users: bool = False
    reimage: bool = False
    storage: StorageLocation | None = None
    application_packages: tuple[PackageToInstall, ...] = ()
    certificates: tuple[NodeCertificate, ...] = ()


class FileCall(msgspec.Struct, frozen=True):
    """One call of `NodeFiles` on its way to a node: method, directory, path and options."""

    method: str
    directory: str
    path: str
    options: dict[str, Any] = {}


class AccountRpc:
    """Calls the handlers of one account's lab in a scheduler.

    Parameters
    ----------
    rpc : object
        Calls any of the scheduler's handlers.
    account : str
    """

    def __init__(self, rpc: Any, account: str) -> None:
        self._rpc = rpc
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rpc, f"{name}@{self._account}")


def commands_op(lab_id: str) -> str:
    """The stream on which a lab's commands reach a worker, which may be another lab's by then."""
    return f"batchlab-commands@{lab_id}"


def reports_op(account: str) -> str:
    """The stream on which the reports of an account's nodes reach the scheduler."""
    return f"batchlab-reports@{account}"


def encode_commands(commands: Sequence[Command]) -> bytes:
    """Pack commands for one node."""
    return _encoder.encode(commands)


def decode_commands(data: bytes) -> list[Any]:
    """Unpack what `encode_commands` packed; raises `msgspec.MsgspecError`."""
    return _commands.decode(data)


def encode_reports(reports: Sequence[Report]) -> bytes:
    """Pack the reports of one node."""
    return _encoder.encode(reports)


def decode_reports(data: bytes) -> list[Any]:
    """Unpack what `encode_reports` packed; raises `msgspec.MsgspecError`."""
    return _reports.decode(data)


def answer(work: Callable[[], Any]) -> bytes:
    """Do something and pack what came of it, be it a result or a refusal."""
    try:
        return pickle.dumps((True, work()))
    except Exception as error:
        return answer_error(error)


def answer_error(error: Exception) -> bytes:
    """Pack a refusal."""
    if not isinstance(error, BatchError):
        error = LabFailed("InternalError", f"{type(error).__name__}: {error}")
    # Made anew: with Dask, an exception is pickled with all that led to it, which may be anything.
    kind, arguments = error.__reduce__()
    return pickle.dumps((False, kind(*arguments)))


def unpack(data: bytes) -> Any:
    """Give the result that was packed, or raise the `BatchError`."""
    good, value = pickle.loads(data)
    if good:
        return value
    raise value
