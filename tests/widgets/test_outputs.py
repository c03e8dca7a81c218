"""Displays in cells, without a notebook: when their pictures are drawn again, and how."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

import batchlab as bl
from batchlab.widgets import show
from batchlab.widgets.outputs import RUNNING_S, SETTLED_S, Output
from batchlab.widgets.still import MOST


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(workload=bl.Workload(default="40s")) as lab:
        lab.create_pool("p", target_dedicated_nodes=3).nodes.wait()
        lab.create_job("j", "p").create_tasks(["work"] * 6)
        yield lab


class Page:
    """Stands for a notebook: takes what is published."""

    def __init__(self, thing: Any) -> None:
        self.bundles: list[dict[str, Any]] = []
        self.names: set[str] = set()
        connection = show.connection_of(thing)
        self.output = Output(show.StoredThing(thing, "here"), [connection], self.publish)
        self.output.refresh()

    def publish(self, bundle: dict[str, Any], name: str, again: bool) -> None:
        assert again is bool(self.bundles)
        self.bundles.append(bundle)
        self.names.add(name)

    def words(self) -> str:
        """What the last picture shows."""
        found = re.search('<img alt="([^"]*)"', self.bundles[-1]["text/html"])
        assert found
        return found[1]


def test_output_is_drawn_again_when_things_have_settled_or_go_on_for_long(
    lab: bl.SimulatedLab,
) -> None:
    page = Page(lab.pools["p"])
    begin = page.output._drawn_at
    assert not page.output.due(begin + 100), "nothing has happened"
    lab.advance("20s")
    page.output._watches[0].catch_up()
    now = begin + 100
    page.output._drawn_at, page.output._cost = now, 0.0
    assert not page.output.due(now)
    assert not page.output.due(now + SETTLED_S - 0.1)
    assert page.output.due(now + SETTLED_S)
    page.output._cost = 1.0
    assert not page.output.due(now + SETTLED_S), "it takes too long to be drawn that often"
    page.output._cost = 0.0
    page.output._seen = -1
    assert not page.output.due(now + RUNNING_S - 0.1), "it is not settled"
    page.output._seen = -1
    assert page.output.due(now + RUNNING_S)
    page.output._seen = -1
    page.output.hurry()
    assert page.output.due(now + 0.1)
    page.output.refresh()
    assert "3 running" in page.words()
    assert len(page.names) == 1
    page.output._watches[0].catch_up()
    assert not page.output.due(page.output._drawn_at + 100)


@pytest.mark.parametrize("kind", ["lab", "pool", "job", "node", "task", "autoscale"])
def test_output_of_a_closed_lab_shows_how_it_ended(lab: bl.SimulatedLab, kind: str) -> None:
    pool, job = lab.pools["p"], lab.jobs["j"]
    thing: Any = {"lab": lab, "pool": pool, "job": job, "node": next(iter(pool.nodes.values())),
                  "task": next(iter(job.tasks.values())),
                  "autoscale": pool.auto_scale_lab()}[kind]  # fmt: skip
    page = Page(thing)
    lab._connection.before_close(lambda: page.output.close(lab._connection))
    job.tasks.wait()
    lab.close()
    page.output.refresh()
    last = page.bundles[-1]["text/html"]
    assert "closed" not in last
    assert 'class="bl-still bl-at-here"' in last
    if kind in ("lab", "pool", "job"):
        assert "nodes: 3 idle; tasks: 6 succeeded" in page.words()
    elif kind == "autoscale":
        assert "3 of 3 nodes" in page.words()
    page.output.refresh()
    assert not page.output.due(1e9)


def test_picture_of_a_deleted_pool_shows_it_as_it_was(lab: bl.SimulatedLab) -> None:
    pool, job = lab.pools["p"], lab.jobs["j"]
    page = Page(pool)
    job.tasks.wait()
    pool.delete()
    pool.wait("deleted")
    page.output.refresh()
    assert "nodes: 3 idle; tasks: 6 succeeded; timeline of 6 runs on 3 nodes." in page.words()
    assert "there is no pool" not in page.bundles[-1]["text/html"]
    lab.create_pool("p", target_dedicated_nodes=1).nodes.wait()
    page.output.refresh()
    assert "nodes: 1 idle" in page.words()


def test_what_is_stored_is_small_however_much_there_is(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("many", target_dedicated_nodes=300, task_slots_per_node=4)
    job = lab.create_job("long", pool, job_preparation_task="true")
    job.create_tasks([bl.TaskSpec(id=f"task-{n}-{'x' * (n % 40)}", command_line="work")
                      for n in range(4000)])  # fmt: skip
    lab.advance("5m")
    for thing in (lab, pool, job):
        bundle = show.stored(thing)
        assert bundle.keys() == {"text/plain", "text/html", "image/png"}
        assert sum(map(len, bundle.values())) <= MOST


def test_picture_suits_light_and_dark_pages(lab: bl.SimulatedLab) -> None:
    lab.jobs["j"].tasks.wait()
    image = Image.open(io.BytesIO(base64.b64decode(show.stored(lab)["image/png"])))
    clear = image.convert("RGBA").getpixel((2, 2))
    assert isinstance(clear, tuple)
    assert clear[3] == 0


def test_display_of_a_long_history_appears_before_its_picture(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(lab)
    page.bundles.clear()
    page.output._last = None
    monkeypatch.setattr(page.output._watches[0], "catch_up", lambda seconds=1.0: seconds >= 1)
    page.output.refresh(soon=True)
    (sketch,) = page.bundles
    assert "bl-at-here" in sketch["text/html"]
    assert "image/png" not in sketch
    assert "<img" not in sketch["text/html"]
    assert page.output.due(time.monotonic()), "the picture follows at once"
    page.output.refresh()
    assert page.bundles[-1]["image/png"]
    assert "tasks: " in page.words()
    assert not page.output.due(time.monotonic())
