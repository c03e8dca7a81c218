"""The table of lesson 13: what each class and each property of a lab is called in the SDK."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import msgspec
import nbformat
import pytest

import batchlab as bl

models = pytest.importorskip(
    "azure.batch.models", reason="the names are those of azure-batch, which is not installed"
)

LESSON = next((Path(__file__).parents[2] / "notebooks").glob("13-*.ipynb"))
OF_LABS = {"AutoScaleRun", "Behavior", "Load", "Quotas", "VmSize"}
"""Structs that no request contains: what a lab is made of, and what it answers."""
WITHOUT = {"CertificateReference", "certificate_references"}
"""Of certificates, which SDK 15 no longer has."""


def table() -> list[tuple[str, str]]:
    """Each class of a lab with its name in the SDK; empty where it has none."""
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells]
    source = next(cell for cell in cells if "| in a lab | in the SDK |" in cell)
    pairs = []
    for row in re.findall(r"^\| (`.+) \| (.+) \|$", source, re.MULTILINE):
        ours, theirs = row
        names = re.findall(r"`([A-Z]\w+)`", ours)
        example = re.search(r"`(?:models\.)?(\w+)`", theirs)
        if theirs.startswith("with `Batch`"):
            pairs += [(name, f"Batch{name}") for name in names]
        elif theirs.startswith("the same name"):
            pairs += [(name, name) for name in names]
        else:
            pairs += [(name, example[1] if example else "") for name in names]
    return pairs


def renamed() -> dict[str, str]:
    """The properties that have another name in the SDK."""
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells]
    source = next(cell for cell in cells if "Properties have the same names" in cell)
    return dict(re.findall(r"`(on_\w+)` is `(\w+)`", source))


def properties(model: type) -> set[str]:
    """The names of a model's properties in Python."""
    return {name for one in model.__mro__ for name in vars(one).get("__annotations__", {})}


def test_every_class_that_a_request_may_contain_is_in_the_table() -> None:
    public = {name: getattr(bl, name) for name in bl.__all__}
    structs = {
        name
        for name, value in public.items()
        if inspect.isclass(value) and issubclass(value, msgspec.Struct)
    }
    assert {ours for ours, _ in table()} == structs - OF_LABS


@pytest.mark.parametrize(("ours", "theirs"), table())
def test_class_and_its_properties_have_these_names_in_the_sdk(ours: str, theirs: str) -> None:
    if not theirs:
        assert ours in WITHOUT
        assert not hasattr(models, ours)
        assert not hasattr(models, f"Batch{ours}")
        return
    known = properties(getattr(models, theirs))
    for field in getattr(bl, ours).__struct_fields__:
        if field not in WITHOUT and (field != "id" or "Specification" not in theirs):
            assert renamed().get(field, field) in known, field


def test_only_properties_that_have_another_name_are_called_renamed() -> None:
    assert renamed()
    known = properties(models.BatchJobCreateOptions)
    assert set(renamed().values()) <= known
    assert not renamed().keys() & known
