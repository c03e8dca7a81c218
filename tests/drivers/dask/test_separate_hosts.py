"""Labs on machines that share no folder: with no settings, data goes through the scheduler."""

import io
import zipfile

import pytest
from distributed import Client, LocalCluster

import batchlab as bl
from batchlab.drivers.dask import remote
from helpers import hosts

SOON = "1m"


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    with hosts.hosts(tmp_path_factory.mktemp("hosts")) as machines:
        yield machines


@pytest.fixture
def lab(machines):
    with bl.Lab(machines.address) as lab:
        yield lab
        lab.shutdown()


def archive(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def save(name, size):
    """What a Python task does with the lab's storage."""
    box = bl.Lab.current().storage["box"]
    box.upload(box.read("given") * size, name)
    return b"r" * size


@pytest.mark.ci("clusters")
def test_everything_that_needs_storage_works_with_nothing_set(lab, machines, tmp_path):
    assert list(machines.folder.iterdir()) == [] or not hosts.are_separate()
    assert lab.storage.url.startswith("batchlab://")
    box = lab.storage.create_container("box")
    box.upload(b"12", "given")
    lab.create_application("tool").create_package("1", archive(**{"say.sh": "cat inside"}))
    lab.create_application("data").create_package("1", archive(inside="packed\n"))
    packages = [bl.ApplicationPackageReference(application_id=name, version="1")
                for name in ("tool", "data")]  # fmt: skip
    pool = lab.create_pool("p", target_dedicated_nodes=2, application_package_references=packages)
    job = lab.create_job("j", pool)
    names, sizes = [f"made-{n}" for n in range(4)], [1, 10, 1000, 3_000_000]
    results = job.map(save, names, sizes).results(timeout=SOON)
    assert [len(result) for result in results] == sizes
    assert box.list("made")[3].content_length == 6_000_000
    assert job.submit(len, b"x" * 5_000_000).result(timeout=SOON) == 5_000_000
    task = job.create_task(
        "t",
        "sh -c 'cd $AZ_BATCH_APP_PACKAGE_data_1 && sh $AZ_BATCH_APP_PACKAGE_tool_1/say.sh; "
        "cat $AZ_BATCH_TASK_WORKING_DIR/in/given'",
        resource_files=[
            bl.ResourceFile(auto_storage_container_name="box", blob_prefix="g", file_path="in")
        ],
        output_files=[bl.OutputFile(file_pattern="../stdout.txt", destination="box")],
    )
    task.wait(timeout=SOON)
    assert (task.failure_info, task.exit_code) == (None, 0)
    assert box.text("stdout.txt") == "packed\n12"
    assert box.download("stdout.txt", tmp_path).read_text() == "packed\n12"
    job.output_storage.save("JobOutput", b"end", "end.txt")
    assert job.output_storage.read("JobOutput", "end.txt") == b"end"


@pytest.mark.ci("clusters")
@pytest.mark.skipif(not hosts.are_separate(), reason="needs mounts of its own")
def test_folder_that_a_host_does_not_share_is_named_with_the_host(machines, tmp_path):
    with bl.Lab(machines.address, storage=machines.folder / "data") as lab:
        box = lab.storage.create_container("box")
        box.upload(b"x", "blob")
        pool = lab.create_pool("p", target_dedicated_nodes=2)
        job = lab.create_job("j", pool)
        files = [bl.ResourceFile(auto_storage_container_name="box")]
        fetched = job.create_task("fetched", "true", resource_files=files)
        outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="box")]
        sent = job.create_task(
            "sent", f"mkdir -p {machines.folder}/data/batchlab/box", output_files=outputs
        )
        job.tasks.wait(timeout=SOON)
        assert fetched.failure_info.code == "BlobDownloadMiscError"
        assert sent.failure_info.code == "FileUploadMiscError"
        for task, why in ((fetched, "does not exist on"), (sent, "is not the one of the lab")):
            said = task.failure_info.details["Message"]
            assert f"the folder {machines.folder}/data" in said
            assert task.node_id
            assert " on host-" in said
            assert (why in said) or task is fetched
            assert "set Lab(..., storage=...)" in said
        lab.shutdown()


@pytest.mark.ci("clusters")
def test_worker_that_is_a_node_needs_no_notebook(lab, machines):
    pool = lab.create_pool("p", target_dedicated_nodes=2)
    lab.create_job("j", pool).map(abs, [-1, -2]).results(timeout=SOON)
    with Client(machines.address, set_as_default=False) as client:
        loaded = client.run(eval, "{name.split('.')[0] for name in __import__('sys').modules}")
    for modules in loaded.values():
        assert "batchlab" in modules
        assert not modules & {"IPython", "ipywidgets", "jupyterlab", "pandas", "plotly",
                              "anywidget", "traitlets", "azure"}  # fmt: skip


def test_large_data_through_the_scheduler_recommends_storage_once(monkeypatch, caplog):
    monkeypatch.setattr(remote, "LARGE", 10_000_000)
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        lab = bl.Lab(cluster)
        box = lab.storage.create_container("box")
        caplog.clear()
        box.upload(b"x" * 9_000_000, "small")
        for _ in range(2):
            box.upload(b"x" * 11_000_000, "large")
        (said,) = [record.getMessage() for record in caplog.records if record.name == "batchlab"]
        assert said.startswith("11 MB go through the Dask scheduler")
        assert "Lab(..., storage=" in said
        lab.shutdown()
