"""A property that is declared once is written, checked, seen, documented, filtered and sent."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
import pytest

from batchlab.core.messages.inputs import Request
from batchlab.core.model.base import Model, check
from batchlab.core.model.fields import Fields, describe, described
from batchlab.core.model.ranges import Range
from batchlab.core.model.values import View
from batchlab.errors import InvalidRequest
from batchlab.handles.base import Handle
from batchlab.handles.collections.filters import as_where
from batchlab.rest.resources import names, write
from batchlab.rest.wire import read
from helpers.fake_connection import FakeConnection

Speed = Annotated[int, Range(1, 10, unlimited=-1)]


class BoatFields(Fields):
    """What a user says about a boat.

    Attributes
    ----------
    top_speed : int, default 3
        1 to 10 knots; -1 is without limit.
    sails : {"up", "down"}, default "down"
        Whether it sails
        or lies.
    tags : mapping, optional
        Anything.
    """

    __slots__ = ()
    top_speed: Speed = 3
    sails: Literal["up", "down"] = "down"
    tags: dict[str, str] = {}


class BoatSpec(BoatFields, Model, frozen=True, kw_only=True):
    """A boat.

    Parameters
    ----------
    id : str
        Its name.
    """

    id: str


class BoatProperties(BoatFields):
    """What is seen of a boat.

    Attributes
    ----------
    top_speed : int
        In knots.
    depth : float, optional
        What is below its keel.
    """

    __slots__ = ()
    depth: float | None


class BoatView(BoatProperties, View, frozen=True, kw_only=True):
    """A boat."""

    id: str


class UpdateBoat(Request, frozen=True, kw_only=True):
    boat_id: str
    top_speed: Speed | None = None


class Boat(Handle, BoatProperties, init=False):
    """A boat."""

    __slots__ = ()

    def view(self) -> BoatView:
        return BoatView(**msgspec.structs.asdict(BoatSpec(id="b", sails="up")), depth=2.5)

    @property
    def tags(self) -> dict[str, str]:
        """Its own."""
        return {"own": "yes"}


def test_structs_have_their_own_fields_and_then_the_shared_ones() -> None:
    assert BoatSpec.__struct_fields__ == ("id", "top_speed", "sails", "tags")
    assert BoatView.__struct_fields__ == ("id", "top_speed", "sails", "tags", "depth")
    spec = BoatSpec(id="b", sails="UP", top_speed=-1)
    assert (spec.top_speed, spec.sails, spec.tags) == (-1, "up", {})
    assert spec.tags is not BoatSpec(id="c").tags
    assert not hasattr(spec, "__dict__")
    assert msgspec.json.encode(spec) == b'{"id":"b","top_speed":-1,"sails":"up"}'
    assert msgspec.json.decode(msgspec.json.encode(spec), type=BoatSpec) == spec
    with pytest.raises(msgspec.ValidationError, match=r"Expected `int`.*top_speed"):
        msgspec.json.decode(b'{"id":"b","top_speed":"x"}', type=BoatSpec)


@pytest.mark.parametrize("speed", [0, 11, -2])
def test_range_of_a_field_holds_wherever_the_field_is(speed: int) -> None:
    reason = rf"\.top_speed is {speed}: must be -1 \(no limit\) or 1 to 10"
    with pytest.raises(InvalidRequest, match="BoatSpec" + reason):
        BoatSpec(id="b", top_speed=speed)
    with pytest.raises(InvalidRequest, match="UpdateBoat" + reason):
        check(UpdateBoat(boat_id="b", top_speed=speed), "UpdateBoat")
    with pytest.raises(InvalidRequest, match="UpdateBoat" + reason):
        read(UpdateBoat, {"topSpeed": str(speed)}, boat_id="b")
    check(UpdateBoat(boat_id="b"), "UpdateBoat")


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Range(0), "0 or more"),
        (Range(0, 5), "0 to 5"),
        (Range(timedelta(minutes=1), timedelta(hours=168)), "1 minute to 168 hours"),
        (Range(timedelta(microseconds=1)), "greater than zero"),
        (Range(timedelta(microseconds=1), timedelta(minutes=15)),
         "greater than zero and at most 15 minutes"),
        (Range(1, unlimited=-1), "-1 (no limit) or 1 or more"),
    ],
)  # fmt: skip
def test_range_as_text(limits: Range, text: str) -> None:
    assert str(limits) == text


def test_handle_has_a_documented_property_for_each_field() -> None:
    boat = Boat(FakeConnection(), "b")
    assert (boat.top_speed, boat.sails, boat.depth) == (3, "up", 2.5)
    assert boat.tags == {"own": "yes"}  # its class has one itself
    assert inspect.getdoc(Boat.top_speed) == "In knots."  # what is said last counts
    assert inspect.getdoc(Boat.sails) == "Whether it sails\nor lies."
    with pytest.raises(AttributeError, match="only the service sets it"):
        boat.depth = 3.0  # type: ignore[misc]


def test_documentation_of_structs_and_verbs_is_that_of_the_fields() -> None:
    assert (inspect.getdoc(BoatSpec) or "").splitlines()[2:8] == [
        "Parameters", "----------", "id : str", "    Its name.", "top_speed : int, default 3",
        "    1 to 10 knots; -1 is without limit.",
    ]  # fmt: skip
    assert described(BoatSpec)["sails"].kind == '{"up", "down"}, default "down"'
    doc = """Build it.

    Parameters
    ----------
    name : str
        Its own.

    Raises
    ------
    Conflict
        There is one.
    """
    assert describe(doc, BoatSpec, {"name": "id", "speed": "top_speed"}).splitlines() == [
        "Build it.", "", "Parameters", "----------", "name : str", "    Its own.",
        "speed : int, default 3", "    1 to 10 knots; -1 is without limit.", "",
        "Raises", "------", "Conflict", "    There is one.",
    ]  # fmt: skip
    changed = describe("Change it.", BoatSpec, {"top_speed": "top_speed"}, change=True)
    assert "top_speed : int, optional" in changed


def test_field_can_be_filtered_by_and_has_its_name_on_the_wire() -> None:
    assert as_where({"sails": "up", "top_speed": [1, 2]}, BoatView, "job", "Boats.filter") == (
        ("sails", ("up",)), ("top_speed", (1, 2)),
    )  # fmt: skip
    assert names(BoatView) >= {"id", "topSpeed", "sails", "tags", "depth"}
    found: Any = write(Boat(FakeConnection(), "b").view())
    assert found == {"id": "b", "topSpeed": 3, "sails": "up", "depth": 2.5}
    wire = {"id": "b", "topSpeed": "4", "tags": [{"name": "a", "value": "b"}]}
    assert read(BoatSpec, wire) == BoatSpec(id="b", top_speed=4, tags={"a": "b"})
