"""Commands that a spawner begins after others by itself, and what the node makes of that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from batchlab.core.messages.facts import RunExited, RunStarted, TakenBack
from batchlab.core.messages.outputs import TakeBack
from batchlab.drivers.dask import run_ahead, spawner_processes
from batchlab.drivers.dask.plain_runs import PlainRun
from batchlab.drivers.dask.spawners import NodeSpawner
from batchlab.drivers.dask.staged_runs import StagedRuns
from helpers.dask_labs import sleepers
from helpers.run_ahead import Node, exited, run
from helpers.spawning import Talk, spawning, waiting_for
from helpers.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has spawners")


# -- the spawner --------------------------------------------------------------------------------


@pytest.fixture
def talk(tmp_path: Path) -> Any:
    with Talk(tmp_path) as talk:
        yield talk


def then(talk: Talk, number: int) -> Any:
    """What has begun after a command."""
    talk.report(number)
    (found,) = [report[-1] for report in talk.reports if report[0] == number]
    return found


def test_staged_commands_begin_one_after_the_other(talk: Talk) -> None:
    talk.send(talk.start(1, "true"), talk.stage(2, "true"), talk.stage(3, "true"))
    assert [then(talk, number) for number in (1, 2, 3)] == [2, 3, None]
    assert talk.report(3) == (0, False, None)


def test_staged_command_of_another_node_does_not_begin(talk: Talk) -> None:
    how, until_, number, _, *rest = talk.stage(2, "touch", f"{talk.root}/begun")
    talk.send(talk.start(1, "true"), (how, until_, number, 7, *rest))
    assert then(talk, 1) is None
    talk.send(("begin", 2), ("begin", 2))
    assert talk.report(2) == (0, False, None)
    assert Path(talk.root, "begun").exists()


def test_nothing_begins_after_a_command_that_a_signal_ended(talk: Talk) -> None:
    """The watchdog may have ended it, because the lease of the node is over."""
    talk.send(talk.start(1, "/bin/sh", "-c", "kill -KILL $$"), talk.stage(2, "true"))
    assert then(talk, 1) is None
    talk.send(talk.start(3, "sleep", "7105"), ("kill", 3))
    assert then(talk, 3) is None


def test_nothing_begins_by_itself_when_its_moment_has_passed(talk: Talk) -> None:
    talk.send(talk.start(1, "true"), talk.stage(2, "true", seconds=0.0), talk.stage(3, "true"))
    assert then(talk, 1) is None
    talk.send(("drop", 2))
    assert talk.report(2) == (None, True, None)


def test_command_with_files_to_upload_keeps_its_slot(talk: Talk) -> None:
    *order, _, variables = talk.start(1, "true")
    talk.send((*order, ("log",), variables), talk.stage(2, "true"))
    assert then(talk, 1) is None


@pytest.mark.parametrize("order", ["drop", "kill"])
def test_staged_command_that_is_dropped_or_killed_never_begins(talk: Talk, order: str) -> None:
    go = Path(talk.root, "go")
    talk.send(talk.start(1, *waiting_for(go)), talk.stage(2, "touch", f"{talk.root}/begun"))
    talk.send((order, 2))
    assert talk.report(2) == (None, True, None)
    go.touch()
    assert then(talk, 1) is None
    assert not Path(talk.root, "begun").exists()


def test_drop_that_comes_too_late_changes_nothing(talk: Talk) -> None:
    talk.send(talk.start(1, "true"), talk.stage(2, "sleep", "7104"))
    assert then(talk, 1) == 2
    talk.send(("drop", 2), talk.start(3, "true"))
    talk.report(3)
    until(lambda: sleepers(7104))
    talk.send(("kill", 2))
    assert talk.report(2) == (137, True, None)


def test_report_of_an_exit_is_held_while_enough_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = spawner_processes._SPAWN.replace(
        "spawner.spawn", "spawner.HOLD_S = 600; spawner.spawn"
    )
    monkeypatch.setattr(spawner_processes, "_SPAWN", patient)
    with Talk(tmp_path) as talk:
        rest = [talk.stage(number, "true") for number in (3, 4, 5)]
        talk.send(talk.start(1, "true"), talk.stage(2, "sleep", "7105"), *rest)
        until(lambda: sleepers(7105))
        assert not talk.has_said()
        talk.send()  # whether it is there
        assert then(talk, 1) == 2
        os.kill(talk.table.session(2), signal.SIGTERM)
        talk.report(2)
        talk.send(talk.start(6, "true"))
        assert [then(talk, number) for number in (6, 3, 4)] == [3, 4, 5]  # as many as are staged


def test_report_of_an_exit_is_not_held_for_long(talk: Talk) -> None:
    rest = [talk.stage(number, "true") for number in (3, 4, 5)]
    before = time.monotonic()
    talk.send(talk.start(1, "true"), talk.stage(2, "sleep", "7106"), *rest)
    assert then(talk, 1) == 2
    assert sleepers(7106)
    ((*_, when, _),) = talk.reports
    assert before < when < time.monotonic()
    talk.send(("kill", 2))
    talk.report(2)


# -- the queue of a node ------------------------------------------------------------------------


class Stage:
    """A spawner of a node whose answers are given by the test."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.said: list[str] = []
        self.calls: dict[str, tuple[Any, Any]] = {}
        node.ahead._stage = self.stage

    def stage(self, start_run: Any, begun: Any, never: Any) -> Any:
        stage, name = self, start_run.run_id.task_id
        self.calls[name] = begun, never

        class Staged:
            def begin(self) -> None:
                stage.said.append(f"begin {name}")
                stage.node.start(start_run)

            def drop(self) -> None:
                stage.said.append(f"drop {name}")

        return Staged()

    def begins(self, name: str) -> None:
        self.node.start(run(name))
        self.calls[name][0]()

    def never(self, name: str) -> None:
        self.calls[name][1]()


def played(story: Any, **config: Any) -> None:
    async def work() -> None:
        node = Node(**config)
        stage = Stage(node)
        node.start(run("a"))
        await story(node, stage)

    asyncio.run(work())


@pytest.fixture
def few_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_ahead, "LEAST_STAGED", 2)


@pytest.mark.usefixtures("few_staged")
def test_exit_is_reported_with_the_run_that_began_by_itself() -> None:
    async def story(node: Node, stage: Stage) -> None:
        node.wait(*"bcd")
        assert list(stage.calls) == ["b", "c"]
        stage.begins("b")
        node.exit("a")
        assert list(stage.calls) == ["b", "c", "d"]
        node.exit("b")  # the spawner did not have the next one yet
        assert node.said() == [exited("a", "b"), exited("b", "c")]
        assert (node.started, stage.said) == (["a", "b", "c"], ["begin c"])

    played(story)


def test_run_that_the_node_and_its_spawner_both_began_counts_once() -> None:
    async def story(node: Node, stage: Stage) -> None:
        node.start(run("b"))
        node.wait(*"cd")
        node.exit("a")
        assert stage.said == ["begin c"]
        node.exit("b")  # after which the spawner had begun it already, and says nothing new
        assert node.said() == [exited("a", "c"), exited("b", "d")]

    played(story, slots=2)


@pytest.mark.usefixtures("few_staged")
def test_recall_of_staged_runs_is_answered_when_the_spawner_has_answered() -> None:
    async def story(node: Node, stage: Stage) -> None:
        node.wait(*"bcd")
        node.ahead.take_back([run(name).run_id for name in "bcd"])
        assert (node.said(), stage.said) == ([], ["drop b", "drop c"])
        stage.begins("b")
        node.exit("a")
        assert node.said() == [exited("a", "b")]
        stage.never("c")
        await asyncio.sleep(0)
        (answer,) = node.said()
        assert isinstance(answer, TakenBack)
        assert {each.task_id for each in answer.taken} == {"c", "d"}
        assert [each.task_id for each in answer.started] == ["b"]
        node.exit("b")
        assert node.said() == [exited("b")]

    played(story)


def test_run_whose_spawner_was_lost_waits_again() -> None:
    async def story(node: Node, stage: Stage) -> None:
        node.wait(*"bc")
        stage.never("b")
        stage.never("c")
        node.ahead._stage = lambda *_: None
        node.exit("a")
        assert node.said() == [exited("a", "b")]
        assert (node.started, stage.said) == (["a", "b"], [])

    played(story)


def test_node_that_leaves_drops_what_is_staged() -> None:
    async def story(node: Node, stage: Stage) -> None:
        node.wait("b")
        node.ahead.close()
        stage.never("b")
        node.exit("a")
        assert (node.started, stage.said) == (["a"], ["drop b"])

    played(story)


def test_staged_run_begins_by_itself_only_before_the_lease_of_the_node_ends() -> None:
    ends: list[float] = []

    class Spawner(NodeSpawner):
        def stage(self, run: Any, begun: Any, never: Any, until: float) -> bool:
            ends.append(until)
            return True

    def make(start_run: Any) -> Any:
        return PlainRun(start_run, *[None] * 9)

    staged = StagedRuns(make, lambda _: None, Spawner(), lambda: 7.0)
    assert staged.stage(run("a"), lambda: None, lambda: None) is not None
    assert ends == [7.0]


# -- a real node --------------------------------------------------------------------------------


@pytest.mark.usefixtures("spawners_at_once")
def test_each_run_is_started_once_or_taken_back_however_they_meet(tmp_path: Path) -> None:
    log = tmp_path / "log"
    names = [f"n{number}" for number in range(120)]

    async def story() -> None:
        async with spawning(tmp_path) as (node, _):
            command = f"/bin/sh -c 'echo $AZ_BATCH_TASK_ID >> {log}'"
            orders = [node.order(command, name=name, ahead=True) for name in names]
            node.send(*orders)
            for at in range(20, 120, 10):  # from behind, while they run
                await node.passes(lambda at=at: len(ended(node)) >= at / 4)
                ids = tuple(order.run_id for order in orders[at : at + 6])
                node.send(TakeBack(node_id="node", run_ids=ids))
            await node.passes(lambda: len(ended(node)) + len(taken(node)) >= len(names))
            ran, back = ended(node), taken(node)
            assert sorted([*ran, *back]) == sorted(names)
            assert log.read_text().split() == ran
            assert begun(node) == ran
            assert back

    asyncio.run(story())


def ended(node: Any) -> list[str]:
    return [
        each.run_id.task_id for each in node.reports
        if isinstance(each, RunExited) and each.run_id.task_id.startswith("n")
    ]  # fmt: skip


def begun(node: Any) -> list[str]:
    found = []
    for each in node.reports:
        if isinstance(each, RunStarted):
            found.append(each.run_id.task_id)
        elif isinstance(each, RunExited) and each.then is not None:
            found.append(each.then.task_id)
    return found


def taken(node: Any) -> list[str]:
    return [
        run_id.task_id for each in node.reports if isinstance(each, TakenBack)
        for run_id in each.taken
    ]  # fmt: skip
