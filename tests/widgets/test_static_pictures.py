"""Displays where nothing is live: pictures, texts and HTML."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from PIL import Image

import batchlab as bl
from batchlab.history.watch import watch
from batchlab.sheet import end_of
from batchlab.widgets.picture import Picture


@pytest.mark.parametrize("kind", ["lab", "pool", "job"])
def test_static_display_is_a_picture_with_a_constant_text(
    lab: bl.SimulatedLab, job: bl.Job, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", "1")
    thing = {"lab": lab, "pool": lab.pools["p"], "job": job}[kind]
    bundle = thing._repr_mimebundle_()
    assert list(bundle) == ["text/plain", "text/html", "image/png"]
    assert bundle["text/plain"] == repr(thing)
    assert thing._repr_html_() == bundle["text/html"]
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.width == 1440
    colours = [colour for _, colour in image.convert("RGBA").convert("RGB").getcolors(1_000_000)]
    assert any(abs(r - 0xD5) + abs(g - 0x5E) + abs(b) < 30 for r, g, b in colours), "the failure"


def test_static_picture_of_nothing_is_a_picture(
    lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", "1")
    assert "image/png" in lab._repr_mimebundle_()
    assert "image/png" in lab.create_pool("empty")._repr_mimebundle_()


def test_static_picture_has_one_lane_for_a_slot_though_a_subtask_ends_late() -> None:
    with bl.SimulatedLab(workload=bl.Workload(default="5m")) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, enable_inter_node_communication=True)
        job = lab.create_job("j", pool)
        settings = bl.MultiInstanceSettings(
            number_of_instances=2, coordination_command_line="start"
        )
        job.create_task("both", "solve", multi_instance_settings=settings)
        job.create_tasks(["render"] * 2)
        job.tasks.wait()
        seen = watch(lab._connection)
        seen.catch_up()
        tables = seen.tables
        drawn = Picture(tables, "job", {"job": "j"})
        runs = drawn.bars.runs
        assert max(tables.columns["runs"]["lane"][run] for run in runs) == 1
        assert drawn.bars.lanes == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.417, "0.42 s later"), (12.0, "12 s later"), (60.0, "2026-01-05 09:01:00 UTC")],
)
def test_static_picture_of_a_short_time_says_how_long_it_is(seconds: float, text: str) -> None:
    begin = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
    assert end_of(begin, begin + seconds) == text


def test_display_outside_of_a_notebook_is_text_and_html(lab: bl.SimulatedLab) -> None:
    assert set(lab._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert lab.watch() is lab


def test_static_picture_shows_each_run_apart_from_the_next(
    lab: bl.SimulatedLab, job: bl.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", "1")
    pool = lab.create_pool("row", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    row = lab.create_job("row", pool)
    row.create_tasks(["sleep 60"] * 12)
    row.tasks.wait()
    png = base64.b64decode(row._repr_mimebundle_()["image/png"])
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    line = [image.getpixel((x, 314))[3] == 0 for x in range(150, 1416)]
    bars = sum(white and not before for before, white in pairwise(line))
    assert bars == 12
    area = [[image.getpixel((x, y))[3] != 0 for y in range(222, 290)] for x in (160, 780, 1400)]
    heights = [sum(column) for column in area]
    assert heights[0] == pytest.approx(68, abs=2), "twelve tasks run or wait"
    assert heights[1] == pytest.approx(68 * 6.5 / 12, abs=6)
    assert heights[2] == pytest.approx(68 / 12, abs=2)
