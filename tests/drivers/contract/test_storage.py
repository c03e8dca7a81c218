"""Data: containers, resource files from them, output files into them."""

import pytest

import batchlab as bl
from helpers.stories import SHARED, SOON, only, pool_of, refused, run, sh, start


def task_of(script, **more):
    return bl.TaskSpec(id="t", command_line=sh(script), **more)


def output(pattern, to="results", **more):
    return bl.OutputFile(file_pattern=pattern, destination=to, **more)


def names(container):
    return [blob.name for blob in container.list()]


@pytest.mark.processes
def test_data_goes_through_a_task_and_back(lab, tmp_path):
    inputs = lab.storage.create_container("inputs")
    results = lab.storage.create_container("results")
    (tmp_path / "words.txt").write_text("some words\n")
    inputs.upload(tmp_path / "words.txt")
    files = [bl.ResourceFile(auto_storage_container_name="inputs", file_path="in")]
    outputs = [output("out/*.txt", results), output("../std*.txt", "results")]
    spec = task_of(
        "mkdir -p out; cat in/words.txt > out/copy.txt; echo said",
        resource_files=files, output_files=outputs,
    )  # fmt: skip
    task = only(run(lab.create_job("j", pool_of(lab)), spec))
    assert (task.exit_code, task.failure_info) == (0, None)
    assert names(results) == ["copy.txt", "stderr.txt", "stdout.txt"]
    assert results.download("copy.txt", tmp_path / "back").read_text() == "some words\n"
    assert results.text("stdout.txt") == "said\n"
    assert task.output_files == tuple(outputs)
    assert "3 files" not in task.files.text("fileuploadout.txt")
    assert "out/*.txt: 1 file uploaded" in task.files.text("fileuploadout.txt")
    assert task.files.text("fileuploaderr.txt") == ""


def test_resource_files_of_a_container_keep_their_tree_below_the_file_path(lab):
    data = lab.storage.create_container("data")
    for name in ("a.txt", "deep/b.txt", "deep/er/c.txt", "other.txt"):
        data.upload(name.encode(), name)
    files = [
        bl.ResourceFile(storage_container_url=data.url, file_path="all"),
        bl.ResourceFile(auto_storage_container_name="data", blob_prefix="deep/"),
        bl.ResourceFile(storage_container_url=data.url, blob_prefix="o", file_mode="0440"),
        bl.ResourceFile(http_url=data.url_of("deep/er/c.txt"), file_path="x/y"),
    ]
    task = only(run(lab.create_job("j", pool_of(lab)), task_of("cat x/y", resource_files=files)))
    assert task.stdout == "deep/er/c.txt"
    found = [entry.name for entry in task.files.list("wd", recursive=True)
             if not entry.is_directory]  # fmt: skip
    assert found == [
        "wd/all/a.txt", "wd/all/deep/b.txt", "wd/all/deep/er/c.txt", "wd/all/other.txt",
        "wd/deep/b.txt", "wd/deep/er/c.txt", "wd/other.txt", "wd/x/y",
    ]  # fmt: skip
    assert task.files.stat("wd/other.txt").file_mode == "0o100440"


def test_resource_files_may_be_a_container_and_a_blob_as_they_are(lab):
    data = lab.storage.create_container("data")
    blob = data.upload(b"deep", "deep/b.txt")
    job = lab.create_job("j", pool_of(lab))
    task = only(run(job, task_of("cat b.txt deep/b.txt", resource_files=[data, blob])))
    assert task.stdout == "deepdeep"
    assert task.resource_files == (
        bl.ResourceFile(storage_container_url=data.url),
        bl.ResourceFile(http_url=blob.url, file_path="b.txt"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "missing",
    [
        {"auto_storage_container_name": "nosuch"},
        {"storage_container_url": "memory://batchlab-nowhere/nosuch"},
        {"http_url": "memory://batchlab-nowhere/nosuch/x", "file_path": "x"},
    ],
)
def test_resource_files_of_a_missing_container_end_the_task_at_once(lab, missing):
    retries = bl.TaskConstraints(max_task_retry_count=5)
    spec = task_of("true", resource_files=[bl.ResourceFile(**missing)], constraints=retries)
    task = only(run(lab.create_job("j", pool_of(lab)), spec))
    assert (task.state, task.exit_code, task.retry_count) == ("completed", None, 0)
    assert task.failure_info.code == "BlobNotFound"


def test_pattern_without_wildcards_names_the_blob_and_one_with_them_its_directory(lab):
    results = lab.storage.create_container("results")
    place = bl.OutputFileBlobContainerDestination(container_url="results", path="x/one")
    outputs = [
        output("a.txt", place),
        output("**/*.txt", bl.OutputFileBlobContainerDestination(
            container_url=results.url, path="tree")),
        output("$AZ_BATCH_TASK_DIR/std[!e]*.txt"),
        output("nosuch*"),
        output("nosuch"),
    ]  # fmt: skip
    script = "mkdir -p d/e; echo a > a.txt; echo b > d/b.txt; echo c > d/e/c.txt; echo h > .h.txt"
    task = only(run(lab.create_job("j", pool_of(lab)), task_of(script, output_files=outputs)))
    assert task.failure_info is None
    assert names(results) == [
        "stdout.txt", "tree/a.txt", "tree/d/b.txt", "tree/d/e/c.txt", "x/one",
    ]  # fmt: skip


@pytest.mark.rule(99)
def test_output_for_failures_is_not_tried_after_success(lab):
    results = lab.storage.create_container("results")
    outputs = [output("../std*.txt", upload_options="taskfailure")]
    task = only(run(lab.create_job("j", pool_of(lab)), task_of("echo hi", output_files=outputs)))
    assert task.exit_code == 0
    assert names(results) == []
    listed = [entry.name for entry in task.files.list()]
    assert "fileuploadout.txt" not in listed
    assert "fileuploaderr.txt" not in listed


def test_output_is_uploaded_after_each_run_by_its_condition(lab):
    results = lab.storage.create_container("results")
    outputs = [
        output("good", upload_options="tasksuccess"), output("bad", upload_options="taskfailure"),
    ]  # fmt: skip
    script = (
        f"echo good > good; echo bad > bad; test -e {SHARED}/x && exit 0; touch {SHARED}/x; exit 1"
    )
    retry = bl.TaskConstraints(max_task_retry_count=1)
    spec = task_of(script, output_files=outputs, constraints=retry)
    task = only(run(lab.create_job("j", pool_of(lab)), spec))
    assert (task.exit_code, task.retry_count) == (0, 1)
    assert names(results) == ["bad", "good"]


@pytest.mark.rule(100)
@pytest.mark.code("FileUploadContainerNotFound")
@pytest.mark.processes
def test_upload_that_fails_keeps_the_exit_code_and_fails_the_task(lab):
    lab.storage.create_container("results")
    retries = bl.TaskConstraints(max_task_retry_count=5)
    outputs = [output("../stdout.txt", "nosuch"), output("../stderr.txt")]
    job = lab.create_job("j", pool_of(lab))
    task = only(run(job, task_of("echo hi", output_files=outputs, constraints=retries)))
    assert (task.state, task.exit_code, task.retry_count) == ("completed", 0, 0)
    assert task.view().result == "failure"
    failure = task.failure_info
    assert (failure.code, failure.category) == ("FileUploadContainerNotFound", "UserError")
    assert failure.details["FilePattern"] == "../stdout.txt"
    assert names(lab.storage["results"]) == ["stderr.txt"]
    assert "nosuch" in task.files.text("fileuploaderr.txt")
    assert only(run(job, "true")[:1]).exit_code == 0


@pytest.mark.rule(101)
@pytest.mark.parametrize(("code", "state"), [(3, "active"), (4, "disabled"), (0, "disabled")])
def test_exit_condition_of_a_listed_code_wins_over_that_of_a_failed_upload(lab, code, state):
    conditions = bl.ExitConditions(
        exit_codes=[
            bl.ExitCodeMapping(code=3, exit_options=bl.ExitOptions(job_action="none")),
        ],
        file_upload_error=bl.ExitOptions(job_action="disable"),
    )
    job = lab.create_job("j", pool_of(lab), on_task_failure="performexitoptionsjobaction")
    spec = task_of(
        f"exit {code}", output_files=[output("*", "nosuch")], exit_conditions=conditions
    )
    task = only(run(job, spec))
    assert task.exit_code == code
    assert task.failure_info.code == "FileUploadContainerNotFound"
    if state == "disabled":
        job.wait("disabled", timeout=SOON)
    assert job.state == state


@pytest.mark.code("FileUploadMiscError")
def test_output_beyond_the_node_s_root_is_not_uploaded(lab):
    results = lab.storage.create_container("results")
    job = lab.create_job("j", pool_of(lab))
    (task,) = run(job, task_of("true", output_files=[output("/etc/hostname")]))
    assert task.failure_info.code == "FileUploadMiscError"
    run(job, bl.TaskSpec(id="u", command_line="true", output_files=[output("/etc/host*")]))
    assert names(results) == []


def test_task_that_is_terminated_uploads_nothing(lab):
    results = lab.storage.create_container("results")
    job = lab.create_job("j", pool_of(lab))
    task = only(start(job, task_of("echo hi; sleep 500", output_files=[output("../std*")])))
    task.terminate()
    task.wait(timeout=SOON)
    assert task.failure_info.code == "TaskEnded"
    assert names(results) == []


def test_task_that_is_too_slow_uploads_what_it_has(lab):
    results = lab.storage.create_container("results")
    limit = bl.TaskConstraints(max_wall_clock_time="20s")
    spec = task_of("echo hi; sleep 500", output_files=[output("../std*")], constraints=limit)
    task = only(run(lab.create_job("j", pool_of(lab)), spec))
    assert task.failure_info.code == "TaskEnded"
    assert results.text("stdout.txt") == "hi\n"


def test_output_of_a_job_manager_is_uploaded(lab):
    lab.storage.create_container("results")
    manager = bl.JobManagerTask(
        id="boss", command_line=sh("echo hi"), output_files=[output("../stdout.txt")]
    )
    job = lab.create_job("j", pool_of(lab), job_manager_task=manager)
    job.wait(timeout=SOON)
    assert lab.storage["results"].text("stdout.txt") == "hi\n"


def test_container_that_goes_away_in_the_middle_of_an_upload_fails_that_task_only(world, lab):
    results = lab.storage.create_container("results")
    job = lab.create_job("j", pool_of(lab))
    gate = world.gate()
    spec = bl.TaskSpec(
        id="t", command_line=sh(f"echo hi > a; {gate.script}"), output_files=[output("*")]
    )
    task = only(start(job, spec))
    results.delete()
    gate.open()
    task.wait(timeout=SOON)
    assert task.failure_info.code == "FileUploadContainerNotFound"
    lab.storage.create_container("results")
    after = only(run(job, bl.TaskSpec(id="u", command_line=sh("echo hi > a"),
                                      output_files=[output("*")]))[:1])  # fmt: skip
    assert after.failure_info is None
    assert names(lab.storage["results"]) == ["a"]


@pytest.mark.code("ContainerNotFound", "ContainerAlreadyExists")
def test_containers_are_made_listed_and_deleted(lab):
    assert list(lab.storage) == []
    made = lab.storage.create_container("b-1")
    lab.storage.create_container("abc")
    assert list(lab.storage) == ["abc", "b-1"]
    assert lab.storage.create_container("b-1", exist_ok=True) == made == lab.storage["b-1"]
    with refused("ContainerAlreadyExists"):
        lab.storage.create_container("b-1")
    for name in ("AB", "a", "a--b", "-ab", "ab-", "a_b", "a" * 64, "../x", 7):
        with refused("InvalidPropertyValue"):
            lab.storage.create_container(name)
    made.delete()
    assert "b-1" not in lab.storage
    for use in (made.list, made.delete, lambda: lab.storage["b-1"], lambda: made.read("x"),
                lambda: made.upload(b"", "x")):  # fmt: skip
        with refused("ContainerNotFound"):
            use()


def test_blobs_are_written_listed_read_and_deleted(lab, tmp_path):
    store = lab.storage
    box = store.create_container("box")
    first = box.upload(b"one", "a/1.txt")
    assert (first.name, first.content_length, first.url) == ("a/1.txt", 3, box.url_of("a/1.txt"))
    store.upload("box", b"two", "a/2.txt")
    store.upload("box", b"other", "b.txt")
    assert [blob.name for blob in store.list("box", "a/")] == ["a/1.txt", "a/2.txt"]
    assert [blob.name for blob in box.list("a/2")] == ["a/2.txt"]
    assert [blob.name for blob in box.list("nosuch/")] == []
    box.upload(b"new", "a/1.txt")
    assert box.read("a/1.txt") == b"new"
    assert store.download("box", "b.txt", tmp_path).read_bytes() == b"other"
    store.delete("box", "a/1.txt")
    for use in (box.read, box.download, box.delete):
        with refused("BlobNotFound"):
            use("a/1.txt")
    for name in ("", "..", "a/../b", "/a", "a//b", "a/", 7, "a\0b"):
        for use in (box.read, box.delete, box.url_of):
            with refused("InvalidPropertyValue"):
                use(name)
