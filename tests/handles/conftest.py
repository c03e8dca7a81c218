"""One handle of each kind, on a connection that notes what it is asked."""

from __future__ import annotations

import pytest

from batchlab.handles.job import Job
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lab import BaseLab
from helpers.fake_connection import FakeConnection


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection(ListTaskIds=[])


@pytest.fixture
def lab(connection: FakeConnection) -> BaseLab:
    return BaseLab(connection, "Lab()")


@pytest.fixture
def pool(connection: FakeConnection) -> Pool:
    return Pool(connection, "render")


@pytest.fixture
def node(connection: FakeConnection) -> Node:
    return Node(connection, "render", "n1")


@pytest.fixture
def job(connection: FakeConnection) -> Job:
    return Job(connection, "frames")


@pytest.fixture
def task(connection: FakeConnection) -> Task:
    return Task(connection, "frames", "t1")
