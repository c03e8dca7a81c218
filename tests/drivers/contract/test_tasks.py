import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, end, only, pool_of, refused, run, sh, start


def spec(command_line, id="t", **settings):  # noqa: A002
    return bl.TaskSpec(id=id, command_line=command_line, **settings)


def limits(**constraints):
    return {"constraints": bl.TaskConstraints(**constraints)}


@pytest.mark.code("FailureExitCode")
def test_task_tells_how_it_went(lab):
    pool = pool_of(lab)
    good, bad = run(lab.create_job("j", pool), "echo fine", sh("echo oh >&2; exit 3"))
    assert (good.state, good.exit_code, good.result, good.failure_info) == (
        "completed", 0, "success", None,
    )  # fmt: skip
    assert (good.stdout, good.stderr, bad.stdout, bad.stderr) == ("fine\n", "", "", "oh\n")
    assert (bad.exit_code, bad.result, bad.retry_count) == (3, "failure", 0)
    failure = bad.failure_info
    assert (failure.category.lower(), failure.code) == ("usererror", "FailureExitCode")
    assert failure.details["FailureExitCode"] == "3"
    assert good.creation_time <= good.start_time < good.end_time <= lab.now
    assert (good.pool_id, good.previous_state) == ("p", "running")


@pytest.mark.rule(14)
def test_task_that_always_fails_is_repeated_as_often_as_it_may(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    command = sh(f"echo run >> {SHARED}/runs; echo out; exit 1")
    task = only(run(job, spec(command, **limits(max_task_retry_count=2))))
    assert (task.retry_count, task.requeue_count, task.exit_code) == (2, 0, 1)
    assert task.failure_info.code == "FailureExitCode"
    assert task.last_retry_time <= task.start_time
    assert only(pool.nodes.values()).files.text("shared/runs") == "run\n" * 3
    assert task.stdout == "out\n"


def test_task_that_succeeds_at_last_is_a_success(lab):
    pool = pool_of(lab)
    command = sh(f"test -e {SHARED}/x && exit 0; touch {SHARED}/x; exit 1")
    task = only(run(lab.create_job("j", pool), spec(command, **limits(max_task_retry_count=-1))))
    assert (task.retry_count, task.result, task.failure_info) == (1, "success", None)


@pytest.mark.code("CommandLaunchFailed", "CommandProgramNotFound")
def test_task_that_cannot_be_launched_is_not_repeated(lab):
    job = lab.create_job("j", pool_of(lab))
    tasks = run(job, spec("exit 3", "word", **limits(max_task_retry_count=5)),
                spec("echo 'open", "open", **limits(max_task_retry_count=5)))  # fmt: skip
    assert [task.failure_info.code for task in tasks] == [
        "CommandProgramNotFound", "CommandLaunchFailed",
    ]  # fmt: skip
    assert all((task.exit_code, task.retry_count) == (None, 0) for task in tasks)


@pytest.mark.rule(15)
@pytest.mark.code("BlobNotFound")
def test_task_whose_resource_file_is_missing_fails_at_once(lab, tmp_path):
    job = lab.create_job("j", pool_of(lab))
    missing = bl.ResourceFile(http_url=str(tmp_path / "nosuch.txt"), file_path="nosuch.txt")
    task = spec("true", resource_files=[missing], **limits(max_task_retry_count=5))
    task = only(run(job, task))
    assert (task.exit_code, task.failure_info.code, task.retry_count) == (None, "BlobNotFound", 0)


def test_task_finds_its_resource_files(lab, tmp_path):
    (tmp_path / "words.txt").write_text("hello\n")
    (tmp_path / "go.sh").write_text("cat words.txt deep/er.txt\n")
    files = [
        str(tmp_path / "words.txt"),
        bl.ResourceFile(http_url=(tmp_path / "go.sh").as_uri(), file_path="go.sh"),
        bl.ResourceFile(http_url=str(tmp_path / "words.txt"), file_path="deep/er.txt"),
    ]
    task = only(run(lab.create_job("j", pool_of(lab)), spec("sh go.sh", resource_files=files)))
    assert (task.stdout, task.exit_code) == ("hello\nhello\n", 0)
    assert task.files.read("wd/deep/er.txt") == b"hello\n"


def test_task_over_its_wall_clock_time_is_killed_and_not_repeated(lab):
    job = lab.create_job("j", pool_of(lab))
    constraints = limits(max_wall_clock_time="20s", max_task_retry_count=3)
    task = only(run(job, spec(sh(f"echo begun; {LONG}; echo over"), **constraints)))
    assert (task.failure_info.code, task.failure_info.category) == ("TaskEnded", "ServerError")
    assert (task.retry_count, task.result, task.stdout) == (0, "failure", "begun\n")
    assert 20 <= (task.end_time - task.start_time).total_seconds() < 600


@pytest.mark.code("TaskEnded")
@pytest.mark.processes
def test_task_terminated_while_it_runs_is_a_failure(lab):
    job = lab.create_job("j", pool_of(lab))
    task = only(start(job, spec(LONG, **limits(max_task_retry_count=3))))
    task.terminate()
    task.wait(timeout=SOON)
    assert (task.failure_info.code, task.failure_info.category) == ("TaskEnded", "UserError")
    assert (task.result, task.retry_count) == ("failure", 0)
    with refused("TaskCompleted"):
        task.terminate()
    with refused("TaskCompleted"):
        task.update(constraints=bl.TaskConstraints())


def test_task_terminated_while_it_waits_never_runs(lab):
    job = lab.create_job("j", "nowhere")
    task = job.create_task("t", "true")
    task.terminate()
    assert (task.state, task.failure_info.code, task.node_id) == ("completed", "TaskEnded", None)
    task.reactivate()
    assert (task.state, task.failure_info, task.exit_code) == ("active", None, None)


@pytest.mark.rule(68, 69)
def test_task_that_failed_can_be_reactivated_and_one_that_succeeded_cannot(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    command = sh(f"test -e {SHARED}/fixed")
    good, bad = run(job, "true", spec(command, **limits(max_task_retry_count=1)))
    assert bad.retry_count == 1
    with refused("TaskSucceeded"):
        good.reactivate()
    run(lab.create_job("fix", pool), sh(f"touch {SHARED}/fixed"))
    bad.reactivate()
    bad.wait(timeout=SOON)
    assert (bad.exit_code, bad.retry_count, bad.failure_info) == (0, 0, None)
    assert job.counts.succeeded == 2


def test_task_deleted_while_it_runs_is_gone_with_its_files(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(start(job, LONG))
    directory = task.task_root_directory
    task.delete()
    task.wait("deleted", timeout=SOON)
    node = only(pool.nodes.values())
    node.wait("idle", timeout=SOON)
    assert len(job.tasks) == 0
    with refused("FileNotFound"):
        node.files.stat(directory)


@pytest.mark.rule(20)
def test_task_that_needs_more_slots_than_a_node_has_never_runs(lab):
    job = lab.create_job("j", pool_of(lab, task_slots_per_node=2))
    task = job.create_task("t", "true", required_slots=4)
    assert task.explain().codes == ["TooManySlots"]
    with pytest.raises(bl.WaitNeverEnds, match="4 slots"):
        task.wait()
    assert only(run_one(job, "true")).exit_code == 0


def run_one(job, command):
    task = job.create_task("one", command)
    task.wait(timeout=SOON)
    return [task]


def test_task_that_needs_two_slots_waits_until_both_are_free(world, lab):
    pool = pool_of(lab, task_slots_per_node=2)
    job = lab.create_job("j", pool)
    gate = world.gate()
    small = only(start(job, sh(gate.script)))
    big = job.create_task("big", "true", required_slots=2)
    assert (big.state, only(pool.nodes.values()).running_task_slots_count) == ("active", 1)
    assert big.explain().codes
    gate.open()
    big.wait(timeout=SOON)
    assert small.end_time <= big.start_time


def test_tasks_run_side_by_side_up_to_the_slots(lab):
    pool = pool_of(lab, task_slots_per_node=3)
    job = lab.create_job("j", pool)
    job.create_tasks([LONG] * 5)
    job.tasks["task003"].wait("running", timeout=SOON)
    node = only(pool.nodes.values())
    assert (job.counts.running, job.counts.active, node.running_tasks_count) == (3, 2, 3)
    assert sorted(node.running_tasks) == [("j", f"task00{n}") for n in (1, 2, 3)]


@pytest.mark.processes
def test_tasks_in_great_number_all_complete(lab):
    pool = pool_of(lab, 2, task_slots_per_node=2)
    job = lab.create_job("j", pool)
    run(job, *["true"] * 100)
    assert (job.counts.succeeded, job.counts.active, job.counts.failed) == (100, 0, 0)
    assert sum(node.total_tasks_run for node in pool.nodes.values()) == 100


@pytest.mark.rule(97)
@pytest.mark.code("TaskFilesCleanedup")
def test_task_whose_retention_is_over_has_no_files(world, lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(run(job, spec("echo x", **limits(retention_time="30s"))))
    assert task.stdout == "x\n"
    directory = task.task_root_directory
    world.until(lambda: (lab.now - task.end_time).total_seconds() > 30)
    with refused("TaskFilesCleanedup"):
        _ = task.stdout
    node = only(pool.nodes.values())
    world.until(
        lambda: (
            directory not in [entry.name for entry in node.files.list("workitems", recursive=True)]
        )
    )
    assert (task.state, task.exit_code) == ("completed", 0)


def test_retention_of_one_task_ends_though_an_earlier_one_was_deleted(world, lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, constraints=bl.JobConstraints(max_wall_clock_time="40s"))
    first = spec("true", "first", **limits(retention_time="2s"))
    second = spec("true", "second", **limits(retention_time="4s"))
    first, second = run(job, first, second)
    first.delete()
    job.wait(timeout=SOON)
    assert job.terminate_reason == "MaxWallClockTimeExpiry"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"id": "a b"}, "InvalidPropertyValue"),
        ({"id": ""}, "InvalidPropertyValue"),
        ({"id": "x" * 65}, "InvalidPropertyValue"),
        ({"id": 7}, "InvalidPropertyValue"),
        ({"command_line": " "}, "MissingRequiredProperty"),
        ({"command_line": None}, "MissingRequiredProperty"),
        ({"required_slots": 0}, "InvalidPropertyValue"),
        ({"environment_settings": {"A=B": "x"}}, "InvalidPropertyValue"),
        ({"depends_on": "x"}, "InvalidPropertyValue"),
        ({"authentication_token_settings": "x"}, "UnsupportedProperty"),
    ],
)
@pytest.mark.worlds("simulated")
def test_task_with_bad_settings_is_refused_and_not_there(lab, settings, code):
    job = lab.create_job("j", "p")
    with refused(code):
        job.create_task(**{"id": "t", "command_line": "true", **settings})
    assert len(job.tasks) == 0


def test_wait_for_a_job_that_nothing_ends_says_so(lab):
    job = lab.create_job("j", pool_of(lab))
    run(job, "true")
    with pytest.raises(bl.WaitNeverEnds, match="terminate"):
        job.wait()
    with pytest.raises(bl.WaitNeverEnds):
        job.wait("disabled")
    end(job)
    with pytest.raises(bl.WaitNeverEnds):
        job.wait("active")


def test_wait_for_tasks_without_a_pool_says_so(lab):
    job = lab.create_job("j", "nowhere")
    job.tasks.wait()
    job.create_task("t", "true")
    with pytest.raises(bl.WaitNeverEnds, match="Pool 'nowhere' does not exist"):
        job.tasks.wait()


def test_wait_that_takes_too_long_ends_in_time(lab):
    job = lab.create_job("j", pool_of(lab))
    task = only(start(job, LONG))
    before = lab.now
    with pytest.raises(bl.WaitTimeout) as caught:
        task.wait(timeout="2s")
    assert isinstance(caught.value, TimeoutError)
    assert 2 <= (lab.now - before).total_seconds() < 1200
    for bad in ("soon", -1, True):
        with refused("InvalidPropertyValue"):
            task.wait(timeout=bad)
    with refused("InvalidPropertyValue"):
        task.wait("done")


def test_lab_that_is_closed_refuses_and_can_be_closed_twice(lab):
    job = lab.create_job("j", "p")
    lab.close()
    lab.close()
    with refused("OperationInvalidForCurrentState"):
        _ = job.state
    with refused("OperationInvalidForCurrentState"):
        job.create_task("t", "true")
