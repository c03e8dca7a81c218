"""Containers on simulated nodes: recorded, with the time that their images take."""

from datetime import timedelta

import pytest

import batchlab as bl
from batchlab.drivers.simulated.equipment import PULL_S


def run_times(lab, *task_ids):
    tasks = lab.jobs["j"].tasks
    return [tasks[name].end_time - tasks[name].start_time for name in task_ids]


def test_first_task_of_an_image_waits_for_it_on_each_node():
    with bl.SimulatedLab(boot="1m") as lab:
        pool = lab.create_pool(
            "p", target_dedicated_nodes=1,
            virtual_machine_configuration=bl.ContainerConfiguration(),
        )  # fmt: skip
        job = lab.create_job("j", pool)
        for name in ("a", "b"):
            job.create_task(name, "sleep 5", container_settings="ubuntu")
        lab.advance(timedelta(seconds=60 + PULL_S + 1))
        assert job.tasks["a"].container_info.state == "running"
        job.tasks.wait()
        assert job.tasks["a"].container_info.state == "exited"
        pull, five = timedelta(seconds=PULL_S), timedelta(seconds=5)
        assert run_times(lab, "a", "b") == [pull + five, five]
        assert len(job.tasks["a"].container_info.container_id) == 64
        assert job.tasks["a"].container_info != job.tasks["b"].container_info


def test_node_takes_tasks_when_it_has_the_images_of_its_pool():
    with bl.SimulatedLab(boot="1m") as lab:
        lab.create_pool(
            "p", target_dedicated_nodes=1,
            virtual_machine_configuration=bl.ContainerConfiguration(
                container_image_names=["ubuntu"]
            ),
        )  # fmt: skip
        lab.advance("1m")
        (node,) = lab.pools["p"].nodes.values()
        assert node.state == "starting"
        lab.advance(timedelta(seconds=PULL_S))
        assert node.state == "idle"
        lab.create_job("j", "p").create_task("a", "sleep 5", container_settings="ubuntu")
        lab.jobs["j"].tasks.wait()
        assert run_times(lab, "a") == [timedelta(seconds=5)]


def contained(lab, command_line, **settings):
    """A task with a container that has run, on a node where a file is in `shared`."""
    if "p" not in lab.pools:
        lab.create_pool(
            "p", target_dedicated_nodes=1,
            start_task="/bin/sh -c 'echo hammer > $AZ_BATCH_NODE_SHARED_DIR/tools.txt'",
            virtual_machine_configuration=bl.ContainerConfiguration(),
        )  # fmt: skip
        lab.create_job("j", "p", job_preparation_task="/bin/sh -c 'echo scene > scene.txt'")
    task = lab.jobs["j"].create_task(
        f"t{len(lab.jobs['j'].tasks)}",
        f"/bin/sh -c '{command_line}'",
        container_settings=bl.TaskContainerSettings(image_name="ubuntu", **settings),
    )
    task.wait()
    return task


TOOLS = "$AZ_BATCH_NODE_SHARED_DIR/tools.txt"
SCENE = "$AZ_BATCH_JOB_PREP_WORKING_DIR/scene.txt"


def test_container_sees_the_node_s_directories_and_has_the_rest_to_itself():
    with bl.SimulatedLab() as lab:
        task = contained(lab, f"cat {TOOLS} {SCENE}; pwd; echo 1 > /tmp/own; echo 2 > out.txt")
        assert task.stdout.split() == [
            "hammer",
            "scene",
            "/mnt/batch/tasks/workitems/j/job-1/t0/wd",
        ]
        assert task.files.text("wd/out.txt") == "2\n"
        assert "No such file" in contained(lab, "cat /tmp/own").stderr


@pytest.mark.parametrize(
    ("mounts", "seen"),
    [
        ([], []),
        (["Shared"], ["hammer"]),
        (["JobPrep"], ["scene"]),
        (["Shared", "JobPrep", "Task"], ["hammer", "scene"]),
        (["Startup", "VfsMounts", "Applications"], []),
    ],
)
def test_container_sees_only_what_is_mounted(mounts, seen):
    with bl.SimulatedLab() as lab:
        task = contained(
            lab, f"cat {TOOLS} {SCENE}; echo 1 > out.txt",
            container_host_batch_bind_mounts=mounts,
        )  # fmt: skip
        assert task.stdout.split() == seen
        assert task.exit_code == 0
        kept = [found.name for found in task.files.list("wd")]
        assert kept == (["wd/out.txt"] if "Task" in mounts else [])


def test_container_cannot_change_what_is_mounted_read_only():
    read_only = bl.ContainerHostBatchBindMountEntry(source="Shared", is_read_only=True)
    with bl.SimulatedLab() as lab:
        task = contained(
            lab,
            f"cat {TOOLS}; echo saw > {TOOLS}; rm {TOOLS}; mkdir $AZ_BATCH_NODE_SHARED_DIR/more; "
            "echo mine > out.txt; cat out.txt",
            container_host_batch_bind_mounts=[read_only, "Task"],
        )
        assert task.stdout.split() == ["hammer", "mine"]
        assert task.stderr.count("Read-only file system") == 3
        (node,) = lab.pools["p"].nodes.values()
        assert node.files.text("shared/tools.txt") == "hammer\n"


def test_container_that_starts_where_its_image_says_leaves_nothing_in_the_working_directory():
    with bl.SimulatedLab() as lab:
        task = contained(lab, "pwd; echo 1 > out.txt", working_directory="containerImageDefault")
        assert task.stdout == "/\n"
        assert list(task.files.list("wd")) == []


def test_container_sees_what_another_task_writes_meanwhile():
    with bl.SimulatedLab() as lab:
        lab.create_pool(
            "p", target_dedicated_nodes=1, task_slots_per_node=2,
            virtual_machine_configuration=bl.ContainerConfiguration(),
        ).nodes.wait("idle")  # fmt: skip
        note = "$AZ_BATCH_NODE_SHARED_DIR/note.txt"
        lab.create_job("j", "p").create_task(
            "late", f"/bin/sh -c 'sleep {PULL_S + 10}; echo done > {note}'"
        )
        task = contained(lab, f"sleep 1; cat {note}; sleep 20; cat {note}")
        assert task.stdout == "done\n"
        assert "No such file" in task.stderr


@pytest.mark.parametrize("same", ["docker.io/library/ubuntu:latest", "ubuntu:latest", "ubuntu"])
def test_image_by_another_name_is_not_pulled_again(same):
    with bl.SimulatedLab() as lab:
        contained(lab, "true")
        lab.jobs["j"].create_task("again", "sleep 5", container_settings=same).wait()
        assert run_times(lab, "again") == [timedelta(seconds=5)]


def test_image_that_does_not_exist_fails_as_a_rule_says():
    missing = bl.Behavior(failure="ContainerInvalidImage")
    with bl.SimulatedLab(workload=bl.Workload(rules={"typo": missing})) as lab:
        contained(lab, "true")
        task = lab.jobs["j"].create_task("typo", "a", container_settings="ubunto")
        task.wait()
        assert task.failure_info.code == "ContainerInvalidImage"
        assert task.failure_info.category == "UserError"
