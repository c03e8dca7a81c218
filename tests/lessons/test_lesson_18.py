"""Lesson 18: containers that see too much or too little, secrets in sight, and users that meet."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.lesson_18 import PASSWORD, RENDER

LICENCE = "/bin/sh -c 'echo licence 4711 > $AZ_BATCH_NODE_SHARED_DIR/licence.txt'"
SCRIPT = "/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt > report.txt'"
STUDIO = bl.ContainerRegistryReference(
    registry_server="registry.example.com", username="studio", password=PASSWORD
)


def registry(**changed: Any) -> bl.ContainerRegistryReference:
    known = {"registry_server": "registry.example.com", "username": "studio", "password": PASSWORD}
    return bl.ContainerRegistryReference(**known | changed)


def machines(*images: str, registries: Any = (STUDIO,)) -> bl.ContainerConfiguration:
    return bl.ContainerConfiguration(container_image_names=images, container_registries=registries)


def at_once(
    lab: bl.SimulatedLab,
    configuration: Any = None,
    *,
    nodes: int = 2,
    image: Any = RENDER,
    tasks: int = 4,
    line: str = "render",
    job: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    **pool: Any,
) -> bl.Job:
    made = lab.create_pool(
        "ready",
        target_dedicated_nodes=nodes,
        virtual_machine_configuration=configuration or machines(RENDER),
        **pool,
    )
    made.nodes.wait("idle")
    done = lab.create_job("at-once", made, **job or {})
    for number in range(tasks):
        done.create_task(f"t{number}", line, container_settings=image, **task or {})
    done.tasks.wait()
    return done


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"configuration": machines("ubuntu", RENDER)},
        {"nodes": 3, "tasks": 9},
        {"image": bl.TaskContainerSettings(image_name=RENDER, container_run_options="--rm")},
        {"configuration": bl.VirtualMachineConfiguration(
            container_configuration=machines(RENDER, registries=[STUDIO, registry(
                registry_server="docker.io", username="other", password="x")]))},
        {"configuration": machines(
            RENDER, registries=[registry(registry_server="https://registry.example.com/")])},
        {"line": "/bin/sh -c 'sleep 60'"},
    ],
)  # fmt: skip
def test_18_1_with_the_image_on_each_node_is_right(
    lab: bl.SimulatedLab, changed: dict[str, Any]
) -> None:
    answer = lessons.check("18-1", at_once(lab, **changed))
    assert answer.is_right, answer


def test_18_1_on_an_auto_pool_of_spot_nodes_is_right(lab: bl.SimulatedLab) -> None:
    spec = bl.PoolSpec(target_low_priority_nodes=2, virtual_machine_configuration=machines(RENDER))
    job = lab.create_job("auto", bl.AutoPoolSpecification(pool_lifetime_option="job", pool=spec))
    lab.pools[job.pool_id].nodes.wait("idle")
    for number in range(4):
        job.create_task(f"t{number}", "render", container_settings=RENDER)
    job.tasks.wait()
    assert lessons.check("18-1", job).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"image": None}, "in which image it runs"),
        ({"image": "ubuntu", "configuration": machines("ubuntu")}, "in which image it runs"),
        ({"image": "registry.example.com/render"}, "in which image it runs"),
        ({"configuration": machines()}, "on a new node"),
        ({"configuration": machines("registry.example.com/render")}, "on a new node"),
        ({"configuration": machines("render:4.2")}, "on a new node"),
        ({"nodes": 1}, "two nodes"),
        ({"tasks": 3}, "list of command lines"),
        ({"line": "/bin/sh -c 'exit 1'"}, "should succeed"),
        ({"configuration": machines(RENDER, registries=())}, "Who may pull"),
        ({"configuration": machines(RENDER, registries=[registry(
            registry_server="docker.io")])}, "Who may pull"),
        ({"configuration": machines(RENDER, registries=[registry(
            registry_server="registry.example.org")])}, "Who may pull"),
        ({"configuration": machines(RENDER, registries=[registry(username=None)])},
         "wants the user studio"),
        ({"configuration": machines(RENDER, registries=[registry(password=None)])},
         "wants the user studio"),
        ({"configuration": machines(RENDER, registries=[registry(password="PASSWORD")])},
         "variable PASSWORD"),
        ({"task": {"environment_settings": {"REGISTRY_PASSWORD": PASSWORD}}}, "sees its command"),
        ({"job": {"common_environment_settings": {"P": PASSWORD}}}, "sees its command"),
        ({"job": {"job_preparation_task": f"/bin/sh -c 'echo {PASSWORD}'"}}, "sees its command"),
        ({"start_task": f"/bin/sh -c 'echo {PASSWORD}'"}, "sees its command"),
        ({"metadata": {"password": PASSWORD}}, "sees its command"),
    ],
)  # fmt: skip
def test_18_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("18-1", at_once(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_18_1_with_nodes_warmed_up_by_another_job_is_not_right(lab: bl.SimulatedLab) -> None:
    made = lab.create_pool(
        "warm", target_dedicated_nodes=2, virtual_machine_configuration=machines()
    )
    made.nodes.wait("idle")
    for name in ("warm-up", "at-once"):
        job = lab.create_job(name, made)
        for number in range(4):
            job.create_task(f"t{number}", "render", container_settings=RENDER)
        job.tasks.wait()
    assert "whatever happened on the others" in lessons.check("18-1", job).hint


def read_only(source: str) -> bl.ContainerHostBatchBindMountEntry:
    return bl.ContainerHostBatchBindMountEntry(source=source, is_read_only=True)


def stranger(
    lab: bl.SimulatedLab,
    mounts: Any = "right",
    line: str = SCRIPT,
    start: str | None = LICENCE,
    *,
    contained: bool = True,
    configuration: Any = None,
    working_directory: str = "taskWorkingDirectory",
    options: str | None = None,
    **task: Any,
) -> bl.Task:
    made = lab.create_pool(
        "walled",
        target_dedicated_nodes=1,
        start_task=start,
        virtual_machine_configuration=configuration or machines(),
    )
    settings = bl.TaskContainerSettings(
        image_name=RENDER,
        working_directory=working_directory,
        container_run_options=options,
        container_host_batch_bind_mounts=(
            [read_only("Shared"), "Task"] if mounts == "right" else mounts
        ),
    )
    if contained:
        task["container_settings"] = settings
    done = lab.create_job("stranger", made).create_task("script", line, **task)
    done.wait()
    return done


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"mounts": ["Task", read_only("Shared")]},
        {"line": "/bin/sh -c 'cp $AZ_BATCH_NODE_SHARED_DIR/licence.txt report.txt'"},
        {"line": SCRIPT.replace("report", "$AZ_BATCH_TASK_WORKING_DIR/report"),
         "working_directory": "containerImageDefault"},
        {"environment_settings": {"STUDIO": "north"}},
        {"options": "--rm --memory 2g"},
    ],
)  # fmt: skip
def test_18_2_with_a_wall_around_the_program_is_right(
    lab: bl.SimulatedLab, changed: dict[str, Any]
) -> None:
    answer = lessons.check("18-2", stranger(lab, **changed))
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"contained": False}, "sees and changes everything"),
        ({"mounts": None}, "nothing says what to mount"),
        ({"mounts": []}, "The licence is there"),
        ({"mounts": ["Task"]}, "The licence is there"),
        ({"mounts": ["Task", "Shared"]}, "can be read-only"),
        ({"mounts": ["Task", read_only("Shared"), "JobPrep"]}, "two directories"),
        ({"mounts": ["Task", read_only("Shared"), "Startup", "Applications"]}, "two directories"),
        ({"mounts": [read_only("Shared")]}, "The report was written, but where"),
        ({"mounts": [read_only("Shared"), read_only("Task")]}, "The report was written"),
        ({"working_directory": "containerImageDefault"}, "The report was written, but where"),
        ({"line": SCRIPT.replace("report.txt", "/tmp/report.txt")}, "The report was written"),
        ({"options": "--rm --volume /mnt:/mnt"}, "A wall with a door"),
        ({"options": "-v /mnt:/mnt"}, "A wall with a door"),
        ({"options": "--privileged"}, "A wall with a door"),
        ({"start": None}, "write the licence"),
        ({"line": "/bin/sh -c 'echo licence 4711 > report.txt'"}, "With another licence"),
        ({"line": "/bin/sh -c 'echo $KNOWN > report.txt'",
          "environment_settings": {"KNOWN": "licence 4711"}}, "With another licence"),
        ({"line": "cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt > report.txt"}, "Without"),
    ],
)  # fmt: skip
def test_18_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("18-2", stranger(lab, **changed))
    assert answer.outcome == "not yet"
    if hint == "Without":  # a forgotten shell has its own answer
        assert "no shell runs it" in answer.text
    else:
        assert hint in answer.hint


def test_18_2_in_a_pool_without_containers_says_so(lab: bl.SimulatedLab) -> None:
    lab.create_pool("bare", target_dedicated_nodes=1, start_task=LICENCE)
    settings = bl.TaskContainerSettings(
        image_name=RENDER, container_host_batch_bind_mounts=["Task", read_only("Shared")]
    )
    task = lab.create_job("j", "bare").create_task("t", SCRIPT, container_settings=settings)
    assert "task.wait()" in lessons.check("18-2", task).hint
    task.wait()
    answer = lessons.check("18-2", task)
    assert "ContainerPoolNotSupported" in answer.text
    assert "run containers" in answer.hint


def test_18_2_with_a_report_that_another_task_wrote_is_not_right(lab: bl.SimulatedLab) -> None:
    task = stranger(lab, line="/bin/true")
    directory = "$AZ_BATCH_TASK_DIR/../script/wd/report.txt"
    fake = f"/bin/sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/licence.txt > {directory}'"
    lab.jobs["stranger"].create_task("fake", fake).wait()
    assert "With another licence" in lessons.check("18-2", task).hint


ADMIN = bl.AutoUserSpecification(elevation_level="admin")
INSTALL = bl.StartTask(command_line="/bin/true", user_identity=ADMIN)
ACCOUNTS = [bl.UserAccount(name=name, password="p") for name in ("ada", "grace")]
ALONE = bl.AutoUserSpecification(scope="task")


def customers(
    lab: bl.SimulatedLab,
    first: Any = ("ada", "ada"),
    second: Any = ("grace", "grace"),
    *,
    start: Any = INSTALL,
    accounts: Any = ACCOUNTS,
    job: dict[str, Any] | None = None,
    line: str = "render",
) -> tuple[bl.Pool, bl.Job, bl.Job]:
    pool = lab.create_pool(
        "shop", target_dedicated_nodes=1, start_task=start, user_accounts=accounts
    )
    jobs = []
    for name, users in (("one", first), ("two", second)):
        made = lab.create_job(name, pool, **job or {})
        for number, user in enumerate(users):
            made.create_task(f"t{number}", line, user_identity=user)
        made.tasks.wait()
        jobs.append(made)
    return pool, jobs[0], jobs[1]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"second": ("GRACE", "grace", "Grace")},
        {"job": {"job_preparation_task": "/bin/true"}},
        {"second": (None, bl.AutoUserSpecification())},  # the ordinary user is another one, too
        {"start": bl.StartTask(command_line="/bin/true", user_identity="root1"),
         "accounts": [*ACCOUNTS, bl.UserAccount(
             name="root1", password="p", elevation_level="admin")]},
        {"start": bl.StartTask(command_line="/bin/true", user_identity=bl.AutoUserSpecification(
            scope="task", elevation_level="admin"))},
    ],
)  # fmt: skip
def test_18_3_with_a_user_for_each_customer_is_right(
    lab: bl.SimulatedLab, changed: dict[str, Any]
) -> None:
    answer = lessons.check("18-3", *customers(lab, **changed))
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"start": None}, "change everything on a node"),
        ({"start": "/bin/true"}, "change everything on a node"),
        ({"start": bl.StartTask(command_line="/bin/true", user_identity="ada")},
         "change everything on a node"),
        ({"second": ("ada", "ada")}, "read and change each other's files"),
        ({"first": (None, None), "second": (None, None)}, "read and change each other's files"),
        ({"second": ("grace", "ada")}, "share files with each other"),
        ({"first": (ALONE, ALONE)}, "share files with each other"),
        ({"first": (ADMIN, ADMIN)}, "Only the start task"),
        ({"accounts": [ACCOUNTS[0], bl.UserAccount(
            name="grace", password="p", elevation_level="admin")]}, "Only the start task"),
        ({"job": {"job_preparation_task": bl.JobPreparationTask(
            command_line="/bin/true", user_identity=ADMIN)}}, "Only the start task"),
        ({"accounts": ACCOUNTS[:1]}, "should succeed"),
        ({"first": ("ada",)}, "list of command lines"),
        ({"line": "/bin/sh -c 'exit 1'"}, "should succeed"),
    ],
)  # fmt: skip
def test_18_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("18-3", *customers(lab, **changed))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_18_3_with_a_user_of_one_node_only_is_not_right(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool(
        "shop", target_dedicated_nodes=1, start_task=INSTALL, user_accounts=ACCOUNTS[:1]
    )
    pool.nodes.wait("idle")
    next(iter(pool.nodes.values())).create_user("grace", password="p")
    jobs = []
    for user in ("ada", "grace"):
        job = lab.create_job(user, pool)
        job.create_task("a", "render", user_identity=user)
        job.create_task("b", "render", user_identity=user)
        job.tasks.wait()
        jobs.append(job)
    assert "joins tomorrow" in lessons.check("18-3", pool, *jobs).hint


def test_18_3_with_one_job_or_two_pools_is_not_right(lab: bl.SimulatedLab) -> None:
    pool, first, second = customers(lab)
    assert "two jobs" in lessons.check("18-3", pool, first, first).hint
    other = lab.create_pool("other", target_dedicated_nodes=1, start_task=INSTALL)
    assert "share one pool" in lessons.check("18-3", other, first, second).hint
