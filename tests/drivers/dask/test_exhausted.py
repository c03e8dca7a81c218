"""A node without processes, files or memory left: its fault, not the task's; and other faults."""

import errno
import os
import subprocess

import pytest

import batchlab as bl
from batchlab.drivers.dask import processes, runs
from helpers.waiting import until


@pytest.fixture
def lab(tmp_path):
    with bl.Lab(root=tmp_path) as lab:
        lab.create_pool("p", target_dedicated_nodes=1).nodes.wait("idle")
        lab.create_job("j", "p")
        yield lab


class Full:
    """Refuses what a function does, as long as it is full."""

    def __init__(self, function, number):
        self.function, self.number = function, number
        self.refused, self.full = 0, True

    def __call__(self, *args, **options):
        if self.full:
            self.refused += 1
            raise OSError(self.number, os.strerror(self.number))
        return self.function(*args, **options)


NUMBERS = [errno.EMFILE, errno.ENOMEM, errno.EAGAIN, errno.ENFILE]


@pytest.mark.parametrize("number", NUMBERS)
def test_task_starts_as_soon_as_the_node_has_room(lab, monkeypatch, number):
    full = Full(subprocess.Popen, number)
    monkeypatch.setattr(processes.subprocess, "Popen", full)
    task = lab.jobs["j"].create_task("a", "echo works")
    until(lambda: full.refused >= 2)
    assert task.state == "running"
    full.full = False
    task.wait(timeout=30)
    assert (task.exit_code, task.stdout, task.retry_count) == (0, "works\n", 0)


def test_task_waits_for_a_file_of_the_node_too(lab, monkeypatch):
    full = Full(os.mkdir, errno.EMFILE)
    monkeypatch.setattr(os, "mkdir", full)
    task = lab.jobs["j"].create_task("a", "echo works")
    until(lambda: full.refused >= 2)
    full.full = False
    task.wait(timeout=30)
    assert task.exit_code == 0


def test_task_of_a_node_that_stays_full_is_queued_again_and_says_why(lab, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE_S", 0.2)
    full = Full(subprocess.Popen, errno.EMFILE)
    monkeypatch.setattr(processes.subprocess, "Popen", full)
    job = lab.jobs["j"]
    task = job.create_task("a", "echo works")
    until(lambda: full.refused >= 2)
    (node,) = lab.pools["p"].nodes.values()
    node.disable_scheduling("requeue")
    until(lambda: task.state == "active")
    full.full = False
    node.enable_scheduling()
    task.wait(timeout=30)
    assert task.exit_code == 0


def test_task_that_waits_for_room_can_be_terminated(lab, monkeypatch):
    full = Full(subprocess.Popen, errno.EMFILE)
    monkeypatch.setattr(processes.subprocess, "Popen", full)
    task = lab.jobs["j"].create_task("a", "echo works")
    until(lambda: full.refused >= 2)
    task.terminate()
    task.wait(timeout=30)
    assert task.exit_code is None


def test_fault_of_batchlab_ends_the_run_that_it_is_in(lab, monkeypatch, caplog):
    def broken(command_line):
        raise RuntimeError("of a kind that nobody expected")

    job = lab.jobs["j"]
    with monkeypatch.context() as patch:
        patch.setattr(runs, "split_command", broken)
        task = job.create_task("a", "echo never")
        task.wait(timeout=30)
    assert task.exit_code is None
    assert task.failure_info.category == "ServerError"
    assert "RuntimeError: of a kind that nobody expected" in task.failure_info.message
    until(lambda: "RuntimeError" in caplog.text)
    assert job.create_task("b", "echo works").wait(timeout=30) is None
    assert job.tasks["b"].exit_code == 0
