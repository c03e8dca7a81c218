"""Every kind of store holds data alike: folders, memory, S3 and Azure Blob Storage."""

import fsspec
import msgspec
import pytest

import batchlab as bl
from batchlab.storage.containers import Blob
from helpers import storage_servers

LIMIT = "2m"


def own(storage):
    """The containers that a test has made; at a bare root there are others' too."""
    return [name for name in storage if not name.startswith("shared-")]


@pytest.fixture
def lab(place):
    served = place.pop("served", None)
    with bl.SimulatedLab(**place) as lab:
        if served is not None:
            served.use_in(lab._connection.storage)
        yield lab
        for name in own(lab.storage):
            lab.storage.delete(name)


@pytest.fixture
def box(lab):
    return lab.storage.create_container("box-of-tests")


def code_of(use, *args):
    with pytest.raises(bl.BatchError) as refused:
        use(*args)
    return refused.value.code


def test_container_is_there_as_soon_as_it_is_made_and_gone_when_deleted(lab, box):
    storage = lab.storage
    assert own(storage) == ["box-of-tests"]
    assert box.list() == []
    assert code_of(storage.create_container, "box-of-tests") == "ContainerAlreadyExists"
    assert storage.create_container("box-of-tests", exist_ok=True) == box
    other = storage.create_container("other")
    other.upload(b"", "x")
    assert own(storage) == ["box-of-tests", "other"]
    other.delete()
    assert own(storage) == ["box-of-tests"]
    assert code_of(other.list) == code_of(other.upload, b"", "x") == "ContainerNotFound"
    assert code_of(other.read, "x") == code_of(other.delete) == "ContainerNotFound"


@pytest.mark.parametrize(
    "name", ["a.txt", "deep/er/b.bin", "a b", "ä/ö.txt", "100%.txt", "a+b&c=d", "$kind/x", ".dot"]
)
def test_blob_of_any_name_is_written_listed_read_and_deleted(box, name, tmp_path):
    made = box.upload(b"\0data\n", name)
    assert (made.name, made.content_length) == (name, 6)
    (listed,) = box.list()
    assert (listed.name, listed.content_length, listed.url) == (name, 6, box.url_of(name))
    assert listed.last_modified is not None
    box.upload(b"shorter"[:3], name)
    assert box.read(name) == b"sho"
    assert box.download(name, tmp_path / "copy").read_bytes() == b"sho"
    box.delete(name)
    assert box.list() == []
    assert code_of(box.read, name) == code_of(box.delete, name) == "BlobNotFound"
    assert code_of(box.download, name, tmp_path) == "BlobNotFound"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy"]


def test_blob_takes_the_place_of_a_directory_whose_blobs_are_deleted(box):
    box.upload(b"old", "deep/er/b.bin")
    box.delete("deep/er/b.bin")
    box.upload(b"new", "deep")
    assert [blob.name for blob in box.list()] == ["deep"]
    assert box.read("deep") == b"new"


def test_folder_refuses_a_blob_with_the_name_of_a_directory_of_others(tmp_path):
    with bl.SimulatedLab(storage=str(tmp_path)) as lab:
        box = lab.storage.create_container("box")
        box.upload(b"1", "one/x")
        box.upload(b"2", "two")
        for name, wanted in (("one", "'one' would be both"), ("two/y", "'two' would be both")):
            with pytest.raises(bl.BatchError, match=wanted):
                box.upload(b"3", name)
        assert [blob.name for blob in box.list()] == ["one/x", "two"]
        assert sorted(path.name for path in next(tmp_path.rglob("box")).iterdir()) == [
            "one",
            "two",
        ]


def test_listing_takes_a_prefix_of_names_not_of_directories(box):
    for name in ("a1", "a2", "a/1", "a/b/2", "b/1"):
        box.upload(name.encode(), name)

    def names(prefix):
        return [blob.name for blob in box.list(prefix)]

    assert names("") == ["a/1", "a/b/2", "a1", "a2", "b/1"]
    assert names("a") == ["a/1", "a/b/2", "a1", "a2"]
    assert names("a/") == ["a/1", "a/b/2"]
    assert names("a/b") == ["a/b/2"]
    assert names("c/") == names("c") == []


# Azure's library hands its blocks to aiohttp as bytes.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_large_file_arrives_whole(box, tmp_path):
    block = bytes(range(256)) * 4096
    with (tmp_path / "large").open("wb") as file:
        for _ in range(12):
            file.write(block)
    assert box.upload(tmp_path / "large").content_length == 12 * len(block)
    back = box.download("large", tmp_path / "back")
    assert back.read_bytes() == (tmp_path / "large").read_bytes()


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_log_grows_in_every_store(lab, tmp_path):
    outputs = lab.create_job("j", "p").create_task("t", "true").output_storage
    pieces = [b"one\n", b"two" * 2_000_000, b"three\n", b"four\n"]
    log = tmp_path / "log"
    log.touch()
    with outputs.save_tracked(log, "log", interval="1h") as tracked:
        for piece in pieces:
            with log.open("ab") as file:
                file.write(piece)
            tracked.flush()
    assert outputs.read("TaskLog", "log") == b"".join(pieces)


def test_simulated_and_real_tasks_read_and_write_the_same_data(place, tmp_path):
    script = "/bin/sh -c 'cat in/words.txt > copy.txt; echo said'"
    place.pop("served", None)  # for labs on clusters; here the default
    for make in (bl.SimulatedLab, bl.Lab):
        if make is bl.Lab and place.get("storage") == f"memory://{tmp_path.name}":
            continue  # one process has both there: shown by the simulation
        with make(**place) as lab:
            inputs = lab.storage.create_container("inputs", exist_ok=True)
            results = lab.storage.create_container("results", exist_ok=True)
            inputs.upload(b"some words\n", "words.txt")
            pool = lab.create_pool("p", target_dedicated_nodes=1)
            job = lab.create_job("j", pool)
            files = [
                bl.ResourceFile(auto_storage_container_name="inputs", file_path="in"),
                bl.ResourceFile(http_url=inputs.url_of("words.txt"), file_path="single"),
                bl.ResourceFile(storage_container_url=inputs.url, file_path="by-url"),
            ]
            outputs = [
                bl.OutputFile(file_pattern="**/*.txt", destination=results),
                bl.OutputFile(file_pattern="../std*", destination="results"),
                bl.OutputFile(file_pattern="single", destination="nosuch"),
            ]
            task = job.create_task("t", script, resource_files=files, output_files=outputs)
            task.wait(timeout=LIMIT)
            assert (task.exit_code, task.failure_info.code) == (0, "FileUploadContainerNotFound")
            assert [blob.name for blob in results.list()] == [
                "by-url/words.txt", "copy.txt", "in/words.txt", "stderr.txt", "stdout.txt",
            ]  # fmt: skip
            assert results.text("copy.txt") == "some words\n"
            assert results.text("stdout.txt") == "said\n"
            for name in ("inputs", "results"):
                lab.storage.delete(name)


def test_nodes_in_processes_get_the_options_too(s3_server):
    place = {"storage": "s3://shared-bucket/more", "storage_options": s3_server.options}
    with bl.Lab(processes=True, **place) as lab:
        results = lab.storage.create_container("results")
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination=results)]
        job.create_task("t", "echo hi", output_files=outputs).wait(timeout=LIMIT)
        assert results.text("stdout.txt") == "hi\n"
        assert "secret" not in repr(lab.storage) + repr(lab._connection.storage.location)
        results.delete()


def test_store_that_goes_away_in_the_middle_is_a_recorded_failure(tmp_path):
    with storage_servers.s3() as server:
        fsspec.filesystem("s3", **server.options).mkdir("short-lived")
        impatient = {"config_kwargs": {"retries": {"max_attempts": 0}}}
        options = {**server.options, **impatient}
        place = {"storage": "s3://short-lived/x", "storage_options": options}
        with bl.Lab(**place) as lab:
            lab.storage.create_container("results")
            job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
            outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="results")]
            wait = f"/bin/sh -c 'while test ! -e {tmp_path}/go; do sleep 0.02; done'"
            task = job.create_task("t", wait, output_files=outputs)
            task.wait("running", timeout=LIMIT)
            server.kill()
            (tmp_path / "go").touch()
            task.wait(timeout="5m")
            assert task.exit_code == 0
            assert task.failure_info.code in ("FileUploadMiscError", "FileUploadTimedOut")
            after = job.create_task("after", "echo hi")
            after.wait(timeout=LIMIT)
            assert after.exit_code == 0
            with pytest.raises(bl.BatchError):
                lab.storage["results"].list()


def test_wrong_key_denies_access(azure_server):
    port = int(azure_server.options["connection_string"].rpartition(":")[2].partition("/")[0])
    wrong = storage_servers.azure_options(port, storage_servers.KEY[::-1].strip("=") + "==")
    with bl.SimulatedLab(storage="az://", storage_options=azure_server.options) as lab:
        lab.storage.create_container("guarded").upload(b"x", "x")
    with bl.Lab(storage="az://", storage_options=wrong) as lab:
        assert code_of(lambda: list(lab.storage)) == "AuthorizationFailure"
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="guarded")]
        task = job.create_task("t", "echo hi", output_files=outputs)
        task.wait(timeout=LIMIT)
        assert (task.exit_code, task.failure_info.code) == (0, "FileUploadAccessDenied")
        files = [bl.ResourceFile(auto_storage_container_name="guarded")]
        task = job.create_task("u", "true", resource_files=files)
        task.wait(timeout=LIMIT)
        assert (task.exit_code, task.failure_info.code) == (None, "BlobAccessDenied")
    with bl.SimulatedLab(storage="az://", storage_options=azure_server.options) as lab:
        lab.storage.delete("guarded")


def test_blob_is_shown_short() -> None:
    blob = Blob(name="a/b.txt", content_length=1200, last_modified=None, url="https://x/c/a/b.txt")
    assert repr(blob) == "Blob('a/b.txt', 1,200 bytes)"
    assert "1 byte)" in repr(msgspec.structs.replace(blob, content_length=1))
