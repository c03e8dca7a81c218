"""The core as a whole: complete, deterministic, closed to nothing it should hear."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Union

import msgspec
import pytest

from batchlab.core import invariants
from batchlab.core.machine import HANDLERS, Core
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import PoolSpec, TaskSpec
from batchlab.core.state import phases
from batchlab.core.state.states import KINDS
from batchlab.errors import BatchError, Conflict
from helpers import busy_life
from helpers.digest import digest
from helpers.world import World

ANY_INPUT: Any = Union[inputs.REQUESTS + facts.REPORTS]  # noqa: UP007


def test_every_input_has_a_handler() -> None:
    assert set(HANDLERS) == {*inputs.REQUESTS, *facts.REPORTS}


def test_every_state_is_in_the_table_of_moves() -> None:
    for table in KINDS.values():
        assert set().union(*table.follows.values()) <= set(table)
    known = {phase.state for phase in phases.Phase.__subclasses__()}
    assert set().union(*KINDS.values()) == known


@pytest.mark.parametrize("seed", [1, 2])
def test_life_lived_again_from_its_journal_takes_the_same_steps(seed: int) -> None:
    again = Core()
    decode = msgspec.json.Decoder(tuple[float, ANY_INPUT]).decode
    commands = 0
    for now, item, step in busy_life.live(seed):
        read_now, read = decode(msgspec.json.encode((now, item)))
        try:
            assert again.handle(read_now, read) == step
        except BatchError:
            assert step is None
        invariants.check(again.state)
        commands += len(step.commands) if step else 0
    assert commands > 300


def test_life_does_not_depend_on_the_hash_seed() -> None:
    tests = Path(busy_life.__file__).parents[1]
    prints = [
        subprocess.Popen(
            [sys.executable, "-m", "helpers.busy_life", "7"],
            cwd=tests,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "1", "4711")
    ]
    said = {process.communicate()[0] for process in prints}
    assert said == {busy_life.fingerprint(7) + "\n"}


def test_time_never_goes_back(world: World) -> None:
    world.pool()
    world.now -= 1000
    world.job()
    assert world.job_view().creation_time == world.pool_view().creation_time


def test_refused_request_takes_no_time_back_and_gives_no_command(world: World) -> None:
    world.pool()
    before = digest(world.core)
    for request in (
        inputs.CreatePool(spec=PoolSpec(id="P")),
        inputs.CreateTasks(job_id="none", specs=(TaskSpec(id="a", command_line="x"),)),
        inputs.DeletePool(pool_id="q"),
    ):
        world.refused(request)
    assert digest(world.core) == before


def test_deadline_too_early_does_nothing(world: World) -> None:
    world.pool(nodes=0)
    due = world.core.next_deadline()
    assert due == world.now + 900
    world.feed(facts.DeadlineReached())
    world.nothing_else()
    assert world.core.next_deadline() == due


def test_inputs_that_overtake_a_deadline_do_no_harm(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    ((_, node, _),) = world.told()
    world.now += 10_000  # the timer is late
    world.allocated(node)
    assert world.pool_view().resize_errors == ()
    world.feed(facts.DeadlineReached())
    world.nothing_else()
    assert world.pool_view().allocation_state == "steady"


def test_report_of_what_the_core_does_not_know_is_dropped(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    before = digest(world.core)
    reports = (
        facts.NodeAllocated(node_id="x", boot=1, ip_address="1.2.3.4"),
        facts.NodeStarted(node_id="x", boot=1),
        facts.NodeLost(node_id=run.run_id.node_id, boot=9),
        facts.NodeStopped(node_id=run.run_id.node_id),
        facts.NodeStartFailed(node_id="x", boot=1),
        facts.RunExited(run_id=run.run_id._replace(number=99), exit_code=0),
    )
    for report in reports:
        assert world.feed(report) == []
    assert world.core.state.dropped == len(reports)
    world.core.state.dropped = 0
    assert digest(world.core) == before


def test_run_that_exits_twice_counts_once(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    world.exit(run)
    world.exit(run, 1)
    assert world.core.state.dropped == 1
    assert world.task("a").result == "success"


def test_closing_lab_mends_nothing_and_refuses_everything(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    assert isinstance(run, StartRun)
    world.feed(facts.LabClosing())
    world.lost(node)
    world.exit(run)
    world.feed(facts.LabClosing())
    world.nothing_else()
    assert world.core.next_deadline() is None
    assert world.core.state.dropped == 3
    with pytest.raises(Conflict, match="closed"):
        world.feed(inputs.EnableJob(job_id="j"))
