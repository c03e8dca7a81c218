"""What a saved notebook keeps of a report: its figures as pictures, and all failed tasks."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from PIL import Image, ImageColor

import batchlab as bl
from batchlab.colours import light
from batchlab.core.state.states import ACTIVITIES
from batchlab.reports.pictures import picture_of
from batchlab.widgets import figures


@pytest.fixture(scope="module")
def job() -> bl.Job:
    lab = bl.SimulatedLab(boot="3m", seed=1)
    pool = lab.create_pool("render", target_dedicated_nodes=4, task_slots_per_node=2)
    job = lab.create_job("frames", pool, job_preparation_task="sleep 300")
    for n in range(60):
        job.create_task(f"frame{n}", "sleep 60" if n % 5 else "exit 1")
    job.tasks.wait()
    return job


def colours(png: bytes) -> Counter[tuple[int, ...]]:
    """How many pixels have each colour, roughly: a picture has only few."""
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    found: Counter[tuple[int, ...]] = Counter()
    for count, pixel in image.getcolors(1 << 22):
        if pixel[3]:
            found[tuple(part // 8 for part in pixel[:3])] += count
    return found


def rough(colour: str) -> tuple[int, ...]:
    return tuple(part // 8 for part in ImageColor.getrgb(colour))


def test_each_figure_has_a_picture_with_words(job: bl.Job) -> None:
    found = job.report().figures
    assert len(found) >= 6
    for figure in found.values():
        png, words = picture_of(figure)
        assert len(png) < 30_000
        assert Image.open(io.BytesIO(png)).size[0] == 1440
        assert len(words.split()) > 5
        assert colours(png)


def test_picture_has_the_areas_of_the_figure(job: bl.Job) -> None:
    """The same shares of colours as the numbers behind them."""
    numbers = job.report().numbers
    hours = {key: amount for key, amount in numbers.cost.items() if amount}
    png, _ = picture_of(job.report().figures["cost"])
    found = colours(png)
    parts = {key: found[rough(light(ACTIVITIES[key].colour))] for key in hours}
    for key, amount in hours.items():
        share = amount / sum(hours.values())
        assert parts[key] / sum(parts.values()) == pytest.approx(share, abs=0.03)


def test_notebook_gets_figures_with_pictures(job: bl.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr("batchlab.reports.is_kernel", lambda: True)
    monkeypatch.setattr(
        "IPython.display.display",
        lambda bundle, metadata=None, raw=False: shown.append((bundle, metadata or {})),
    )
    job.report()._ipython_display_()
    assert len(shown) >= 7
    for bundle, metadata in shown[1:]:
        assert bundle.keys() == {"text/plain", "text/html", "image/png"}
        assert "bl-still bl-at-" in bundle["text/html"], "the live figure finds its place"
        assert "width: 720px; max-width: 100%" in bundle["text/html"]
        assert metadata["image/png"]["alt"]
        assert metadata["image/png"]["width"] == 720, "as wide as it is sharp"


@pytest.mark.parametrize(
    ("static", "editor", "missing", "kinds"),
    [
        ("1", "", "", {"text/html", "image/png"}),
        ("0", "1", "", {"text/html", "image/png", "application/vnd.plotly.v1+json"}),
        ("0", "", "anywidget", {"application/vnd.plotly.v1+json"}),
        ("1", "", "PIL", {"application/vnd.plotly.v1+json"}),
    ],
)
def test_figure_suits_what_shows_it(
    job: bl.Job, monkeypatch: pytest.MonkeyPatch, static: str, editor: str, missing: str,
    kinds: set[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("BATCHLAB_STATIC", static)
    monkeypatch.setattr(figures, "find_spec", lambda name: None if name == missing else object())
    if editor:
        monkeypatch.setenv("VSCODE_PID", editor)
    bundle, _ = figures._bundle(job.report().figures["cost"])
    assert bundle.keys() == {"text/plain", *kinds}
    assert "bl-at-" not in bundle.get("text/html", "")


def test_all_failed_tasks_are_named_in_a_folded_list(job: bl.Job) -> None:
    report = job.report()
    (wrong,) = [grid for grid in report.tables if grid.title == "What went wrong"]
    failed = [f"frame{n}" for n in range(0, 60, 5)]
    assert wrong.rows[0][-1] == ", ".join(failed)
    before, _, inside = report._repr_html_().partition("frame0, frame5, frame10 and 9 more")
    assert before.rstrip().endswith(">")
    assert "<summary" in before[-60:]
    assert ", ".join(failed[3:]) in inside
