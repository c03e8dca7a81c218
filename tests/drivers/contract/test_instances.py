"""Tasks on several nodes at once, which find each other and talk."""

import sys
from pathlib import Path

import pytest

import batchlab as bl
from helpers.stories import LONG, SOON, only, pool_of, refused, sh, start

SHARED_DIR = "$AZ_BATCH_TASK_SHARED_DIR"
RING = Path(__file__).with_name("ring.py")


def talking(lab, nodes=3, **settings):
    """A pool whose nodes talk to each other."""
    return pool_of(lab, nodes, enable_inter_node_communication=True, **settings)


def together(job, command_line, coordination="true", count=3, task_id="m", files=(), **settings):
    """A task on several nodes."""
    instances = bl.MultiInstanceSettings(
        number_of_instances=count,
        coordination_command_line=coordination,
        common_resource_files=files,
    )
    return job.create_task(task_id, command_line, multi_instance_settings=instances, **settings)


def rows(task):
    """The subtasks by number."""
    return {row.id: row for row in task.subtasks}


@pytest.mark.rule(106)
@pytest.mark.processes
def test_instances_are_coordinated_on_all_nodes_before_the_application_runs(lab, tmp_path):
    (tmp_path / "hosts").write_text("common")
    (tmp_path / "own").write_text("of the primary")
    pool = talking(lab)
    job = lab.create_job("j", pool)
    where = f"echo $AZ_BATCH_IS_CURRENT_NODE_MASTER; cp {SHARED_DIR}/hosts {SHARED_DIR}/copy"
    task = together(
        job, sh(f"cat own; cat {SHARED_DIR}/copy"), sh(where),
        files=[str(tmp_path / "hosts")], resource_files=[str(tmp_path / "own")],
    )  # fmt: skip
    task.wait(timeout=SOON)
    assert (task.exit_code, task.stdout) == (0, "of the primarycommon")
    assert task.task_root_directory == "workitems/j/job-1/m/0"
    assert task.files.text("coordination-stdout.txt") == "true\n"
    assert sorted(rows(task)) == [1, 2]
    for number, row in rows(task).items():
        assert (row.state, row.exit_code, row.result) == ("completed", 0, "success")
        files = task.subtask_files(number)
        assert files.text("stdout.txt") == "false\n"
        assert [entry.name for entry in files.list("wd")] == []
        node = pool.nodes[row.node_id]
        assert node.files.text("workitems/j/job-1/m/copy") == "common"
    assert {node.state for node in pool.nodes.values()} == {"idle"}
    assert len({task.node_id, *(row.node_id for row in task.subtasks)}) == 3


def test_instances_see_each_other_in_their_environment(lab):
    pool = talking(lab, 2, vm_size="medium")
    job = lab.create_job("j", pool)
    task = together(job, "env", "env", 2)
    task.wait(timeout=SOON)
    primary = dict(line.split("=", 1) for line in task.stdout.splitlines() if "=" in line)
    other = task.subtask_files(1).text("stdout.txt")
    hosts = [pool.nodes[task.node_id].ip_address, pool.nodes[task.subtasks[0].node_id].ip_address]
    low, high = int(primary["WATASK_PORTRANGE_LOW"]), int(primary["WATASK_PORTRANGE_HIGH"])
    assert 1100 < low <= high < 65536
    expected = {
        "AZ_BATCH_HOST_LIST": ",".join(hosts),
        "AZ_BATCH_NODE_LIST": ";".join(hosts),
        "AZ_BATCH_MASTER_NODE": f"{hosts[0]}:{low}",
        "CCP_NODES": f"2 {hosts[0]} 2 {hosts[1]} 2",
    }
    assert expected.items() <= primary.items()
    assert all(f"{name}={value}\n" in other for name, value in expected.items())
    assert primary["AZ_BATCH_TASK_SHARED_DIR"] + "/0" == primary["AZ_BATCH_TASK_DIR"]
    plain = job.create_task("plain", "env")
    plain.wait(timeout=SOON)
    assert f"WATASK_PORTRANGE_LOW={low}\n" in plain.stdout
    assert "AZ_BATCH_HOST_LIST" not in plain.stdout


@pytest.mark.processes
@pytest.mark.worlds("light")
def test_instances_find_each_other_and_exchange_data(lab):
    pool = talking(lab)
    job = lab.create_job("j", pool)
    python = sys.executable
    task = together(
        job,
        f"{python} {RING.name} gather",
        sh(f"{python} {SHARED_DIR}/{RING.name} serve"),
        files=[str(RING)],
        resource_files=[str(RING)],
    )
    task.wait(timeout=SOON)
    addresses = {node.ip_address for node in pool.nodes.values()}
    assert (task.exit_code, task.stderr) == (0, "")
    told = dict(line.split(" is ") for line in task.stdout.splitlines())
    assert set(told) == addresses
    assert set(told.values()) == set(pool.nodes.ids())
    again = together(  # nobody holds a port any more
        job, "true", sh(f"{python} {SHARED_DIR}/{RING.name} serve"), task_id="again",
        files=[str(RING)],
    )  # fmt: skip
    again.wait(timeout=SOON)
    assert again.exit_code == 0


@pytest.mark.processes
def test_instances_that_cannot_be_coordinated_fail_as_one_and_are_repeated(lab):
    pool = talking(lab)
    job = lab.create_job("j", pool)
    script = sh("sleep 1; [ $AZ_BATCH_IS_CURRENT_NODE_MASTER = true ] || exit 4")  # all begin
    limits = bl.TaskConstraints(max_task_retry_count=1)
    task = together(job, sh("echo never"), script, constraints=limits)
    task.wait(timeout=SOON)
    assert (task.exit_code, task.retry_count) == (4, 1)
    assert task.failure_info.code == "FailureExitCode"
    assert task.failure_info.details["SubtaskId"] in ("1", "2")
    assert task.stdout == ""
    assert 4 in [row.exit_code for row in task.subtasks]


@pytest.mark.processes
@pytest.mark.parametrize("how", ["terminate", "delete", "disable"])
def test_instances_end_together(world, lab, how):
    pool = talking(lab)
    job = lab.create_job("j", pool)
    task = together(job, LONG)
    world.until(lambda: task.stdout == "" and task.state == "running")
    if how == "terminate":
        task.terminate()
        task.wait(timeout=SOON)
        assert task.failure_info.code == "TaskEnded"
    elif how == "delete":
        task.delete()
        task.wait("deleted", timeout=SOON)
        with refused("TaskNotFound"):
            task.view()
    else:
        job.disable("requeue")
        job.wait("disabled", timeout=SOON)
        assert (task.state, task.requeue_count) == ("active", 1)
    assert {node.state for node in pool.nodes.values()} == {"idle"}


@pytest.mark.worlds("simulated", "processes")
def test_instances_are_repeated_when_a_node_is_lost(world, lab):
    pool = talking(lab, 2)
    job = lab.create_job("j", pool)
    task = together(job, LONG, count=2)
    task.wait("running", timeout=SOON)
    victim = pool.nodes[only(task.subtasks).node_id]
    if world.name == "simulated":
        world.kill(victim)
    else:
        victim.reboot()
    world.until(lambda: task.state != "running" or victim.state != "running")
    world.until(lambda: task.state == "running" and len(task.subtasks) == 1)
    assert task.retry_count == 0
    task.terminate()
    task.wait(timeout=SOON)


def test_instances_that_take_too_long_to_coordinate_are_ended(lab):
    pool = talking(lab, 2)
    job = lab.create_job("j", pool)
    script = sh(f"[ $AZ_BATCH_IS_CURRENT_NODE_MASTER = true ] || {LONG}")
    limits = bl.TaskConstraints(max_wall_clock_time="30s")
    task = together(job, "echo never", script, 2, constraints=limits)
    task.wait(timeout=SOON)
    assert (task.exit_code, task.failure_info.code) == (137, "TaskEnded")
    assert "max_wall_clock_time of 30s" in task.failure_info.message
    assert (task.stdout, only(task.subtasks).exit_code) == ("", 137)


def test_instances_wait_for_the_preparation_on_each_node(lab):
    pool = talking(lab)
    job = lab.create_job("j", pool, job_preparation_task=sh("echo ready > done.txt"))
    script = sh("cat $AZ_BATCH_JOB_PREP_WORKING_DIR/done.txt")
    task = together(job, script, script)
    task.wait(timeout=SOON)
    assert (task.exit_code, task.stdout) == (0, "ready\n")
    assert [task.subtask_files(n).text("stdout.txt") for n in (1, 2)] == ["ready\n"] * 2
    assert len(job.preparations) == 3


@pytest.mark.rule(105)
@pytest.mark.parametrize(
    ("settings", "slots", "code"),
    [
        ({}, 1, "NoInterNodeCommunication"),
        ({"enable_inter_node_communication": True}, 2, "NotOneSlot"),
    ],
)
def test_instances_where_they_cannot_run_stay_active(lab, settings, slots, code):
    pool = pool_of(lab, 3, task_slots_per_node=slots, **settings)
    job = lab.create_job("j", pool)
    task = together(job, "true", count=2)
    with refused(code):
        task.wait(timeout=SOON)
    assert (task.state, task.explain().codes) == ("active", [code])
    assert task.subtasks == []


def test_instances_let_small_tasks_pass_no_longer_than_it_takes(world, lab):
    pool = talking(lab, 2)
    job = lab.create_job("j", pool)
    start(job, world.sleep(4), world.sleep(8))
    task = together(job, "true", count=2)
    later = job.create_task("later", "true")
    job.tasks.wait(timeout=SOON)
    assert task.start_time <= later.start_time


def test_subtasks_of_a_plain_task_are_none(lab):
    job = lab.create_job("j", pool_of(lab))
    task = job.create_task("a", "true")
    task.wait(timeout=SOON)
    assert (task.subtasks, task.multi_instance_settings) == ([], None)
    assert task.subtask_files(0).text("stdout.txt") == ""
    with refused("ResourceNotFound"):
        task.subtask_files(1).list()
    with refused("InvalidPropertyValue"):
        task.subtask_files("primary")
