"""Packages on a real node: unpacked once, merged, refused; none of them holds a node up."""

import errno
import io
import os
import shutil
import stat
import threading
import zipfile
from types import SimpleNamespace

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import PackageToInstall
from batchlab.core.model import CertificateReference
from batchlab.drivers import archives
from batchlab.drivers.archives import PackageFailed
from batchlab.drivers.dask.equipment import Equipment
from batchlab.drivers.vault import CertificateContents, NodeCertificate
from batchlab.storage.faults import StorageFailed
from helpers.archives import zipped
from helpers.waiting import until

PACKAGE = PackageToInstall(application_id="app", version="1", location="l", digest="d1")


class Store:
    """Gives one archive, counts how often, and may let its readers wait."""

    def __init__(self, data):
        self.data = data
        self.opened = 0
        self.gate = threading.Event()
        self.gate.set()

    def open_blob(self, url):
        self.opened += 1
        if isinstance(self.data, Exception):
            raise self.data
        file = io.BytesIO(self.data)
        store = self

        class Waiting(io.BytesIO):
            def read(self, size=-1):
                store.gate.wait(60)
                return file.read(size)

        return Waiting()


def equipment(root, store, certificates=()):
    for name in ("volatile", "applications"):
        os.makedirs(root / name, exist_ok=True)
    return Equipment(str(root), certificates, store)


def install(equipment, *packages, wanted=lambda: True):
    equipment.install(packages or (PACKAGE,), wanted)


def contents(root):
    base = root / "applications/app/1"
    return {
        str(path.relative_to(base)): path.read_text() if path.is_file() else None
        for path in sorted(base.rglob("*"))
    }


def replaced(digest):
    return PackageToInstall(application_id="app", version="1", location="l", digest=digest)


def test_package_wanted_by_many_at_once_is_unpacked_once(tmp_path):
    store = Store(zipped({"a": "x"}))
    store.gate.clear()
    node = equipment(tmp_path, store)
    threads = [threading.Thread(target=install, args=(node,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: store.opened)
    store.gate.set()
    for thread in threads:
        thread.join(60)
    assert store.opened == 1
    assert contents(tmp_path) == {"a": "x"}
    assert os.listdir(tmp_path / "volatile") == []


def test_package_that_lies_there_from_an_earlier_boot_is_not_fetched_again(tmp_path):
    store = Store(zipped({"a": "x"}))
    install(equipment(tmp_path, store))
    install(equipment(tmp_path, store))
    assert store.opened == 1
    store.data = zipped({"b": "y"})
    again = equipment(tmp_path, store)
    install(again, replaced("d2"))
    assert contents(tmp_path) == {"a": "x", "b": "y"}
    install(again, replaced("d3"))  # within one boot it keeps what it has
    assert store.opened == 2


def test_files_and_folders_that_trade_places_are_replaced(tmp_path):
    store = Store(zipped({"a": "file", "b/c": "x", "b/d": "stays"}))
    install(equipment(tmp_path, store))
    store.data = zipped({"a/x": "folder now", "b/c/deep": "y"})
    install(equipment(tmp_path, store), replaced("d2"))
    assert contents(tmp_path) == {
        "a": None, "a/x": "folder now", "b": None, "b/c": None, "b/c/deep": "y", "b/d": "stays",
    }  # fmt: skip
    store.data = zipped({"b/c": "a file again"})
    install(equipment(tmp_path, store), replaced("d3"))
    assert contents(tmp_path)["b/c"] == "a file again"


def test_files_can_be_read_by_all_and_run_where_they_could_be(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, mode in (("run.sh", 0o100750), ("data", 0o100640), ("dos\\run.bat", 0)):
            info = zipfile.ZipInfo(name)
            info.filename = name  # as it was written, whatever system this is
            info.external_attr = mode << 16 or 0x20
            archive.writestr(info, "x")
    install(equipment(tmp_path, Store(buffer.getvalue())))
    base = tmp_path / "applications/app/1"
    modes = {name: stat.S_IMODE((base / name).stat().st_mode) for name in ("run.sh", "data")} | {
        "run.bat": stat.S_IMODE((base / "dos/run.bat").stat().st_mode)
    }
    assert modes == {"run.sh": 0o755, "data": 0o644, "run.bat": 0o755}


def test_failure_is_not_remembered(tmp_path):
    store = Store(StorageFailed("container", "the container is gone"))
    node = equipment(tmp_path, store)
    with pytest.raises(PackageFailed) as caught:
        install(node)
    assert caught.value.failure.code == "ApplicationPackageError"
    assert caught.value.failure.details["Message"] == "the container is gone"
    store.data = zipped({"a": "x"})
    install(node)
    assert contents(tmp_path) == {"a": "x"}


def test_package_without_a_location_says_what_is_missing(tmp_path):
    node = equipment(tmp_path, Store(b""))
    for package, words in (
        (PackageToInstall(application_id="app", version="7"), "no version '7'"),
        (PackageToInstall(application_id="app", by_default=True), "no default version"),
    ):
        with pytest.raises(PackageFailed, match=words):
            install(node, package)


def test_disk_that_is_full_is_no_fault_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3))
    with pytest.raises(PackageFailed, match="3 are free") as caught:
        install(equipment(tmp_path, Store(zipped({"a": "1234"}))))
    assert caught.value.failure.category == "ServerError"
    assert os.listdir(tmp_path / "volatile") == []


def test_entries_and_bytes_of_an_archive_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_ENTRIES", 2)
    node = equipment(tmp_path, Store(zipped(dict.fromkeys("abc", ""))))
    with pytest.raises(PackageFailed, match="3 entries"):
        install(node)
    monkeypatch.setattr(archives, "MOST_BYTES", 10)
    node = equipment(tmp_path, Store(zipped({"a": "x" * 11})))
    with pytest.raises(PackageFailed, match="11 bytes"):
        install(node)


def test_whoever_is_not_wanted_any_more_leaves_nothing(tmp_path):
    store = Store(zipped({"a": "x"}))
    install(equipment(tmp_path, store), wanted=lambda: False)
    assert not (tmp_path / "applications/app").exists()
    looks = iter([True, True, False])  # it was, when it began
    install(equipment(tmp_path, store), wanted=lambda: next(looks, False))
    assert os.listdir(tmp_path / "volatile") == []
    assert not (tmp_path / "applications/app/1.digest").exists()


def test_certificate_files_are_private_and_written_anew(tmp_path):
    contents = CertificateContents(data=b"pfx", certificate_format="pfx", password="secret")
    reference = CertificateReference(thumbprint="ab" * 20, visibility=["task"])
    certificate = NodeCertificate(reference=reference, contents=contents)
    node = equipment(tmp_path, None, (certificate,))
    certs = tmp_path / "certs"
    certs.mkdir()
    target = certs / f"sha1-{'ab' * 20}.pfx"
    target.symlink_to(tmp_path / "elsewhere")  # left there by an earlier run
    node.place_certificates("starttask", str(certs))
    assert os.listdir(certs) == [target.name]
    for kind in ("task", "jobrelease"):
        node.place_certificates(kind, str(certs))
        assert target.read_bytes() == b"pfx"
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not (tmp_path / "elsewhere").exists()
    assert (certs / f"{target.name}.pw").read_text() == "secret"


def test_store_that_stops_in_the_middle_is_told(tmp_path):
    class Breaking(io.BytesIO):
        def read(self, size=-1):
            raise OSError(errno.EIO, "the line is dead")

    store = Store(b"")
    store.open_blob = lambda url: Breaking()
    with pytest.raises(PackageFailed, match="the line is dead"):
        install(equipment(tmp_path, store))


@pytest.mark.parametrize("how", ["delete", "shrink"])
def test_node_that_is_told_to_go_while_it_unpacks_goes_at_once(how, monkeypatch):
    gate, begun = threading.Event(), threading.Event()
    fetch = Equipment._fetch

    def slowly(self, package, file, wanted):
        begun.set()
        while wanted() and not gate.wait(0.01):
            pass
        fetch(self, package, file, wanted)

    monkeypatch.setattr(Equipment, "_fetch", slowly)
    with bl.Lab() as lab:
        package = lab.create_application("app").create_package("1", zipped({"a": "x"}))
        pool = lab.create_pool(
            "p", target_dedicated_nodes=1, application_package_references=[package]
        )
        assert begun.wait(60)
        if how == "delete":
            pool.delete()
            pool.wait("deleted", timeout="60s")
        else:
            until(lambda: pool.allocation_state == "steady")
            pool.resize(0)
            pool.wait("steady", timeout="60s")
            assert list(pool.nodes) == []
    assert not gate.is_set()
