"""What can be seen: frozen pictures of pools, nodes, jobs and tasks, under the SDK's field names.

Made from records by pure functions (`batchlab.core.answers.queries`); looking never changes
anything. Times are aware datetimes on the lab's clock, None is "not yet" or "without limit".
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
from batchlab.core.model.values import ExecutionInfo, FailureInfo, View


class PoolView(PoolProperties, View, frozen=True, kw_only=True):
    """A pool."""

    id: str
    enable_auto_scale: bool


class CostView(View, frozen=True, kw_only=True):
    """What nodes of one size and kind did with their time, in node-hours, and its price.

    The hours add up: at any moment a node does one thing. `machines` counts those that were had;
    a spot node that came back after it was preempted counts again.
    """

    vm_size: str
    is_dedicated: bool
    machines: int
    task_hours: float
    """A task held its slots."""
    preparation_hours: float
    """No task ran, but a job preparation task."""
    release_hours: float
    """No task ran, but a job release task."""
    start_task_hours: float
    """It ran its start task and took no task yet."""
    idle_hours: float
    """It could have run tasks and had none, or was offline."""
    boot_hours: float
    """It started, rebooted, was reimaged, or went."""
    down_hours: float
    """It was unusable or unknown, or its start task had failed."""
    price_per_hour: float | None
    """In US dollars, a list price as an illustration; None for a size without a known price."""

    @property
    def node_hours(self) -> float:
        """All hours that a machine was there."""
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
        """What all of them would have cost, in US dollars; None without a known price."""
        return None if self.price_per_hour is None else self.node_hours * self.price_per_hour


class NodeView(NodeProperties, View, frozen=True, kw_only=True):
    """A node."""

    id: str
    pool_id: str


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

    `state` is ``preparing``, ``running`` (also while what the command has started lives on) or
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
    failure_info: FailureInfo | None
    result: str | None


class PreparationView(View, frozen=True, kw_only=True):
    """The preparation and release of one job on one node: a row of the status list."""

    pool_id: str
    node_id: str
    job_preparation_task_execution_info: ExecutionInfo
    job_release_task_execution_info: ExecutionInfo | None = None


class ApplicationView(ApplicationProperties, View, frozen=True, kw_only=True):
    """An application: `versions` are those of its packages, in order of creation."""

    id: str


class ApplicationPackageView(ApplicationPackageProperties, View, frozen=True, kw_only=True):
    """A version of an application; `storage_url` is where its contents lie."""

    application_id: str
    version: str


class CertificateView(CertificateProperties, View, frozen=True, kw_only=True):
    """A certificate."""

    thumbprint: str
