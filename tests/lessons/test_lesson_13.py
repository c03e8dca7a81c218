"""Lesson 13: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.batch import models

import batchlab as bl
from batchlab import lessons

DEBIAN = models.BatchVmImageReference(publisher="debian", offer="debian-12", sku="12")
UBUNTU = models.BatchVmImageReference(
    publisher="canonical", offer="ubuntu-24_04-lts", sku="server"
)


def machine(image: Any = DEBIAN, agent: str = "batch.node.debian 12") -> Any:
    return models.VirtualMachineConfiguration(image_reference=image, node_agent_sku_id=agent)


@pytest.fixture
def endpoint(lab: bl.SimulatedLab) -> Iterator[Any]:
    with lab.serve() as endpoint:
        yield endpoint


def cloudy(lab: bl.SimulatedLab, endpoint: Any, **more: Any) -> lessons.Answer:
    given = {
        "id": "cloudy",
        "vm_size": "STANDARD_D2S_V3",
        "target_low_priority_nodes": 2,
        "virtual_machine_configuration": machine(),
        **more,
    }
    with endpoint.client() as client:
        client.create_pool(models.BatchPoolCreateOptions(**given))
    return lessons.check("13-1", endpoint, lab.pools["cloudy"])


def test_13_1_with_a_pool_that_azure_would_take_is_right(
    lab: bl.SimulatedLab, endpoint: Any
) -> None:
    assert cloudy(lab, endpoint).is_right


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"vm_size": "small"}, "are from 2015"),
        ({"virtual_machine_configuration": None}, "How did the first pool"),
        (
            {"virtual_machine_configuration": machine(
                models.BatchVmImageReference(publisher="debian", offer="debian", sku="12"))},
            "those of one entry",
        ),
        ({"virtual_machine_configuration": machine(agent="batch.node.ubuntu 24.04")},
         "belong together"),
        ({"virtual_machine_configuration": machine(UBUNTU, "batch.node.ubuntu 24.04")},
         "Look through"),
        ({"target_low_priority_nodes": 0, "target_dedicated_nodes": 2}, "their own target"),
        ({"target_dedicated_nodes": 1}, "their own target"),
    ],
)  # fmt: skip
def test_13_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, endpoint: Any, more: dict[str, Any], hint: str
) -> None:
    answer = cloudy(lab, endpoint, **more)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_13_1_with_a_pool_of_a_handle_asks_for_the_system(
    lab: bl.SimulatedLab, endpoint: Any
) -> None:
    pool = lab.create_pool("cloudy", vm_size="STANDARD_D2S_V3", target_low_priority_nodes=2)
    assert "which operating system" in lessons.check("13-1", endpoint, pool).text
    assert "only with the client" in lessons.check("13-1", endpoint, pool).hint


LICENCE = "$AZ_BATCH_NODE_SHARED_DIR/licence.txt"


def survey(lab: bl.SimulatedLab, pool: bl.Pool, job_id: str = "survey") -> bl.Job:
    job = lab.create_job(job_id, pool)
    ask = f"/bin/sh -c 'cat {LICENCE}'"
    job.create_tasks([ask if n % 7 == 3 else "/bin/true" for n in range(40)])
    lab.advance("10m")
    return job


def bring_licence(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    bring = lab.create_job("bring", pool, job_preparation_task=f"/bin/sh -c 'echo 1 > {LICENCE}'")
    bring.create_tasks(["sleep 5"] * 2)
    lab.advance("5m")


def test_13_2_with_failed_tasks_run_again_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = survey(lab, pool)
    bring_licence(lab, pool)
    assert "6 of the tasks have failed" in lessons.check("13-2", job).text
    for task in job.tasks.filter(result="failure").values():
        task.reactivate()
    assert "waits for them" in lessons.check("13-2", job).hint
    lab.advance("5m")
    answer = lessons.check("13-2", job)
    assert answer.is_right
    assert answer.text == "6 tasks ran again, and all have succeeded."


def test_13_2_of_another_job_that_never_failed_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    bring_licence(lab, pool)
    assert "Do not create anything again" in lessons.check("13-2", survey(lab, pool, "new")).hint


def rehearse(nodes: int = 6, frames: int = 100, boot: str = "4m", **more: Any) -> lessons.Answer:
    with bl.SimulatedLab(
        boot=boot, workload=bl.Workload(rules={"render *": "6m"}, default="1m")
    ) as lab:
        pool = lab.create_pool("few", target_dedicated_nodes=nodes, **more)
        job = lab.create_job("film", pool)
        job.create_tasks(["render frame"] * frames)
        lab.advance("10h")
        return lessons.check("13-3", pool, job)


def test_13_3_with_six_nodes_is_right() -> None:
    answer = rehearse()
    assert answer.is_right
    assert answer.text.startswith("6 nodes do it in 106 minutes")


@pytest.mark.parametrize(
    ("given", "text", "hint"),
    [
        ({"nodes": 5}, "124 minutes", "How many frames can one node do"),
        ({"nodes": 8}, "fewer are enough", "How many frames can one node do"),
        ({"frames": 60}, "60 tasks", "list of command lines"),
        ({"boot": "1s"}, "too soon", "take four minutes"),
        ({"nodes": 3, "task_slots_per_node": 2}, "more than one frame", "all of a node"),
    ],
)
def test_13_3_of_a_wrong_answer_gives_its_hint(
    given: dict[str, Any], text: str, hint: str
) -> None:
    answer = rehearse(**given)
    assert answer.outcome == "not yet"
    assert text in answer.text
    assert hint in answer.hint


def test_13_3_with_frames_that_take_no_time_or_on_another_pool_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job("film", pool)
    job.create_tasks(["/bin/true"] * 100)
    job.tasks.wait()
    assert "how long a frame takes" in lessons.check("13-3", pool, job).hint
    other = lab.create_pool("other")
    assert "the job that ran on it" in lessons.check("13-3", other, job).hint


@pytest.mark.parametrize(
    "more",
    [
        {"vm_size": "STANDARD_D3S_V3"},
        {"vm_size": "standard_d5000s_v5"},
        {"target_low_priority_nodes": 3},
        {"vm_size": "extralarge"},
    ],
)
def test_13_1_of_a_size_that_is_not_there_or_other_nodes_is_wrong(
    lab: bl.SimulatedLab, endpoint: Any, more: dict[str, Any]
) -> None:
    assert cloudy(lab, endpoint, **more).outcome == "not yet"


@pytest.mark.parametrize(
    "more",
    [
        {"vm_size": "Standard_E4s_v5", "target_dedicated_nodes": 0, "task_slots_per_node": 2},
        {"vm_size": "standard_a1_v2"},
        {"virtual_machine_configuration": machine(
            models.BatchVmImageReference(publisher="Debian", offer="Debian-12", sku="12"),
            "Batch.Node.Debian 12")},
    ],
)  # fmt: skip
def test_13_1_in_another_form_is_right(
    lab: bl.SimulatedLab, endpoint: Any, more: dict[str, Any]
) -> None:
    answer = cloudy(lab, endpoint, **more)
    assert answer.is_right, answer


@pytest.mark.parametrize("how", ["deleted", "rebooted", "succeeds"])
def test_13_2_of_tasks_created_or_run_again_without_need_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, how: str
) -> None:
    job = survey(lab, pool)
    bring_licence(lab, pool)
    failed = list(job.tasks.filter(result="failure").values())
    if how == "deleted":
        failed.pop().delete()
        job.create_task("instead", "/bin/true")
    if how == "rebooted":
        job.create_task("long", "sleep 60")
        lab.advance("10s")
        pool.nodes[job.tasks["long"].node_id or ""].reboot()
        lab.advance("10m")
        bring = lab.create_job(
            "again", pool, job_preparation_task=f"/bin/sh -c 'echo 1 > {LICENCE}'"
        )
        bring.create_tasks(["sleep 5"] * 2)
        lab.advance("5m")
    if how == "succeeds":
        for task in failed:
            task.delete()
        job.create_tasks([bl.TaskSpec(id=f"new{n}", command_line="/bin/true") for n in range(6)])
        failed = []
    for task in failed:
        task.reactivate()
    lab.advance("10m")
    assert lessons.check("13-2", job).outcome == "not yet"


def test_13_2_with_more_tasks_reactivated_twice_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = survey(lab, pool)
    job.create_tasks([bl.TaskSpec(id=f"x{n}", command_line="sleep 1") for n in range(5)])
    for licence in (False, True):
        if licence:
            bring_licence(lab, pool)
        for task in job.tasks.filter(result="failure").values():
            task.reactivate()
        lab.advance("5m")
    answer = lessons.check("13-2", job)
    assert answer.is_right, answer


@pytest.mark.parametrize("how", ["waits", "shrinks", "fails"])
def test_13_3_with_easier_nodes_or_more_of_them_is_wrong(how: str) -> None:
    rules = {"render *": "6m", "fail*": bl.Behavior(duration="6m", exit_code=1)}
    boot = "1s" if how == "waits" else "4m"
    with bl.SimulatedLab(boot=boot, workload=bl.Workload(rules=rules)) as lab:
        pool = lab.create_pool("few", target_dedicated_nodes=10 if how == "shrinks" else 6)
        if how == "waits":
            lab.advance("4m")
        job = lab.create_job("film", pool)
        job.create_tasks(["fail frame" if how == "fails" else "render frame"] * 100)
        job.tasks.wait()
        if how == "shrinks":
            pool.resize(6)
            pool.wait("steady")
        assert lessons.check("13-3", pool, job).outcome == "not yet"


def test_13_3_with_spot_nodes_in_several_parts_is_right() -> None:
    workload = bl.Workload(rules={"render *": "6m"})
    with bl.SimulatedLab(boot="4m", workload=workload) as lab:
        pool = lab.create_pool("few", target_low_priority_nodes=6, vm_size="standard_d2s_v3")
        job = lab.create_job("film", pool)
        for part in range(2):
            job.create_tasks([bl.TaskSpec(id=f"t{part}-{n}", command_line="render frame 1")
                              for n in range(50)])  # fmt: skip
        job.tasks.wait()
        answer = lessons.check("13-3", pool, job)
        assert answer.is_right, answer


def test_13_2_of_a_job_that_was_deleted_and_created_again_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    survey(lab, pool).delete()
    lab.advance("5m")
    job = survey(lab, pool)
    bring_licence(lab, pool)
    for task in job.tasks.filter(result="failure").values():
        task.reactivate()
    lab.advance("5m")
    answer = lessons.check("13-2", job)
    assert answer.is_right, answer
