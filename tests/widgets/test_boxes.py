"""Displays within boxes and tabs: what a notebook stores of them."""

from __future__ import annotations

import ipywidgets
import pytest

import batchlab as bl
from batchlab.widgets import boxes
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
