"""The messages over Dask's comms: lists, each encoded as one block of bytes.

Commands and reports are msgpack, which costs a few microseconds each. Requests, questions and
answers are pickles, like everything between the parts of a Dask cluster. A refusal is an ordinary
answer: Dask would log an exception in a handler, and an exception in a stream handler would remove
the node from the cluster.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import msgspec

from batchlab.core.messages.facts import (
    DepthMeasured,
    NodesMeasured,
    Report,
    RunContained,
    RunCoordinated,
    RunExited,
    RunStarted,
    TakenBack,
)
from batchlab.core.messages.outputs import (
    CancelRun,
    Command,
    DeleteFiles,
    ForgetJob,
    MeasureNodes,
    PackageToInstall,
    StartApplication,
    StartRun,
    TakeBack,
)
from batchlab.core.model import ContainerConfiguration
from batchlab.core.model.containers import Engines
from batchlab.core.model.secrets import read_secret, reveal_secret
from batchlab.drivers.vault import NodeCertificate
from batchlab.errors import BatchError, Conflict, LabFailed
from batchlab.storage.locations import StorageLocation

__all__ = [
    "AccountRpc",
    "FileCall",
    "NodeConfig",
    "answer",
    "answer_error",
    "beats_op",
    "commands_op",
    "decode_commands",
    "decode_reports",
    "encode_commands",
    "encode_reports",
    "lease_op",
    "owner",
    "reports_op",
    "unpack",
]

NodeCommand = Union[  # noqa: UP007
    StartRun, StartApplication, CancelRun, TakeBack, ForgetJob, DeleteFiles, MeasureNodes
]
"""Commands that a node's agent carries out; the fleet carries out the others."""

LENGTH_BYTES = 8
"""Size of the length prefix of a gateway message."""

_encoder = msgspec.msgpack.Encoder(enc_hook=reveal_secret)
_commands: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(
    list[NodeCommand], dec_hook=read_secret
)
NodeReport = Union[  # noqa: UP007
    RunExited, RunStarted, TakenBack, DepthMeasured, RunContained, RunCoordinated, NodesMeasured
]
"""Reports that a node's agent sends; the fleet sends the others."""

_reports: msgspec.msgpack.Decoder[tuple[list[float], list[Any]]] = msgspec.msgpack.Decoder(
    tuple[list[float], list[NodeReport]]
)


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a node's agent when it is installed on a worker.

    Parameters
    ----------
    lab_id : str
        Distinguishes the lab's folders from those of other labs.
    node_id, account_name, account_url : str
    is_dedicated : bool
        False for a spot node.
    cores : int
        The number of cores of its VM size.
    task_slots : int
        How many tasks with one slot run at the same time.
    speed : float
        Seconds of lab time per real second.
    root : str, optional
        Where the lab's folder is created; the worker's temporary directory if omitted.
    isolate_users : bool
        Whether runs really run as the users that they name.
    reimage : bool
        Whether the node starts with empty folders, whatever exists.
    release_on_leave : bool
        Whether a node that leaves runs the release tasks of jobs that continue.
    storage : StorageLocation, optional
        The account's part of the lab's storage.
    application_packages : tuple of PackageToInstall
        The packages to unpack before it takes tasks.
    certificates : tuple of NodeCertificate
        The certificates for its runs.
    engine : {"auto", "podman", "docker"}
        What runs containers.
    containers : ContainerConfiguration, optional
        Which images it has before it takes tasks; it runs no containers if omitted.
    arrival : str
        Distinguishes this installation from all others, in its beats.
    beat_s : float, optional
        The time between two beats; it sends none if omitted.
    lease_s : float, optional
        How long it continues its runs when it hears nothing; without limit if omitted.
    """

    lab_id: str
    node_id: str
    account_name: str
    account_url: str
    is_dedicated: bool = True
    cores: int = 1
    task_slots: int = 1
    speed: float = 1.0
    root: str | None = None
    release_on_leave: bool = False
    isolate_users: bool = False
    reimage: bool = False
    storage: StorageLocation | None = None
    application_packages: tuple[PackageToInstall, ...] = ()
    certificates: tuple[NodeCertificate, ...] = ()
    engine: Engines = "auto"
    containers: ContainerConfiguration | None = None
    arrival: str = ""
    beat_s: float | None = None
    lease_s: float | None = None


class FileCall(msgspec.Struct, frozen=True):
    """A call of `NodeFiles` that is sent to a node: method, path, options, and the directory."""

    method: str
    path: str
    options: dict[str, Any] = {}
    directory: str = ""


class AccountRpc:
    """Calls the handlers of one account's lab in a scheduler.

    Parameters
    ----------
    rpc : object
        Calls any of the scheduler's handlers.
    account : str
    lab_id : str, optional
        The lab that is meant; if omitted, the account's present one, which can only be asked who
        it is and how many workers it needs.
    """

    def __init__(self, rpc: Any, account: str, lab_id: str = "") -> None:
        self._rpc = rpc
        self._owner = owner(account, lab_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rpc, f"{name}{self._owner}")


def owner(account: str, lab_id: str = "") -> str:
    """Return the end of the names of the handlers of an account, or of one of its labs.

    A scheduler that was restarted, or a later lab of the account, has no handlers for handles of
    an earlier lab, which must not act on things that have the same names by chance.
    """
    return f"@{account}/{lab_id}" if lab_id else f"@{account}"


def serve(
    handlers: dict[str, Any], account: str, lab_id: str, for_any_lab: Mapping[str, Any],
    for_this_lab: Mapping[str, Any],
) -> None:  # fmt: skip
    """Have a scheduler answer the calls of an account's clients, and no longer an earlier lab."""
    for name in [name for name in handlers if f"@{account}/" in name]:
        del handlers[name]
    for end, added in [(owner(account), for_any_lab), (owner(account, lab_id), for_this_lab)]:
        handlers.update({f"batchlab_{name}{end}": do for name, do in added.items()})


def commands_op(lab_id: str) -> str:
    """Return the stream for a lab's commands to a worker, which may now belong to another lab."""
    return f"batchlab-commands@{lab_id}"


def reports_op(account: str) -> str:
    """Return the stream for the reports of an account's nodes to the scheduler."""
    return f"batchlab-reports@{account}"


def beats_op(account: str) -> str:
    """Return the stream for the beats of an account's nodes to the scheduler."""
    return f"batchlab-beats@{account}"


def lease_op(lab_id: str) -> str:
    """Return the stream for a lab's answers to the beats of a worker."""
    return f"batchlab-lease@{lab_id}"


def encode_commands(commands: Sequence[Command]) -> bytes:
    """Encode commands for one node."""
    return _encoder.encode(commands)


def decode_commands(data: bytes) -> list[Any]:
    """Decode the result of `encode_commands`; raises `msgspec.MsgspecError`."""
    return _commands.decode(data)


def encode_reports(reports: Sequence[Report], ages: Sequence[float]) -> bytes:
    """Encode the reports of one node, with how long ago each happened, in lab time."""
    return _encoder.encode((ages, reports))


def decode_reports(data: bytes) -> tuple[list[float], list[Any]]:
    """Decode the result of `encode_reports`: ages and reports; raises `msgspec.MsgspecError`."""
    return _reports.decode(data)


def answer(work: Callable[[], Any]) -> bytes:
    """Run something and encode its result or refusal."""
    try:
        return pickle.dumps((True, work()))
    except Exception as error:
        return answer_error(error)


def answer_error(error: Exception) -> bytes:
    """Encode a refusal."""
    if not isinstance(error, BatchError):
        error = LabFailed("InternalError", f"{type(error).__name__}: {error}")
    # A new one: Dask pickles an exception with its causes, which may contain anything.
    kind, arguments = error.__reduce__()
    return pickle.dumps((False, kind(*arguments)))


def unpack(data: bytes) -> Any:
    """Return the result of an answer, or raise its `BatchError`."""
    if not isinstance(data, bytes):  # Dask's answer if there is no such handler
        raise Conflict(
            "OperationInvalidForCurrentState",
            "the Dask scheduler has no such lab any more: the lab was shut down, or the scheduler "
            "was restarted",
        )
    good, value = pickle.loads(data)
    if good:
        return value
    raise value
