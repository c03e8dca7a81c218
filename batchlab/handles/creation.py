"""The verbs of a lab that create pools, jobs, job schedules and what they use.

Each reads its arguments as a spec of the core, which refuses invalid ones, and returns the handle
of what was created. Parameters are documented at the fields of the spec. They are repeated here
for their input types, such as text for a duration or a task, and for completion in editors.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from batchlab.core.messages.inputs import (
    CreateApplication,
    CreateJob,
    CreateJobSchedule,
    CreatePool,
)
from batchlab.core.model import (
    AllTasksComplete,
    AutoPoolSpecification,
    ContainerConfiguration,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    JobScheduleSpec,
    JobSpec,
    NodeFill,
    PoolInfo,
    PoolSpec,
    Schedule,
    StartTask,
    TaskFailure,
    TaskSchedulingPolicy,
    UserAccount,
    VirtualMachineConfiguration,
)
from batchlab.drivers.certificate_files import read_certificate
from batchlab.drivers.ports import Connection
from batchlab.handles.applications import Application
from batchlab.handles.certificates import Certificate
from batchlab.handles.job import Job, as_pool_info
from batchlab.handles.job_schedule import JobSchedule
from batchlab.handles.pool import CertificateReferences, PackageReferences, Pool
from batchlab.handles.verbs import Duration, ask_for, described_by, taken, verb

__all__ = ["Creation"]


class Creation:
    """The verbs of a lab that create things."""

    __slots__ = ()
    _connection: Connection

    @verb
    @described_by(PoolSpec)
    def create_pool(
        self,
        id: str,  # noqa: A002
        *,
        vm_size: str | None = None,
        target_dedicated_nodes: int | None = None,
        resize_timeout: Duration = None,
        task_slots_per_node: int | None = None,
        task_scheduling_policy: TaskSchedulingPolicy | NodeFill | None = None,
        start_task: StartTask | str | None = None,
        target_low_priority_nodes: int | None = None,
        enable_auto_scale: bool | None = None,
        auto_scale_formula: str | None = None,
        auto_scale_evaluation_interval: Duration = None,
        application_package_references: PackageReferences | None = None,
        certificate_references: CertificateReferences | None = None,
        enable_inter_node_communication: bool | None = None,
        user_accounts: Sequence[UserAccount] | None = None,
        virtual_machine_configuration: VirtualMachineConfiguration
        | ContainerConfiguration
        | None = None,
        display_name: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Pool:
        """Create a pool and start allocating its nodes.

        Parameters
        ----------
        id : str
            1 to 64 letters, digits, hyphens and underscores.

        Raises
        ------
        Conflict
            ``PoolExists``, ``PoolQuotaReached``, ``PoolBeingDeleted``,
            ``InvalidApplicationPackageReferences``, ``InvalidCertificateReferences``.
        InvalidRequest
            ``InvalidPropertyValue`` ...: a property is invalid.
        """
        spec = PoolSpec(**taken(PoolSpec, locals()))
        self._connection.request(CreatePool(spec=spec))
        return Pool(self._connection, spec.id)

    @verb
    @described_by(JobSpec, pool="pool_info")
    def create_job(
        self,
        id: str,  # noqa: A002
        pool: Pool | PoolInfo | AutoPoolSpecification | str,
        *,
        priority: int | None = None,
        constraints: JobConstraints | None = None,
        job_preparation_task: JobPreparationTask | str | None = None,
        job_release_task: JobReleaseTask | str | None = None,
        on_all_tasks_complete: AllTasksComplete | None = None,
        on_task_failure: TaskFailure | None = None,
        job_manager_task: JobManagerTask | None = None,
        uses_task_dependencies: bool | None = None,
        max_parallel_tasks: int | None = None,
        allow_task_preemption: bool | None = None,
        common_environment_settings: dict[str, str] | None = None,
        display_name: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Job:
        """Create a job.

        Parameters
        ----------
        id : str
            1 to 64 letters, digits, hyphens and underscores.

        Raises
        ------
        Conflict
            ``JobExists``, or ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted`` if the
            job with this id is over or ending; ``JobScheduleWithSameIdExists``,
            ``PoolBeingDeleted``, ``ActiveJobAndScheduleQuotaReached``.
        InvalidRequest
            ``InvalidPropertyValue`` ...: a property is invalid.
        """
        pool_info = as_pool_info(pool, "create_job")
        spec = JobSpec(**taken(JobSpec, locals()))
        self._connection.request(CreateJob(spec=spec))
        return Job(self._connection, spec.id)

    @verb
    @described_by(JobScheduleSpec)
    def create_job_schedule(
        self,
        id: str,  # noqa: A002
        *,
        schedule: Schedule | Duration,
        job_specification: JobSpec,
        display_name: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> JobSchedule:
        """Create a job schedule.

        Raises
        ------
        Conflict
            ``JobScheduleExists``, or ``JobScheduleCompleted``, ``JobScheduleBeingTerminated``,
            ``JobScheduleBeingDeleted`` if the one with this id is over or ending;
            ``JobWithSameIdExists``, ``ActiveJobAndScheduleQuotaReached``.
        """
        spec = JobScheduleSpec(**taken(JobScheduleSpec, locals()))
        self._connection.request(CreateJobSchedule(spec=spec))
        return JobSchedule(self._connection, spec.id)

    @verb
    def create_application(
        self,
        id: str,  # noqa: A002
        *,
        display_name: str | None = None,
        allow_updates: bool | None = None,
    ) -> Application:
        """Create an application; add its packages with `Application.create_package`.

        Parameters
        ----------
        id : str
            1 to 64 letters, digits, hyphens and underscores.
        display_name : str, optional
        allow_updates : bool, default True
            Whether a version may be replaced or deleted.

        Raises
        ------
        Conflict
            ``ResourceAlreadyExists``; ``OperationInvalidForCurrentState``: there are already 20.
        """
        ask_for(self._connection, CreateApplication, "create_application", application_id=id,
                display_name=display_name, allow_updates=allow_updates)  # fmt: skip
        return Application(self._connection, id)

    @verb
    def create_certificate(
        self,
        data: bytes | str | os.PathLike[str],
        *,
        password: str | None = None,
        certificate_format: str | None = None,
        thumbprint: str | None = None,
        thumbprint_algorithm: str = "sha1",
    ) -> Certificate:
        """Add a certificate. Azure retired them in February 2024; they are here for learning.

        The private key and the password are kept in the memory of the lab and its nodes, and
        written only to the ``certs`` directory of runs. No view, display or journal contains
        them.

        Parameters
        ----------
        data : bytes, path, or base64 text
            A pfx (PKCS #12) or a cer (X.509, DER or PEM).
        password : str, optional
            The password of a pfx.
        certificate_format : {"pfx", "cer"}, optional
            Taken from the file name if omitted, else ``pfx``.
        thumbprint : str, optional
            Must match the certificate; computed if omitted.
        thumbprint_algorithm : {"sha1"}, default "sha1"

        Raises
        ------
        Conflict
            ``CertificateExists``; ``OperationInvalidForCurrentState``: the package cryptography
            is not installed.
        InvalidRequest
            ``InvalidPropertyValue``: not a certificate, a different thumbprint, a wrong password;
            ``MissingRequiredProperty``: a pfx that needs a password.
        """
        request, secret = read_certificate(
            data, password, certificate_format, thumbprint, thumbprint_algorithm
        )
        self._connection.create_certificate(request, secret)
        return Certificate(self._connection, request.thumbprint)
