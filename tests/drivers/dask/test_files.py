import http.server
import os
import stat
import threading

import pytest

from batchlab.core.model import ResourceFile
from batchlab.drivers.dask.folders import NodeFolders
from batchlab.drivers.dask.node_files import Directory
from batchlab.drivers.dask.resources import DownloadFailed, fetch
from batchlab.drivers.ports import MAX_READ
from batchlab.errors import Forbidden, InvalidRequest, NotFound


@pytest.fixture
def files(tmp_path):
    base = tmp_path / "base"
    (base / "wd" / "deep").mkdir(parents=True)
    (base / "stdout.txt").write_bytes(b"0123456789")
    (base / "wd" / "a").write_bytes(b"a")
    (base / "wd" / "deep" / "b").write_bytes(b"b")
    (tmp_path / "secret").write_bytes(b"secret")
    (base / "out").symlink_to(tmp_path / "secret")
    (base / "up").symlink_to("..")
    (base / "wd" / "in").symlink_to("a")
    return Directory(str(base))


def test_list_of_one_level_is_sorted_and_marks_directories(files):
    entries = files.list()
    assert [(e.name, e.is_directory) for e in entries] == [
        ("out", False), ("stdout.txt", False), ("up", False), ("wd", True),
    ]  # fmt: skip
    assert entries[1].content_length == 10
    assert entries[1].file_mode.startswith("0o100")


def test_list_recursive_gives_names_relative_to_the_location_and_follows_no_link(files):
    names = [entry.name for entry in files.list("wd", recursive=True)]
    assert names == ["wd/a", "wd/deep", "wd/deep/b", "wd/in"]


def test_read_takes_a_range_from_either_end_within_bounds(files):
    assert files.read("stdout.txt", 2, 3) == b"234"
    assert files.read("stdout.txt", -4) == b"6789"
    assert files.read("stdout.txt", -400) == b"0123456789"
    assert files.read("stdout.txt", 50) == b""
    assert files.read("wd/in") == b"a"


def test_read_of_a_huge_file_is_bounded(files):
    with open(f"{files.directory}/huge", "wb") as file:
        file.truncate(2**30)
    assert len(files.read("huge", 0, 2**40)) == MAX_READ


@pytest.mark.parametrize(
    "path", ["..", "../secret", "wd/../../secret", "/etc/passwd", "out", "up/secret", "a\0b"]
)
@pytest.mark.parametrize("verb", ["list", "stat", "read", "delete"])
def test_path_that_leads_outside_is_refused(files, tmp_path, verb, path):
    if (verb, path) == ("delete", "out"):
        files.delete("out")  # the link itself is inside
    else:
        with pytest.raises(InvalidRequest) as refused:
            getattr(files, verb)(path)
        assert refused.value.code == "InvalidPropertyValue"
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_missing_file_or_directory_is_not_found(files):
    for verb, code in [("stat", "FileNotFound"), ("read", "FileNotFound"),
                       ("delete", "FileNotFound"), ("list", "PathNotFound")]:  # fmt: skip
        with pytest.raises(NotFound) as refused:
            getattr(files, verb)("wd/nothing")
        assert refused.value.code == code
    with pytest.raises(NotFound, match="PathNotFound"):
        files.list("stdout.txt")
    with pytest.raises(NotFound, match="PathNotFound"):
        Directory(files.directory + "/gone").list()


@pytest.mark.code("IOError")
@pytest.mark.timeout(10)
def test_read_of_a_pipe_is_refused_instead_of_blocking(files):
    os.mkfifo(f"{files.directory}/pipe")
    with pytest.raises(Forbidden, match=r"IOError: .* is not a regular file"):
        files.read("pipe")


def test_read_of_a_directory_is_refused(files):
    with pytest.raises(Forbidden, match="not a regular file"):
        files.read("wd")


def test_delete_of_a_directory_wants_recursive(files):
    with pytest.raises(InvalidRequest, match="recursive"):
        files.delete("wd")
    files.delete("wd", recursive=True)
    assert "wd" not in [entry.name for entry in files.list()]
    with pytest.raises(InvalidRequest):
        files.delete("", recursive=True)


def test_delete_of_a_link_leaves_what_it_leads_to(files, tmp_path):
    files.delete("up", recursive=True)
    assert (tmp_path / "base" / "stdout.txt").exists()


def test_name_that_is_not_utf8_is_listed_safely(files):
    with open(files.directory.encode() + b"/\xff<b>", "wb"):
        pass
    name = files.list()[-1].name
    assert name == "\ufffd<b>"
    name.encode("utf-8")


# -- resource files -----------------------------------------------------------------------------


def source(tmp_path, text="data"):
    path = tmp_path / "source.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_resource_file_from_a_local_path_arrives_with_its_mode(tmp_path, prefix):
    wd = tmp_path / "wd"
    wd.mkdir()
    url = f"{prefix}{source(tmp_path)}"
    again = ResourceFile(http_url=url, file_path="a/b", file_mode="400")
    first = ResourceFile(http_url=url, file_path="source.txt")
    fetch([first, again], str(wd))
    assert (wd / "source.txt").read_text() == "data"
    assert stat.S_IMODE((wd / "source.txt").stat().st_mode) == 0o770
    assert stat.S_IMODE((wd / "a" / "b").stat().st_mode) == 0o400


def test_resource_file_from_any_fsspec_url_arrives(tmp_path):
    import fsspec

    with fsspec.open("memory://batchlab/x", "wb") as file:
        file.write(b"from memory")
    fetch([ResourceFile(http_url="memory://batchlab/x", file_path="y")], str(tmp_path))
    assert (tmp_path / "y").read_bytes() == b"from memory"


@pytest.mark.code("BlobDownloadMiscError")
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("/no/such/file", "BlobNotFound"),
        ("memory://no/such", "BlobNotFound"),
        ("/tmp/", "BlobDownloadMiscError"),
        ("nonsense://x/y", "BlobDownloadMiscError"),
        ("http://127.0.0.1:9/x", "BlobDownloadMiscError"),
    ],
)
def test_resource_file_that_cannot_be_had_says_why(tmp_path, url, code):
    with pytest.raises(DownloadFailed) as failed:
        fetch([ResourceFile(http_url=url, file_path="x")], str(tmp_path))
    failure = failed.value.failure
    category = "UserError" if code == "BlobNotFound" else "ServerError"
    assert (failure.code, failure.category) == (code, category)
    assert failure.details["HttpUrl"] == url


@pytest.mark.code("BlobAccessDenied")
def test_resource_file_over_http_arrives_or_fails_by_its_status(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status = int(self.path.strip("/"))
            self.send_response(status)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"data")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        fetch([ResourceFile(http_url=f"{base}/200", file_path="x")], str(tmp_path))
        assert (tmp_path / "x").read_bytes() == b"data"
        for status, code in [(404, "BlobNotFound"), (403, "BlobAccessDenied"),
                             (500, "BlobDownloadMiscError")]:  # fmt: skip
            with pytest.raises(DownloadFailed) as failed:
                fetch([ResourceFile(http_url=f"{base}/{status}", file_path="y")], str(tmp_path))
            assert failed.value.failure.code == code
        server.shutdown()


def test_resource_file_never_leaves_the_working_directory_by_a_link(tmp_path):
    wd, outside = tmp_path / "wd", tmp_path / "outside"
    wd.mkdir()
    outside.mkdir()
    (outside / "target").write_text("safe")
    (wd / "link").symlink_to(outside)
    (wd / "file").symlink_to(outside / "target")
    with pytest.raises(DownloadFailed, match="outside the working directory"):
        fetch([ResourceFile(http_url=str(source(tmp_path)), file_path="link/x")], str(wd))
    fetch([ResourceFile(http_url=str(source(tmp_path)), file_path="file")], str(wd))
    assert (outside / "target").read_text() == "safe"
    assert (wd / "file").read_text() == "data"
    assert [path.name for path in outside.iterdir()] == ["target"]


# -- folders ------------------------------------------------------------------------------------


def test_folders_have_azures_layout_and_tell_whether_they_were_there(tmp_path):
    folders = NodeFolders(str(tmp_path / "lab"), "n1")
    assert not folders.make()
    assert folders.make()
    assert sorted(os.listdir(folders.root)) == [
        "applications", "fsmounts", "shared", "startup", "volatile", "workitems",
    ]  # fmt: skip
    assert stat.S_IMODE((tmp_path / "lab").stat().st_mode) == 0o700


def test_folder_thrown_away_is_gone_at_once_and_its_inodes_later(tmp_path):
    folders = NodeFolders(str(tmp_path / "lab"), "n1")
    folders.make()
    for content in ("first", "second"):
        os.makedirs(f"{folders.root}/workitems/j/t/wd")
        (tmp_path / "lab" / "n1" / "workitems" / "j" / "t" / "wd" / "f").write_text(content)
        folders.throw_away("workitems/j/t")
        assert not os.path.exists(f"{folders.root}/workitems/j/t")
    assert len(os.listdir(folders.trash)) == 2
    folders.empty_trash()
    assert not os.path.exists(folders.trash)
    folders.throw_away("workitems/never/was")
    folders.throw_away("../../outside")
    folders.throw_away("")
    assert os.path.isdir(folders.root)


def test_folders_that_took_their_own_permissions_away_are_deleted_all_the_same(tmp_path):
    folders = NodeFolders(str(tmp_path / "lab"), "n1")
    folders.make()
    locked = tmp_path / "lab" / "n1" / "workitems" / "locked"
    (locked / "inner").mkdir(parents=True)
    (locked / "inner" / "f").write_text("x")
    locked.chmod(0)
    folders.remove()
    assert not (tmp_path / "lab").exists()


def test_reimage_empties_all_folders(tmp_path):
    folders = NodeFolders(str(tmp_path / "lab"), "n1")
    folders.make()
    (tmp_path / "lab" / "n1" / "shared" / "f").write_text("x")
    folders.reimage()
    assert os.listdir(f"{folders.root}/shared") == []
