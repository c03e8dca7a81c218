"""The page of a served lab in a real browser: several people, over restarts, to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import batchlab as bl
from helpers.chromium import PATIENCE_S, barriers, expect
from helpers.watchers import TOKEN

pytestmark = [pytest.mark.timeout(200), pytest.mark.ci("browser")]

ELSEWHERE = "http://elsewhere.example/"
EXPECTED = ("ERR_CONNECTION_REFUSED", "WebSocket connection to", "status of 401", "status of 403")
"""What a browser says while the server is away, or refuses."""
Opened = Callable[..., Any]


@pytest.fixture
def opened(chromium: Any) -> Iterator[Opened]:
    """Opens the page of an address for one more person."""
    problems: list[str] = []
    people: list[Any] = []

    def watch(url: str, **about: Any) -> Any:
        person = chromium.new_context(viewport={"width": 1280, "height": 900}, **about)
        people.append(person)
        page = person.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.goto(url)
        return page

    yield watch
    for person in people:
        person.close()
    assert [one for one in problems if not any(part in one for part in EXPECTED)] == []


def wait_for_counts(page: Any, counts: str) -> None:
    page.locator(f".bl-view[data-counts='{counts}']").wait_for()


def wait_for_title(page: Any, title: str) -> None:
    page.wait_for_function("title => document.title === title", arg=title)


def test_several_people_watch_a_lab_over_a_restart_to_its_end(opened: Opened) -> None:
    lab = bl.SimulatedLab(account="ada", workload=bl.Workload(default="10h"))
    pool = lab.create_pool("render", target_dedicated_nodes=4)
    job = lab.create_job("frames", pool)
    dark = bl.TaskSpec(id="first", command_line="/bin/sh -c 'echo no light >&2; exit 3'")
    job.create_tasks([dark, "work"])
    lab.advance("5m")
    endpoint = lab.serve(page_token=TOKEN)
    one = opened(endpoint.page_url, color_scheme="light")
    two = opened(endpoint.page_url + "#/jobs/frames/tasks/first?tab=files", color_scheme="dark")
    wait_for_title(one, "ada · batchlab")
    wait_for_title(two, "Task first · Job frames · batchlab")
    expect(one).to_have_url(f"{endpoint.url}/")
    expect(two).to_have_url(f"{endpoint.url}/#/jobs/frames/tasks/first?tab=files")
    two.get_by_role("button", name="stderr.txt").click()
    two.locator(".bl-body").get_by_text("no light").wait_for()
    expect(two).to_have_url(f"{endpoint.url}/#/jobs/frames/tasks/first?tab=files&file=stderr.txt")
    two.reload()
    two.locator(".bl-body").get_by_text("no light").wait_for()

    # A task that a client of Azure submits appears to both.
    wait_for_counts(one, "0 1 0 1")
    one.get_by_role("button", name="● live").wait_for()
    with endpoint.client() as client:
        client.create_task("frames", {"id": "second", "commandLine": "work"})
    wait_for_counts(one, "0 2 0 1")
    two.get_by_role("link", name="Job frames").click()
    wait_for_counts(two, "0 2 0 1")
    for page, light in ((one, "true"), (two, "false")):
        assert page.evaluate("document.body.dataset.jpThemeLight") == light
        assert barriers(page, "html") == []

    # Each display has an address, and buttons are for those who may press them.
    one.get_by_role("table", name="Jobs").get_by_role("link", name="frames").first.click()
    one.get_by_role("tab", name="Waiting", selected=True).wait_for()
    wait_for_title(one, "Job frames · batchlab")
    one.get_by_role("link", name="All tasks").click()
    one.get_by_role("grid").get_by_role("row", name="first").click()
    one.get_by_role("link", name="Open task first").click()
    one.get_by_role("tab", name="Details", selected=True).wait_for()
    wait_for_title(one, "Task first · Job frames · batchlab")
    for title in ("Tasks · Job frames", "Job frames", "ada"):
        one.go_back()
        wait_for_title(one, f"{title} · batchlab")
    one.get_by_role("table", name="Pools").get_by_role("link", name="formula").click()
    one.get_by_text("Valid.").wait_for()
    expect(one.get_by_role("button", name="Apply")).to_be_hidden()
    assert barriers(one, "html") == []
    assert one.get_by_role("tab", name="Faults").count() == 0

    # What does not exist yet is shown as soon as it does, by any spelling of its name.
    one.evaluate("location.hash = '#/jobs/LATE'")
    one.get_by_text("There is no job “LATE” in this lab.").wait_for()
    assert barriers(one, "html") == []
    lab.create_job("late", pool).create_task("only", "work")
    wait_for_title(one, "Job late · batchlab")
    wait_for_counts(one, "0 1 0 0")
    one.evaluate("location.hash = '#/pools/render/formula'")
    one.get_by_text("Valid.").wait_for()

    # The server is restarted: pages say so, and go on.
    port = int(endpoint.url.rpartition(":")[2])
    endpoint.stop()
    for page in (one, two):
        page.get_by_text("The lab is no longer served.").wait_for()
    assert barriers(two, "html") == []
    endpoint = lab.serve(port=port, page_token=TOKEN, manage=True)
    for page in (one, two):
        page.get_by_text("The server was restarted").wait_for()
    two.get_by_role("tab", name="Faults").wait_for()
    two.get_by_role("tab", name="Tasks").click()
    two.get_by_role("grid").get_by_role("row", name="second").wait_for()
    two.get_by_role("grid").press("End")
    two.get_by_role("grid").press("Space")
    two.get_by_role("button", name="Terminate").click()
    two.get_by_text("Terminated 1 task.").wait_for()
    wait_for_counts(two, "0 1 0 2")
    one.get_by_role("button", name="Apply").wait_for()

    # A link on another site leads here, though a browser first keeps the cookie back.
    three = two.context.new_page()
    link = f"<a href='{endpoint.url}/#/pools/render'>the lab</a>"
    three.route(ELSEWHERE, lambda route: route.fulfill(body=link, content_type="text/html"))
    three.goto(ELSEWHERE)
    three.get_by_role("link", name="the lab").click()
    wait_for_title(three, "Pool render · batchlab")
    three.close()

    # The lab closes: its past can still be seen.
    lab.close()
    two.get_by_text("The lab is closed. ").wait_for()
    two.get_by_role("slider", name="time").press("Home")
    wait_for_counts(two, "2 0 0 0")
    two.get_by_role("button", name="End", exact=True).click()
    wait_for_counts(two, "0 1 0 2")
    assert barriers(two, "html") == []


def test_stranger_is_asked_for_the_token(opened: Opened) -> None:
    with bl.SimulatedLab(account="ada") as lab, lab.serve(page_token=TOKEN) as endpoint:
        page = opened(endpoint.url, color_scheme="dark")
        wait_for_title(page, "Watch this lab · batchlab")
        assert barriers(page, "html") == []
        page.get_by_label("Token").fill("wrong-wrong-wrong")
        page.get_by_role("button", name="Watch").click()
        page.get_by_role("heading", name="This is not the token").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_label("Token").press("Enter")
        page.get_by_text("no tasks yet").wait_for()
        expect(page).to_have_url(f"{endpoint.url}/")
        page.get_by_role("button", name="colours: auto").click()
        page.get_by_role("button", name="colours: light").wait_for()
        assert page.evaluate("document.body.dataset.jpThemeLight") == "true"
        page.reload()
        page.get_by_role("button", name="colours: light").wait_for()
        assert barriers(page, "html") == []
