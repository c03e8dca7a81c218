"""Descriptions that users write: pools, jobs, tasks and their parts, with the SDK's field names.

A description is checked completely when it is created, except for rules that depend on the state
of the service. Durations are `datetime.timedelta`; None means "no limit".
"""

from batchlab.core.model.applications import ApplicationPackageReference, check_version
from batchlab.core.model.certificates import (
    CertificateFormat,
    CertificateReference,
    ThumbprintAlgorithm,
    read_thumbprint,
)
from batchlab.core.model.common import (
    FOREVER,
    RETENTION,
    Deallocation,
    EnvironmentSetting,
    TaskConstraints,
)
from batchlab.core.model.conditions import (
    AffinityInfo,
    ExitCodeMapping,
    ExitCodeRangeMapping,
    ExitConditions,
    ExitOptions,
    TaskDependencies,
    TaskIdRange,
)
from batchlab.core.model.containers import (
    ContainerConfiguration,
    ContainerHostBatchBindMountEntry,
    ContainerRegistryReference,
    TaskContainerExecutionInfo,
    TaskContainerSettings,
    VirtualMachineConfiguration,
)
from batchlab.core.model.files import (
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
    OutputFileUploadConfiguration,
    ResourceFile,
    check_blob_name,
    check_container_name,
)
from batchlab.core.model.jobs import (
    AllTasksComplete,
    AutoPoolSpecification,
    DisableTasks,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    JobSpec,
    PoolInfo,
    TaskFailure,
)
from batchlab.core.model.pools import (
    NodeFill,
    PoolSpec,
    StartTask,
    TaskSchedulingPolicy,
)
from batchlab.core.model.quotas import Quotas
from batchlab.core.model.schedules import JobScheduleSpec, Schedule
from batchlab.core.model.sizes import (
    OWN_SIZES,
    VM_SIZES,
    VmSize,
    check_size,
    price_per_hour,
    vm_cores,
)
from batchlab.core.model.tasks import MultiInstanceSettings, TaskSpec
from batchlab.core.model.users import AutoUserSpecification, UserAccount, UserIdentity

__all__ = [
    "FOREVER",
    "OWN_SIZES",
    "RETENTION",
    "VM_SIZES",
    "AffinityInfo",
    "AllTasksComplete",
    "ApplicationPackageReference",
    "AutoPoolSpecification",
    "AutoUserSpecification",
    "CertificateFormat",
    "CertificateReference",
    "ContainerConfiguration",
    "ContainerHostBatchBindMountEntry",
    "ContainerRegistryReference",
    "Deallocation",
    "DisableTasks",
    "EnvironmentSetting",
    "ExitCodeMapping",
    "ExitCodeRangeMapping",
    "ExitConditions",
    "ExitOptions",
    "JobConstraints",
    "JobManagerTask",
    "JobPreparationTask",
    "JobReleaseTask",
    "JobScheduleSpec",
    "JobSpec",
    "MultiInstanceSettings",
    "NodeFill",
    "OutputFile",
    "OutputFileBlobContainerDestination",
    "OutputFileDestination",
    "OutputFileUploadConfiguration",
    "PoolInfo",
    "PoolSpec",
    "Quotas",
    "ResourceFile",
    "Schedule",
    "StartTask",
    "TaskConstraints",
    "TaskContainerExecutionInfo",
    "TaskContainerSettings",
    "TaskDependencies",
    "TaskFailure",
    "TaskIdRange",
    "TaskSchedulingPolicy",
    "TaskSpec",
    "ThumbprintAlgorithm",
    "UserAccount",
    "UserIdentity",
    "VirtualMachineConfiguration",
    "VmSize",
    "check_blob_name",
    "check_container_name",
    "check_size",
    "check_version",
    "price_per_hour",
    "read_thumbprint",
    "vm_cores",
]
