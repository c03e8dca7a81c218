"""Displays within boxes and tabs: what a notebook stores of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets
import pytest

import batchlab as bl
from batchlab.widgets import boxes
from batchlab.widgets.outputs import Output
from batchlab.widgets.show import StoredThing, _view


def test_container_stores_a_picture_of_each_display_with_its_title() -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        job = lab.create_job("j", pool)
        views = [_view(thing) for thing in (lab, pool, job)]
        box = ipywidgets.Tab(
            [views[0], ipywidgets.HBox([views[1], ipywidgets.VBox([views[2]])])],
            titles=["<i>One</i>", "Two"],
        )
        found = list(boxes._within(box))
        assert found == [("<i>One</i>", lab), ("Two", pool), ("Two", job)]
        stored = boxes._StoredContainer(box, found, "key")
        stored.take()
        bundle = stored.bundle()
        assert bundle["text/plain"] == "<Tab of displays>"
        html = bundle["text/html"]
        assert html.count("<img alt=") == 3
        assert "<h4>&lt;i&gt;One&lt;/i&gt;</h4>" in html
        assert html.startswith('<div class="bl-still bl-at-key">')
        single = StoredThing(lab, "")
        single.take()
        assert bundle["image/png"] == single.bundle()["image/png"]


def test_container_of_other_widgets_is_left_alone() -> None:
    box = ipywidgets.HBox([ipywidgets.Button()])
    with pytest.raises(NotImplementedError):
        boxes._show(box)


def test_box_of_several_labs_follows_each_until_it_closes() -> None:
    labs = [bl.SimulatedLab(workload=bl.Workload(default="40s")) for _ in range(2)]
    for lab in labs:
        lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=2)).create_tasks(["work"])
    box = ipywidgets.HBox([_view(lab) for lab in labs])
    bundles: list[dict[str, Any]] = []
    output = Output(
        boxes._StoredContainer(box, list(boxes._within(box)), "key"),
        [lab._connection for lab in labs], lambda bundle, *_: bundles.append(bundle),
    )  # fmt: skip
    output.refresh()
    for lab in labs:
        lab._connection.before_close(partial(output.close, lab._connection))
    labs[0].close()
    output.refresh()
    assert not output.over
    labs[1].jobs["j"].tasks.wait()
    for watch in output._watches:
        watch.catch_up()
    output.hurry()
    assert output.due(1e9), "what happens in the other lab is still followed"
    labs[1].close()
    output.refresh()
    assert output.over
    html = bundles[-1]["text/html"]
    assert [html.count(f"tasks: 1 {word}") for word in ("running", "succeeded")] == [0, 1]
    assert "closed" not in html


def test_picture_in_place_of_a_live_display_is_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", "1")
    with bl.SimulatedLab() as lab:
        view = boxes.StillView(lab)
        assert view.comm is None, "alone it leaves nothing but its picture"
        assert view._repr_mimebundle_().keys() == {"text/plain", "text/html", "image/png"}
        box = ipywidgets.HBox([view])
        assert list(boxes._within(box)) == [("", lab)]
        assert view.comm is not None
