"""A saved report in a real browser: all is drawn, nothing is fetched, nothing breaks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.reports import ActivityReport
from helpers.chromium import PATIENCE_S, launched

EVIL = "</script><img src=x onerror=hurt()>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def report() -> ActivityReport:
    with bl.SimulatedLab(boot="1m") as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=2, start_task="sleep 9")
        job = lab.create_job("j", pool, job_preparation_task="sleep 30")
        job.create_tasks(["sleep 60"] * 5 + ["/bin/sh -c 'exit 1'"])
        job.tasks.wait()
        report = lab.report()
    report.name = EVIL
    tables = report.numbers.history.tables
    tables.job_ids[0] = tables.pool_ids[0] = EVIL
    tables.labels[:] = [EVIL] * len(tables.labels)
    tables.node_ids[:] = [EVIL] * len(tables.node_ids)
    return report


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_saved_report_draws_every_figure_and_asks_nobody(
    browser: Any, report: ActivityReport, tmp_path: Path, scheme: str
) -> None:
    path = report.save(tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE_S * 1000)
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_function(
        "[...document.querySelectorAll('figure')].every("
        "one => one.querySelector('.scatterlayer path, .barlayer path'))",
    )
    names = page.eval_on_selector_all(
        "figure", "all => all.map(one => one.querySelector('.gtitle').textContent)"
    )
    assert names == [figure.layout.title.text for figure in report.figures.values()]
    ink = page.eval_on_selector(".gtitle", "one => one.style.fill")
    assert ink == {"light": "rgb(92, 96, 104)", "dark": "rgb(169, 175, 184)"}[scheme]
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 1280
    assert page.inner_text("h1") == f"Lab report {EVIL}"
    assert page.locator("img").count() == 0
    assert asked == [path.as_uri()]
    assert problems == []
    page.close()


def test_saved_report_has_plotly_once_and_forbids_to_fetch(
    report: ActivityReport, tmp_path: Path
) -> None:
    text = report.save(tmp_path / "report.html").read_text()
    assert text.count("<script>") == 2  # plotly.js, and what draws with it
    assert text.count('<script type="application/json">') == len(report.figures)
    assert "default-src 'none'" in text
    assert len(text) < 8_000_000
