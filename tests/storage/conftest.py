"""Stores of all kinds; the servers are started once, when a test first asks for one."""

import fsspec
import pytest

from helpers import storage_servers
from helpers.served import Served


@pytest.fixture(scope="session")
def s3_server():
    with storage_servers.s3() as server:
        fsspec.filesystem("s3", **server.options).mkdir("shared-bucket")
        yield server


@pytest.fixture(scope="session")
def azure_server():
    with storage_servers.azure() as server:
        fsspec.filesystem("abfs", **server.options).mkdir("shared-container")
        yield server


PLACES = {
    "folder": None,
    "memory": None,
    "host": None,
    "s3": ("s3_server", "s3://shared-bucket/data"),
    "s3-bare": ("s3_server", "s3://"),
    "azure": ("azure_server", "az://shared-container/data"),
    "azure-bare": ("azure_server", "az://"),
}


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    """Keywords that give a lab its storage."""
    name = request.param
    if name == "folder":
        return {"storage": tmp_path / "data"}
    if name == "host":
        return {"served": Served(tmp_path / "served")}
    if name == "memory":
        return {"storage": f"memory://{tmp_path.name}"}
    fixture, location = PLACES[name]
    server = request.getfixturevalue(fixture)
    return {"storage": location, "storage_options": server.options}
