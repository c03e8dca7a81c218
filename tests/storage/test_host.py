"""Data on a lab's host: in chunks, several at a time, and nothing outside its folder."""

import os

import fsspec
import pytest

from batchlab.storage.faults import StorageFailed
from batchlab.storage.host_filesystem import AT_A_TIME, BLOCK
from batchlab.storage.host_folder import CHUNK, HostFolder
from batchlab.storage.locations import StorageLocation
from batchlab.storage.stores import BlobStore
from helpers.served import Served


@pytest.fixture
def served(tmp_path):
    return Served(tmp_path / "served")


@pytest.fixture
def large():
    return []


@pytest.fixture
def box(served, large):
    store = BlobStore(StorageLocation(url="batchlab://lab"), served, large.append)
    container = store.container("box")
    container.create()
    return container


SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17]


@pytest.mark.parametrize("size", SIZES)
def test_blob_of_any_size_is_as_it_was(box, served, large, size, tmp_path):
    served.meets = True
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    for source in (data, tmp_path / "source"):
        box.write("deep/blob", source)
        assert box.stat("deep/blob").content_length == size
        assert box.read("deep/blob") == data
        assert box.read("deep/blob", 3, size - 5) == data[3 : size - 5]
        assert box.read("deep/blob", -7) == data[-7:]
        box.download("deep/blob", str(tmp_path / "copy"))
        assert (tmp_path / "copy").read_bytes() == data
        with box.open("deep/blob") as file:
            assert file.read(10) + file.read() == data
    assert [blob.name for blob in box.blobs()] == ["deep/blob"]
    assert served.largest < CHUNK + 1000  # memory is bounded, on both sides
    assert served.at_a_time <= AT_A_TIME
    assert (served.at_a_time > 1) == (size > CHUNK)
    assert set(large) == ({size} if size > BLOCK else set())


def test_small_blob_is_one_call(box, served):
    served.calls.clear()
    box.write("blob", b"small")
    assert served.calls == [("put", True)]
    served.calls.clear()
    assert box.read("blob") == box.read("blob", 0, 5) == b"small"
    assert served.calls == [("read", False)] * 2


def test_what_is_written_in_pieces_is_there_when_it_is_complete(box, served):
    fs = box._open_fs()
    with fs.open("lab/batchlab/box/whole", "wb") as file:
        file.write(b"x" * (BLOCK + 1))
        assert box.blobs() == []
        file.write(b"y")
    assert box.read("whole") == b"x" * (BLOCK + 1) + b"y"
    with fs.open("lab/batchlab/box/nothing", "wb"):
        pass
    assert box.read("nothing") == b""
    for piece in (b"a", b"", b"b" * (2 * CHUNK)):
        box.append("log/all", piece)
    assert box.read("log/all") == b"a" + b"b" * (2 * CHUNK)


def test_url_of_a_blob_is_for_fsspec(box, served):
    box.write("deep/blob", b"data")
    with fsspec.open(box.url_of("deep/blob")) as file:
        assert file.read() == b"data"
    with fsspec.open(box.url_of("other"), "wb") as file:
        file.write(b"more")
    assert box.read("other") == b"more"
    with pytest.raises(FileNotFoundError, match=r"lab 'x' is not open in this process: open it"):
        fsspec.open("batchlab://x/batchlab/box/blob").open()


def test_write_that_fails_leaves_nothing(box, served, tmp_path):
    class Fails(Served):
        def __call__(self, handler, **arguments):
            if arguments["options"].get("start", 0) >= 2 * CHUNK:
                raise OSError(28, "No space left on device")
            return served(handler, **arguments)

    store = BlobStore(StorageLocation(url="batchlab://lab"), Fails(tmp_path))
    with pytest.raises(StorageFailed, match="No space left"):
        store.container("box").write("blob", b"x" * (5 * CHUNK))
    assert box.blobs() == []
    (folder,) = (tmp_path / "served").rglob("box")
    assert list(folder.iterdir()) == []


def test_container_that_is_deleted_is_not_made_again_by_a_write(box):
    box.remove()
    for data in (b"x", b"x" * (2 * CHUNK)):
        with pytest.raises(StorageFailed) as fault:
            box.write("deep/blob", data)
        assert fault.value.kind == "container"
    assert not box.exists()


@pytest.mark.parametrize("path", [
    "lab/../x", "lab/batchlab/box/../../../x", "other/batchlab/box/x", "lab/a\0b", "",
])  # fmt: skip
def test_nothing_outside_the_folder_is_served(tmp_path, path):
    (tmp_path / "x").write_text("secret")
    (tmp_path / "served").mkdir()
    folder = HostFolder(str(tmp_path / "served"), "lab")
    for method, options in [
        ("info", {}), ("list", {}), ("read", {"start": 0, "length": 9}), ("remove", {}),
        ("put", {"part": "a", "data": b""}), ("append", {"data": b""}), ("make", {}),
        ("finish", {"part": "../../x"}), ("discard", {"part": "../../x"}),
    ]:  # fmt: skip
        assert isinstance(folder.do(method, path, options), FileNotFoundError)
    assert (tmp_path / "x").read_text() == "secret"
    assert list((tmp_path / "served").iterdir()) == []
