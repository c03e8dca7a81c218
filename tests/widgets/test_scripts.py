"""The scripts of the displays, where they need no page: `node --test`, on the story of a lab."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.colours import ROLES, ink_on
from batchlab.history.watch import watch
from batchlab.widgets import predicting
from batchlab.widgets.scripts import FORMULA_SCRIPTS, SCRIPTS, module
from batchlab.widgets.served.documents import PAGE_SCRIPTS
from batchlab.widgets.wire import SCHEMA, Place, rows_since
from batchlab.words import span_text
from helpers.node_scripts import NODE, needs_node, run_node_tests

SPANS = [
    0, 0.04, 0.05, 0.25, 0.75, 1.1234, 9.94, 9.95, 10.5, 59.4, 59.5, 60, 95, 185.2, 3599.4, 3599.5,
    3600, 5580, 7199.9, 86399, 90061, 172799.4, 172799.6, 1e6,
]  # fmt: skip
LIGHTS = [shade for role in ROLES.values() for shade in (role.light, role.dark)]


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A lab's story: whole and in chunks, with what the service says about it."""
    with bl.SimulatedLab() as lab:
        found = watch(lab._connection)
        pool = lab.create_pool("p", target_dedicated_nodes=5, task_slots_per_node=2)
        job = lab.create_job("j", pool, job_preparation_task="echo prepared")
        place, chunks = Place(), []
        for part in range(4):
            job.create_tasks(
                [f"/bin/sh -c 'sleep {20 + n % 7}; exit {n % 5 == 0:d}'" for n in range(40)]
            )
            lab.advance("100s")
            found.catch_up()
            head, data, place = rows_since(found, place)
            chunks.append(head)
            (tmp_path / f"chunk{part}.bin").write_bytes(data)
        whole, data, _ = rows_since(found, Place())
        (tmp_path / "whole.bin").write_bytes(data)
        counts, nodes = job.counts, pool.nodes.views()
        told = {
            "schema": SCHEMA,
            "whole": whole,
            "chunks": chunks,
            "counts": [counts.active, counts.running, counts.succeeded, counts.failed],
            "nodes": len(nodes),
            "spans": [[span, span_text(span)] for span in SPANS],
            "inks": [[colour, ink_on(colour)] for colour in [*LIGHTS, "#ffffff", "#000000"]],
            "used": sum(node.running_task_slots_count for node in nodes),
        }
    assert counts.running, "the story is to end in the middle"
    assert counts.failed
    (tmp_path / "story.json").write_text(json.dumps(told))
    return tmp_path


@needs_node
def test_scripts_do_what_they_should(story: Path) -> None:
    run_node_tests("pure.test.mjs", story, BATCHLAB_STORY=str(story))


@needs_node
def test_table_of_tasks_does_what_it_should(story: Path) -> None:
    run_node_tests("tasks.test.mjs", story, BATCHLAB_STORY=str(story))


@needs_node
def test_files_are_shown_as_what_they_are(tmp_path: Path) -> None:
    run_node_tests("files.test.mjs", tmp_path)


@needs_node
def test_scripts_of_the_formula_editor_do_what_they_should(tmp_path: Path) -> None:
    run_node_tests("autoscale.test.mjs", tmp_path)


@needs_node
def test_scripts_of_predictions_do_what_they_should(tmp_path: Path) -> None:
    run_node_tests("prediction.test.mjs", tmp_path)


@needs_node
def test_scripts_of_the_page_of_a_served_lab_do_what_they_should(tmp_path: Path) -> None:
    run_node_tests("page.test.mjs", tmp_path)


@needs_node
@pytest.mark.parametrize("scripts", [SCRIPTS, FORMULA_SCRIPTS, predicting.SCRIPTS, PAGE_SCRIPTS])
def test_scripts_in_one_module_are_a_program(scripts: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "module.mjs"
    path.write_text(module(scripts))
    done = subprocess.run([str(NODE), "--check", str(path)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
