"""Finding an engine and calling it: nothing hangs, and no password is in a command line."""

import json
import os
import time

import pytest

import batchlab as bl
from batchlab.drivers.dask import engines
from batchlab.drivers.dask.engines import ContainerEngine, EngineFailed, NoEngine, find_engine
from helpers.engines import HANGS_S, fake_engine

REGISTRY = bl.ContainerRegistryReference(username="ann", password="secret", registry_server="a.io")


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("there", "wanted", "found"),
    [
        ("podman docker", "auto", "podman"),
        ("docker", "auto", "docker"),
        ("podman docker", "docker", "docker"),
        ("podman docker", "podman", "podman"),
    ],
)
def test_auto_takes_podman_if_it_is_there(path, there, wanted, found):
    for name in there.split():
        fake_engine(path / name, name)
    os.environ["PATH"] = os.pathsep.join(str(path / name) for name in there.split())
    assert find_engine(wanted).name == found


def test_without_an_engine_it_is_said_what_to_install(path):
    for wanted in ("auto", "podman", "docker"):
        with pytest.raises(NoEngine, match=r"no program '\w+'.*install podman"):
            find_engine(wanted)


def test_auto_passes_over_an_engine_that_does_not_work(path):
    fake_engine(path, "podman")
    (path / "broken").touch()
    with pytest.raises(NoEngine, match=r"podman does not work: Cannot connect.*no program 'dock"):
        find_engine("auto")


def test_engine_that_hangs_is_given_up(path, monkeypatch):
    monkeypatch.setattr(engines, "ANSWER_S", 0.3)
    monkeypatch.setattr(ContainerEngine.call, "__kwdefaults__",
                        ContainerEngine.call.__kwdefaults__ | {"limit_s": 0.3})  # fmt: skip
    fake_engine(path, "docker")
    (path / "hangs").touch()
    began = time.monotonic()
    with pytest.raises(NoEngine, match=r"docker does not work: .* did not answer within"):
        find_engine("docker")
    assert time.monotonic() - began < HANGS_S / 2


def test_pull_that_is_not_wanted_any_more_is_stopped(path):
    engine = ContainerEngine("podman", str(fake_engine(path)))
    (path / "hangs").touch()
    began = time.monotonic()
    with pytest.raises(EngineFailed, match="was stopped"):
        engine.pull("a", None, lambda: False, {}, str(path))
    assert time.monotonic() - began < HANGS_S / 2


@pytest.mark.parametrize("name", ["podman", "docker"])
def test_password_goes_through_a_file_that_does_not_stay(path, name):
    engine = ContainerEngine(name, str(fake_engine(path, name)))
    before = {*os.listdir(path), "calls", "auth"}
    engine.pull("a.io-b", REGISTRY, lambda: True, {}, str(path))
    assert "secret" not in (path / "calls").read_text()
    assert json.loads((path / "auth").read_text())["auths"]["a.io"]["auth"] == "YW5uOnNlY3JldA=="
    assert set(os.listdir(path)) == before
    assert engine.has("a.io-b")
    assert not engine.has("other")
