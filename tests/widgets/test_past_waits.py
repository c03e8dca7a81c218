"""What waited at a moment of the past: the page finds what the kernel's report says."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.answers.wait_kinds import WAITS
from batchlab.errors import BatchError
from batchlab.history.watch import watch
from batchlab.reports import report_of
from batchlab.widgets.wire import SCHEMA, Place, rows_since
from helpers.node_scripts import needs_node, run_node_tests

DOINGS = ["add"] * 5 + ["hold", "hold", "wide", "move", "disable", "enable", "resize", "reboot",
                        "offline", "end", "delete", "again"]  # fmt: skip
MOST = 60
"""Moments at which one report is compared."""


def live(lab: bl.SimulatedLab, seed: int) -> None:
    """A lab's life in which tasks wait for whatever they can wait for."""
    chance = random.Random(seed)
    for name in ("p", "q"):
        lab.create_pool(name, target_dedicated_nodes=2, task_slots_per_node=2,
                        start_task="sleep 20" if name == "p" else None)  # fmt: skip
    lab.create_pool("wide", target_dedicated_nodes=3, enable_inter_node_communication=True)
    for number in range(3):
        lab.create_job(f"j{number}", "pq"[number % 2], uses_task_dependencies=True,
                       job_preparation_task="sleep 15" if number else None,
                       max_parallel_tasks=3 if number == 2 else -1)  # fmt: skip
    lab.create_job("wide", "wide", job_preparation_task="sleep 9")
    lab.create_job("nowhere", "no-such-pool").create_tasks(["true"] * 2)
    made = 0
    for _ in range(40):
        lab.advance(f"{chance.randint(1, 40)}s")
        job = lab.jobs[f"j{chance.randrange(3)}"]
        pool = lab.pools[chance.choice("pq")]
        doing = chance.choice(DOINGS)
        try:
            if doing in ("add", "hold"):
                ids = [f"t{made + n}" for n in range(chance.randint(1, 7))]
                first = [f"t{chance.randrange(made)}"] if doing == "hold" and made else None
                job.create_tasks([
                    bl.TaskSpec(id=name, command_line=f"sleep {chance.randint(5, 60)}",
                                required_slots=chance.randint(1, 2), depends_on=first)
                    for name in ids
                ])  # fmt: skip
                made += len(ids)
            elif doing == "wide":
                settings = bl.MultiInstanceSettings(number_of_instances=2,
                                                    coordination_command_line="true")  # fmt: skip
                lab.jobs["wide"].create_task(f"m{made}", "sleep 30",
                                             multi_instance_settings=settings)  # fmt: skip
                made += 1
            elif doing == "move":
                job.disable("requeue")
                lab.advance("1m")
                job.update(pool_info=bl.PoolInfo(pool_id=chance.choice(["p", "q", "late"])))
                job.enable()
            elif doing == "disable":
                job.disable(chance.choice(["requeue", "wait"]))
            elif doing == "enable":
                job.enable()
            elif doing == "resize":
                pool.resize(chance.choice([0, 1, 3]))
            elif doing == "reboot":
                next(iter(pool.nodes.values())).reboot()
            elif doing == "offline":
                next(iter(pool.nodes.values())).disable_scheduling()
            elif doing == "end":
                job.tasks[f"t{chance.randrange(made)}"].terminate()
            elif doing == "delete":
                job.delete()
                lab.advance("2m")
                lab.create_job(job.id, "p", uses_task_dependencies=True)
            elif doing == "again":
                lab.create_pool("late", target_dedicated_nodes=1)
        except (BatchError, StopIteration, ValueError):
            continue
    lab.advance("30s")


def told(lab: bl.SimulatedLab) -> list[dict[str, Any]]:
    """What the reports of all there is say of many moments."""
    subjects: list[tuple[Any, str]] = [("lab", "")]
    subjects += [("pool", name) for name in watch(lab._connection).tables.pool_ids]
    subjects += [("job", name) for name in watch(lab._connection).tables.job_ids]
    found = []
    for kind, name in subjects:
        try:
            numbers = report_of(lab._connection, kind, name).numbers
        except bl.NotFound:
            continue  # a pool of which there was but the name
        line = numbers.lines["waiting"]
        end = numbers.end.timestamp()
        times = [at for at in line.times if at < end]
        times += [(one + other) / 2 for one, other in pairwise(times)]
        for at in times[:: max(1, len(times) // MOST)]:
            waits = {key: line.at(key, at) for key in WAITS}
            found.append({"kind": kind, "name": name, "at": at, "waits": waits})
    return found


@needs_node
@pytest.mark.parametrize("seed", [0, 3, 5])
def test_page_and_report_say_the_same_of_any_moment(tmp_path: Path, seed: int) -> None:
    with bl.SimulatedLab(seed=seed, boot="25s") as lab:
        live(lab, seed)
        found = watch(lab._connection)
        found.catch_up()
        head, data, _ = rows_since(found, Place())
        moments = told(lab)
    seen = {reason for moment in moments for reason, tasks in moment["waits"].items() if tasks}
    wanted = {"slots", "no pool", "preparation", "dependencies", "disabled", "held back"}
    assert seen >= wanted | {0: {"starting", "others"}, 3: {"no nodes"}}.get(seed, set())
    (tmp_path / "whole.bin").write_bytes(data)
    (tmp_path / "story.json").write_text(
        json.dumps({"schema": SCHEMA, "whole": head, "moments": moments})
    )
    run_node_tests("past_waits.test.mjs", tmp_path, BATCHLAB_STORY=str(tmp_path))
