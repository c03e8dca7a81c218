"""What a notebook shows: for everything a text that never changes and HTML that is always safe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

import batchlab as bl
from batchlab import html
from batchlab.widgets import show
from batchlab.widgets.cards import draw
from batchlab.words import natural
from helpers.certificates import pfx

EVIL = "<script>alert('&')</script>"


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(seed=1) as lab:
        yield lab


@pytest.fixture
def things(lab: bl.SimulatedLab) -> dict[str, Any]:
    pool = lab.create_pool("render", target_dedicated_nodes=2, start_task=f"echo {EVIL}")
    pool.nodes.wait()
    job = lab.create_job(
        "frames", pool, job_preparation_task=f"echo {EVIL}", job_release_task=f"echo {EVIL}"
    )
    task = job.create_task("one", f"/bin/sh -c 'echo {EVIL}; exit 1'")
    job.create_task("two", "/bin/sh -c 'sleep 1000'")
    box = lab.storage.create_container("box")
    for blob in (EVIL.replace("/", "|"), *map(str, range(25))):
        box.upload(b"data", blob)
    waiting = job.create_tasks(["/bin/true"] * 40)[-1]
    task.wait()
    talk = lab.create_pool("talk", target_dedicated_nodes=2, enable_inter_node_communication=True)
    together = lab.create_job("together", talk).create_task(
        "both", f"/bin/sh -c 'echo {EVIL}; sleep 1000'",
        multi_instance_settings=bl.MultiInstanceSettings(
            number_of_instances=2, coordination_command_line=f"echo {EVIL}"
        ),
    )  # fmt: skip
    together.wait("running")
    node = pool.nodes[str(task.node_id)]
    application = lab.create_application("app", display_name=EVIL)
    application.create_package("1", b"")
    certificate = lab.create_certificate(pfx(), password="open sesame")
    lab.create_pool("held", certificate_references=[certificate])
    certificate.delete()
    certificate.wait("deletefailed")
    return {
        "applications": lab.applications,
        "application": application,
        "packages": application.packages,
        "package": application.packages["1"],
        "certificates": lab.certificates,
        "certificate": certificate,
        "lab": lab,
        "pools": lab.pools,
        "pool": pool,
        "nodes": pool.nodes,
        "node": node,
        "jobs": lab.jobs,
        "job": job,
        "counts": job.counts,
        "preparations": job.preparations,
        "tasks": job.tasks,
        "task": task,
        "waiting": waiting,
        "together": together,
        "subtasks": together.subtasks,
        "no subtasks": task.subtasks,
        "explanation": waiting.explain(),
        "nothing to explain": task.explain(),
        "cost": lab.cost,
        "cost of a pool": pool.cost,
        "sizes": lab.vm_sizes,
        "files": task.files,
        "listing": task.files.list(),
        "node's files": node.files,
        "storage": lab.storage,
        "empty container": lab.storage.create_container("empty"),
        "container": box,
        "blobs": box.list(),
    }


class Checker(HTMLParser):
    """Sees that each tag is closed and that no script came in."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        assert not any(name.startswith("on") for name, _ in attrs)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_everything_shows_text_and_well_formed_escaped_html(things: dict[str, Any]) -> None:
    for name, thing in things.items():
        bundle = thing._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html"}, name
        assert bundle["text/plain"] == repr(thing)
        assert bundle["text/html"] == thing._repr_html_()
        checker = Checker()
        checker.feed(bundle["text/html"])
        assert checker.open == [], name
        assert "bl-card mathjax_ignore" in bundle["text/html"], name


def test_everything_keeps_its_looks_without_style_sheets(things: dict[str, Any]) -> None:
    """A notebook that is not trusted, such as a fresh clone, drops style sheets and drawings."""
    for name, thing in things.items():
        page = thing._repr_html_()
        assert "<style" not in page, name
        assert "<svg" not in page, name
        assert re.match(r'<div class="bl-card [^"]*" style="[^"]*padding', page), name


def test_numbers_are_never_broken_into_lines() -> None:
    page = str(html.styled(html.table("", ("id", "took"), [("a", "1 min")], numbers=("took",))))
    header, cell = re.findall(r'class="bl-number"[^>]* style="([^"]*)"', page)
    assert cell.endswith("white-space: nowrap")
    assert "nowrap" not in header


def test_text_of_everything_has_no_address_time_or_node_id(things: dict[str, Any]) -> None:
    for name in set(things) - {"node", "node's files"}:
        text = repr(things[name])
        assert " at 0x" not in text, name
        assert "tvm-" not in text, name
        assert "2026" not in text, name


def test_table_of_many_things_is_cut_and_says_so(things: dict[str, Any]) -> None:
    page = things["tasks"]._repr_html_()
    assert 10 < page.count("<tr ") < 30
    assert "and 22 more" in page


def test_display_of_what_is_gone_shows_the_answer(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p")
    pool.delete()
    pool.wait("deleted")
    assert "PoolNotFound" in pool._repr_html_()
    assert repr(pool) == "Pool('p')"
    assert "PoolNotFound" in repr(pool.nodes)


def test_display_of_an_unknown_thing_is_its_text() -> None:
    assert draw({"a": "<b>"}) == "<pre>{&#39;a&#39;: &#39;&lt;b&gt;&#39;}</pre>"


def test_pieces_escape_text_and_leave_html() -> None:
    inner = html.tag("b", EVIL, title='"quoted"')
    outer = str(html.tag("p", inner, cls="bl-x"))
    assert outer == (
        '<p class="bl-x"><b title="&#34;quoted&#34;">'
        "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</b></p>"
    )


def test_pieces_replace_what_cannot_be_printed() -> None:
    assert str(html.tag("p", "a\x00b\x1b[31m\u202ec\nd")) == "<p>a\ufffdb\ufffd[31m\ufffdc\nd</p>"


def test_state_has_its_name_beside_its_colour() -> None:
    assert "running" in html.state("running")
    assert html.state("a state of tomorrow").endswith("a state of tomorrow</span>")


def test_code_that_is_long_is_cut() -> None:
    assert len(html.code("x" * 5000)) < 330


def test_bar_divides_its_width() -> None:
    page = html.bar([("good", 1), ("failed", 3), ("", 4)])
    assert "width: 12.5%" in page
    assert "width: 37.5%" in page
    assert page.count("<span") == 3
    assert html.bar([("good", 0)]).count("<span") == 1


def test_jupyter_finds_both_displays(things: dict[str, Any]) -> None:
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(things["pool"])
    assert data["text/plain"] == "Pool('render')"
    assert "bl-card" in data["text/html"]


def test_pools_show_spot_nodes_where_there_are_any() -> None:
    with bl.SimulatedLab(boot="1s") as lab:
        lab.create_pool("plain", target_dedicated_nodes=1).wait("steady")
        lab.create_pool("both", target_dedicated_nodes=1, target_low_priority_nodes=2)
        lab.pools["both"].wait("steady")
        assert repr(lab.pools).splitlines() == [
            "plain  active, steady, 1 of 1 nodes",
            "both  active, steady, 1 of 1 nodes, 2 of 2 spot nodes",
        ]


@pytest.mark.parametrize(
    ("setting", "missing", "word"),
    [
        ("0", "anywidget", "Live displays need anywidget: "),
        ("1", "PIL", "Pictures need Pillow: "),
    ],
)
def test_card_says_what_a_better_display_needs(
    monkeypatch: pytest.MonkeyPatch, setting: str, missing: str, word: str
) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", setting)
    monkeypatch.setattr(show, "is_kernel", lambda: True)
    monkeypatch.setattr(show, "find_spec", lambda name: None if name == missing else object())
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p")
        if missing == "anywidget":
            assert lab.watch() is lab
        for thing in (lab, pool, pool.auto_scale_lab()):
            bundle = thing._repr_mimebundle_()
            assert bundle.keys() == {"text/plain", "text/html"}
            for html in (bundle["text/html"], thing._repr_html_()):
                assert word in html
                assert "pip install &#34;batchlab[notebook]&#34;" in html
                assert html.startswith("<div "), "it is no text about HTML"
        monkeypatch.setattr(show, "threads", lambda: False)
        assert word not in pool._repr_html_(), "a browser cannot install it"
        assert word not in lab.pools._repr_html_()


def test_pools_show_their_spot_nodes(lab: bl.SimulatedLab) -> None:
    lab.create_pool("spot", target_dedicated_nodes=1, target_low_priority_nodes=3).nodes.wait()
    lab.create_pool("plain", target_dedicated_nodes=2).nodes.wait()
    page = lab.pools._repr_html_()
    assert ">1 of 1, 3 of 3 spot</td>" in page
    assert ">2 of 2</td>" in page
    assert "3, and 3 spot" in lab._repr_html_()


def test_nodes_and_preparations_are_in_the_order_of_their_numbers(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=12)
    pool.nodes.wait()
    job = lab.create_job("j", pool, job_preparation_task="true")
    job.create_tasks(["sleep 1"] * 12)
    job.tasks.wait()
    numbers = [f">node {number}</span>" for number in range(1, 13)]
    for page in (job.preparations._repr_html_(), job._repr_html_()):
        assert sorted(numbers, key=page.index) == numbers
    found = pool.nodes._repr_html_()
    assert sorted(pool.nodes.ids(), key=found.index) == sorted(pool.nodes.ids(), key=natural)


def test_table_without_rows_says_so(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("empty")
    job = lab.create_job("j", pool)
    for thing in (pool.nodes, job.tasks.filter(state="running"), job.preparations):
        page = thing._repr_html_()
        assert ">none</p>" in page
        assert "<th" not in page
