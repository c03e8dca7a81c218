"""What each verb of a handle asks of the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import batchlab as bl
from batchlab.core import model as specs
from batchlab.core.messages import inputs, questions
from batchlab.handles.applications import Application, ApplicationPackage
from batchlab.handles.certificates import Certificate
from batchlab.handles.job import Job
from batchlab.handles.job_schedule import JobSchedule
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lab import BaseLab
from helpers.fake_connection import FakeConnection


def test_create_pool_asks_for_the_pool(lab: BaseLab, connection: FakeConnection) -> None:
    pool = lab.create_pool(
        "render",
        vm_size="LARGE",
        target_dedicated_nodes=3,
        task_slots_per_node=2,
        task_scheduling_policy="pack",
        resize_timeout="10m",
        start_task="/bin/true",
    )
    spec = specs.PoolSpec(
        id="render",
        vm_size="large",
        target_dedicated_nodes=3,
        task_slots_per_node=2,
        task_scheduling_policy=specs.TaskSchedulingPolicy(node_fill_type="pack"),
        resize_timeout=timedelta(minutes=10),
        start_task=specs.StartTask(command_line="/bin/true"),
    )
    assert connection.requests == [inputs.CreatePool(spec=spec)]
    assert pool == Pool(connection, "render")


def test_create_job_asks_for_the_job(lab: BaseLab, pool: Pool, connection: FakeConnection) -> None:
    lab.create_job("frames", pool, priority=-5, job_preparation_task="a", job_release_task="b")
    lab.create_job("frames2", "later", on_all_tasks_complete="terminatejob")
    assert connection.requests == [
        inputs.CreateJob(
            spec=specs.JobSpec(
                id="frames",
                pool_info=specs.PoolInfo(pool_id="render"),
                priority=-5,
                job_preparation_task=specs.JobPreparationTask(command_line="a"),
                job_release_task=specs.JobReleaseTask(command_line="b"),
            )
        ),
        inputs.CreateJob(
            spec=specs.JobSpec(
                id="frames2", pool_info="later", on_all_tasks_complete="terminatejob"
            )
        ),
    ]


def test_create_job_schedule_asks_for_it(lab: BaseLab, connection: FakeConnection) -> None:
    made = bl.JobSpec(pool_info="render")
    schedule = lab.create_job_schedule("nightly", schedule="1h", job_specification=made)
    spec = specs.JobScheduleSpec(
        id="nightly",
        schedule=specs.Schedule(recurrence_interval="1h"),
        job_specification=made,
    )
    assert connection.requests == [inputs.CreateJobSchedule(spec=spec)]
    assert schedule == JobSchedule(connection, "nightly")


THEN = datetime(2031, 5, 6, tzinfo=UTC)
VERBS: list[tuple[Any, inputs.Request]] = [
    (
        lambda t: t["pool"].resize(5, node_deallocation_option="TaskCompletion"),
        inputs.ResizePool(
            pool_id="render", target_dedicated_nodes=5, node_deallocation_option="taskcompletion"
        ),
    ),
    (
        lambda t: t["pool"].resize(0, resize_timeout="6m"),
        inputs.ResizePool(
            pool_id="render", target_dedicated_nodes=0, resize_timeout=timedelta(minutes=6)
        ),
    ),
    (lambda t: t["pool"].stop_resize(), inputs.StopPoolResize(pool_id="render")),
    (lambda t: t["pool"].measure(), inputs.MeasurePool(pool_id="render")),
    (
        lambda t: t["pool"].remove_nodes([t["node"], "n2"], node_deallocation_option="terminate"),
        inputs.RemoveNodes(
            pool_id="render", node_ids=("n1", "n2"), node_deallocation_option="terminate"
        ),
    ),
    (
        lambda t: t["pool"].update(start_task="/bin/true"),
        inputs.UpdatePool(pool_id="render", start_task=specs.StartTask(command_line="/bin/true")),
    ),
    (lambda t: t["pool"].delete(), inputs.DeletePool(pool_id="render")),
    (
        lambda t: t["node"].create_user("ada", is_admin=True, password="x"),
        inputs.CreateNodeUser(
            pool_id="render", node_id="n1", name="ada", is_admin=True, password="y"
        ),
    ),
    (
        lambda t: t["node"].replace_user("ada", ssh_public_key="k", expiry_time=THEN),
        inputs.ReplaceNodeUser(
            pool_id="render", node_id="n1", user_name="ada", ssh_public_key="l", expiry_time=THEN
        ),
    ),
    (
        lambda t: t["node"].delete_user("ada"),
        inputs.DeleteNodeUser(pool_id="render", node_id="n1", user_name="ada"),
    ),
    (lambda t: t["node"].reboot(), inputs.RebootNode(pool_id="render", node_id="n1")),
    (
        lambda t: t["node"].reboot("terminate"),
        inputs.RebootNode(pool_id="render", node_id="n1", node_reboot_option="terminate"),
    ),
    (
        lambda t: t["node"].deallocate("taskcompletion"),
        inputs.DeallocateNode(
            pool_id="render", node_id="n1", node_deallocate_option="taskcompletion"
        ),
    ),
    (
        lambda t: t["node"].start(),
        inputs.StartDeallocatedNode(pool_id="render", node_id="n1"),
    ),
    (
        lambda t: t["node"].reimage("requeue"),
        inputs.ReimageNode(pool_id="render", node_id="n1"),
    ),
    (
        lambda t: t["node"].disable_scheduling("taskcompletion"),
        inputs.DisableNodeScheduling(
            pool_id="render", node_id="n1", node_disable_scheduling_option="taskcompletion"
        ),
    ),
    (
        lambda t: t["node"].enable_scheduling(),
        inputs.EnableNodeScheduling(pool_id="render", node_id="n1"),
    ),
    (
        lambda t: t["job"].update(priority=500),
        inputs.UpdateJob(job_id="frames", priority=500),
    ),
    (
        lambda t: t["job"].update(pool_info=t["pool"], on_all_tasks_complete="terminatejob"),
        inputs.UpdateJob(
            job_id="frames",
            pool_info=specs.PoolInfo(pool_id="render"),
            on_all_tasks_complete="terminatejob",
        ),
    ),
    (
        lambda t: t["job"].disable("requeue"),
        inputs.DisableJob(job_id="frames", disable_tasks="requeue"),
    ),
    (lambda t: t["job"].enable(), inputs.EnableJob(job_id="frames")),
    (lambda t: t["job"].terminate(), inputs.TerminateJob(job_id="frames")),
    (
        lambda t: t["job"].terminate("seen enough"),
        inputs.TerminateJob(job_id="frames", reason="seen enough"),
    ),
    (lambda t: t["job"].delete(), inputs.DeleteJob(job_id="frames")),
    (
        lambda t: t["task"].update(constraints=bl.TaskConstraints(max_task_retry_count=2)),
        inputs.UpdateTask(
            job_id="frames",
            task_id="t1",
            constraints=specs.TaskConstraints(max_task_retry_count=2),
        ),
    ),
    (lambda t: t["task"].terminate(), inputs.TerminateTask(job_id="frames", task_id="t1")),
    (lambda t: t["task"].reactivate(), inputs.ReactivateTask(job_id="frames", task_id="t1")),
    (lambda t: t["task"].delete(), inputs.DeleteTask(job_id="frames", task_id="t1")),
    (
        lambda t: t["pool"].resize(target_low_priority_nodes=2),
        inputs.ResizePool(pool_id="render", target_low_priority_nodes=2),
    ),
    (
        lambda t: t["pool"].enable_auto_scale(bl.Formula("x = 1;")),
        inputs.EnableAutoScale(pool_id="render", auto_scale_formula="x = 1;"),
    ),
    (
        lambda t: t["pool"].enable_auto_scale(auto_scale_evaluation_interval="5m"),
        inputs.EnableAutoScale(
            pool_id="render", auto_scale_evaluation_interval=timedelta(minutes=5)
        ),
    ),
    (lambda t: t["pool"].disable_auto_scale(), inputs.DisableAutoScale(pool_id="render")),
    (lambda t: t["node"].preempt(), inputs.PreemptNode(pool_id="render", node_id="n1")),
    (
        lambda t: t["job"].update(max_parallel_tasks=4, metadata={"a": "b"}),
        inputs.UpdateJob(job_id="frames", max_parallel_tasks=4, metadata={"a": "b"}),
    ),
    (
        lambda t: t["schedule"].update(schedule="5m"),
        inputs.UpdateJobSchedule(
            job_schedule_id="nightly", schedule=specs.Schedule(recurrence_interval="5m")
        ),
    ),
    (
        lambda t: t["pool"].update(display_name="P", metadata={"a": "b"}),
        inputs.UpdatePool(pool_id="render", display_name="P", metadata={"a": "b"}),
    ),
    (
        lambda t: t["pool"].replace_properties(start_task="/bin/true"),
        inputs.ReplacePoolProperties(
            pool_id="render", start_task=specs.StartTask(command_line="/bin/true")
        ),
    ),
    (lambda t: t["schedule"].disable(), inputs.DisableJobSchedule(job_schedule_id="nightly")),
    (lambda t: t["schedule"].enable(), inputs.EnableJobSchedule(job_schedule_id="nightly")),
    (lambda t: t["schedule"].terminate(), inputs.TerminateJobSchedule(job_schedule_id="nightly")),
    (lambda t: t["schedule"].delete(), inputs.DeleteJobSchedule(job_schedule_id="nightly")),
    (
        lambda t: t["pool"].update(
            application_package_references=[t["application"], t["package"], "tool"],
            certificate_references=[t["certificate"], "B" * 40],
        ),
        inputs.UpdatePool(
            pool_id="render",
            application_package_references=(
                specs.ApplicationPackageReference(application_id="blender"),
                specs.ApplicationPackageReference(application_id="blender", version="2.7"),
                specs.ApplicationPackageReference(application_id="tool"),
            ),
            certificate_references=(
                specs.CertificateReference(thumbprint="a" * 40),
                specs.CertificateReference(thumbprint="b" * 40),
            ),
        ),
    ),
    (
        lambda t: t["lab"].create_application("Blender", allow_updates=False),
        inputs.CreateApplication(application_id="Blender", allow_updates=False),
    ),
    (
        lambda t: t["application"].update(default_version="", display_name="B"),
        inputs.UpdateApplication(application_id="blender", default_version="", display_name="B"),
    ),
    (
        lambda t: t["application"].delete(),
        inputs.DeleteApplication(application_id="blender"),
    ),
    (
        lambda t: t["certificate"].delete(),
        inputs.DeleteCertificate(thumbprint="a" * 40),
    ),
    (
        lambda t: t["certificate"].cancel_deletion(),
        inputs.CancelCertificateDeletion(thumbprint="a" * 40),
    ),
]


@pytest.mark.parametrize(
    ("act", "request_"), VERBS, ids=[f"{type(r).__name__}-{i}" for i, (_, r) in enumerate(VERBS)]
)
def test_verb_makes_its_request(
    act: Any,
    request_: inputs.Request,
    connection: FakeConnection,
    pool: Pool,
    node: Node,
    job: Job,
    task: Task,
) -> None:
    schedule = JobSchedule(connection, "nightly")
    things = {
        "lab": BaseLab(connection, "Lab()"),
        "application": Application(connection, "blender"),
        "package": ApplicationPackage(connection, "blender", "2.7"),
        "certificate": Certificate(connection, "a" * 40),
    }
    act({"pool": pool, "node": node, "job": job, "task": task, "schedule": schedule, **things})
    assert connection.requests == [request_]


def test_every_request_of_the_core_can_be_made_through_a_handle() -> None:
    made = {type(request) for _, request in VERBS}
    created = {inputs.CreatePool, inputs.CreateJob, inputs.CreateTasks, inputs.CreateJobSchedule}
    created |= {inputs.CreateApplicationPackage, inputs.DeleteApplicationPackage}
    created |= {inputs.CreateCertificate}
    kept = {inputs.KeepProperties}  # by the REST API, of what clients write
    assert made | created | kept == set(inputs.REQUESTS)


def test_waits_name_their_condition_and_read_their_timeout(
    connection: FakeConnection, pool: Pool, node: Node, job: Job, task: Task
) -> None:
    pool.wait()
    pool.wait("DELETED", timeout="5m")
    pool.nodes.wait(timeout=3)
    node.wait("offline")
    job.wait(timeout="PT1M")
    job.tasks.wait()
    task.wait("running", timeout=timedelta(seconds=2))
    assert connection.waits == [
        (questions.PoolIs(pool_id="render", state="steady"), None),
        (questions.PoolIs(pool_id="render", state="deleted"), 300.0),
        (questions.NodesAre(pool_id="render", state="idle"), 3.0),
        (questions.NodesAre(pool_id="render", state="offline", node_ids=("n1",)), None),
        (questions.JobIs(job_id="frames", state="completed"), 60.0),
        (questions.TasksCompleted(job_id="frames"), None),
        (questions.TaskIs(job_id="frames", task_id="t1", state="running"), 2.0),
    ]
