"""A journal that earlier code wrote is read, and leads to what it led to then.

In `journals` each has a summary beside it, from the code that recorded it: counts and a hash of
what the replay said, and the state of every record halfway and at the end. Texts for people are
in neither; wire tags, ids, codes and the order are. A summary is never made anew: when it does not
match any more, the journals of users do not replay either.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batchlab.core.invariants import check
from batchlab.core.machine import Core
from batchlab.core.messages.facts import REPORTS
from batchlab.core.messages.inputs import REQUESTS, Request
from batchlab.core.model.secrets import forget_secret
from batchlab.drivers.journal import Reading
from batchlab.errors import BatchError

JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.jsonl.gz"))
PROSE = {"message", "details", "values", "reason"}
LATER = {"TaskChanged": ("started", "exit_code")}
"""What messages say since all of these were recorded."""


def lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = {*PROSE, *LATER.get(value.get("type", ""), ())}
        return {key: without_prose(one) for key, one in value.items() if key not in left_out}
    return [without_prose(one) for one in value] if isinstance(value, list | tuple) else value


def states(state: Any) -> dict[str, list[list[Any]]]:
    """What every record is, in the order in which they are known."""
    return {
        "pools": [
            [pool.spec.id, pool.phase.state, pool.allocation.state, pool.target, pool.target_spot,
             [error.code for error in pool.resize_errors],
             len(pool.auto_scale.runs) if pool.auto_scale else None]
            for pool in state.pools.values()
        ],
        "nodes": [
            [node.id, node.phase.state, node.phase.since, node.scheduling, node.boot, node.image,
             node.free, node.activity, node.start.phase.state if node.start else None]
            for node in state.nodes.values()
        ],
        "jobs": [
            [job.spec.id, job.phase.state, job.previous, job.pool_id, job.active, job.running,
             job.succeeded, job.failed]
            for job in state.jobs.values()
        ],
        "tasks": [
            [job.spec.id, task.spec.id, task.phase.state, task.phase.since, task.previous,
             task.node.id if task.node else None, task.retry_count, task.requeue_count,
             task.recoveries, getattr(task.phase, "exit_code", None),
             getattr(getattr(task.phase, "failure", None), "code", None)]
            for job in state.jobs.values() for task in job.tasks.values()
        ],
        "subtasks": [
            [task.spec.id, one.number, one.node.id, one.phase.state, one.previous]
            for job in state.jobs.values() for task in job.tasks.values() if task.instances
            for one in task.instances.subtasks
        ],
        "footprints": [
            [job.spec.id, each.node.id, each.preparation.phase.state, each.preparation.retry_count,
             each.release.phase.state if each.release else None]
            for job in state.jobs.values() for each in job.footprints.values()
        ],
        "schedules": [
            [one.spec.id, one.phase.state, one.previous, one.due, one.count, list(one.jobs)]
            for one in state.schedules.values()
        ],
        "certificates": [
            [one.thumbprint, one.phase.state, one.previous]
            for one in state.certificates.values()
        ],
        "applications": [
            [one.id, list(one.packages), one.default.version if one.default else None]
            for one in state.applications.values()
        ],
        "bills": [
            [pool.spec.id, dedicated, bill.machines, {k: round(s, 6) for k, s in
             bill.seconds.items()}]
            for pool in state.pools.values() for dedicated, bill in pool.bills.items()
        ],
        "runs": [[list(run.id), run.kind, run.ending] for run in state.runs.values()],
    }  # fmt: skip


def summary(core: Any, inputs: list[tuple[float, Any]], state: Any) -> dict[str, Any]:
    """What a core, whose state is given, does about a journal's inputs."""
    digest, tags, half = hashlib.sha256(), Counter[str](), None
    encode = msgspec.json.Encoder().encode
    for number, (now, item) in enumerate(inputs):
        try:
            step = core.handle(now, item)
        except BatchError:
            assert isinstance(item, Request)
            said: list[Any] = ["refused"]  # for which of several reasons does not matter
            tags["refused"] += 1
        else:
            said = without_prose(
                msgspec.to_builtins([*step.commands, *step.changes], enc_hook=forget_secret)
            )
            for one in said:
                tags[" ".join([one["type"], one.get("kind", ""), one.get("state", "")])] += 1
        digest.update(encode(said) + b"\n")
        if number == len(inputs) // 2:
            half = states(state)
    return {
        "inputs": len(inputs),
        "said": digest.hexdigest(),
        "tags": dict(sorted(tags.items())),
        "dropped": state.dropped,
        "deadline": core.next_deadline(),
        "halfway": half,
        "end": states(state),
    }


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name.partition(".")[0])
def test_journal_of_earlier_code_leads_to_what_it_led_to(path: Path) -> None:
    reading = Reading(lines(path))
    core = Core(reading.settings)
    found = summary(core, list(reading), core.state)
    text = gzip.decompress(path.with_name(path.name.replace("jsonl", "json")).read_bytes())
    assert msgspec.json.decode(msgspec.json.encode(found)) == msgspec.json.decode(text)
    check(core.state)


def test_journals_have_every_kind_of_input() -> None:
    tags = {msgspec.json.decode(line)[1]["type"] for path in JOURNALS for line in lines(path)[1:]}
    assert tags >= {kind.__struct_config__.tag for kind in (*REQUESTS, *REPORTS)}
