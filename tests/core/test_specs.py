"""Specs: every property takes what it should and refuses the rest, with code, name and cure."""

from __future__ import annotations

import typing
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_samples import FULL, MINIMAL, MODELS, OPTIONAL

from batchlab.core.model import Model
from batchlab.core.specs import (
    AffinityInfo,
    AutoPoolSpecification,
    EnvironmentSetting,
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
from batchlab.errors import BatchError, InvalidRequest


def refusal(model: type[Model], **given: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        model(**MINIMAL[model] | given)
    return caught.value


def fields() -> list[tuple[type[Model], str, str]]:
    """Every property of every model, with what kind of value it takes."""
    found = []
    for model in MODELS:
        for name, hint in typing.get_type_hints(model).items():
            if name == "__match_args__" or hasattr(Model, name):
                continue
            text = str(hint)
            known = ("bool", "int", "timedelta", "datetime.datetime", "dict", "tuple")
            kinds = [kind for kind in known if kind in text]
            kind = kinds[0] if kinds else "model" if "specs" in text else "text"
            kind = "list" if hint == TaskDependencies | None else kind  # a list says the same
            kind = "notes" if name == "metadata" else kind
            chosen = "Literal" in text and kind != "tuple"
            found.append((model, name, "choice" if chosen else kind))
    return found


WRONG: dict[str, list[Any]] = {
    "text": [7, b"x", ["x"], {}, object(), True, "a\0b", "\ud800"],
    "bool": [1, "yes", None, []],
    "int": ["3", 1.0, True, 10**5000, -(2**31), float("nan"), [], object()],
    "timedelta": ["soon", -1, True, [], object(), float("inf"), 10**5000],
    "datetime.datetime": ["soon", "2026-13-01", 7, 1.5, b"x", True, [], timedelta(1), object()],
    "dict": [7, "X=1", [1], {1: "x"}, {"X": 1}, {"": "x"}, {"A=B": "x"}, {"X": "\0"},
             {"X": None}, {"X": "\udfff"}],
    "notes": [7, "X=1", [1], {1: "x"}, {"X": 1}, {"X": "\0"}, {"X": None}, {"X": "\udfff"}],
    "tuple": [7, "abc", {"a": 1}, [7], [None], object()],
    "model": [7, [], {}, object(), True],
    "list": [7, "a", b"a", {"a": 1}, [7], [None], ["a b"], object(), True],
    "choice": ["sideways", 7, True, []],
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "name", "wrong"),
    [
        pytest.param(model, name, wrong, id=f"{model.__name__}.{name}-{kind}{number}")
        for model, name, kind in fields()
        for number, wrong in enumerate(WRONG[kind])
    ],
)
def test_property_of_a_wrong_type_is_refused_by_name(
    model: type[Model], name: str, wrong: Any
) -> None:
    error = refusal(model, **{name: wrong})
    assert error.status == 400
    assert error.code in ("InvalidPropertyValue", "MissingRequiredProperty")
    assert error.values["PropertyName"].startswith((name, "http_url", "id", "pool_id", "task_ids"))
    assert len(error.message) < 700


def test_every_model_is_tested() -> None:
    assert set(MINIMAL) == set(MODELS)
    assert {name for model, name, _ in fields() if model is PoolSpec} == set(
        PoolSpec.__struct_fields__
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_unknown_keyword_is_refused_with_its_nearest_neighbour(model: type[Model]) -> None:
    known = model.__struct_fields__[-1]
    error = refusal(model, **{known + "s": 1})
    assert error.code == "UnsupportedProperty"
    assert f"did you mean {known}?" in error.message
    assert "it may have" in refusal(model, zzzzzzzz=1).message


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_required_property_left_out_is_named(model: type[Model]) -> None:
    for name in MINIMAL[model]:
        if (model, name) in OPTIONAL:
            continue
        given = {key: value for key, value in MINIMAL[model].items() if key != name}
        for nothing in ({}, {name: None}):
            with pytest.raises(InvalidRequest) as caught:
                model(**given, **nothing)
            assert caught.value.code == "MissingRequiredProperty"
            assert caught.value.values == {"PropertyName": name}


def test_properties_by_position_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        PoolSpec("p", 3)  # type: ignore[call-arg]
    assert caught.value.code == "InvalidRequestBody"
    assert "PoolSpec(id=...)" in caught.value.message


# -- edges --------------------------------------------------------------------------------------


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
        (PoolSpec, {"resize_timeout": "PT4M"}),  # row 43
        (PoolSpec, {"task_slots_per_node": 0}),
        (PoolSpec, {"task_slots_per_node": 5}),  # small has 1 core
        (PoolSpec, {"task_slots_per_node": 257, "vm_size": "standard_m128"}),
        (JobSpec, {"priority": -1001}),
        (JobSpec, {"priority": 1001}),
        (JobSpec, {"job_release_task": "r"}),  # row 27
        (TaskConstraints, {"max_task_retry_count": -2}),
        (TaskConstraints, {"max_wall_clock_time": 0}),
        (JobConstraints, {"max_task_retry_count": -2}),
        (JobConstraints, {"max_wall_clock_time": "0s"}),
        (StartTask, {"max_task_retry_count": -2}),
        (JobReleaseTask, {"max_wall_clock_time": "PT16M"}),  # row 28
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


@pytest.mark.parametrize("url", ["", "https://host/dir/", "a/..", "?x"])
def test_resource_file_without_a_name_is_refused(url: str) -> None:
    assert refusal(ResourceFile, http_url=url).code == "InvalidPropertyValue"


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
        {"job_release_task": JobReleaseTask(id="hook", command_line="r")},
        {"job_manager_task": JobManagerTask(id="hook", command_line="m")},
    ],
)
def test_hooks_and_manager_of_one_job_have_ids_of_their_own(other: dict[str, Any]) -> None:
    preparation = JobPreparationTask(id="Hook", command_line="p")
    error = refusal(JobSpec, job_preparation_task=preparation, **other)
    assert error.values["PropertyName"] == "id"
    assert "ids of their own" in error.message


def test_pool_info_with_a_pool_and_an_auto_pool_is_refused() -> None:
    auto = AutoPoolSpecification(pool=PoolSpec(), pool_lifetime_option="job")
    error = refusal(PoolInfo, auto_pool_specification=auto)
    assert (error.code, error.values["PropertyName"]) == ("InvalidPropertyValue", "pool_id")
    assert PoolInfo(auto_pool_specification=auto).pool_id is None


def test_dependencies_of_more_than_64000_characters_are_refused() -> None:
    assert TaskDependencies(task_ids=["x" * 64] * 1000)
    error = refusal(TaskDependencies, task_ids=["x" * 64] * 1000 + ["y"])
    assert error.code == "TaskDependencyListTooLong"


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


# -- sugar --------------------------------------------------------------------------------------


def test_sugar_makes_the_same_models() -> None:
    job = JobSpec(
        id="j", pool_info=SimpleNamespace(id="p"), job_preparation_task="p", job_release_task="r",
        constraints=JobConstraints(max_wall_clock_time="PT1H"),
        on_all_tasks_complete="TerminateJob",
    )  # fmt: skip
    assert job.pool_info == PoolInfo(pool_id="p")
    assert job.job_preparation_task == JobPreparationTask(command_line="p")
    assert job.job_release_task == JobReleaseTask(command_line="r")
    assert job.constraints.max_wall_clock_time == timedelta(hours=1)
    assert job.on_all_tasks_complete == "terminatejob"
    task = TaskSpec(
        id="a", command_line="x", resource_files=["https://h/d/f.txt?sig=s/t"],
        environment_settings=[EnvironmentSetting(name="X", value="1")],
    )  # fmt: skip
    assert task.resource_files[0].target == "f.txt"
    assert task.environment_settings == {"X": "1"}
    assert PoolSpec(id="p", vm_size="Standard_D2").vm_size == "standard_d2"


def test_sugar_of_conditions_and_schedules_makes_the_same_models() -> None:
    task = TaskSpec(id="a", command_line="x", depends_on=["b"], affinity_info="TVM:n")
    assert task.depends_on == TaskDependencies(task_ids=["b"])
    assert task.affinity_info == AffinityInfo(affinity_id="TVM:n")
    auto = AutoPoolSpecification(pool=PoolSpec(), pool_lifetime_option="job")
    assert JobSpec(id="j", pool_info=auto).pool_info == PoolInfo(auto_pool_specification=auto)
    assert JobSpec(id="S:job-12", pool_info="p").id == "S:job-12"
    schedule = JobScheduleSpec(**MINIMAL[JobScheduleSpec]).schedule
    assert schedule == Schedule(recurrence_interval=timedelta(minutes=10))


def test_moment_without_a_zone_is_utc() -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    written: list[Any] = [
        noon, datetime(2026, 1, 5, 12), "2026-01-05T12:00", "2026-01-05T12:00Z",
        "2026-01-05T14:00+02:00", noon.astimezone(timezone(timedelta(hours=-5))),
    ]  # fmt: skip
    for value in written:
        moment = Schedule(do_not_run_until=value).do_not_run_until
        assert moment == noon
        assert moment.tzinfo is not None


def test_spec_does_not_change_with_what_it_was_made_of() -> None:
    settings = {"X": "1"}
    files = [ResourceFile(http_url="/a")]
    task = TaskSpec(id="a", command_line="x", environment_settings=settings, resource_files=files)
    settings["X"] = "2"
    files.clear()
    assert task.environment_settings == {"X": "1"}
    assert len(task.resource_files) == 1
    with pytest.raises(AttributeError):
        task.id = "b"  # type: ignore[misc]


# -- written down and read again ----------------------------------------------------------------


@pytest.mark.parametrize("value", FULL, ids=lambda value: type(value).__name__)
def test_spec_survives_json_and_msgpack(value: Model) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value)) == value


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_minimal_spec_survives_json(model: type[Model]) -> None:
    value = model(**MINIMAL[model])
    assert msgspec.json.decode(msgspec.json.encode(value), type=model) == value


# -- anything at all ----------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.timedeltas() | st.datetimes() | st.sampled_from(FULL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(deadline=None)  # how fast it is, benchmarks say
@given(st.sampled_from(MODELS), st.data())
def test_any_value_makes_a_spec_that_can_be_written_down_or_a_refusal(
    model: type[Model], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(model.__struct_fields__))
    given = MINIMAL[model] | {name: data.draw(ANYTHING)}
    try:
        value = model(**given)
    except BatchError as refused:
        assert refused.status == 400  # noqa: PT017
    else:
        assert msgspec.json.decode(msgspec.json.encode(value), type=model) == value
