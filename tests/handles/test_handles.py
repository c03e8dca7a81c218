"""Handles against a service that answers what the test says: what is asked for, and how."""

from __future__ import annotations

import inspect
import json
import re
import typing
from datetime import timedelta
from typing import Any

import msgspec
import pytest

import batchlab as bl
from batchlab.core import model as specs
from batchlab.core.answers.reasons import Reason
from batchlab.core.messages import inputs, questions, views
from batchlab.core.model.fields import described
from batchlab.core.model.pools import EVALUATION_INTERVAL
from batchlab.core.model.values import TaskCounts
from batchlab.handles.applications import Application, ApplicationPackage
from batchlab.handles.base import Handle, ViewProperty
from batchlab.handles.certificates import Certificate
from batchlab.handles.explanation import Explanation
from batchlab.handles.job import Job
from batchlab.handles.job_schedule import JobSchedule
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lab import BaseLab
from helpers.fake_connection import FakeConnection

# -- the signatures are the models' -------------------------------------------------------------


@pytest.mark.parametrize(
    ("handle", "view"),
    [
        (Pool, views.PoolView),
        (Node, views.NodeView),
        (Job, views.JobView),
        (Task, views.TaskView),
        (JobSchedule, views.JobScheduleView),
        (Application, views.ApplicationView),
        (ApplicationPackage, views.ApplicationPackageView),
        (Certificate, views.CertificateView),
    ],
)
def test_handle_has_each_property_of_its_view(handle: type[Handle], view: Any) -> None:
    fields = set(view.__struct_fields__) - {"enable_auto_scale"}  # of a pool, a verb
    seen = {name for name, value in vars(handle).items() if isinstance(value, ViewProperty)}
    names = {"id", "pool_id", "job_id", "application_id", "version", "thumbprint"}
    assert seen | {name for name in names if hasattr(handle, name)} >= fields
    assert seen <= fields
    assert all(inspect.getdoc(getattr(handle, name)) for name in fields)


@pytest.mark.parametrize(
    ("verb", "spec", "renamed"),
    [
        (BaseLab.create_pool, specs.PoolSpec, {}),
        (BaseLab.create_job, specs.JobSpec, {"pool": "pool_info"}),
        (BaseLab.create_job_schedule, specs.JobScheduleSpec, {}),
        (Job.create_task, specs.TaskSpec, {}),
    ],
)
def test_verb_of_creation_takes_each_property_of_its_spec(
    verb: Any, spec: Any, renamed: dict[str, str]
) -> None:
    taken = [renamed.get(name, name) for name in inspect.signature(verb).parameters]
    assert set(taken) - {"self"} == set(spec.__struct_fields__)


@pytest.mark.parametrize(
    ("verb", "request_type", "own"),
    [
        (Pool.update, inputs.UpdatePool, {"pool_id"}),
        (Pool.replace_properties, inputs.ReplacePoolProperties, {"pool_id"}),
        (Pool.resize, inputs.ResizePool, {"pool_id"}),
        (Job.update, inputs.UpdateJob, {"job_id"}),
        (JobSchedule.update, inputs.UpdateJobSchedule, {"job_schedule_id"}),
    ],
)
def test_verb_of_change_takes_each_property_of_its_request(
    verb: Any, request_type: Any, own: set[str]
) -> None:
    assert {*inspect.signature(verb).parameters} - {"self"} == (
        {*request_type.__struct_fields__} - own
    )


@pytest.mark.parametrize(
    "verb",
    [
        BaseLab.create_pool, BaseLab.create_job, BaseLab.create_job_schedule, Job.create_task,
        Pool.update, Pool.replace_properties, Job.update, JobSchedule.update,
    ],
    ids=lambda verb: verb.__qualname__,
)  # fmt: skip
def test_documentation_of_a_verb_says_what_each_parameter_is(verb: Any) -> None:
    doc = inspect.getdoc(verb) or ""
    for name in {*inspect.signature(verb).parameters} - {"self"}:
        assert re.search(rf"^{name} : \S.*\n    \S", doc, re.MULTILINE), name
    assert doc.count("Parameters\n------") == 1
    if not verb.__name__.startswith("create"):
        assert ", default" not in doc


SPECS = [
    specs.PoolSpec,
    specs.JobSpec,
    specs.JobScheduleSpec,
    specs.TaskSpec,
    specs.JobManagerTask,
]
FIELDS = [(spec, field) for spec in SPECS for field in msgspec.structs.fields(spec)]


@pytest.mark.parametrize(
    ("spec", "field"), FIELDS, ids=[f"{spec.__name__}.{field.name}" for spec, field in FIELDS]
)
def test_documentation_of_a_field_has_its_default(spec: Any, field: Any) -> None:
    _, _, documented = described(spec)[field.name].kind.partition(", default ")
    default = field.default
    if field.name == "auto_scale_evaluation_interval":
        default = EVALUATION_INTERVAL  # once there is a formula
    if isinstance(default, specs.TaskSchedulingPolicy):
        default = default.node_fill_type
    if isinstance(default, timedelta):
        assert documented == f"{default // timedelta(minutes=1)} minutes"
    elif documented:
        assert json.loads(documented.lower()) == default
    else:
        nothing = [
            None,
            (),
            "",
            specs.TaskConstraints(),
            specs.JobConstraints(),
            msgspec.NODEFAULT,
        ]
        assert default in nothing


@pytest.mark.parametrize(
    ("spec", "name"),
    [(specs.JobSpec, "priority"), (specs.JobSpec, "max_parallel_tasks"),
     (specs.TaskSpec, "required_slots"), (specs.PoolSpec, "auto_scale_evaluation_interval")],
)  # fmt: skip
def test_documentation_of_a_field_has_its_range(spec: Any, name: str) -> None:
    hint = typing.get_type_hints(spec, include_extras=True)[name]
    (limits,) = [part for part in (hint, *typing.get_args(hint)) if hasattr(part, "__metadata__")]
    (range_,) = limits.__metadata__
    assert str(range_).partition(" (no limit)")[0] in described(spec)[name].text


# -- identity -----------------------------------------------------------------------------------


def test_handles_of_one_thing_are_equal_without_regard_to_case(
    connection: FakeConnection, job: Job, task: Task
) -> None:
    assert job == Job(connection, "FRAMES")
    assert hash(job) == hash(Job(connection, "FRAMES"))
    assert task == Task(connection, "Frames", "T1")
    assert {task: 1}[Task(connection, "frames", "T1")] == 1


def test_handles_of_different_things_differ(connection: FakeConnection, job: Job) -> None:
    assert job != Job(connection, "other")
    assert job != Job(FakeConnection(), "frames")
    assert Pool(connection, "x") != Job(connection, "x")
    assert Task(connection, "a", "t") != Task(connection, "b", "t")
    assert job != "frames"


def test_property_asks_each_time(connection: FakeConnection, job: Job) -> None:
    states = iter(["active", "completed"])
    connection.answers["GetJob"] = lambda question: _Any(state=next(states))
    assert [job.state, job.state] == ["active", "completed"]


def test_property_cannot_be_assigned(pool: Pool) -> None:
    with pytest.raises(AttributeError, match="only the service sets it"):
        pool.state = "steady"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        pool.sate = "steady"  # type: ignore[attr-defined]


def test_repr_of_a_handle_asks_nothing(pool: Pool, node: Node, job: Job, task: Task) -> None:
    assert [repr(thing) for thing in (pool, node, job, task)] == [
        "Pool('render')",
        "Node('n1')",
        "Job('frames')",
        "Task('t1')",
    ]


class _Any:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


# -- create_tasks -------------------------------------------------------------------------------


def created(connection: FakeConnection) -> list[tuple[str, str]]:
    request = connection.requests[-1]
    assert isinstance(request, inputs.CreateTasks)
    return [(spec.id, spec.command_line) for spec in request.specs]


def test_create_tasks_counts_on_for_command_lines(connection: FakeConnection, job: Job) -> None:
    connection.answers["ListTaskIds"] = ["task002", "TASK0041", "other", "task", "taskx7"]
    handles = job.create_tasks(["a", bl.TaskSpec(id="mine", command_line="b"), "c"])
    assert created(connection) == [("task042", "a"), ("mine", "b"), ("task043", "c")]
    assert [handle.id for handle in handles] == ["task042", "mine", "task043"]


def test_create_tasks_passes_by_ids_of_the_same_call(connection: FakeConnection, job: Job) -> None:
    job.create_tasks(["a", bl.TaskSpec(id="Task001", command_line="b")])
    assert created(connection) == [("task002", "a"), ("Task001", "b")]


def test_create_tasks_of_nothing_asks_for_nothing(connection: FakeConnection, job: Job) -> None:
    assert job.create_tasks([]) == []
    assert connection.requests == []


def test_create_tasks_takes_any_iterable(connection: FakeConnection, job: Job) -> None:
    job.create_tasks(f"run {number}" for number in range(3))
    assert created(connection) == [
        ("task001", "run 0"),
        ("task002", "run 1"),
        ("task003", "run 2"),
    ]


# -- mappings -----------------------------------------------------------------------------------


def test_mapping_lists_without_asking_for_each(connection: FakeConnection, job: Job) -> None:
    connection.answers |= {"ListTaskIds": ["b", "a"], "CountTasks": TaskCounts(active=2)}
    assert list(job.tasks) == ["b", "a"]
    assert [handle.id for handle in job.tasks.values()] == ["b", "a"]
    assert [(id_, handle.id) for id_, handle in job.tasks.items()] == [("b", "b"), ("a", "a")]


def test_mapping_counts_without_listing(connection: FakeConnection, job: Job) -> None:
    connection.answers["CountTasks"] = TaskCounts(active=5, running=2, completed=3, failed=1)
    assert len(job.tasks) == 10
    assert repr(job.tasks) == "10 tasks: 5 active, 2 running, 3 completed (1 failed)"


def test_mapping_shows_the_id_that_was_given(connection: FakeConnection, job: Job) -> None:
    connection.answers["GetTask"] = _Any(id="Abc")
    assert job.tasks["aBC"].id == "Abc"


def test_mapping_without_the_id_says_so(connection: FakeConnection, job: Job) -> None:
    connection.answers["GetTask"] = bl.NotFound("TaskNotFound", "there is no task 'x'")
    with pytest.raises(bl.NotFound) as caught:
        job.tasks["x"]
    assert caught.value.code == "TaskNotFound"
    assert "x" not in job.tasks
    assert job.tasks.get("x") is None
    assert 5 not in job.tasks
    with pytest.raises(bl.InvalidRequest, match=r"things\[:10\]"):
        job.tasks[0]  # type: ignore[index]


def test_views_of_many_tasks_come_in_pages(connection: FakeConnection, job: Job) -> None:
    def page(question: questions.PageTasks) -> questions.TaskPage:
        assert question.where == (("state", ("completed",)),)
        end = min(question.after + question.limit, 2500)
        views = [_Any(id=f"t{number}") for number in range(question.after, end)]
        return questions.TaskPage(views, end if end < 2500 else None)

    connection.answers["PageTasks"] = page
    assert len(list(job.tasks.views("completed"))) == 2500


# -- explanations and rows ----------------------------------------------------------------------


def test_explanation_is_a_list_of_sentences_with_codes() -> None:
    reasons = [Reason(code="Busy", text="All are busy."), Reason(code="Queue", text="You wait.")]
    explanation = Explanation(reasons, "nothing")
    assert explanation == ["All are busy.", "You wait."]
    assert explanation.codes == ["Busy", "Queue"]
    assert str(explanation) == "All are busy.\nYou wait."
    assert str(Explanation([], "Not waiting.")) == "Not waiting."


def test_counts_are_the_core_s(connection: FakeConnection, job: Job) -> None:
    connection.answers["CountTasks"] = TaskCounts(active=5, completed=3, succeeded=3)
    counts = job.counts
    assert msgspec.structs.asdict(counts) == {
        "active": 5, "running": 0, "completed": 3, "succeeded": 3, "failed": 0
    }  # fmt: skip
