"""A journal lives the history of a lab again: the same commands, whatever the hash seed."""

import hashlib
import os
import subprocess
import sys

import msgspec
import pytest

import batchlab as bl
from batchlab.core.invariants import check
from batchlab.drivers import journal
from batchlab.errors import BatchError

DIGEST = """
import sys
from pathlib import Path
import hashlib, msgspec
from batchlab.drivers.journal import replay
core, steps = replay(Path(sys.argv[1]))
encode = msgspec.json.Encoder().encode
print(hashlib.sha256(b"".join(encode([s.commands, s.changes]) for s in steps)).hexdigest())
"""


def busy_day(lab):
    """Something of everything: two pools, three jobs, failures, faults, refusals."""
    pool = lab.create_pool("p", target_dedicated_nodes=5, task_slots_per_node=2,
                           start_task="sleep 3")  # fmt: skip
    lab.create_pool("q", vm_size="large", target_dedicated_nodes=3, task_slots_per_node=4)
    hooks = {"job_preparation_task": "sleep 2", "job_release_task": "sleep 1"}
    retries = bl.JobConstraints(max_task_retry_count=2)
    jobs = [
        lab.create_job("low", "p", priority=-5, **hooks),
        lab.create_job("high", "p", priority=5, constraints=retries, **hooks),
        lab.create_job("other", "q", on_all_tasks_complete="terminatejob"),
    ]
    for number, job in enumerate(jobs):
        job.create_tasks(["false", "sleep 30"] + ["render"] * (20 + number))
    with pytest.raises(BatchError):
        lab.create_job("LOW", "p")
    lab.advance("2m")
    nodes = list(pool.nodes.values())
    lab._connection.world.lose_node(nodes[0].id)
    lab._connection.world.lose_node(nodes[1].id, for_good=True)
    nodes[2].reboot()
    nodes[3].disable_scheduling("taskcompletion")
    lab.advance("1m")
    jobs[0].disable("requeue")
    jobs[1].update(priority=-100)
    lab.advance("1m")
    jobs[0].enable()
    pool.resize(3, node_deallocation_option="terminate")
    for job in jobs[:2]:
        job.tasks.wait()
        job.terminate()
        job.wait()
    jobs[2].wait()
    jobs[0].delete()
    pool.delete()
    lab.advance("8d")


@pytest.fixture(name="lived", scope="module")
def journal_of_a_day(tmp_path_factory):
    """The journal of a lab, and a digest of the commands and changes that it led to."""
    path = tmp_path_factory.mktemp("journal") / "day.jsonl"
    lab = bl.SimulatedLab(seed=7, workload=bl.Workload("20s", jitter=0.5), journal=path)
    engine, encode = lab._connection.engine, msgspec.json.Encoder().encode
    digest = hashlib.sha256()
    handle = engine.core.handle

    def noted(now, item):
        try:
            step = handle(now, item)
        except BatchError:
            digest.update(encode([[], []]))
            raise
        digest.update(encode([step.commands, step.changes]))
        return step

    engine.core.handle = noted
    busy_day(lab)
    check(engine.core.state)
    lab.close()
    return path, digest.hexdigest()


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_journal_replayed_under_any_hash_seed_gives_the_same_commands(lived, seed):
    path, digest = lived
    replayed = subprocess.run(
        [sys.executable, "-c", DIGEST, str(path)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert replayed.stdout.strip() == digest


def test_journal_holds_refused_requests_too(lived):
    path, _ = lived
    core, steps = journal.replay(path)
    assert len(steps) == len(path.read_bytes().splitlines()) - 1
    assert [pool.spec.id for pool in core.state.pools.values()] == ["q"]
    assert [job.spec.id for job in core.state.jobs.values()] == ["high", "other"]


def test_same_seed_and_verbs_give_the_same_history(tmp_path):
    texts = []
    for name in ("a.jsonl", "b.jsonl"):
        workload = bl.Workload("20s", jitter=0.5)
        with bl.SimulatedLab(seed=7, workload=workload, journal=tmp_path / name) as lab:
            busy_day(lab)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.code("InvalidInput")
@pytest.mark.parametrize("text", [b"", b"{}", b"not json\n", b'{"settings": {}}\n'])
def test_journal_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "x").write_bytes(text)
    with pytest.raises(BatchError, match=r"InvalidInput: .* is not a journal"):
        journal.read(tmp_path / "x")


def test_journal_of_another_version_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b'{"batchlab_journal": 99, "settings": {}}\n')
    with pytest.raises(BatchError, match="version 99"):
        journal.read(tmp_path / "x")


def test_journal_that_is_kept_can_be_read_while_it_is_written(tmp_path):
    with bl.SimulatedLab(journal=tmp_path / "deep" / "x.jsonl") as lab:
        lab.create_pool("p")
        kept = lab._connection.engine.journal.keep()
        core, _ = journal.replay(kept)
        assert list(core.state.pools) == ["p"]


def test_journal_cut_in_its_last_line_is_read_up_to_there(tmp_path):
    path = tmp_path / "journal.jsonl"
    with bl.SimulatedLab(journal=path) as lab:
        lab.create_pool("p", target_dedicated_nodes=2).wait("steady")
    _, whole = journal.read(path)
    path.write_bytes(path.read_bytes()[:-7])
    _, cut = journal.read(path)
    assert cut == whole[:-1]


def test_journal_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BatchError, match="FileNotFound"):
        journal.read(tmp_path / "none")
