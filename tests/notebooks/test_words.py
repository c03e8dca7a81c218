"""Every public name is met in a lesson.

A name counts as met when it is written in a lesson, in words or in code, or shown by one. What
nobody writes because verbs make it counts as met where its verb is. Of the things that a learner
holds (labs, pools, nodes, jobs, tasks, schedules, files) each verb is met as well: what they can
be told, not each fact that they can tell.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

import batchlab as bl

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MADE_BY = {
    "Application": "create_application",
    "ApplicationPackage": "create_package",
    "AutoScaleRun": "auto_scale_history",
    "Certificate": "create_certificate",
    "Comparison": "compare",
    "Container": "create_container",
    "Files": "files",
    "Job": "create_job",
    "JobComparison": "compare_jobs",
    "JobOutputStorage": "output_storage",
    "JobSchedule": "create_job_schedule",
    "JobScheduleSpec": "create_job_schedule",
    "Node": "nodes",
    "Pool": "create_pool",
    "Prediction": "predict",
    "Simulation": "simulate",
    "Storage": "storage",
    "Task": "create_task",
    "TaskOutputStorage": "output_storage",
    "TrackedSave": "save_tracked",
}
HELD = (bl.Lab, bl.SimulatedLab, bl.Pool, bl.Node, bl.Job, bl.Task, bl.JobSchedule, bl.Files)
NO_VERBS = {"view"}
"""Every handle has it: all facts at one moment. What the lessons show reads them one by one."""


@cache
def words() -> frozenset[str]:
    """All words that are written in a lesson or shown by one."""
    texts = []
    for lesson in LESSONS:
        for cell in nbformat.read(lesson, as_version=4).cells:
            texts.append(cell.source)
            for output in cell.get("outputs", []):
                texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return frozenset(re.findall(r"\w+", "\n".join(texts)))


@pytest.mark.parametrize("name", [name for name in bl.__all__ if name != "__version__"])
def test_public_name_is_met_in_a_lesson(name: str) -> None:
    assert MADE_BY.get(name, name) in words()


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.__name__)
def test_verbs_of_what_one_holds_are_met_in_a_lesson(held: type) -> None:
    verbs = {
        name
        for name, value in inspect.getmembers(held, callable)
        if not name.startswith("_") and not hasattr(object, name)
    }
    assert sorted(verbs - NO_VERBS - words()) == []


@pytest.mark.parametrize("name", bl.formulas.__all__)
def test_formula_of_the_library_is_met_in_a_lesson(name: str) -> None:
    assert name in words()


def test_exceptions_to_the_rule_are_needed_and_real() -> None:
    assert MADE_BY.keys() <= set(bl.__all__)
    assert all(hasattr(bl.Job, name) for name in NO_VERBS)
