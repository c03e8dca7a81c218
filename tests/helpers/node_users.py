"""What the tests of users share: who there is, and how their tasks are run."""

import os

import pytest

import batchlab as bl
from batchlab.drivers.dask import users

SOON = 60
ADMIN = bl.AutoUserSpecification(elevation_level="admin")
OWN = bl.AutoUserSpecification(scope="task")
OWN_ADMIN = bl.AutoUserSpecification(scope="task", elevation_level="admin")
ROOT = os.geteuid() == 0 and users.obstacle("/tmp/batchlab-test") is None
as_root = pytest.mark.skipif(not ROOT, reason="needs root, and user numbers to spare")


def sh(script):
    return f"/bin/sh -c '{script}'"


def pool_of(lab, **options):
    pool = lab.create_pool("p", target_dedicated_nodes=1, **options)
    pool.wait("steady", timeout=SOON)
    return pool


def done(job, *tasks):
    """Run tasks of these ids, commands and identities one after the other."""
    made = []
    for command, identity, *options in tasks:
        name = f"t{len(job.tasks) + 1}"
        task = job.create_task(name, command, user_identity=identity, **dict(*options))
        task.wait(timeout=SOON)
        made.append(task)
    return made


def node_root(place):
    (root,) = [path for path in place.glob("batchlab-*/[!.]*") if path.is_dir()]
    return root
