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

from batchlab.core.model import (
    AffinityInfo,
    AutoPoolSpecification,
    EnvironmentSetting,
    JobConstraints,
    JobPreparationTask,
    JobReleaseTask,
    JobScheduleSpec,
    JobSpec,
    PoolInfo,
    PoolSpec,
    ResourceFile,
    Schedule,
    TaskDependencies,
    TaskSpec,
)
from batchlab.core.model.base import Model
from batchlab.core.model.secrets import read_secret, reveal_secret
from batchlab.errors import BatchError, InvalidRequest
from helpers.spec_samples import FULL, MINIMAL, MODELS, OPTIONAL


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
            kind = kinds[0] if kinds else "model" if "core.model" in text else "text"
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


def test_dependency_that_is_no_list_is_refused_with_the_list() -> None:
    message = refusal(TaskSpec, id="t", command_line="x", depends_on="one").message
    assert message.endswith("must be a list of ids: ['one']")


@pytest.mark.parametrize(
    ("model", "name", "cure"),
    [
        (TaskSpec, "max_wall_clock_time", "constraints=TaskConstraints(max_wall_clock_time=...)"),
        (TaskSpec, "http_url", "resource_files=[ResourceFile(http_url=...)]"),
        (PoolSpec, "wait_for_success", "start_task=StartTask(wait_for_success=...)"),
        (JobSpec, "command_line", "valid properties: "),  # of three parts
    ],
)
def test_keyword_of_a_part_is_refused_with_its_place(model, name, cure) -> None:
    assert cure in refusal(model, **{name: 1}).message


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_unknown_keyword_is_refused_with_its_nearest_neighbour(model: type[Model]) -> None:
    known = model.__struct_fields__[-1]
    error = refusal(model, **{known + "s": 1})
    assert error.code == "UnsupportedProperty"
    assert f"did you mean {known}?" in error.message
    assert "valid properties: " in refusal(model, zzzzzzzz=1).message


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


@pytest.mark.code("InvalidRequestBody")
def test_properties_by_position_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        PoolSpec("p", 3)  # type: ignore[call-arg]
    assert caught.value.code == "InvalidRequestBody"
    assert "PoolSpec(id=...)" in caught.value.message


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
    files = [ResourceFile(http_url="/a", file_path="a")]
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
        written = msgspec.json.encode(value, enc_hook=reveal_secret)
        assert msgspec.json.decode(written, type=model, dec_hook=read_secret) == value
