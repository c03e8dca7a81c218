"""Outputs of jobs and tasks by the file conventions: from a notebook, an upload, inside a task."""

import sys

import pytest

import batchlab as bl
from helpers.stories import SOON, only, pool_of, refused, run, sh, start

INSIDE = """
import pathlib, sys, time
import batchlab as bl
outputs = bl.Task.current().output_storage
pathlib.Path("out").mkdir()
pathlib.Path("out/result.txt").write_text("42")
outputs.save("TaskOutput", "out/result.txt")
bl.Job.current().output_storage.save("JobOutput", b"all of it", "sum.txt")
with outputs.save_tracked("log.txt", interval=0.05):
    with open("log.txt", "w") as log:
        print("begun", file=log, flush=True)
        while not pathlib.Path(sys.argv[1]).exists():
            time.sleep(0.01)
        print("ended", file=log, flush=True)
"""


def test_outputs_are_kept_by_kind_and_found_by_the_ids(lab, tmp_path, monkeypatch):
    job = lab.create_job("MyTerrificJob", "nowhere")
    outputs = job.output_storage
    assert outputs.container_name == "job-myterrificjob"
    assert outputs.list("JobOutput") == []
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text("a")
    outputs.save("JobOutput", "deep/a.txt")
    outputs.save("jobpreview", tmp_path / "deep" / "a.txt", "thumb")
    task = job.create_task("T1", "true").output_storage
    kept = task.save("TaskIntermediate", b"for others", "x/y")
    assert (kept.name, kept.content_length) == ("x/y", 10)
    assert kept.url == task.url_of("TaskIntermediate", "x/y")
    assert [blob.name for blob in lab.storage["job-myterrificjob"].list()] == [
        "$JobOutput/deep/a.txt", "$JobPreview/thumb", "T1/$TaskIntermediate/x/y",
    ]  # fmt: skip
    again = lab.jobs["myterrificjob"].output_storage
    assert [blob.name for blob in again.list("JobOutput")] == ["deep/a.txt"]
    assert again.text("JobPreview", "thumb") == "a"
    assert again.download("JobOutput", "deep/a.txt", tmp_path / "back").read_text() == "a"
    task.delete("TaskIntermediate", "x/y")
    assert task.list("TaskIntermediate") == []
    for use in (task.read, task.delete, task.download):
        with refused("BlobNotFound"):
            use("TaskIntermediate", "x/y")


def test_outputs_that_have_no_place_are_refused(lab, tmp_path):
    job = lab.create_job("j", "nowhere")
    task = job.create_task("t", "true").output_storage
    wrong = [
        (job.output_storage, "TaskOutput", b"", "x"),
        (task, "JobOutput", b"", "x"),
        (task, "Nonsense", b"", "x"),
        (task, "TaskLog", b"", None),
        (task, "TaskLog", b"", "../x"),
        (task, "TaskLog", b"", ""),
        (task, "TaskLog", tmp_path / "a", None),
        (task, "TaskLog", "../a", None),
        (task, "TaskLog", tmp_path / "nosuch", "x"),
        (task, "TaskLog", 7, "x"),
    ]
    for outputs, kind, source, name in wrong:
        with refused("InvalidPropertyValue"):
            outputs.save(kind, source, name)
    for interval in (0, "soon"):
        with refused("InvalidPropertyValue"):
            task.save_tracked(tmp_path / "log", "log", interval=interval)
    with refused("ContainerNotFound"):
        task.read("TaskLog", "x")


def test_output_files_can_follow_the_conventions(lab):
    job = lab.create_job("j_1", pool_of(lab))
    to = job.output_storage.destination
    outputs = [
        bl.OutputFile(file_pattern="../std*.txt", destination=to("TaskLog", "t")),
        bl.OutputFile(file_pattern="a", destination=to("TaskOutput", "t", "answer")),
    ]
    task = only(run(job, bl.TaskSpec(id="t", command_line=sh("echo hi; echo 42 > a"),
                                     output_files=outputs)))  # fmt: skip
    logs = task.output_storage
    assert [blob.name for blob in logs.list("TaskLog")] == ["stderr.txt", "stdout.txt"]
    assert logs.text("TaskLog", "stdout.txt") == "hi\n"
    assert logs.text("TaskOutput", "answer") == "42\n"


@pytest.mark.worlds("light")
@pytest.mark.processes
def test_outputs_are_kept_from_inside_a_task_and_its_log_while_it_grows(world, lab, tmp_path):
    script = tmp_path / "inside.py"
    script.write_text(INSIDE)
    job = lab.create_job("j", pool_of(lab))
    command = f"{sys.executable} {script} {tmp_path / 'go'}"
    task = only(start(job, bl.TaskSpec(id="t", command_line=command)))
    outputs = task.output_storage
    world.until(lambda: outputs.text("TaskLog", "log.txt") == "begun\n")
    assert task.state == "running"
    (tmp_path / "go").touch()
    task.wait(timeout=SOON)
    assert (task.exit_code, task.stderr) == (0, "")
    assert outputs.text("TaskLog", "log.txt") == "begun\nended\n"
    assert outputs.text("TaskOutput", "out/result.txt") == "42"
    assert job.output_storage.text("JobOutput", "sum.txt") == "all of it"


@pytest.mark.worlds("light")
def test_output_whose_name_is_no_text_fails_alone(lab):
    container = lab.storage.create_container("out")
    to = bl.OutputFileBlobContainerDestination(container_url=container.url)
    job = lab.create_job("j", pool_of(lab))
    link = sh(r'ln -s / "$(printf "a\\377")"')  # leads out of the node
    task = only(run(job, bl.TaskSpec(
        id="t", command_line=link, output_files=[bl.OutputFile(file_pattern="*", destination=to)],
    )))  # fmt: skip
    assert task.failure_info.code == "FileUploadMiscError"
    assert r"/a\udcff is outside" in task.failure_info.details["Message"]
    assert only(run(job, bl.TaskSpec(id="next", command_line="true"))).exit_code == 0
