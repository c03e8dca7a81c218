"""The whole state as bytes, and back; random lives do it at any moment."""

from datetime import UTC, datetime
from types import ModuleType

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.inputs import Input
from batchlab.drivers.freezing import Unreadable, freeze, thaw
from helpers.digest import digest
from helpers.multi_instance import running
from helpers.world import World

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def lived() -> World:
    """Two pools, tasks in all states, preemptible ones among them."""
    world = World()
    world.pool(nodes=2, task_slots_per_node=2)
    world.pool("q", nodes=1, enable_auto_scale=False)
    world.job(allow_task_preemption=True, job_preparation_task="x")
    world.job("high", priority=10)
    world.tasks("a", "b", "c", "d", "e")
    for run in world.runs()[:1]:
        world.exit(run)
    world.feed(inputs.TerminateTask(job_id="j", task_id="e"))
    world.unseen.clear()
    return world


def test_thawed_core_is_the_same_and_lives_on_alike() -> None:
    world = lived()
    core = thaw(freeze(world.core))
    assert digest(core) == digest(world.core)
    assert freeze(core, shared=False) == freeze(world.core, shared=False)
    for item in (inputs.DeleteJob(job_id="j"), inputs.DeletePool(pool_id="p")):
        assert core.handle(world.now, item) == world.core.handle(world.now, item)
    assert core.next_deadline() == world.core.next_deadline()


def test_deadline_in_a_thawed_core_can_be_cancelled() -> None:
    world = World()
    world.pool()
    world.job()
    world.tasks("a")
    world.exit(world.run())
    core = thaw(freeze(world.core))
    before = len(core.state.deadlines)
    core.handle(world.now, inputs.DeleteTask(job_id="j", task_id="a"))
    assert len(core.state.deadlines) == before - 1


@pytest.mark.parametrize(
    ("now", "earlier", "kind"),
    [(facts, inputs, facts.RunExited), (inputs, facts, inputs.KeepProperties)],
)
def test_input_that_was_in_another_file_when_it_was_written_can_be_read(
    monkeypatch: pytest.MonkeyPatch, now: ModuleType, earlier: ModuleType, kind: type[Input]
) -> None:
    world = World()
    world.exit(running(world, 2)[0])
    world.feed(inputs.KeepProperties(key=("job", "j"), created=CREATED, properties="{}"))
    with monkeypatch.context() as patch:
        patch.setattr(kind, "__module__", earlier.__name__)
        patch.setattr(earlier, kind.__name__, kind, raising=False)
        patch.delattr(now, kind.__name__)
        frozen = freeze(world.core)
    state = thaw(frozen).state
    verdict = state.jobs["j"].tasks["m"].instances.verdict
    assert verdict == world.core.state.jobs["j"].tasks["m"].instances.verdict
    assert isinstance(verdict, facts.RunExited)
    assert state.kept == world.core.state.kept != {}


@pytest.mark.parametrize("harm", [lambda b: b"", lambda b: b[:-9], lambda b: b"x" + b])
def test_damaged_bytes_are_unreadable(harm: object) -> None:
    with pytest.raises(Unreadable):
        thaw(harm(freeze(lived().core)))


@pytest.mark.parametrize("name", [b"TaskRecord", b"last_requeue"])
def test_bytes_with_other_records_are_unreadable(name: bytes) -> None:
    frozen = freeze(lived().core)
    with pytest.raises(Unreadable, match="have changed since"):
        thaw(frozen.replace(name, name[::-1], 1))
