"""Azure Batch, in your notebook: pools, nodes, jobs and tasks on a Dask cluster.

::

    import batchlab as bl

    with bl.Lab() as lab:
        pool = lab.create_pool("render", target_dedicated_nodes=2)
        job = lab.create_job("frames", pool)
        task = job.create_task("hello", "/bin/sh -c 'echo hello from $AZ_BATCH_NODE_ID'")
        task.wait()
        print(task.stdout)
"""

import typing as _typing

from batchlab.core.model import (
    AffinityInfo,
    ApplicationPackageReference,
    AutoPoolSpecification,
    AutoUserSpecification,
    CertificateReference,
    ContainerConfiguration,
    ContainerHostBatchBindMountEntry,
    ContainerRegistryReference,
    EnvironmentSetting,
    ExitCodeMapping,
    ExitCodeRangeMapping,
    ExitConditions,
    ExitOptions,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    JobScheduleSpec,
    JobSpec,
    MultiInstanceSettings,
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
    OutputFileUploadConfiguration,
    PoolInfo,
    PoolSpec,
    Quotas,
    ResourceFile,
    Schedule,
    StartTask,
    TaskConstraints,
    TaskContainerExecutionInfo,
    TaskContainerSettings,
    TaskDependencies,
    TaskIdRange,
    TaskSchedulingPolicy,
    TaskSpec,
    UserAccount,
    UserIdentity,
    VirtualMachineConfiguration,
    VmSize,
)
from batchlab.errors import (
    BatchError,
    Conflict,
    Forbidden,
    InvalidRequest,
    LabFailed,
    NotFound,
    RequestTooLarge,
    ServerBusy,
    TaskFailed,
    WaitNeverEnds,
    WaitTimeout,
)
from batchlab.handles.applications import Application, ApplicationPackage
from batchlab.handles.certificates import Certificate
from batchlab.handles.files import Files
from batchlab.handles.job import Job
from batchlab.handles.job_schedule import JobSchedule
from batchlab.handles.node import Node
from batchlab.handles.outputs import JobOutputStorage, TaskOutputStorage
from batchlab.handles.pool import Pool
from batchlab.handles.storage import Container, Storage
from batchlab.handles.task import Task
from batchlab.handles.tracked_save import TrackedSave
from batchlab.lab import Lab, SimulatedLab
from batchlab.replayed import ReplayedLab
from batchlab.version import __version__

if _typing.TYPE_CHECKING:
    from batchlab import formulas
    from batchlab.autoscale import AutoScaleRun, Formula, FormulaError
    from batchlab.drivers.simulated.workload import Behavior, Load, Workload
    from batchlab.job_comparison import JobComparison, compare_jobs
    from batchlab.laboratory import (
        Arrivals,
        AutoScaleLab,
        Comparison,
        Simulation,
        compare,
        simulate,
    )
    from batchlab.predictions import Prediction, predict

__all__ = [
    "AffinityInfo",
    "Application",
    "ApplicationPackage",
    "ApplicationPackageReference",
    "Arrivals",
    "AutoPoolSpecification",
    "AutoScaleLab",
    "AutoScaleRun",
    "AutoUserSpecification",
    "BatchError",
    "Behavior",
    "Certificate",
    "CertificateReference",
    "Comparison",
    "Conflict",
    "Container",
    "ContainerConfiguration",
    "ContainerHostBatchBindMountEntry",
    "ContainerRegistryReference",
    "EnvironmentSetting",
    "ExitCodeMapping",
    "ExitCodeRangeMapping",
    "ExitConditions",
    "ExitOptions",
    "Files",
    "Forbidden",
    "Formula",
    "FormulaError",
    "InvalidRequest",
    "Job",
    "JobComparison",
    "JobConstraints",
    "JobManagerTask",
    "JobOutputStorage",
    "JobPreparationTask",
    "JobReleaseTask",
    "JobSchedule",
    "JobScheduleSpec",
    "JobSpec",
    "Lab",
    "LabFailed",
    "Load",
    "MultiInstanceSettings",
    "Node",
    "NotFound",
    "OutputFile",
    "OutputFileBlobContainerDestination",
    "OutputFileDestination",
    "OutputFileUploadConfiguration",
    "Pool",
    "PoolInfo",
    "PoolSpec",
    "Prediction",
    "Quotas",
    "ReplayedLab",
    "RequestTooLarge",
    "ResourceFile",
    "Schedule",
    "ServerBusy",
    "SimulatedLab",
    "Simulation",
    "StartTask",
    "Storage",
    "Task",
    "TaskConstraints",
    "TaskContainerExecutionInfo",
    "TaskContainerSettings",
    "TaskDependencies",
    "TaskFailed",
    "TaskIdRange",
    "TaskOutputStorage",
    "TaskSchedulingPolicy",
    "TaskSpec",
    "TrackedSave",
    "UserAccount",
    "UserIdentity",
    "VirtualMachineConfiguration",
    "VmSize",
    "WaitNeverEnds",
    "WaitTimeout",
    "Workload",
    "__version__",
    "compare",
    "compare_jobs",
    "formulas",
    "predict",
    "simulate",
]


_LAZY = {
    "Arrivals": "laboratory",
    "AutoScaleLab": "laboratory",
    "AutoScaleRun": "autoscale",
    "Behavior": "drivers.simulated.workload",
    "Comparison": "laboratory",
    "Formula": "autoscale",
    "FormulaError": "autoscale",
    "JobComparison": "job_comparison",
    "Load": "drivers.simulated.workload",
    "Prediction": "predictions",
    "Simulation": "laboratory",
    "Workload": "drivers.simulated.workload",
    "compare": "laboratory",
    "compare_jobs": "job_comparison",
    "formulas": "",
    "predict": "predictions",
    "simulate": "laboratory",
}


def __getattr__(name: str) -> _typing.Any:
    """Load rarely used parts, such as the formula language and simulations, on first use."""
    home = _LAZY.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    if not home:
        return import_module(f"{__name__}.{name}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    """Name what is loaded later too, so that completion knows it."""
    return __all__
