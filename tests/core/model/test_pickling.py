"""Descriptions, inputs and pages of views are pickled whole, and not checked again when read."""

from __future__ import annotations

import pickle

import msgspec
import pytest

import batchlab as bl
from batchlab.core.messages import questions
from batchlab.core.messages.facts import REPORTS
from batchlab.core.messages.inputs import REQUESTS, CreateTasks
from batchlab.core.model import JobSpec, TaskSpec
from batchlab.core.model.base import Model
from helpers.spec_samples import FULL, MINIMAL, MODELS
from helpers.world import World

SMALLEST = [model(**MINIMAL[model]) for model in MODELS]


@pytest.mark.parametrize("described", SMALLEST + FULL, ids=lambda value: type(value).__name__)
def test_description_is_the_same_after_pickling(described: Model) -> None:
    again = pickle.loads(pickle.dumps(described))
    assert again == described
    assert type(again) is type(described)


@pytest.mark.parametrize("cls", [*REQUESTS, *REPORTS], ids=lambda cls: cls.__name__)
def test_every_input_can_be_read(cls: type[msgspec.Struct]) -> None:
    msgspec.msgpack.Decoder(cls)


def test_request_is_read_without_checking_each_description_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    specs = tuple(TaskSpec(id=f"t{n}", command_line="x", depends_on=["a"]) for n in range(3))
    request = CreateTasks(job_id="j", specs=specs)
    data = pickle.dumps(request)
    checked: list[type] = []
    monkeypatch.setattr("batchlab.core.model.base.checked", lambda cls, *_: checked.append(cls))
    assert pickle.loads(data) == request
    assert not checked


def test_description_that_is_not_valid_cannot_be_read() -> None:
    data = pickle.dumps(JobSpec(id="j", pool_info="p", priority=7))
    with pytest.raises(msgspec.ValidationError):
        pickle.loads(data.replace(b"priority\x07", b"priority\xc3"))


def test_page_of_views_is_the_same_after_pickling(world: World) -> None:
    world.pool()
    world.job()
    world.tasks(*"abc")
    world.exit(world.run(), 3)
    world.run()
    for only_ids in (False, True):
        page = world.ask(questions.PageTasks(job_id="j", only_ids=only_ids))
        assert pickle.loads(pickle.dumps(page)) == page


def test_secret_arrives_with_its_description() -> None:
    registry = bl.ContainerRegistryReference(username="ann", password="hidden-word")
    described = bl.TaskContainerSettings(image_name="i", registry=registry)
    again = pickle.loads(pickle.dumps(described))
    assert again == described
    assert again.registry.password.reveal() == "hidden-word"
