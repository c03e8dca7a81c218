"""Everything a core knows, as one comparable value: a refused request must not change it."""

from __future__ import annotations

from typing import Any

from batchlab.core import questions as q
from batchlab.core.machine import Core
from batchlab.errors import BatchError


def digest(core: Core) -> list[Any]:
    """All views, and what no view shows."""
    now = core.now
    found: list[Any] = [core.ask(q.ListPools(), now), core.ask(q.ListJobs(), now)]
    for pool in core.pools.values():
        found += [
            core.ask(q.ListNodes(pool_id=pool.spec.id), now),
            pool.resize_number, pool.node_count, list(pool.creating), list(pool.leaving),
            [list(bucket) for bucket in pool.buckets],
            {priority: list(ready) for priority, ready in pool.ready.items()},
        ]  # fmt: skip
    for job in core.jobs.values():
        found += [
            core.ask(q.ListTasks(job_id=job.spec.id), now), list(job.runs), list(job.refused_by),
            {slots: len(queue) for slots, queue in job.queue.items()}, list(job.nodes),
        ]  # fmt: skip
        try:
            found.append(core.ask(q.ListPreparations(job_id=job.spec.id), now))
        except BatchError as refusal:
            found.append(refusal.code)
    for node in core.nodes.values():
        drain = node.drain and (node.drain.purpose, node.drain.option)
        found.append((node.id, drain, node.boot, node.image, list(node.footprints)))
    found += [[(run.id, run.ending) for run in core.runs.values()], core.next_deadline()]
    found += [len(core.deadlines._heap), core.dropped, core._numbers]
    return found
