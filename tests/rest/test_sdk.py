"""The real SDK, unmodified, against a lab that is served: what its quick starts do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.batch import models as m
from azure.batch.models import _models
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from helpers.rest import POLLING
from helpers.waiting import until

IMAGE = m.VirtualMachineConfiguration(
    image_reference=m.BatchVmImageReference(
        publisher="canonical", offer="ubuntu-24_04-lts", sku="server"
    ),
    node_agent_sku_id="batch.node.ubuntu 24.04",
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def client(endpoint: Any) -> Iterator[Any]:
    with endpoint.client() as client:
        yield client


@pytest.fixture
def name() -> str:
    return f"t{next(_numbers)}"


@pytest.fixture(scope="module")
def pool(client: Any) -> str:
    client.create_pool(
        m.BatchPoolCreateOptions(
            id="shared",
            vm_size="STANDARD_D2S_V3",
            virtual_machine_configuration=IMAGE,
            target_dedicated_nodes=1,
            task_slots_per_node=4,
            start_task=m.BatchStartTask(
                command_line="/bin/sh -c 'echo ready'", wait_for_success=True
            ),
            metadata=[m.BatchMetadataItem(name="k", value="v")],
        )
    )
    until(lambda: [node.state for node in client.list_nodes("shared")] == ["idle"])
    return "shared"


def wait_for_tasks(client: Any, job_id: str) -> None:
    until(lambda: {task.state for task in client.list_tasks(job_id)} == {"completed"})


def test_quick_start_a_job_with_preparation_and_release_ends_well(
    client: Any, pool: str, name: str
) -> None:
    client.create_job(
        m.BatchJobCreateOptions(
            id=name,
            pool_info=m.BatchPoolInfo(pool_id=pool),
            constraints=m.BatchJobConstraints(max_wall_clock_time=timedelta(hours=1.5)),
            job_preparation_task=m.BatchJobPreparationTask(
                command_line="/bin/sh -c 'echo prepared > $AZ_BATCH_NODE_SHARED_DIR/p.txt'"
            ),
            job_release_task=m.BatchJobReleaseTask(command_line="/bin/sh -c 'echo released'"),
        )
    )
    tasks = [
        m.BatchTaskCreateOptions(id=f"task{n}", command_line=f"/bin/sh -c 'echo hello {n}'")
        for n in range(6)
    ]
    added = client.create_tasks(name, tasks)
    assert {result.status for result in added.result_values} == {"Success"}
    wait_for_tasks(client, name)

    task = client.get_task(name, "task3")
    assert (task.execution_info.exit_code, task.execution_info.result) == (0, "success")
    assert task.node_info.task_root_directory == f"workitems/{name}/job-1/task3"
    assert b"".join(client.download_task_file(name, "task3", "stdout.txt")) == b"hello 3\n"
    part = client.download_task_file(name, "task3", "stdout.txt", ocp_range="bytes=0-4")
    assert b"".join(part) == b"hello"
    about = client.get_task_file_properties(name, "task3", "stdout.txt")
    assert about.content_length == 8
    assert not about.is_directory
    node_id = task.node_info.node_id
    shared = client.download_node_file(pool, node_id, "shared/p.txt")
    assert b"".join(shared) == b"prepared\n"
    names = [file.name for file in client.list_task_files(name, "task3", recursive=True)]
    assert {"stdout.txt", "stderr.txt", "wd"} <= set(names)
    counts = client.get_job_task_counts(name)
    assert (counts.task_counts.succeeded, counts.task_slot_counts.completed) == (6, 6)
    (row,) = client.list_job_preparation_and_release_task_status(name)
    assert row.job_preparation_task_execution_info.exit_code == 0
    assert row.job_release_task_execution_info is None

    options = _models.BatchJobTerminateOptions(termination_reason="enough")
    client.begin_terminate_job(name, options=options, **POLLING).result()
    job = until(lambda: (job := client.get_job(name)).state == "completed" and job)
    assert job.execution_info.termination_reason == "enough"
    assert job.constraints.max_wall_clock_time == timedelta(hours=1.5)
    (row,) = client.list_job_preparation_and_release_task_status(name)
    assert row.job_release_task_execution_info.result == "success"
    client.begin_delete_job(name, **POLLING).result()
    with pytest.raises(ResourceNotFoundError) as caught:
        client.get_job(name)
    assert caught.value.error.code == "JobNotFound"


def test_pool_read_back_it_has_what_was_written(client: Any, pool: str) -> None:
    found = client.get_pool(pool)
    assert found.vm_size == "standard_d2s_v3"
    assert found.virtual_machine_configuration.node_agent_sku_id == "batch.node.ubuntu 24.04"
    assert found.virtual_machine_configuration.image_reference.offer == "ubuntu-24_04-lts"
    assert found.start_task.wait_for_success is True
    assert [(item.name, item.value) for item in found.metadata] == [("k", "v")]
    assert found.resize_timeout == timedelta(minutes=15)
    assert client.pool_exists(pool)
    assert [one.id for one in client.list_pools(filter=f"id eq '{pool}'", select=["id"])] == [pool]


def test_pool_resized_autoscaled_and_deleted_the_pollers_come_to_an_end(
    client: Any, name: str
) -> None:
    client.create_pool(m.BatchPoolCreateOptions(
        id=name, vm_size="small", virtual_machine_configuration=IMAGE, target_dedicated_nodes=0,
    ))  # fmt: skip
    until(lambda: client.get_pool(name).allocation_state == "steady")
    resize = m.BatchPoolResizeOptions(target_dedicated_nodes=1)
    client.begin_resize_pool(name, resize, **POLLING).result()
    assert client.get_pool(name).current_dedicated_nodes == 1
    formula = "$TargetDedicatedNodes = 1;"
    client.enable_pool_auto_scale(
        name,
        m.BatchPoolEnableAutoScaleOptions(
            auto_scale_formula=formula, auto_scale_evaluation_interval=timedelta(minutes=6)
        ),
    )
    run = client.evaluate_pool_auto_scale(
        name, m.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 3;")
    )
    assert run.results == (
        "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    )
    assert client.get_pool(name).auto_scale_evaluation_interval == timedelta(minutes=6)
    client.disable_pool_auto_scale(name)
    client.update_pool(
        name, m.BatchPoolUpdateOptions(metadata=[m.BatchMetadataItem(name="a", value="b")])
    )
    assert client.get_pool(name).metadata[0].value == "b"
    client.replace_pool_properties(
        name, m.BatchPoolReplaceOptions(application_package_references=[], metadata=[])
    )
    assert not client.get_pool(name).metadata
    until(lambda: client.get_pool(name).allocation_state == "steady")
    (node,) = until(lambda: list(client.list_nodes(name)))
    remove = m.BatchNodeRemoveOptions(node_ids=[node.id])
    client.begin_remove_nodes(name, remove, **POLLING).result()
    assert client.get_pool(name).current_dedicated_nodes == 0
    client.begin_delete_pool(name, **POLLING).result()
    with pytest.raises(ResourceNotFoundError):
        client.pool_exists(name)


def test_node_rebooted_and_kept_from_tasks_it_comes_back(client: Any, pool: str) -> None:
    (node,) = client.list_nodes(pool)
    counts = next(iter(client.list_pool_node_counts(filter=f"poolId eq '{pool}'")))
    assert counts.dedicated.total == 1
    keep = _models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    client.disable_node_scheduling(pool, node.id, options=keep)
    assert client.get_node(pool, node.id).scheduling_state == "disabled"
    client.enable_node_scheduling(pool, node.id)
    reboot = _models.BatchNodeRebootOptions(node_reboot_kind="requeue")
    client.begin_reboot_node(pool, node.id, options=reboot, **POLLING).result()
    until(lambda: client.get_node(pool, node.id).state == "idle")


def test_node_deallocated_and_started_it_comes_back(client: Any, pool: str) -> None:
    (node,) = client.list_nodes(pool)
    options = _models.BatchNodeDeallocateOptions(node_deallocate_option="terminate")
    client.begin_deallocate_node(pool, node.id, options=options, **POLLING).result()
    away = client.get_node(pool, node.id)
    assert (away.state, away.scheduling_state) == ("deallocated", "disabled")
    reboot = _models.BatchNodeRebootOptions(node_reboot_kind="requeue")
    with pytest.raises(HttpResponseError) as refused:
        client.begin_reboot_node(pool, node.id, options=reboot)
    assert refused.value.error.code == "OperationInvalidForCurrentState"
    counts = next(iter(client.list_pool_node_counts(filter=f"poolId eq '{pool}'"))).dedicated
    assert (counts.deallocated, counts.idle, counts.total) == (1, 0, 1)
    assert client.get_pool(pool).current_dedicated_nodes == 1
    client.begin_start_node(pool, node.id, **POLLING).result()
    until(lambda: client.get_node(pool, node.id).state == "idle")
    assert client.get_node(pool, node.id).scheduling_state == "enabled"


def test_schedule_from_its_creation_to_its_end(client: Any, pool: str, name: str) -> None:
    client.create_job_schedule(
        m.BatchJobScheduleCreateOptions(
            id=name,
            schedule=m.BatchJobScheduleConfiguration(recurrence_interval=timedelta(hours=1)),
            job_specification=m.BatchJobSpecification(
                pool_info=m.BatchPoolInfo(pool_id=pool), priority=7
            ),
        )
    )
    assert client.job_schedule_exists(name)
    found = client.get_job_schedule(name)
    assert found.execution_info.recent_job.id == f"{name}:job-1"
    assert found.job_specification.priority == 7
    (job,) = client.list_jobs_from_schedule(name)
    assert client.get_job(job.id).priority == 7
    client.disable_job_schedule(name)
    assert client.get_job_schedule(name).state == "disabled"
    client.enable_job_schedule(name)
    later = m.BatchJobScheduleConfiguration(recurrence_interval=timedelta(hours=2))
    client.update_job_schedule(name, m.BatchJobScheduleUpdateOptions(schedule=later))
    found = client.get_job_schedule(name)
    assert found.execution_info.next_run_time - found.creation_time == timedelta(hours=2)
    client.begin_terminate_job_schedule(name, **POLLING).result()
    until(lambda: client.get_job_schedule(name).state == "completed")
    client.begin_delete_job_schedule(name, **POLLING).result()
    assert name not in [schedule.id for schedule in client.list_job_schedules()]


def test_job_changed_disabled_and_enabled(client: Any, pool: str, name: str) -> None:
    client.create_job(m.BatchJobCreateOptions(
        id=name, pool_info=m.BatchPoolInfo(pool_id=pool), priority=3,
        uses_task_dependencies=True,
    ))  # fmt: skip
    client.update_job(name, m.BatchJobUpdateOptions(priority=9))
    job = client.get_job(name)
    assert job.priority == 9
    job.priority = None
    client.replace_job(name, job)
    assert client.get_job(name).priority == 0
    disable = m.BatchJobDisableOptions(disable_tasks="requeue")
    client.begin_disable_job(name, disable, **POLLING).result()
    assert until(lambda: client.get_job(name).state == "disabled")
    client.begin_enable_job(name, **POLLING).result()
    assert client.get_job(name).state == "active"
    client.create_task(name, m.BatchTaskCreateOptions(
        id="later", command_line="/bin/sh -c 'exit 3'",
        depends_on=m.BatchTaskDependencies(task_ids=["first"]),
    ))  # fmt: skip
    task = client.get_task(name, "later")
    task.constraints = m.BatchTaskConstraints(max_task_retry_count=2)
    client.replace_task(name, "later", task)
    assert client.get_task(name, "later").constraints.max_task_retry_count == 2
    client.terminate_task(name, "later")
    assert client.get_task(name, "later").state == "completed"
    client.reactivate_task(name, "later")
    assert client.get_task(name, "later").state == "active"
    client.delete_task(name, "later")
    assert list(client.list_tasks(name)) == []
    assert list(client.list_jobs(filter=f"id eq '{name}'"))


def test_errors_have_azures_codes(client: Any, pool: str, name: str) -> None:
    client.create_job(m.BatchJobCreateOptions(id=name, pool_info=m.BatchPoolInfo(pool_id=pool)))
    with pytest.raises(ResourceExistsError) as exists:
        client.create_job(
            m.BatchJobCreateOptions(id=name.upper(), pool_info=m.BatchPoolInfo(pool_id=pool))
        )
    assert exists.value.error.code == "JobExists"
    assert "RequestId:" in str(exists.value)
    with pytest.raises(HttpResponseError) as wrong:
        client.update_job(name, m.BatchJobUpdateOptions(priority=5000))
    assert wrong.value.status_code == 400
    details = {pair.key: pair.value for pair in wrong.value.model.error_values}
    assert details["PropertyName"] == "priority"
    with pytest.raises(HttpResponseError) as no_status:
        list(client.list_job_preparation_and_release_task_status(name))
    assert no_status.value.error.code == "JobPreparationTaskOrReleaseTaskNotSpecified"


def test_change_on_condition_somebody_else_was_first_it_is_refused(
    client: Any, pool: str, name: str
) -> None:
    from azure.core import MatchConditions

    client.create_job(m.BatchJobCreateOptions(id=name, pool_info=m.BatchPoolInfo(pool_id=pool)))
    mine = client.get_job(name)
    client.update_job(name, m.BatchJobUpdateOptions(priority=1))
    condition = {"etag": mine.etag, "match_condition": MatchConditions.IfNotModified}
    with pytest.raises(ResourceModifiedError):
        client.update_job(name, m.BatchJobUpdateOptions(priority=2), **condition)
    assert client.get_job(name).priority == 1
    condition["etag"] = client.get_job(name).etag
    client.update_job(name, m.BatchJobUpdateOptions(priority=2), **condition)
    assert client.get_job(name).priority == 2


def test_tasks_in_pages_none_is_lost_and_none_twice(client: Any, pool: str, name: str) -> None:
    client.create_job(
        m.BatchJobCreateOptions(id=name, pool_info=m.BatchPoolInfo(pool_id="nowhere"))
    )
    tasks = [m.BatchTaskCreateOptions(id=f"n{n}", command_line="true") for n in range(230)]
    client.create_tasks(name, tasks)
    found = [task.id for task in client.list_tasks(name, max_results=50, select=["id"])]
    assert sorted(found) == sorted(task.id for task in tasks)
    starts = client.list_tasks(name, filter="startswith(id, 'n22')", max_results=3)
    assert sorted(task.id for task in starts) == ["n22", *(f"n22{n}" for n in range(10))]
    assert not list(client.list_tasks(name, filter="state eq 'completed'"))


def test_collection_one_task_is_refused_the_others_are_there(
    client: Any, pool: str, name: str
) -> None:
    client.create_job(
        m.BatchJobCreateOptions(id=name, pool_info=m.BatchPoolInfo(pool_id="nowhere"))
    )
    group = m.BatchTaskGroup(task_values=[
        m.BatchTaskCreateOptions(id="a", command_line="true"),
        m.BatchTaskCreateOptions(id="A", command_line="true"),
        m.BatchTaskCreateOptions(id="b/c", command_line="true"),
        m.BatchTaskCreateOptions(id="d", command_line="true"),
    ])  # fmt: skip
    results = client.create_task_collection(name, group).result_values
    assert [(one.status, one.task_id) for one in results] == [
        ("Success", "a"), ("clienterror", "A"), ("clienterror", "b/c"), ("Success", "d"),
    ]  # fmt: skip
    assert [one.error.code for one in results if one.error] == [
        "TaskExists", "InvalidPropertyValue",
    ]  # fmt: skip
    assert [task.id for task in client.list_tasks(name)] == ["a", "d"]
    with pytest.raises(m.CreateTasksError):
        client.create_tasks(name, [m.BatchTaskCreateOptions(id="x:y", command_line="true")])
