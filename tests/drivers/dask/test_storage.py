"""Where labs on Dask keep their data: on one's own machine, on a cluster, for several accounts."""

import shutil

import pytest
from distributed import LocalCluster

import batchlab as bl

SOON = "1m"


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


def upload_of(lab, text, account="batchlab"):
    """Run a task on a node of the lab, whose output goes to the lab's storage."""
    results = lab.storage.create_container("results", exist_ok=True)
    pool = lab.create_pool(f"p-{account}", target_dedicated_nodes=1)
    job = lab.create_job(f"j-{text}", pool)
    outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="results")]
    task = job.create_task("t", f"echo {text}", output_files=outputs)
    task.wait(timeout=SOON)
    return results, task


def test_lab_on_a_cluster_of_this_machine_keeps_data_without_a_word(cluster):
    with bl.Lab(cluster) as lab:
        results, task = upload_of(lab, "hello")
        assert (task.exit_code, task.failure_info) == (0, None)
        with bl.Lab(cluster.scheduler_address) as second:
            assert second.storage["results"] == results
            assert second.storage["results"].text("stdout.txt") == "hello\n"
        with pytest.raises(bl.InvalidRequest, match="storage"):
            bl.Lab(cluster.scheduler_address, storage="/tmp/elsewhere-than-the-lab")
        lab.shutdown()
    with pytest.raises(bl.BatchError):
        results.text("stdout.txt")


def test_accounts_on_one_cluster_have_data_of_their_own_in_one_place(cluster, tmp_path):
    place = tmp_path / "data"
    with (
        bl.Lab(cluster, account="a", storage=place) as a,
        bl.Lab(cluster, account="b", storage=place) as b,
    ):
        ours, _ = upload_of(a, "a", "a")
        theirs, _ = upload_of(b, "b", "b")
        assert (ours.text("stdout.txt"), theirs.text("stdout.txt")) == ("a\n", "b\n")
        assert sorted(path.name for path in place.iterdir()) == ["a", "b"]
        ours.delete()
        assert list(a.storage) == []
        assert list(b.storage) == ["results"]
        a.shutdown()
        b.shutdown()


def test_folder_that_nodes_do_not_share_fails_with_the_cure():
    with bl.Lab() as lab:
        lab.storage.create_container("results")
        shutil.rmtree(lab._connection.storage.location.url.removeprefix("file://"))
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="results")]
        files = [bl.ResourceFile(auto_storage_container_name="results")]
        sent = job.create_task("sent", "echo hi", output_files=outputs)
        fetched = job.create_task("fetched", "echo hi", resource_files=files)
        job.tasks.wait(timeout=SOON)
        assert (sent.exit_code, sent.failure_info.code) == (0, "FileUploadMiscError")
        assert (fetched.exit_code, fetched.failure_info.code) == (None, "BlobDownloadMiscError")
        for task in (sent, fetched):
            assert "set Lab(..., storage=...)" in task.failure_info.details["Message"]
        with pytest.raises(bl.Conflict, match="set Lab"):
            lab.storage.create_container("again")
