"""Specs at their edges: values out of range are refused with code, name and reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from batchlab.core.model import (
    AutoPoolSpecification,
    ExitCodeRangeMapping,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    JobScheduleSpec,
    JobSpec,
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
    OutputFileUploadConfiguration,
    PoolInfo,
    PoolSpec,
    ResourceFile,
    Schedule,
    StartTask,
    TaskConstraints,
    TaskDependencies,
    TaskIdRange,
    TaskSpec,
    vm_cores,
)
from batchlab.core.model.base import Model
from batchlab.errors import InvalidRequest
from helpers.spec_samples import MINIMAL


def refusal(model: type[Model], **given: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        model(**MINIMAL[model] | given)
    return caught.value


@pytest.mark.rule(27, 28, 43)
@pytest.mark.parametrize(
    ("model", "given"),
    [
        (TaskSpec, {"required_slots": 0}),
        (TaskSpec, {"required_slots": 257}),
        (TaskSpec, {"id": "<script>alert(1)</script>"}),
        (TaskSpec, {"id": "x" * 65}),
        (PoolSpec, {"id": "p:job-1"}),
        (PoolSpec, {"vm_size": " "}),
        (PoolSpec, {"target_dedicated_nodes": -1}),
        (PoolSpec, {"target_dedicated_nodes": 100_001}),
        (PoolSpec, {"resize_timeout": "PT4M"}),  # rule 43
        (PoolSpec, {"task_slots_per_node": 0}),
        (PoolSpec, {"task_slots_per_node": 5}),  # small has 1 core
        (PoolSpec, {"task_slots_per_node": 257, "vm_size": "standard_m128"}),
        (JobSpec, {"priority": -1001}),
        (JobSpec, {"priority": 1001}),
        (JobSpec, {"job_release_task": "r"}),  # rule 27
        (TaskConstraints, {"max_task_retry_count": -2}),
        (TaskConstraints, {"max_wall_clock_time": 0}),
        (JobConstraints, {"max_task_retry_count": -2}),
        (JobConstraints, {"max_wall_clock_time": "0s"}),
        (StartTask, {"max_task_retry_count": -2}),
        (JobReleaseTask, {"max_wall_clock_time": "PT16M"}),  # rule 28
        (JobReleaseTask, {"max_wall_clock_time": 0}),
        (JobPreparationTask, {"id": "a b"}),
        (JobReleaseTask, {"id": "../x"}),
        (PoolInfo, {"pool_id": "a/b"}),
        (PoolInfo, {"pool_id": None}),
        (JobSpec, {"id": "a:job-0"}),
        (JobSpec, {"id": "a:job-1x"}),
        (JobSpec, {"id": "x" * 65 + ":job-1"}),
        (JobSpec, {"max_parallel_tasks": 0}),
        (JobSpec, {"max_parallel_tasks": -2}),
        (JobSpec, {"display_name": "x" * 1025}),
        (TaskSpec, {"display_name": "x" * 1025}),
        (PoolSpec, {"display_name": "x" * 1025}),
        (PoolSpec, {"target_low_priority_nodes": -1}),
        (JobManagerTask, {"id": "a b"}),
        (JobManagerTask, {"required_slots": 257}),
        (TaskDependencies, {"task_ids": ["ok", "not ok"]}),
        (TaskIdRange, {"start": 3}),
        (TaskIdRange, {"start": -1}),
        (ExitCodeRangeMapping, {"start": 3}),
        (AutoPoolSpecification, {"auto_pool_id_prefix": "x" * 21}),
        (AutoPoolSpecification, {"auto_pool_id_prefix": "a b"}),
        (AutoPoolSpecification, {"pool": PoolSpec(id="mine")}),
        (Schedule, {"start_window": "59s"}),
        (Schedule, {"recurrence_interval": "59s"}),
        (Schedule, {"do_not_run_after": "2026-01-05", "do_not_run_until": "2026-01-05"}),
        (JobScheduleSpec, {"id": "a b"}),
        (JobScheduleSpec, {"job_specification": JobSpec(id="j", pool_info="p")}),
        (JobScheduleSpec, {"display_name": "x" * 1025}),
        (ResourceFile, {"file_path": "/etc/passwd"}),
        (ResourceFile, {"file_path": "../x"}),
        (ResourceFile, {"file_path": "a/../../x"}),
        (ResourceFile, {"file_path": ""}),
        (ResourceFile, {"file_path": "."}),
        (ResourceFile, {"file_path": "a/"}),
        (ResourceFile, {"file_path": "a/."}),
        (ResourceFile, {"file_mode": "0888"}),
        (ResourceFile, {"file_mode": "77"}),
        (ResourceFile, {"file_mode": "rwx"}),
        (ResourceFile, {"storage_container_url": "s3://b/c"}),
        (ResourceFile, {"auto_storage_container_name": "abc"}),
        (ResourceFile, {"blob_prefix": "a"}),
        (OutputFile, {"file_pattern": ""}),
        (OutputFile, {"file_pattern": " "}),
        (OutputFileBlobContainerDestination, {"container_url": ""}),
        (OutputFileBlobContainerDestination, {"container_url": "relative/path"}),
        (OutputFileBlobContainerDestination, {"container_url": "Upper"}),
        (OutputFileBlobContainerDestination, {"container_url": "ab"}),
        (OutputFileBlobContainerDestination, {"path": ""}),
        (OutputFileBlobContainerDestination, {"path": "/a"}),
        (OutputFileBlobContainerDestination, {"path": "a/../b"}),
        (OutputFileBlobContainerDestination, {"path": "a/"}),
        (OutputFileBlobContainerDestination, {"path": "x" * 1025}),
        (OutputFileUploadConfiguration, {"upload_condition": "always"}),
    ],
)
def test_value_out_of_range_is_refused_with_its_name(
    model: type[Model], given: dict[str, Any]
) -> None:
    error = refusal(model, **given)
    assert error.code == "InvalidPropertyValue"
    assert error.values["PropertyName"] == next(iter(given))
    assert error.values["Reason"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/dir/a.csv?sig=x", "a.csv"),
        ("/data/b", "b"),
        ("https://host/dir/", "data.csv"),
    ],
)
def test_file_of_a_url_needs_a_path(url: str, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"pass file_path='{name}'") as caught:
        ResourceFile(http_url=url)
    assert caught.value.code == "MissingRequiredProperty"
    assert caught.value.values == {"PropertyName": "file_path"}


def test_text_is_the_url_of_a_file_that_keeps_its_name() -> None:
    (file,) = TaskSpec(id="t", command_line="true", resource_files=["/a/b.txt?c"]).resource_files
    assert file == ResourceFile(http_url="/a/b.txt?c", file_path="b.txt")


def test_journals_in_which_files_of_urls_have_no_path_are_read() -> None:
    file = msgspec.json.decode(b'{"http_url": "https://h/a.csv?sig=x"}', type=ResourceFile)
    assert file.target == "a.csv"


@pytest.mark.parametrize("url", ["", "https://host/dir/", "a/..", "?x"])
def test_text_without_the_name_of_a_file_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TaskSpec(id="t", command_line="true", resource_files=[url])
    assert caught.value.code in ("InvalidPropertyValue", "MissingRequiredProperty")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"storage_container_url": ""},
        {"storage_container_url": "relative"},
        {"auto_storage_container_name": "Not A Name"},
        {"auto_storage_container_name": "abc", "file_path": "../up"},
        {"auto_storage_container_name": "abc", "file_path": "/etc"},
        {"auto_storage_container_name": "abc", "storage_container_url": "/data"},
    ],
)
def test_resource_file_has_exactly_one_source_that_stays_inside(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ResourceFile(**given)
    assert caught.value.code == "InvalidPropertyValue"


def test_resource_files_of_more_than_a_million_bytes_are_refused() -> None:
    files = [f"/data/{'x' * 10_000}{number}" for number in range(100)]
    for model in (TaskSpec, JobPreparationTask, JobReleaseTask):
        model(**MINIMAL[model], resource_files=files[:99])
        error = refusal(model, resource_files=[*files, "/data/one-more"])
        assert error.code == "RequestEntityTooLarge"
        assert "container" in error.message


def test_output_file_says_the_same_in_short() -> None:
    class Handle:
        url = "s3://bucket/box"

    place = OutputFileBlobContainerDestination(container_url="s3://bucket/box")
    long = OutputFile(
        file_pattern="*", destination=OutputFileDestination(container=place),
        upload_options=OutputFileUploadConfiguration(upload_condition="TaskSuccess"),
    )  # fmt: skip
    for short in ("s3://bucket/box", Handle(), place):
        spec = OutputFile(file_pattern="*", destination=short, upload_options="tasksuccess")
        assert spec == long
    codes = (0, 1, 137)
    assert [long.wanted(code) for code in codes] == [True, False, False]
    failure = OutputFile(file_pattern="*", destination="abc", upload_options="taskfailure")
    assert [failure.wanted(code) for code in codes] == [False, True, True]
    always = OutputFile(file_pattern="*", destination="abc")
    assert [always.wanted(code) for code in codes] == [True, True, True]


@pytest.mark.parametrize("model", [StartTask, JobPreparationTask, JobReleaseTask, TaskSpec])
@pytest.mark.parametrize("command", ["", " ", "\t\n"])
def test_command_line_that_is_empty_is_missing(model: type[Model], command: str) -> None:
    error = refusal(model, command_line=command)
    assert (error.code, error.values["PropertyName"]) == (
        "MissingRequiredProperty", "command_line",
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"job_release_task": JobReleaseTask(id="release", command_line="r")},
        {"job_manager_task": JobManagerTask(id="release", command_line="m")},
    ],
)
def test_node_tasks_and_manager_of_one_job_have_ids_of_their_own(other: dict[str, Any]) -> None:
    preparation = JobPreparationTask(id="Release", command_line="p")
    error = refusal(JobSpec, job_preparation_task=preparation, **other)
    assert error.values["PropertyName"] == f"{next(iter(other))}.id"
    assert "must have different ids" in error.message


def test_pool_info_with_a_pool_and_an_auto_pool_is_refused() -> None:
    auto = AutoPoolSpecification(pool=PoolSpec(), pool_lifetime_option="job")
    error = refusal(PoolInfo, auto_pool_specification=auto)
    assert (error.code, error.values["PropertyName"]) == ("InvalidPropertyValue", "pool_id")
    assert PoolInfo(auto_pool_specification=auto).pool_id is None


@pytest.mark.code("TaskDependencyListTooLong")
def test_dependencies_of_more_than_64000_characters_are_refused() -> None:
    assert TaskDependencies(task_ids=["x" * 64] * 1000)
    error = refusal(TaskDependencies, task_ids=["x" * 64] * 1000 + ["y"])
    assert error.code == "TaskDependencyListTooLong"


@pytest.mark.code("TaskDependencyRangesTooLong")
def test_dependencies_of_more_than_1000_ranges_are_refused() -> None:
    ranges = [TaskIdRange(start=2 * n, end=2 * n) for n in range(1001)]
    assert TaskDependencies(task_id_ranges=ranges[:1000])
    error = refusal(TaskDependencies, task_id_ranges=ranges)
    assert error.code == "TaskDependencyRangesTooLong"
    assert "1001" in error.message


def test_start_task_may_have_32768_characters() -> None:
    assert StartTask(command_line="x" * 32_000)
    assert refusal(StartTask, command_line="x" * 32_768).values["PropertyName"] == "start_task"


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("small", 1), ("Medium", 2), ("LARGE", 4), ("ExtraLarge", 8), ("standard_d4s_v3", 4),
        ("standard_d64s_v3", 64), ("Standard_NC4as_T4_v3", 4), ("Basic_A1", 1),
        ("standard_a0", 1), ("whatever", 64), ("d²", 64), ("x99999999", 9999),
    ],
)  # fmt: skip
def test_vm_size_tells_its_cores(size: str, cores: int) -> None:
    assert vm_cores(size) == cores


def test_message_of_a_huge_value_is_short() -> None:
    error = refusal(TaskSpec, id="x" * 100_000)
    assert len(error.message) < 400
    assert len(error.values["PropertyValue"]) <= 200
