"""A lab that is opened from its journal: all that looks works, and nothing can be done to it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import StartRun
from batchlab.drivers.change_log import Batch
from batchlab.history.watch import watch
from batchlab.widgets import cards
from batchlab.widgets.answers import answer


def morning(path: Path, *, close: bool = True) -> bl.SimulatedLab:
    """A lab in which tasks succeed, fail, run and wait."""
    lab = bl.SimulatedLab(journal=path, account="morning")
    lab.create_pool("render", target_dedicated_nodes=3, start_task="sleep 5")
    job = lab.create_job("frames", "render", job_preparation_task="sleep 2")
    job.create_tasks(["false"] + ["sleep 60"] * 10)
    with pytest.raises(bl.BatchError):
        lab.create_job("FRAMES", "render")
    lab.advance("4m")
    if close:
        lab.close()
    return lab


@pytest.fixture(name="path", scope="module")
def journal_of_a_morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replayed") / "morning.journal"
    morning(path)
    return path


@pytest.fixture(name="lab")
def replayed(path: Path) -> bl.ReplayedLab:
    return bl.ReplayedLab(path)


def all_changes(lab: Any) -> list[Any]:
    found: list[Any] = []
    batch = Batch(changes=[], next=0, now=0.0, more=True)
    while batch.more:
        batch = lab._connection.changes(batch.next)
        found += batch.changes
    return found


def test_replayed_lab_shows_what_the_lab_itself_showed(tmp_path: Path) -> None:
    with morning(tmp_path / "j", close=False) as lived:
        journal = lived._connection.engine.journal
        assert journal is not None
        lab = bl.ReplayedLab(journal.keep())
        job, lived_job = lab.jobs["frames"], lived.jobs["frames"]
        # The clock stands where the last input came; the lab's own had gone on for some seconds.
        assert lived.now.replace(minute=0, second=0) < lab.now <= lived.now
        assert lab.account == "morning"
        assert lab.pools["render"].view() == lived.pools["render"].view()
        assert list(job.tasks.views()) == list(lived_job.tasks.views())
        assert list(job.preparations) == list(lived_job.preparations)
        assert job.counts == lived_job.counts
        assert job.tasks["task011"].explain() == lived_job.tasks["task011"].explain()
        assert list(lab.pools["render"].nodes.views()) == list(lived.pools["render"].nodes.views())
        assert all_changes(lab) == all_changes(lived)
        assert lab.ending == "the journal ends here"


def test_replayed_lab_draws_and_reports(lab: bl.ReplayedLab) -> None:
    pytest.importorskip("pandas")
    html = cards.mimebundle(lab)["text/html"]
    assert "the lab was closed" in html
    assert "11 tasks" in repr(lab.jobs["frames"].tasks)
    assert lab.jobs["frames"].tasks.filter(result="failure").to_frame().index.tolist() == [
        "task001"
    ]
    report = lab.report()
    assert "it goes on" not in repr(report)
    assert (report.numbers.succeeded, report.numbers.failed) == (6, 1)
    assert round(lab.cost.node_hours, 2) == 0.15
    why = answer(lab._connection, {"what": "why", "task": "task011", "job": "frames"})
    assert [reason["code"] for reason in why["parts"][0]["reasons"]] == ["Busy"]


def test_watch_of_a_replayed_lab_ends_with_the_story(lab: bl.ReplayedLab) -> None:
    followed = watch(lab._connection)
    followed.catch_up()
    assert followed.ended == "the lab was closed"
    assert followed.tables.length("runs") > 10
    watch(lab._connection)  # a second display does not begin anew
    assert followed.ended == "the lab was closed"


CHANGING = {
    "CreatePool": lambda lab: lab.create_pool("new"),
    "CreateJob": lambda lab: lab.create_job("new", "render"),
    "CreateJobSchedule": lambda lab: lab.create_job_schedule(
        "new", schedule=bl.Schedule(recurrence_interval="1h"),
        job_specification=bl.JobSpec(pool_info=bl.PoolInfo(pool_id="render")),
    ),
    "CreateApplication": lambda lab: lab.create_application("new"),
    "ResizePool": lambda lab: lab.pools["render"].resize(9),
    "DeletePool": lambda lab: lab.pools["render"].delete(),
    "RebootNode": lambda lab: next(iter(lab.pools["render"].nodes.values())).reboot(),
    "CreateTasks": lambda lab: lab.jobs["frames"].create_task("new", "true"),
    "TerminateJob": lambda lab: lab.jobs["frames"].terminate(),
    "UpdateJob": lambda lab: lab.jobs["frames"].update(priority=5),
    "TerminateTask": lambda lab: lab.jobs["frames"].tasks["task001"].terminate(),
    "DeleteTask": lambda lab: lab.jobs["frames"].tasks["task001"].delete(),
    "does not contain the storage": lambda lab: lab.storage,
    "the storage": lambda lab: lab.jobs["frames"].submit(len, []),
    "its nodes no longer exist": lambda lab: lab._connection.lose_node("render", "n"),
    "no more runs will start": lambda lab: lab._connection.fail_next("starttask"),
    "its clock": lambda lab: lab._connection.advance(60),
}  # fmt: skip


@pytest.mark.parametrize("what", list(CHANGING))
def test_replayed_lab_refuses_whatever_changes_something(lab: bl.ReplayedLab, what: str) -> None:
    before = list(lab.jobs["frames"].tasks.views()), lab.pools["render"].view()
    with pytest.raises(bl.Conflict, match=rf"^OperationInvalid.*nothing can be changed: .*{what}"):
        CHANGING[what](lab)
    assert (list(lab.jobs["frames"].tasks.views()), lab.pools["render"].view()) == before


def test_replayed_lab_has_no_files_and_says_so(lab: bl.ReplayedLab) -> None:
    task = lab.jobs["frames"].tasks["task001"]
    for look in (lambda: task.stdout, task.files.list, lambda: task.files.read("x"),
                 lambda: task.files.delete("x")):  # fmt: skip
        with pytest.raises(bl.NotFound, match="FileNotFound: this is a replay"):
            look()


def test_wait_on_a_replayed_lab_returns_at_once_or_says_why_not(lab: bl.ReplayedLab) -> None:
    lab.pools["render"].wait("steady")
    lab.jobs["frames"].tasks["task001"].wait()
    with pytest.raises(bl.WaitNeverEnds, match="nothing more will happen: the lab was closed"):
        lab.jobs["frames"].tasks.wait()
    with pytest.raises(bl.NotFound):
        lab.jobs["frames"].tasks["none"].wait()


def test_replayed_lab_that_is_closed_answers_no_more(path: Path) -> None:
    with bl.ReplayedLab(path) as lab:
        job = lab.jobs["frames"]
    lab.close()
    with pytest.raises(bl.Conflict, match="the lab is closed"):
        job.view()


def test_replayed_lab_until_a_moment_is_the_lab_at_that_moment(path: Path) -> None:
    start = bl.ReplayedLab(path).jobs["frames"].tasks["task004"].start_time
    assert start is not None
    lab = bl.ReplayedLab(path, until=start)
    assert lab.now == start
    job = lab.jobs["frames"]
    assert [job.tasks[name].state for name in ("task001", "task004", "task009")] == [
        "completed", "running", "active",
    ]  # fmt: skip
    assert job.tasks["task009"].explain()
    assert lab.ending == "the replay was limited to this time"


def test_replayed_lab_opens_from_lines(path: Path) -> None:
    text = path.read_text()
    whole = list(bl.ReplayedLab(path).jobs["frames"].tasks.views())
    for lines in (text.splitlines(), text.splitlines(keepends=True), text.encode().splitlines()):
        lab = bl.ReplayedLab(lines)
        assert list(lab.jobs["frames"].tasks.views()) == whole
    assert repr(lab) == f"ReplayedLab(<{len(lines)} lines>)"


def test_journal_damaged_in_the_middle_is_refused_with_its_line(
    path: Path, tmp_path: Path
) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[6] = b"[17, {\x00\xff\n"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"".join(lines))
    with pytest.raises(bl.InvalidRequest, match=r"InvalidInput: line 7 of .*damaged is damaged"):
        bl.ReplayedLab(damaged)
    assert list(bl.ReplayedLab(lines[:6]).pools) == ["render"]


def test_journal_cut_in_a_line_is_replayed_up_to_there(path: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    data = path.read_bytes()
    half.write_bytes(data[: len(data) // 2])
    lab = bl.ReplayedLab(half)
    assert lab.ending == "the journal ends here, in the middle of a line"
    assert list(lab.jobs) == ["frames"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"[]\n", b'"text"\n', b"{}"],
)
def test_file_that_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(bl.InvalidRequest, match=r"InvalidInput: .* is not a journal: "):
        bl.ReplayedLab(tmp_path / "x")


def test_journal_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, "\0"):
        with pytest.raises(bl.NotFound, match="FileNotFound"):
            bl.ReplayedLab(path)


@pytest.mark.parametrize("given", [None, 7, b"x", [1], {"a": 1}])
def test_journal_of_another_kind_is_refused(given: Any) -> None:
    with pytest.raises(bl.InvalidRequest, match=r"ReplayedLab\.journal"):
        bl.ReplayedLab(given)


@pytest.mark.parametrize("until", ["5m", 3.0, datetime(2026, 1, 5)])
def test_until_that_is_no_moment_is_refused(path: Path, until: Any) -> None:
    with pytest.raises(bl.InvalidRequest, match=r"ReplayedLab\.until.*time zone"):
        bl.ReplayedLab(path, until=until)


def test_journal_in_which_nothing_happened_is_an_empty_lab(tmp_path: Path) -> None:
    with bl.SimulatedLab(journal=tmp_path / "x"):
        pass
    lab = bl.ReplayedLab(tmp_path / "x")
    assert len(lab.pools) == len(lab.jobs) == 0
    assert "ReplayedLab" in cards.mimebundle(lab)["text/html"]
    assert lab.report().numbers.succeeded == 0


def test_input_that_breaks_the_core_ends_the_story_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from batchlab.core.machine import Core

    handle = Core.handle

    def breaking(core: Core, now: float, item: Any) -> Any:
        step = handle(core, now, item)
        if any(
            isinstance(command, StartRun) and command.kind == "task" for command in step.commands
        ):
            raise ZeroDivisionError("as a fault would")
        return step

    monkeypatch.setattr(Core, "handle", breaking)
    lab = bl.ReplayedLab(path)
    assert lab.ending.startswith("line ")
    assert lab.ending.endswith(
        "of the journal made batchlab fail: ZeroDivisionError: as a fault would"
    )
    assert {task.state for task in lab.jobs["frames"].tasks.views()} <= {"active", "preparing"}
    assert len(lab.pools["render"].nodes) == 3


def test_replayed_lab_is_served_to_look_at(lab: bl.ReplayedLab) -> None:
    pytest.importorskip("azure.batch")
    from azure.batch.models import BatchTaskCreateOptions
    from azure.core.exceptions import HttpResponseError

    with lab.serve() as endpoint:
        client = endpoint.client()
        assert [task.id for task in client.list_tasks("frames")][:2] == ["task001", "task002"]
        with pytest.raises(HttpResponseError, match="OperationInvalidForCurrentState"):
            client.create_task("frames", BatchTaskCreateOptions(id="x", command_line="true"))


def test_journal_is_of_lines_of_json(path: Path) -> None:
    """What the lessons and the documentation say of the format."""
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["batchlab_journal"] == 1
    assert isinstance(json.loads(lines[1])[0], float)


def test_replayed_schedule_says_why_nothing_recurred(tmp_path: Path) -> None:
    with bl.SimulatedLab(journal=tmp_path / "j") as lab:
        spec = bl.JobSpec(pool_info=lab.create_pool("p"))
        schedule = lab.create_job_schedule("s", schedule="5m", job_specification=spec)
        lab.advance("1h")
        lived = (repr(schedule), repr(schedule.explain()), repr(lab.jobs["s:job-1"].explain()))
    replayed = bl.ReplayedLab(tmp_path / "j", until=lab.now)
    again = replayed.job_schedules["s"]
    assert "waits for 's:job-1' to end" in lived[0]
    assert lived == (
        repr(again), repr(again.explain()), repr(replayed.jobs["s:job-1"].explain())
    )  # fmt: skip
