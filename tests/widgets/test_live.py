"""Live displays without a kernel: what they would send, and what they answer."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab.widgets import show
from batchlab.widgets.costs import cost_line
from batchlab.widgets.live import Feed, LiveView, feed_of
from batchlab.widgets.scripts import SCRIPTS, module, style
from batchlab.widgets.ui import ui


class Page:
    """Stands for a browser: takes what is sent in place of a widget's comm."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, dict[str, Any]]] = []

    def messages(self, kind: str) -> list[dict[str, Any]]:
        return [content for _, content in self.sent if content["type"] == kind]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    page = Page()

    def send(_: Any, content: dict[str, Any], buffers: Any = None) -> None:
        page.sent.append((buffers, content))

    for name in ("send", "ask"):
        monkeypatch.setattr(ui, name, lambda act: act())
    monkeypatch.setattr(ui, "add", lambda beating: None)
    monkeypatch.setattr(Feed, "send", send)
    monkeypatch.setattr(LiveView, "send", send)
    return page


def view_of(thing: Any) -> LiveView:
    kind, target = show._subject(thing) or ("", {})
    return LiveView(thing._connection, kind, target, repr(thing))


def beat(feed: Feed) -> None:
    feed._watch.catch_up()
    feed.beat()


def test_feed_sends_one_message_for_all_that_happened(page: Page, lab: bl.SimulatedLab) -> None:
    feed = feed_of(lab._connection)
    beat(feed)
    page.sent.clear()
    pool = lab.create_pool("p", target_dedicated_nodes=100)
    job = lab.create_job("j", pool)
    job.create_tasks(["/bin/sh -c 'exit 0'"] * 1000)
    job.tasks.wait()
    beat(feed)
    feed.beat()
    (message,) = page.messages("rows")
    assert message["rows"]["runs"] == [0, 1000]


def test_feed_sends_what_a_page_lacks(page: Page, lab: bl.SimulatedLab) -> None:
    feed = feed_of(lab._connection)
    lab.create_pool("p")
    beat(feed)
    page.sent.clear()
    feed._hear(None, {"type": "hello", "have": {"generation": 0, "rows": {}, "names": {}}}, [])
    (message,) = page.messages("rows")
    assert message["rows"]["pool_states"][0] == 0
    assert message["names"]["pools"] == [0, ["p"]]


def test_feed_is_one_for_all_views_of_a_lab(page: Page, lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p")
    assert view_of(pool)._feed is view_of(lab)._feed is feed_of(lab._connection)


def test_view_says_what_it_shows_and_not_where_it_lives(page: Page, lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("Render")
    view = view_of(lab.pools["rENDER"])
    assert (view.kind, view.target) == ("pool", {"pool": "Render"})
    assert repr(view) == repr(view_of(pool)) == "<live view of Pool('Render')>"


def ask(page: Page, view: LiveView, **question: Any) -> dict[str, Any]:
    page.sent.clear()
    view._hear(None, {"type": "ask", "id": 7, "question": question}, [])
    (answer,) = page.messages("answer")
    assert answer["id"] == 7
    return answer


def test_view_answers_about_a_task(page: Page, lab: bl.SimulatedLab, job: bl.Job) -> None:
    value = ask(page, view_of(lab), what="task", job="j", task="bad")["value"]
    assert (value["state"], value["result"], value["exit_code"]) == ("completed", "failure", 3)
    assert value["failure"].startswith("FailureExitCode: ")


def test_view_answers_about_a_task_on_several_nodes(page: Page, lab: bl.SimulatedLab) -> None:
    lab.create_pool("p", target_dedicated_nodes=30, enable_inter_node_communication=True)
    job = lab.create_job("j", "p")
    settings = bl.MultiInstanceSettings(number_of_instances=25, coordination_command_line="true")
    task = job.create_task("m", "sleep 60", multi_instance_settings=settings)
    lab.advance("2m")
    value = ask(page, view_of(lab), what="task", job="j", task="m")["value"]
    assert [one["id"] for one in value["subtasks"]] == list(range(1, 21))
    assert {one["state"] for one in value["subtasks"]} == {"running"}
    assert value["left_out"] == 4
    assert value["subtasks"][0]["node_id"] == task.subtasks[0].node_id


def test_node_of_a_cluster_says_on_which_worker_it_is(
    page: Page, lab: bl.SimulatedLab, job: bl.Job
) -> None:
    nodes = lab.pools["p"].nodes
    (node,) = nodes.values()
    assert node.machine == ""
    assert "Machine" not in node._repr_html_()
    assert "machine" not in nodes._repr_html_()
    (record,) = lab._connection.engine.core.state.pools["p"].nodes.values()
    record.machine = "worker-3 at tcp://10.0.0.7:4711"
    value = ask(page, view_of(lab), what="node", pool="p", node=node.id)["value"]
    assert value["machine"] == node.machine == "worker-3 at tcp://10.0.0.7:4711"
    for thing in (node, nodes):
        assert "worker-3 at tcp://10.0.0.7:4711" in thing._repr_html_()


def test_view_answers_about_a_node(page: Page, lab: bl.SimulatedLab, job: bl.Job) -> None:
    node = next(iter(lab.pools["p"].nodes))
    value = ask(page, view_of(lab), what="node", pool="p", node=node)["value"]
    assert value["tasks_run"] == 2
    assert value["start_task"]["result"] == "success"
    assert value["cost"] == cost_line(lab.pools["p"].nodes[node].cost)
    assert value["cost"].startswith("$0.0")
    assert [(row["id"], row["preparation"]["exit_code"]) for row in value["jobs"]] == [("j", 0)]


def test_view_answers_why_a_job_waits(page: Page, lab: bl.SimulatedLab, job: bl.Job) -> None:
    job.disable("requeue")
    job.create_tasks(["sleep 1"] * 3)
    view = view_of(job)
    value = ask(page, view, what="why", job="j")["value"]
    assert value["title"] == "Job j: 3 waiting"
    ((name, (reason,)),) = [(part["name"], part["reasons"]) for part in value["parts"]]
    assert (name, reason["code"], reason["tasks"], reason["lasting"]) == (
        "", "JobDisabled", 3, True,
    )  # fmt: skip
    assert reason["remedy"] == "job.enable()"
    one = ask(page, view, what="why", job="j", task=reason["example"])["value"]
    assert one["parts"][0]["reasons"][0]["text"] == reason["text"]
    for question in ({"pool": "p"}, {}):
        (part,) = ask(page, view, what="why", **question)["value"]["parts"]
        assert (part["name"], part["job"], part["reasons"]) == ("Job j", "j", [reason])


def test_view_answers_what_is_the_matter_with_a_pool(
    page: Page, lab: bl.SimulatedLab, job: bl.Job
) -> None:
    lab.pools["p"].resize(0)
    lab.advance("1m")
    value = ask(page, view_of(lab), what="why")["value"]
    assert [part["name"] for part in value["parts"]] == ["Pool p", "Job j"]
    assert [part["reasons"][0]["code"] for part in value["parts"]] == ["NoNodes", "JobStaysActive"]


def test_view_answers_about_preparation_and_release(
    page: Page, lab: bl.SimulatedLab, job: bl.Job
) -> None:
    job.terminate()
    job.wait()
    view = view_of(job)
    value = ask(page, view, what="preparations", job="j")["value"]
    assert value["summary"] == "Preparation: 1 succeeded; release: 1 succeeded."
    (row,) = value["rows"]
    output = ask(page, view, what="output", pool=row["pool_id"], node=row["node_id"],
                 directory=row["preparation"]["directory"])  # fmt: skip
    assert "prepared" in output["value"]["text"]
    assert ask(page, view, what="preparations", job="j", only_failed=True)["value"]["rows"] == []
    assert ask(page, view_of(lab), what="preparations")["value"]["job"] == "j"


def test_view_answers_that_no_job_is_prepared(page: Page, lab: bl.SimulatedLab) -> None:
    assert ask(page, view_of(lab), what="preparations")["value"] is None


def test_view_lists_follows_and_gives_files(page: Page, lab: bl.SimulatedLab, job: bl.Job) -> None:
    view = view_of(job.tasks["good"])
    files = ask(page, view, what="files", job="j", task="good", path="")["value"]
    assert {"stdout.txt", "stderr.txt"} <= {entry["name"] for entry in files["entries"]}
    tail = ask(page, view, what="tail", job="j", task="good", path="stdout.txt")["value"]
    assert tail == {"text": "hello\n", "size": 6, "begin": 0}
    answer = ask(page, view, what="download", job="j", task="good", path="stdout.txt")
    assert answer["value"] == {}
    assert page.sent[-1][0] == [b"hello\n"]


def test_view_deallocates_a_node_and_starts_it_again(page: Page, lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    (node,) = pool.nodes.values()
    view, place = view_of(pool), {"pool": "p", "node": node.id}

    def reasons() -> dict[str, str]:
        faults = ask(page, view, what="faults", **place)["value"]["faults"]
        return {fault["name"]: fault["why_not"] for fault in faults}

    assert (reasons()["deallocate"], reasons()["start"]) == ("", "it is not deallocated")
    said = ask(page, view, what="fault", name="deallocate", **place)["value"]["text"]
    assert said.startswith(f"{node.id} is deallocated")
    node.wait("deallocated")
    away = "not possible while the node is deallocated"
    assert (reasons()["deallocate"], reasons()["reboot"], reasons()["start"]) == (away, away, "")
    assert ask(page, view, what="fault", name="start", **place)["value"]["text"]
    node.wait("idle")


@pytest.mark.parametrize("question", [
    {"what": "task", "job": "no", "task": "such"}, {"what": "nothing"}, {"what": "task"}, None, 3,
    {"what": "fault", "name": "earthquake"},
])  # fmt: skip
def test_question_that_has_no_answer_is_answered_so(
    page: Page, lab: bl.SimulatedLab, question: Any
) -> None:
    view = view_of(lab)
    view._hear(None, {"type": "ask", "id": 1, "question": question}, [])
    assert page.messages("answer")[0]["error"]


def test_panel_is_told_again_only_what_changed(
    page: Page, lab: bl.SimulatedLab, job: bl.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.widgets.following.FOLLOW_S", 0.0)
    view = view_of(job)
    question = {"what": "why", "job": "j"}
    view._hear(None, {"type": "follow", "viewer": "a", "key": "k", "question": question}, [])
    for _ in range(3):
        view._feed._watch.catch_up()
        view.beat()
    assert len(page.messages("news")) == 1
    job.disable("requeue")
    job.create_task("more", "sleep 1")
    view._feed._watch.catch_up()
    view.beat()
    assert [news["value"]["title"] for news in page.messages("news")] == [
        "Job j", "Job j: 1 waiting",
    ]  # fmt: skip
    view._hear(None, {"type": "bye", "viewer": "a"}, [])
    job.create_task("and-more", "sleep 1")
    view._feed._watch.catch_up()
    view.beat()
    assert len(page.messages("news")) == 2


def test_cost_is_asked_again_while_the_clock_runs_though_nothing_happens(
    page: Page, lab: bl.SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait()
    view = view_of(pool)
    asked: list[float] = []
    monkeypatch.setattr(
        view._following,
        "_follow",
        lambda: asked.append(1) or setattr(view._following, "_asking", False),
    )
    question = {"what": "about", "pool": "p"}
    view._hear(None, {"type": "follow", "viewer": "a", "key": "k", "question": question}, [])
    view._feed._watch.catch_up()
    view.beat()
    view._following._asked_at -= 60
    view.beat()
    assert len(asked) == 1, "the clock of a simulation stands still"
    monkeypatch.setattr(type(view._feed._watch), "speed", 1.0)
    view.beat()
    assert len(asked) == 2
    view.beat()
    assert len(asked) == 2, "not all the time"


def test_two_viewers_of_one_display_are_both_told(
    page: Page, lab: bl.SimulatedLab, job: bl.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchlab.widgets.following.FOLLOW_S", 0.0)
    view = view_of(job)

    def follow(viewer: str, key: str, again: bool = False, **question: str) -> list[str]:
        page.sent.clear()
        view._hear(None, {"type": "follow", "viewer": viewer, "key": key, "again": again,
                          "question": question or None}, [])  # fmt: skip
        view.beat()
        return [news["key"] for news in page.messages("news")]

    assert follow("a", "why", what="why", job="j") == ["why"]
    assert follow("b", "bad", what="task", job="j", task="bad") == ["bad"]
    assert follow("c", "why", what="why", job="j") == ["why"], "the third has not seen it yet"
    assert follow("a", "why", what="why", job="j") == [], "it says that it is still there"
    assert follow("a", "why", again=True, what="why", job="j") == ["why"]
    assert follow("b", "") == []
    view._hear(None, {"type": "bye", "viewer": "a"}, [])
    job.disable("requeue")
    job.create_task("more", "sleep 1")
    page.sent.clear()
    view._feed._watch.catch_up()
    view.beat()
    assert [news["key"] for news in page.messages("news")] == ["why"], "for the third"


def test_scripts_become_one_module_without_imports() -> None:
    text = module()
    assert "\nimport " not in text
    assert text.count("\nexport ") == 1
    assert len(SCRIPTS) == len(set(SCRIPTS))
    assert "http" not in text + style(), "nothing is fetched from outside"
