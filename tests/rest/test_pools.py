"""Pools on the wire: what cannot be created here, and the reasons."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.rest import POOL, Desk


def auto(pool: dict[str, Any]) -> dict[str, Any]:
    """The pool of a job that has its own."""
    pool = {name: value for name, value in pool.items() if name != "id"}
    return {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}


def refusals(desk: Desk, pool: dict[str, Any]) -> list[Any]:
    """What each request says that describes this pool; none may leave anything behind."""
    plain = {"schedule": {"recurrenceInterval": "PT1H"}}
    desk.post(
        "/jobschedules", {"id": "s", "jobSpecification": {"poolInfo": {"poolId": "q"}}} | plain
    )
    specification = {"jobSpecification": {"poolInfo": auto(pool)}}
    answers = [
        desk.post("/pools", pool),
        desk.post("/jobs", {"id": "j", "poolInfo": auto(pool)}),
        desk.post("/jobschedules", {"id": "t"} | plain | specification),
        desk.ask("PATCH", "/jobschedules/s", specification),
        desk.ask("PUT", "/jobschedules/s", plain | specification),
    ]
    assert desk.get("/pools").content["value"] == []
    assert [job["id"] for job in desk.get("/jobs").content["value"]] == ["s:job-1"]
    assert [one["id"] for one in desk.get("/jobschedules").content["value"]] == ["s"]
    return answers


def values(answer: Any) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in answer.content.get("values", [])}


@pytest.mark.parametrize("size", ["potato", "Standard_D4s_v3x", "Basic_A1", "d4s_v3"])
def test_unknown_size_is_refused_wherever_it_is_given(desk: Desk, size: str) -> None:
    for answer in refusals(desk, POOL | {"vmSize": size}):
        assert (answer.status, answer.code) == (400, "InvalidPropertyValue")
        assert "did you mean" in str(values(answer))
