"""A smallest and a full example of every spec."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from batchlab.core import model as specs
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
    TaskContainerSettings,
    TaskDependencies,
    TaskIdRange,
    TaskSchedulingPolicy,
    TaskSpec,
    UserAccount,
    UserIdentity,
    VirtualMachineConfiguration,
)
from batchlab.core.model.base import Model

MODELS: list[type[Model]] = [
    value for value in vars(specs).values() if isinstance(value, type) and issubclass(value, Model)
]
MINIMAL: dict[type[Model], dict[str, Any]] = {
    EnvironmentSetting: {"name": "X"},
    ResourceFile: {"http_url": "/data/in.txt", "file_path": "in.txt"},
    OutputFileBlobContainerDestination: {"container_url": "results"},
    OutputFileDestination: {"container": "results"},
    OutputFileUploadConfiguration: {},
    OutputFile: {"file_pattern": "*", "destination": "results"},
    TaskConstraints: {},
    JobConstraints: {},
    StartTask: {"command_line": "s"},
    ContainerRegistryReference: {},
    ContainerHostBatchBindMountEntry: {"source": "task"},
    TaskContainerSettings: {"image_name": "busybox"},
    ContainerConfiguration: {},
    VirtualMachineConfiguration: {},
    JobPreparationTask: {"command_line": "p"},
    JobReleaseTask: {"command_line": "r"},
    TaskSpec: {"id": "a", "command_line": "x"},
    PoolInfo: {"pool_id": "p"},
    TaskSchedulingPolicy: {},
    PoolSpec: {"id": "p"},
    JobSpec: {"id": "j", "pool_info": "p"},
    Quotas: {},
    ApplicationPackageReference: {"application_id": "app"},
    CertificateReference: {"thumbprint": "0" * 40},
    AffinityInfo: {"affinity_id": "n"},
    TaskIdRange: {"start": 1, "end": 2},
    TaskDependencies: {},
    ExitOptions: {},
    ExitCodeMapping: {"code": 1, "exit_options": ExitOptions()},
    ExitCodeRangeMapping: {"start": 1, "end": 2, "exit_options": ExitOptions()},
    ExitConditions: {},
    AutoPoolSpecification: {"pool": PoolSpec(), "pool_lifetime_option": "job"},
    JobManagerTask: {"id": "m", "command_line": "m"},
    Schedule: {},
    AutoUserSpecification: {},
    UserIdentity: {"username": "ann"},
    UserAccount: {"name": "ann", "password": "secret"},
    MultiInstanceSettings: {"coordination_command_line": "c"},
    JobScheduleSpec: {
        "id": "s", "schedule": "10m", "job_specification": JobSpec(pool_info="p"),
    },
}  # fmt: skip
OPTIONAL = [
    (PoolSpec, "id"), (JobSpec, "id"), (PoolInfo, "pool_id"), (ResourceFile, "http_url"),
    (UserIdentity, "username"),
]  # fmt: skip
NIGHTLY = Schedule(
    do_not_run_until=datetime(2026, 1, 5, 9), do_not_run_after="2026-02-01T00:00+02:00",
    start_window="1m", recurrence_interval="P1D",
)  # fmt: skip
FULL: list[Model] = [
    EnvironmentSetting(name="X", value="1"),
    ResourceFile(http_url="https://h/a?sig=1", file_path="d/a", file_mode="0644"),
    ResourceFile(storage_container_url="s3://b/c", blob_prefix="a/", file_path="d/"),
    ResourceFile(auto_storage_container_name="abc-1", file_path=""),
    OutputFile(
        file_pattern="../std*.txt", upload_options="TaskFailure",
        destination=OutputFileBlobContainerDestination(container_url="/data/out", path="a/b"),
    ),
    TaskSpec(
        id="o", command_line="x",
        output_files=[OutputFile(file_pattern="**/*", destination="memory://x/y")],
    ),
    MultiInstanceSettings(
        coordination_command_line="c", number_of_instances=3, common_resource_files=["/d/f"],
    ),
    JobManagerTask(
        id="m", command_line="m",
        output_files=[OutputFile(file_pattern="a", destination="results")],
    ),
    StartTask(
        command_line="s", resource_files=["/d/f"], environment_settings={"X": "1"},
        max_task_retry_count=-1, wait_for_success=False,
    ),
    PoolSpec(
        id="P-1_x", vm_size="Standard_D4s_v3", target_dedicated_nodes=3, resize_timeout="20m",
        application_package_references=[
            ApplicationPackageReference(application_id="/a/Applications/B-_1", version="-1.0"),
            "plain",
        ],
        certificate_references=[
            CertificateReference(
                thumbprint="AB:" * 19 + " aB", store_location="LocalMachine", store_name="Root",
                visibility=["task"],
            )
        ],
        task_slots_per_node=16, task_scheduling_policy="pack",
        start_task=StartTask(command_line="s", user_identity="ann"),
        user_accounts=[
            UserAccount(name="Ann", password="x", elevation_level="Admin"),
            UserAccount(name="bob", password="y"),
        ],
    ),
    TaskSpec(
        id="a", command_line="grep 'ä' \n",
        resource_files=[ResourceFile(http_url="memory://f", file_path="f")],
        environment_settings={"X": "=", "Y": ""}, required_slots=256,
        constraints=TaskConstraints(
            max_wall_clock_time="1ms", retention_time=timedelta(days=999), max_task_retry_count=0
        ),
    ),
    JobSpec(
        id="j", pool_info=PoolInfo(pool_id="p"), priority=-1000,
        constraints=JobConstraints(max_wall_clock_time="1w", max_task_retry_count=-1),
        job_preparation_task=JobPreparationTask(
            id="prep", command_line="p", wait_for_success=False,
            rerun_on_node_reboot_after_success=False,
            constraints=TaskConstraints(max_task_retry_count=3),
        ),
        job_release_task=JobReleaseTask(
            id="rel", command_line="r", max_wall_clock_time="30s", retention_time=0
        ),
        on_all_tasks_complete="terminatejob", on_task_failure="performexitoptionsjobaction",
        uses_task_dependencies=True, max_parallel_tasks=1, allow_task_preemption=True,
        common_environment_settings={"X": "1"}, display_name="Ä" * 1024, metadata={"a": "b"},
    ),
    TaskSpec(
        id="b", command_line="x", display_name="", affinity_info="TVM:tvm-1",
        user_identity=AutoUserSpecification(scope="Task", elevation_level="admin"),
        depends_on=TaskDependencies(
            task_ids=["a", "a"], task_id_ranges=[TaskIdRange(start=0, end=2**31 - 1)]
        ),
        exit_conditions=ExitConditions(
            exit_codes=[ExitCodeMapping(code=-1, exit_options=ExitOptions(job_action="disable"))],
            exit_code_ranges=[
                ExitCodeRangeMapping(
                    start=2, end=2, exit_options=ExitOptions(dependency_action="satisfy")
                )
            ],
            pre_processing_error=ExitOptions(job_action="none", dependency_action="block"),
            file_upload_error=ExitOptions(), default=ExitOptions(job_action="terminate"),
        ),
    ),
    JobManagerTask(
        id="m", command_line="m", required_slots=2, kill_job_on_completion=False,
        run_exclusive=False, allow_low_priority_node=False, display_name="boss",
    ),
    JobScheduleSpec(
        id="s", schedule=NIGHTLY, display_name="nightly", metadata={"a": ""},
        job_specification=JobSpec(
            pool_info=AutoPoolSpecification(
                pool=PoolSpec(target_low_priority_nodes=1), pool_lifetime_option="JobSchedule",
                auto_pool_id_prefix="x" * 20, keep_alive=True,
            ),
            job_manager_task=JobManagerTask(id="m", command_line="m"),
        ),
    ),
]  # fmt: skip
