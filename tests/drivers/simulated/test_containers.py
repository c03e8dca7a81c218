"""Containers on simulated nodes: recorded, with the time that their images take."""

from datetime import timedelta

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
