"""What the tests of users share: who there is, and how their tasks are run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.drivers.dask import users

SOON = 60
ADMIN = bl.AutoUserSpecification(elevation_level="admin")
OWN = bl.AutoUserSpecification(scope="task")
OWN_ADMIN = bl.AutoUserSpecification(scope="task", elevation_level="admin")
ROOT = os.geteuid() == 0 and users.obstacle("/tmp/batchlab-test") is None
as_root = pytest.mark.skipif(not ROOT, reason="needs root, and user numbers to spare")


def sh(script: str) -> str:
    return f"/bin/sh -c '{script}'"


def pool_of(lab: Any, **options: Any) -> bl.Pool:
    pool: bl.Pool = lab.create_pool("p", target_dedicated_nodes=1, **options)
    pool.wait("steady", timeout=SOON)
    return pool


def done(job: bl.Job, *tasks: Any) -> list[bl.Task]:
    """Run tasks of these ids, commands and identities one after the other."""
    made = []
    for command, identity, *options in tasks:
        name = f"t{len(job.tasks) + 1}"
        task = job.create_task(name, command, user_identity=identity, **dict(*options))
        task.wait(timeout=SOON)
        made.append(task)
    return made


def node_root(place: Path) -> Path:
    (root,) = [path for path in place.glob("batchlab-*/[!.]*") if path.is_dir()]
    return root
