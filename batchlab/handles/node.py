"""A compute node: what it does, its files and users, and the verbs to drain or restart it."""

from __future__ import annotations

from datetime import datetime

from batchlab.core.messages.inputs import (
    CreateNodeUser,
    DeallocateNode,
    DeleteNodeUser,
    DisableNodeScheduling,
    EnableNodeScheduling,
    PreemptNode,
    RebootNode,
    ReimageNode,
    ReplaceNodeUser,
    StartDeallocatedNode,
)
from batchlab.core.messages.questions import (
    ExplainNode,
    GetCost,
    GetNode,
    GetRemoteLoginSettings,
    LocateNode,
    NodesAre,
)
from batchlab.core.messages.view_fields import NodeProperties
from batchlab.core.messages.views import NodeView, RemoteLoginSettings
from batchlab.core.model import Deallocation
from batchlab.core.model.base import checked
from batchlab.core.model.ids import fold
from batchlab.drivers.node_log import UploadNodeLogs, UploadNodeLogsResult, upload
from batchlab.drivers.ports import Connection
from batchlab.handles.base import Awaited, Handle
from batchlab.handles.costs import Cost
from batchlab.handles.explanation import Explanation, end_of_stderr
from batchlab.handles.files import Files
from batchlab.handles.verbs import Duration, Watch, ask_for, check_state, seconds, verb

__all__ = ["Node"]


class Node(Handle, Awaited, NodeProperties, init=False):
    """One machine of a pool. Properties query the service; `view` returns all of them at once."""

    __slots__ = ("_pool_id",)

    def __init__(self, connection: Connection, pool_id: str, id: str) -> None:  # noqa: A002
        super().__init__(connection, id)
        self._pool_id = pool_id

    @property
    def pool_id(self) -> str:
        """The id of its pool."""
        return self._pool_id

    def _key(self) -> tuple[str, ...]:
        return fold(self._pool_id), fold(self._id)

    def view(self) -> NodeView:
        """All properties at one moment, as an immutable snapshot."""
        view: NodeView = self._connection.ask(GetNode(pool_id=self._pool_id, node_id=self._id))
        return view

    @property
    def cost(self) -> Cost:
        """What it did until now, on each machine it had, and what that would have cost."""
        return Cost(self._connection.ask(GetCost(pool_id=self._pool_id, node_id=self._id)))

    @property
    def files(self) -> Files:
        """Its files, from its root: ``shared``, ``startup``, ``workitems``."""
        place = LocateNode(pool_id=self._pool_id, node_id=self._id)
        return Files(self._connection, place, f"node {self._id!r}")

    @verb
    def explain(self) -> Explanation:
        """What keeps it from taking tasks, and what failed on it beside tasks.

        If its start task, or a job preparation or release task on it failed: what happened. For
        the start task also the last lines of its stderr.
        """
        question = ExplainNode(pool_id=self._pool_id, node_id=self._id)
        reasons, view = self._connection.ask(question), self.view()
        start, output = view.start_task_info, ""
        if start is not None and start.result == "failure":
            place = LocateNode(pool_id=self._pool_id, node_id=self._id)
            path = f"{start.task_root_directory}/stderr.txt"
            output = end_of_stderr(self._connection, (place, path))
        nothing = f"Nothing is in its way: the node is {view.state}."
        return Explanation(reasons, nothing, whole=True, output=output)

    @verb
    def reboot(self, node_reboot_option: Deallocation = "requeue") -> None:
        """Restart it; its start task runs again, its files stay.

        Parameters
        ----------
        node_reboot_option : {"requeue", "terminate", "taskcompletion", "retaineddata"}
            What happens to its running tasks: requeue them, terminate them, or wait for them (and
            with ``"retaineddata"`` also until their retention time is over).

        Raises
        ------
        Conflict
            ``NodeBeingRebooted``, ``NodeBeingReimaged``, ``OperationInvalidForCurrentState``.
        """
        ask_for(self._connection, RebootNode, "Node.reboot", pool_id=self._pool_id,
                node_id=self._id, node_reboot_option=node_reboot_option)  # fmt: skip

    @verb
    def reimage(self, node_reimage_option: Deallocation = "requeue") -> None:
        """Restart it with empty folders; same options as `reboot`."""
        ask_for(self._connection, ReimageNode, "Node.reimage", pool_id=self._pool_id,
                node_id=self._id, node_reimage_option=node_reimage_option)  # fmt: skip

    @verb
    def deallocate(self, node_deallocate_option: Deallocation = "requeue") -> None:
        """Release its machine, so that it costs nothing, until `start`.

        It becomes ``deallocating`` and then ``deallocated``. It stays in the pool, with its id,
        and counts to the pool's size; its scheduling is disabled until it is started. Its files
        stay, as on a disk that outlives its machine. If the lab is attached to a cluster, its
        worker goes back to that cluster, and its files go. Jobs that end meanwhile run no release
        task there.

        Parameters
        ----------
        node_deallocate_option : {"requeue", "terminate", "taskcompletion", "retaineddata"}
            What happens to its running tasks, as for `reboot`.

        Raises
        ------
        Conflict
            ``NodeBeingCreated``, ``NodeBeingRebooted``, ``NodeBeingReimaged``, ``NodeNotReady``;
            ``NodeStateUnusable``: contact with it is lost; ``OperationInvalidForCurrentState``: it
            is deallocated already, or about to be.
        """
        ask_for(self._connection, DeallocateNode, "Node.deallocate", pool_id=self._pool_id,
                node_id=self._id, node_deallocate_option=node_deallocate_option)  # fmt: skip

    @verb
    def start(self) -> None:
        """Get a machine for it again after `deallocate`.

        It boots as after a reboot: its start task runs again, then it takes tasks.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: it is not deallocated.
        """
        ask_for(self._connection, StartDeallocatedNode, "Node.start", pool_id=self._pool_id,
                node_id=self._id)  # fmt: skip

    @verb
    def preempt(self) -> None:
        """Take a spot node away, as the cloud may at any time. Azure has no such verb.

        Its tasks are requeued. It stays listed as ``preempted``, loses all its files, and comes
        back with the same id after a while.

        Raises
        ------
        Conflict
            ``OperationNotValidOnNode``: it is a dedicated node.
        """
        ask_for(self._connection, PreemptNode, "Node.preempt", pool_id=self._pool_id,
                node_id=self._id)  # fmt: skip

    @verb
    def disable_scheduling(self, node_disable_scheduling_option: Deallocation = "requeue") -> None:
        """Stop giving it tasks; same options as `reboot`.

        Raises
        ------
        Conflict
            ``NodeAlreadyInTargetSchedulingState``.
        """
        ask_for(self._connection, DisableNodeScheduling, "Node.disable_scheduling",
                pool_id=self._pool_id, node_id=self._id,
                node_disable_scheduling_option=node_disable_scheduling_option)  # fmt: skip

    @verb
    def enable_scheduling(self) -> None:
        """Give it tasks again.

        Raises
        ------
        Conflict
            ``NodeAlreadyInTargetSchedulingState``; ``OperationInvalidForCurrentState``: it is
            deallocated, or about to be, and must be started.
        """
        ask_for(self._connection, EnableNodeScheduling, "Node.enable_scheduling",
                pool_id=self._pool_id, node_id=self._id)  # fmt: skip

    @verb
    def create_user(
        self,
        name: str,
        *,
        is_admin: bool | None = None,
        expiry_time: datetime | None = None,
        password: str | None = None,
        ssh_public_key: str | None = None,
    ) -> None:
        """Add a user to this node, for tasks that name it in `user_identity`.

        It is gone when it expires, and when the node is reimaged, preempted or removed. With
        ``Lab(isolate_users=True)`` tasks really run as this user. A lab's node has no remote login
        of its own, so the password and the key are accepted but neither kept nor used.

        Parameters
        ----------
        name : str
            At most 20 characters.
        is_admin : bool, default False
        expiry_time : datetime, default in one day
        password, ssh_public_key : str, optional

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: a name that no system accepts, or a time in the past.
        Conflict
            ``NodeUserExists``; ``NodeBeingCreated``, ``NodeBeingRebooted`` ...: it is not up.
        """
        ask_for(self._connection, CreateNodeUser, "Node.create_user", pool_id=self._pool_id,
                node_id=self._id, name=name, is_admin=is_admin, expiry_time=expiry_time,
                password=password, ssh_public_key=ssh_public_key)  # fmt: skip

    @verb
    def replace_user(
        self,
        user_name: str,
        *,
        expiry_time: datetime | None = None,
        password: str | None = None,
        ssh_public_key: str | None = None,
    ) -> None:
        """Change a user of this node: what is not given is removed, and it expires in one day.

        Parameters
        ----------
        user_name : str
        expiry_time, password, ssh_public_key
            As for `create_user`.

        Raises
        ------
        NotFound
            ``NodeUserNotFound``.
        """
        ask_for(self._connection, ReplaceNodeUser, "Node.replace_user", pool_id=self._pool_id,
                node_id=self._id, user_name=user_name, expiry_time=expiry_time,
                password=password, ssh_public_key=ssh_public_key)  # fmt: skip

    @verb
    def delete_user(self, user_name: str) -> None:
        """Delete a user of this node.

        Raises
        ------
        NotFound
            ``NodeUserNotFound``.
        """
        ask_for(self._connection, DeleteNodeUser, "Node.delete_user", pool_id=self._pool_id,
                node_id=self._id, user_name=user_name)  # fmt: skip

    def remote_login_settings(self) -> RemoteLoginSettings:
        """Where a remote login would go: its own address, and the port of SSH.

        A lab runs no login service: there is one only if the node's machine has one of its own.

        Raises
        ------
        Conflict
            ``NodeBeingCreated``, ``NodeBeingRebooted`` ...: it is not up.
        """
        question = GetRemoteLoginSettings(pool_id=self._pool_id, node_id=self._id)
        settings: RemoteLoginSettings = self._connection.ask(question)
        return settings

    @verb
    def upload_service_logs(
        self, container_url: str, start_time: datetime, *, end_time: datetime | None = None
    ) -> UploadNodeLogsResult:
        """Upload its log, of what its agent did, to a container.

        Parameters
        ----------
        container_url : str
            As for an output file: the name of a container of the lab, or the URL of any container.
        start_time, end_time : datetime
            If it did something in this time, its log is uploaded, all of it. Without an end, until
            now.

        Returns
        -------
        UploadNodeLogsResult
            The `virtual_directory_name` in the container, and the `number_of_files_uploaded`.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: the container does not exist or cannot be written to.
        Conflict
            ``NodeNotReady``: it is not up.
        """
        given = {"container_url": container_url, "start_time": start_time, "end_time": end_time}
        options = UploadNodeLogs(**checked(UploadNodeLogs, given, "Node.upload_service_logs"))
        return upload(self._connection, self._pool_id, self._id, options)

    @verb
    def wait(
        self, state: str = "idle", *, timeout: Duration = None, watch: Watch | None = None
    ) -> None:
        """Block until it is in a state.

        Parameters
        ----------
        state : str, default "idle"
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.

        Raises
        ------
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring it into that state; the message says why.
        """
        known = check_state("node", state, "Node.wait")
        goal = NodesAre(pool_id=self._pool_id, state=known, node_ids=(self._id,))
        self._connection.wait(goal, seconds(timeout, "Node.wait"), watch)
