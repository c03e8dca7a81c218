"""Views: immutable snapshots of pools, nodes, jobs and tasks, with the SDK's field names.

Pure functions make them from records (`batchlab.core.answers.queries`). Times are aware datetimes
on the lab's clock; None means "not yet" or "no limit".
"""

from __future__ import annotations

from datetime import datetime

from batchlab.core.messages.view_fields import (
    ApplicationPackageProperties,
    ApplicationProperties,
    CertificateProperties,
    JobProperties,
    JobScheduleProperties,
    NodeProperties,
    PoolProperties,
    TaskProperties,
)
from batchlab.core.model.containers import TaskContainerExecutionInfo
from batchlab.core.model.values import ExecutionInfo, FailureInfo, View


class PoolView(PoolProperties, View, frozen=True, kw_only=True):
    """A pool."""

    id: str
    enable_auto_scale: bool


class CostView(View, frozen=True, kw_only=True):
    """How nodes of one VM size and kind spent their time, in node-hours, and what it costs.

    At any moment a node has one activity, so the hours add up. `machines` counts all machines so
    far; a spot node that came back after a preemption counts again.
    """

    vm_size: str
    is_dedicated: bool
    machines: int
    task_hours: float
    """A task held its slots."""
    preparation_hours: float
    """No task ran, but a job preparation task did."""
    release_hours: float
    """No task ran, but a job release task did."""
    start_task_hours: float
    """The start task ran, and the node took no tasks yet."""
    idle_hours: float
    """The node could have run tasks but had none, or was offline."""
    boot_hours: float
    """The node was starting, rebooting, being reimaged or deallocated, or leaving."""
    down_hours: float
    """The node was unusable or unknown, or its start task had failed."""
    price_per_hour: float | None
    """In US dollars: a list price, as an illustration. None if it is unknown."""

    @property
    def node_hours(self) -> float:
        """All hours in which the nodes had a machine."""
        return (
            self.task_hours
            + self.preparation_hours
            + self.release_hours
            + self.start_task_hours
            + self.idle_hours
            + self.boot_hours
            + self.down_hours
        )

    @property
    def cost(self) -> float | None:
        """What these hours would have cost, in US dollars; None if the price is unknown."""
        return None if self.price_per_hour is None else self.node_hours * self.price_per_hour


class NodeView(NodeProperties, View, frozen=True, kw_only=True):
    """A node."""

    id: str
    pool_id: str


class RemoteLoginSettings(View, frozen=True, kw_only=True):
    """Where a remote login to a node would go.

    A lab runs no login service: there is one only if the node's machine has one of its own.
    """

    remote_login_ip_address: str
    remote_login_port: int


class JobView(JobProperties, View, frozen=True, kw_only=True):
    """A job."""

    id: str


class JobScheduleView(JobScheduleProperties, View, frozen=True, kw_only=True):
    """A job schedule."""

    id: str


class TaskView(TaskProperties, View, frozen=True, kw_only=True):
    """A task."""

    id: str
    job_id: str
    result: str | None


class SubtaskView(View, frozen=True, kw_only=True):
    """A subtask of a multi-instance task: its coordination command on one node.

    `state` is ``preparing``, ``running`` (also while processes that the command started go on) or
    ``completed``.
    """

    id: int
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    node_id: str
    pool_id: str
    task_root_directory: str
    start_time: datetime | None
    end_time: datetime | None
    exit_code: int | None
    container_info: TaskContainerExecutionInfo | None
    failure_info: FailureInfo | None
    result: str | None


class PreparationView(View, frozen=True, kw_only=True):
    """The preparation and release of one job on one node: a row of the status list."""

    pool_id: str
    node_id: str
    job_preparation_task_execution_info: ExecutionInfo
    job_release_task_execution_info: ExecutionInfo | None = None


class ApplicationView(ApplicationProperties, View, frozen=True, kw_only=True):
    """An application; `versions` lists the versions of its packages, in order of creation."""

    id: str


class ApplicationPackageView(ApplicationPackageProperties, View, frozen=True, kw_only=True):
    """A version of an application; `storage_url` is where its contents are stored."""

    application_id: str
    version: str


class CertificateView(CertificateProperties, View, frozen=True, kw_only=True):
    """A certificate."""

    thumbprint: str
