"""The teacher's page of a class: live, in order, safe, readable by all, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batchlab.classroom import ClassServer, ClassTable
from batchlab.classroom.site import LiteSite
from helpers.chromium import PATIENCE_S, barriers, expect

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(300)]

NAME = "<img src=x onerror=document.title=1>"


def test_teacher_sees_the_class(chromium: Any, tmp_path: Path) -> None:
    table = ClassTable("K7QM3X")
    server = ClassServer(table, "127.0.0.1")
    context = chromium.new_context(viewport={"width": 1024, "height": 768})
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: line.type == "error" and problems.append(line.text))
        page.goto(server.url)
        expect(page.locator("#message")).to_contain_text("ask your teacher")
        assert not page.is_visible("table")
        page.goto(server.page)
        expect(page.locator("#caption")).to_have_text("Nobody has joined yet.")
        assert not page.is_visible("thead")
        for number, name in enumerate((NAME, "Ada", "", "Grace"), 1):
            secret = f"secret-of-learner-{number:04}"
            table.join(secret, name, "02")
            if number < 4:
                stuck = (30, 900, None)[number - 1]
                state = {"exercise": "03-1", "tries": number, "solved": ["00-1"], "stuck_s": stuck}
                table.report(secret, state)
        page.goto(server.page)
        page.wait_for_selector("tbody tr")
        expect(page).to_have_url(f"{server.url}/class")  # the key is not on the projector
        assert page.inner_text("#code") == "K7QM3X"
        rows = page.locator("tbody tr")
        assert [row.split("\t")[:2] for row in rows.all_inner_texts()] == [
            ["seat 2", "Ada"], ["seat 1", NAME], ["seat 3", ""], ["seat 4", "Grace"],
        ]  # fmt: skip
        assert page.title() == "Class", "a name is no HTML"
        assert page.locator("tr.stuck").count() == 1
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
            assert barriers(page, "html") == []
        table.leave("secret-of-learner-0002")
        rows.nth(3).wait_for(state="detached")
        page.reload()
        page.wait_for_selector("tbody tr")
        page.set_viewport_size({"width": 800, "height": 700})
        fits = "(one) => one.scrollWidth <= one.clientWidth"
        assert page.locator("#scroll").evaluate(fits), "all columns are seen"
        page.set_viewport_size({"width": 480, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= 480
        assert problems == []
        server.stop()
        page.get_by_text("The class has ended").wait_for()
    finally:
        context.close()
        server.stop()


def test_learner_joins_leaves_and_comes_back(chromium: Any, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/index.html").write_text("<title>The lessons</title>")
    table = ClassTable("K7QM3X")
    server = ClassServer(table, "127.0.0.1", site=LiteSite(tmp_path))
    context = chromium.new_context(viewport={"width": 480, "height": 700})
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"{server.url}/#WRONG1")
        page.get_by_label("Your name").fill(NAME)
        page.get_by_role("button", name="Join").click()
        page.get_by_text("this is not the code of the class").wait_for()
        page.get_by_label("Join code").fill("k7q m3x")
        page.get_by_role("button", name="Join").click()
        expect(page).to_have_title("The lessons")
        page.goto(server.join_page)
        page.get_by_text(f"You have seat 1 as {NAME[:40]}.").wait_for()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert barriers(page, "html") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 480
        assert page.evaluate("document.cookie") == "", "no script can read it"
        page.get_by_role("button", name="I am someone else").click()
        expect(page.get_by_label("Join code")).to_have_value("K7QM3X")
        assert barriers(page, "html") == []
        page.get_by_role("button", name="Join").click()
        expect(page).to_have_title("The lessons")
        assert [row["seat"] for row in table.rows()] == [1, 2]
        page.goto(server.url)
        page.get_by_text("You have seat 2.").wait_for()
        page.get_by_role("button", name="Leave the class").click()
        page.get_by_text("You have left the class").wait_for()
        assert [row["seat"] for row in table.rows()] == [1]
    finally:
        context.close()
        server.stop()
