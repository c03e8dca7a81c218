"""A file that is kept while it grows: what is sent, and what happens when something fails."""

import pytest

import batchlab as bl
from batchlab.storage.faults import StorageFailed
from helpers.waiting import until


@pytest.fixture
def lab():
    with bl.SimulatedLab() as lab:
        yield lab


@pytest.fixture
def outputs(lab):
    return lab.create_job("j", "nowhere").create_task("t", "true").output_storage


def kept(outputs):
    return outputs.text("TaskLog", "log")


def test_tracked_file_that_is_not_there_yet_begins_when_it_is(outputs, tmp_path):
    with outputs.save_tracked(tmp_path / "log", "log", interval="1h") as tracked:
        tracked.flush()
        assert outputs.list("TaskLog") == []
        (tmp_path / "log").write_text("a")
        tracked.flush()
        assert kept(outputs) == "a"
        with (tmp_path / "log").open("a") as log:
            log.write("b" * 5_000_000)
    assert kept(outputs) == "a" + "b" * 5_000_000
    tracked.close()


def test_tracked_file_is_flushed_again_and_again_by_itself(outputs, tmp_path):
    with (
        outputs.save_tracked(tmp_path / "log", "log", interval=0.01),
        (tmp_path / "log").open("w") as log,
    ):
        for number in range(3):
            print(number, file=log, flush=True)
            wanted = "".join(f"{n}\n" for n in range(number + 1))
            until(lambda wanted=wanted: outputs.list("TaskLog") and kept(outputs) == wanted)


def test_tracked_file_that_was_begun_anew_replaces_what_was_kept(outputs, tmp_path):
    (tmp_path / "log").write_text("long text")
    with outputs.save_tracked(tmp_path / "log", "log", interval="1h") as tracked:
        tracked.flush()
        (tmp_path / "log").write_text("short")
    assert kept(outputs) == "short"
    with outputs.save_tracked(tmp_path / "log", "log", interval="1h"):
        pass
    assert kept(outputs) == "short"


def test_tracked_file_that_cannot_be_kept_says_so_and_is_made_good(lab, outputs, tmp_path):
    (tmp_path / "log").write_text("text")
    blobs = outputs._blobs
    tracked = outputs.save_tracked(tmp_path / "log", "log", interval="1h")
    append = blobs.append

    def half(blob, data):
        append(blob, data[:2])
        raise StorageFailed("other", "the network is down")

    blobs.append = half
    with pytest.raises(bl.Conflict, match="the network is down"):
        tracked.flush()
    assert tracked.error.code == "OperationInvalidForCurrentState"
    blobs.append = append
    tracked.flush()
    assert tracked.error is None
    tracked.close()
    assert kept(outputs) == "text"
