"""Environment variables, streams and files."""

import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, refused, run, sh, start


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.rule(92)
@pytest.mark.processes
def test_environment_of_a_task_names_where_it_is(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, job_preparation_task="env", job_release_task="env")
    settings = {"MINE": "a b", "AZ_BATCH_JOB_ID": "forged", "EMPTY": ""}
    task = only(run(job, bl.TaskSpec(id="T1", command_line="env", environment_settings=settings)))
    node, seen = only(pool.nodes.values()), variables(task.stdout)
    root = seen["AZ_BATCH_NODE_ROOT_DIR"]
    base = f"{root}/workitems/j/job-1"
    expected = {
        "AZ_BATCH_JOB_ID": "j",
        "AZ_BATCH_TASK_ID": "T1",
        "AZ_BATCH_POOL_ID": "p",
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "AZ_BATCH_NODE_SHARED_DIR": f"{root}/shared",
        "AZ_BATCH_NODE_STARTUP_DIR": f"{root}/startup",
        "AZ_BATCH_TASK_DIR": f"{base}/T1",
        "AZ_BATCH_TASK_WORKING_DIR": f"{base}/T1/wd",
        "AZ_BATCH_JOB_PREP_DIR": f"{base}/jobpreparation",
        "AZ_BATCH_JOB_PREP_WORKING_DIR": f"{base}/jobpreparation/wd",
        "WATASK_TVM_NAME": node.id,
        "WATASK_TVM_ROOT_DIR": root,
        "WATASK_JOB_NAME": "j",
        "WATASK_TASK_NAME": "T1",
        "MINE": "a b",
        "EMPTY": "",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert task.task_root_directory == "workitems/j/job-1/T1"
    job.terminate()
    job.wait(timeout=SOON)
    prepared = variables(node.files.text("workitems/j/job-1/jobpreparation/stdout.txt"))
    released = variables(node.files.text("workitems/j/job-1/jobrelease/stdout.txt"))
    assert prepared["AZ_BATCH_TASK_ID"] == "jobpreparation"
    assert "AZ_BATCH_JOB_PREP_DIR" not in prepared
    assert released["AZ_BATCH_JOB_PREP_DIR"] == f"{base}/jobpreparation"


@pytest.mark.rule(96)
def test_environment_of_a_start_task_knows_no_job(lab):
    pool = pool_of(lab, start_task="env")
    node = only(pool.nodes.values())
    seen = variables(node.files.text("startup/stdout.txt"))
    assert seen["AZ_BATCH_POOL_ID"] == "p"
    assert seen["AZ_BATCH_TASK_WORKING_DIR"].endswith("/startup/wd")
    assert not {"AZ_BATCH_JOB_ID", "AZ_BATCH_TASK_ID", "WATASK_JOB_NAME"} & seen.keys()


@pytest.mark.rule(95)
def test_environment_of_a_task_without_preparation_has_no_directory_of_one(lab):
    task = only(run(lab.create_job("j", pool_of(lab)), "env"))
    assert "AZ_BATCH_JOB_PREP_DIR" not in variables(task.stdout)


@pytest.mark.rule(94)
def test_command_line_without_a_shell_is_literal(lab):
    job = lab.create_job("j", pool_of(lab))
    literal, expanded = run(
        job, "echo $AZ_BATCH_TASK_ID > x 'a  b'", sh("echo $AZ_BATCH_TASK_ID > x; cat x")
    )
    assert (literal.stdout, expanded.stdout) == ("$AZ_BATCH_TASK_ID > x a  b\n", "task002\n")


@pytest.mark.processes
def test_files_of_a_task_are_listed_read_and_deleted(lab, tmp_path):
    script = sh("mkdir -p out/deep; echo one > out/deep/a.txt; echo two > b.txt; echo said")
    task = only(run(lab.create_job("j", pool_of(lab)), script))
    files = task.files
    names = [entry.name for entry in files.list()]
    assert [name for name in names if name != "certs"] == ["stderr.txt", "stdout.txt", "wd"]
    assert [entry.name for entry in files.list("wd", recursive=True)] == [
        "wd/b.txt", "wd/out", "wd/out/deep", "wd/out/deep/a.txt",
    ]  # fmt: skip
    assert files.read("wd/b.txt", 1, 2) == b"wo"
    assert files.text("stdout.txt") == files.tail("stdout.txt") == "said\n"
    entry = files.stat("wd/b.txt")
    assert (entry.content_length, entry.is_directory) == (4, False)
    assert entry.file_mode.startswith("0o100")
    assert files.download("wd/out/deep/a.txt", tmp_path).read_text() == "one\n"
    files.delete("wd/b.txt")
    with refused("InvalidPropertyValue"):
        files.delete("wd/out")
    files.delete("wd/out", recursive=True)
    assert files.list("wd") == []


@pytest.mark.code("PathNotFound")
def test_files_that_are_not_there_are_not_found(lab):
    task = only(run(lab.create_job("j", pool_of(lab)), "true"))
    for use in (task.files.read, task.files.stat, task.files.delete, task.files.tail):
        with refused("FileNotFound"):
            use("wd/nosuch")
    for path in ("nosuch", "stdout.txt"):
        with refused("PathNotFound"):
            task.files.list(path)
    with refused("InvalidPropertyValue"):
        task.files.read("wd")


def test_files_beyond_the_root_cannot_be_reached(lab):
    pool = pool_of(lab)
    task = only(run(lab.create_job("j", pool), "true"))
    for files in (task.files, only(pool.nodes.values()).files):
        for path in ("..", "../..", "/etc/passwd", "wd/../../x", "a\0b"):
            for use in (files.list, files.read, files.stat, files.delete):
                with refused("InvalidPropertyValue"):
                    use(path)


@pytest.mark.code("TaskFilesUnavailable")
def test_files_of_a_task_that_has_not_started_are_not_available(lab):
    task = lab.create_job("j", "nowhere").create_task("t", "true")
    with refused("TaskFilesUnavailable"):
        _ = task.stdout


def test_stdout_can_be_read_while_the_task_runs_and_followed_to_its_end(world, lab):
    job = lab.create_job("j", pool_of(lab))
    gate = world.gate()
    task = only(start(job, sh(f"echo first; {gate.script}; echo second")))
    world.until(lambda: task.stdout == "first\n")
    assert task.state == "running"
    gate.open()
    assert "".join(task.files.tail("stdout.txt", follow=True)) == "first\nsecond\n"
    assert task.state == "completed"


def test_stdout_of_a_repeated_task_is_that_of_the_last_run(lab):
    job = lab.create_job("j", pool_of(lab))
    command = sh(
        f"test -e {SHARED}/x && echo second && exit 0; touch {SHARED}/x; echo first; exit 1"
    )
    retry = bl.TaskConstraints(max_task_retry_count=1)
    task = only(run(job, bl.TaskSpec(id="t", command_line=command, constraints=retry)))
    assert task.stdout == "second\n"


def test_files_of_a_node_have_the_layout_of_the_service(world, lab):
    pool = pool_of(lab)
    start(lab.create_job("j", pool), LONG)
    node = only(pool.nodes.values())
    assert [entry.name for entry in node.files.list()] == [
        "applications", "fsmounts", "shared", "startup", "volatile", "workitems",
    ]  # fmt: skip
    world.until(lambda: node.files.stat("workitems/j/job-1/task001/wd").is_directory)
