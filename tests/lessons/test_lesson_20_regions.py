"""A region that has room (20-2): what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons


def searched(
    regions: list[bl.SimulatedLab], definition: dict[str, Any], leave: Callable[[bl.Pool], None]
) -> bl.Pool | None:
    for lab in regions:
        try:
            lab.post("/pools", definition)
        except bl.BatchError:
            continue
        pool = lab.pools[definition["id"]]
        pool.wait("steady")
        if len(pool.nodes) == definition["targetDedicatedNodes"]:
            pool.nodes.wait("idle")
            return pool
        leave(pool)
    return None


def place(regions: list[bl.SimulatedLab], definition: dict[str, Any]) -> bl.Pool | None:
    return searched(regions, definition, bl.Pool.delete)


def empties(regions: list[bl.SimulatedLab], definition: dict[str, Any]) -> bl.Pool | None:
    """Leave an empty pool in each region that has no room, and look at the errors."""
    for lab in regions:
        try:
            pool = lab.create_pool(
                definition["id"],
                target_dedicated_nodes=definition["targetDedicatedNodes"],
                start_task=definition["startTask"]["commandLine"],
            )
        except bl.Conflict:
            continue
        lab.advance("15m")
        if not pool.resize_errors:
            return pool
        pool.resize(0)
    return None


@pytest.mark.parametrize("function", [place, empties])
def test_20_2_that_looks_at_what_it_got_is_right(function: Callable[..., Any]) -> None:
    answer = lessons.check("20-2", function)
    assert answer.is_right, answer


def first(regions: Any, definition: Any) -> Any:
    regions[0].post("/pools", definition)
    pool = regions[0].pools[definition["id"]]
    pool.wait("steady")
    pool.nodes.wait("idle")
    return pool


def everywhere(regions: Any, definition: Any) -> Any:
    pools = []
    for lab in regions:
        lab.post("/pools", definition)
        pools.append(lab.pools[definition["id"]])
    for pool in pools:
        pool.wait("steady")
    return next(pool for pool in pools if not pool.resize_errors)


def too_soon(regions: Any, definition: Any) -> Any:
    regions[0].post("/pools", definition)
    pool = regions[0].pools[definition["id"]]
    pool.wait("steady")
    return pool


def leaves_some(regions: Any, definition: Any) -> Any:
    return searched(regions, definition, lambda pool: None)


def gives_up(regions: Any, definition: Any) -> Any:
    return place(regions[:2], definition)


def last_resort(regions: Any, definition: Any) -> Any:
    return place(regions, definition) or regions[0].pools.get(definition["id"], "nothing")


def returns_the_lab(regions: Any, definition: Any) -> Any:
    found = place(regions, definition)
    return next(lab for lab in regions if found and found._connection is lab._connection)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (first, "How many did the pool get there?"),
        (everywhere, "the nodes of the pool are starting"),
        (too_soon, "when all nodes are idle"),
        (leaves_some, "it got some"),
        (gives_up, "What should it return?"),
        (last_resort, "None can have all"),
        (returns_the_lab, "What should it return?"),
        (lambda regions: None, "a list of labs"),
        (lambda regions, definition: None, "What should it return?"),
    ],
)
def test_20_2_of_a_wrong_function_gives_its_hint(function: Callable[..., Any], says: str) -> None:
    answer = lessons.check("20-2", function)
    assert answer.outcome == "not yet"
    assert says in answer.hint or says in answer.text


def test_20_2_that_stops_at_a_refusal_is_told_of_the_next_region() -> None:
    def stops(regions: Any, definition: Any) -> Any:
        for lab in regions:
            lab.post("/pools", definition)
            pool = lab.pools[definition["id"]]
            pool.wait("steady")
            if not pool.resize_errors:
                pool.nodes.wait("idle")
                return pool
            pool.delete()
        return None

    answer = lessons.check("20-2", stops)
    assert "a first region that refuses the pool, it fails: Conflict: PoolQuota" in answer.text
    assert "the next region has its turn" in answer.hint


def test_20_2_with_nodes_in_a_region_that_is_not_needed_is_wrong() -> None:
    def both(regions: Any, definition: Any) -> Any:
        regions[-1].post("/pools", definition)
        regions[-1].pools[definition["id"]].nodes.wait("idle")
        regions[-1].pools[definition["id"]].delete()
        regions[-1].advance("10m")
        return place(regions, definition)

    assert "one after the other" in lessons.check("20-2", both).hint
