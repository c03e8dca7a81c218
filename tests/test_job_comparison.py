"""`compare_jobs`: two runs on one clock, in words, in numbers and as a picture."""

from __future__ import annotations

import io
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor

import batchlab as bl
from batchlab.colours import either
from batchlab.errors import BatchError
from batchlab.widgets import mimebundle

EVIL = "<b>$x$</b>"


def runs(**settings: Any) -> tuple[bl.SimulatedLab, bl.Job, bl.Job]:
    """The same 24 frames twice: each with a long task, and with a preparation and short tasks."""
    lab = bl.SimulatedLab(boot="3m", seed=1, **settings)
    pool = lab.create_pool("render", target_dedicated_nodes=4, task_slots_per_node=2)
    each = lab.create_job("each", pool)
    each.create_tasks([bl.TaskSpec(id=f"frame{n}", command_line="sleep 420") for n in range(24)])
    each.tasks.wait()
    once = lab.create_job("once", pool, job_preparation_task="sleep 300")
    once.create_tasks([
        bl.TaskSpec(id=f"frame{n}", command_line="exit 1" if n == 5 else "sleep 120")
        for n in range(26)
    ])  # fmt: skip
    once.tasks.wait()
    return lab, each, once


def test_comparison_says_what_differs() -> None:
    _, each, once = runs()
    found = bl.compare_jobs(each, once)
    assert (found.a.seconds, found.b.seconds) == (24 * 60, 13 * 60)
    said = "\n".join(found.differences)
    for text in (
        "each took 24 min, once 13 min: 11 min longer, 1.8 times as long.",
        "Tasks of each waited 1 h 12 min in all because no node was up yet, those of once did not",
        "Tasks of once waited 40 min in all because the node was being prepared for the job",
        "Time of preparations: none in each, 20 min in once (4 runs).",
        "Failed tasks: 0 in each, 1 in once.",
        "2 tasks are only in once: frame24, frame25.",
        "23 tasks took more than 1.5 times as long in each: frame",
        "frame0 (3.5 times)",
    ):
        assert text in said
    assert found.only_in_b == ["frame24", "frame25"]
    assert not found.only_in_a
    assert not found.slower
    assert found.faster["frame0"] == pytest.approx(3.5)
    assert "frame5" not in found.faster, "it failed at once, which is not fast"
    assert all(text in repr(found) for text in found.differences)


def test_comparison_has_the_numbers_of_the_reports() -> None:
    _, each, once = runs()
    found = bl.compare_jobs(each, once)
    for run, job in ((found.a, each), (found.b, once)):
        assert run.numbers.cost == job.report().numbers.cost
    frame = found.to_frame()
    assert list(frame.columns) == ["a", "b", "difference"]
    assert frame.loc["preparation_time"].tolist() == [0, 1200, 1200]
    assert frame.loc["waited: starting", "difference"] == -72 * 60
    assert frame.loc["waited", "a"] == pytest.approx(sum(found.a.waited.values()))
    assert frame.loc["node_hours", "b"] == pytest.approx(4 * 13 / 60)


def test_equal_runs_have_no_other_differences() -> None:
    pair = [runs()[1] for _ in range(2)]
    found = bl.compare_jobs(*pair)
    assert found.differences == ["Both took 24 min."]
    assert (found.a.name, found.b.name) == ("each (a)", "each (b)")


def test_closed_labs_and_journals_are_compared(tmp_path: Path) -> None:
    lab, each, once = runs(journal=tmp_path / "lab")
    open_words = bl.compare_jobs(each, once).differences
    whole = bl.compare_jobs(lab, once).differences
    lab.close()
    assert bl.compare_jobs(each, once).differences == open_words
    found = bl.compare_jobs(tmp_path / "lab", once, names=("Lab", "once"))
    assert found.differences == whole
    assert found.only_in_a[0] == ("each", "frame0")
    past = bl.ReplayedLab(tmp_path / "lab")
    assert bl.compare_jobs(past.jobs["each"], past.jobs["once"]).differences == open_words


def test_run_with_tasks_left_is_marked() -> None:
    lab, each, _ = runs()
    late = lab.create_job("late", "render")
    late.create_tasks(["sleep 60"] * 20)
    lab.advance("90s")
    found = bl.compare_jobs(late, each)
    assert found.differences[0] == "late is not finished: 12 tasks left after 1 min 30 s."
    assert found.numbers()["left"] == (12, 0)
    assert "late took 1 min 30 s so far, 12 tasks left" in found._repr_html_()


def test_display_is_safe_and_has_a_picture_with_words() -> None:
    _, each, once = runs()
    found = bl.compare_jobs(each, once, names=(EVIL, "second"))
    bundle = mimebundle(found)
    assert bundle["text/plain"] == repr(found)
    html = bundle["text/html"]
    assert EVIL not in html
    assert "mathjax_ignore" in html
    assert 'alt="Two runs on one time axis: &lt;b&gt;$x$&lt;/b&gt; took 24 min and second' in html
    assert "<style" not in html
    picture = Image.open(io.BytesIO(b64decode(bundle["image/png"]))).convert("RGBA")
    assert picture.getpixel((2, 2))[3] == 0, "transparent: it is on light and dark pages"
    assert sum(map(len, bundle.values())) <= 60_000


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two colours are the same; pictures have few of them."""
    return all(abs(a - b) < 6 for a, b in zip(one, other, strict=True))


def test_picture_shows_both_from_their_beginnings() -> None:
    """The first run takes the whole width, the second as much of it as it took of the time."""
    _, each, once = runs()
    data = b64decode(mimebundle(bl.compare_jobs(each, once))["image/png"])
    picture = Image.open(io.BytesIO(data)).convert("RGBA").convert("RGB")
    preparing = ImageColor.getrgb(either("preparing"))
    wide, tall = picture.size
    rows = {
        y: [x for x in range(wide)
            if alike(picture.getpixel((x, y)), preparing)]
        for y in range(60, tall, 4)
    }  # fmt: skip
    long = [xs for xs in rows.values() if len(xs) > 200]
    assert len(long) >= 4
    left, right = 2 * (12 + 64), wide - 2 * 12
    assert min(map(min, long)) == pytest.approx(left, abs=2)
    assert max(map(max, long)) == pytest.approx(left + (right - left) * 5 / 24, abs=4)


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"a": 1}, "a", "must be a job, a lab, or the folder of a lab's journal"),
        ({"b": ""}, "b", "must be a job, a lab"),
        ({"b": "empty"}, "b", "has no tasks, so there is nothing to compare: add tasks first"),
        ({"names": ("x",)}, "names", "must be two different texts"),
        ({"names": ("x", "x")}, "names", "must be two different texts"),
        ({"names": ("", 3)}, "names", "must be two different texts"),
        ({"factor": 0.5}, "factor", "must be a number, at least 1"),
        ({"factor": float("nan")}, "factor", "must be a number, at least 1"),
        ({"factor": True}, "factor", "must be a number, at least 1"),
    ],
)
def test_wrong_arguments_are_refused(change: dict[str, Any], name: str, words: str) -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        job = lab.create_job("j", pool)
        job.create_task("t", "true")
        empty = lab.create_job("e", pool)
        change = {key: empty if value == "empty" else value for key, value in change.items()}
        with pytest.raises(bl.InvalidRequest) as raised:
            bl.compare_jobs(**{"a": job, "b": job, **change})
        assert raised.value.code == "InvalidPropertyValue"
        assert f"compare_jobs.{name} is" in raised.value.message
        assert words in raised.value.message


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with bl.SimulatedLab() as lab:
        job = lab.create_job("j", lab.create_pool("p"))
        job.create_task("t", "true")
        with pytest.raises(BatchError, match="cannot be read") as raised:
            bl.compare_jobs(job, tmp_path / "none")
        assert raised.value.code == "FileNotFound"
        (tmp_path / "text").write_text("no journal\n")
        with pytest.raises(bl.InvalidRequest) as raised:
            bl.compare_jobs(tmp_path / "text", job)
        assert raised.value.code == "InvalidInput"
