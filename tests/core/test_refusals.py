"""Refusals and reasons that no other test of an aggregate provokes, each by its code."""

from typing import Any

import pytest

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import GetJobSchedule
from batchlab.core.model import JobScheduleSpec, JobSpec, PoolSpec, ResourceFile, TaskSpec
from batchlab.errors import BatchError, NotFound
from helpers.world import World


@pytest.mark.code("NodeBeingCreated")
def test_node_without_a_machine_cannot_be_rebooted(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    (start,) = world.said()
    for request in (inputs.RebootNode, inputs.ReimageNode):
        refusal = world.refused(request(pool_id="p", node_id=start.node_id))
        assert refusal.code == "NodeBeingCreated"


def schedule(world: World) -> None:
    """A schedule whose job runs a task on a node."""
    world.pool()
    job = JobSpec(pool_info="p")
    spec = JobScheduleSpec(id="s", schedule="1h", job_specification=job)
    world.feed(inputs.CreateJobSchedule(spec=spec))
    world.tasks("t", job="s:job-1")


CHANGES: list[Any] = [
    inputs.DisableJobSchedule, inputs.EnableJobSchedule, inputs.TerminateJobSchedule,
    inputs.UpdateJobSchedule,
]  # fmt: skip


@pytest.mark.code("JobScheduleBeingTerminated", "JobScheduleBeingDeleted")
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (inputs.TerminateJobSchedule, "JobScheduleBeingTerminated"),
        (inputs.DeleteJobSchedule, "JobScheduleBeingDeleted"),
    ],
)
def test_schedule_that_ends_takes_no_change(world: World, end: Any, code: str) -> None:
    schedule(world)
    run = world.run()
    world.feed(end(job_schedule_id="s"))
    world.said()
    for request in CHANGES:
        assert world.refused(request(job_schedule_id="s")).code == code
    world.exit(run, 137, cancelled=True)
    world.said()


@pytest.mark.code("JobScheduleNotFound")
def test_schedule_that_is_not_there_is_not_found(world: World) -> None:
    for request in (*CHANGES, inputs.DeleteJobSchedule):
        assert world.refused(request(job_schedule_id="s")).code == "JobScheduleNotFound"
    with pytest.raises(NotFound) as caught:
        world.ask(GetJobSchedule(job_schedule_id="s"))
    assert caught.value.code == "JobScheduleNotFound"


@pytest.mark.code("PoolBeingDeleted")
def test_pool_with_the_id_of_one_that_is_being_deleted_is_refused(world: World) -> None:
    (node,) = world.pool()
    again = inputs.CreatePool(spec=PoolSpec(id="P"))
    assert world.refused(again).code == "PoolExists"
    world.feed(inputs.DeletePool(pool_id="p"))
    world.said()
    assert world.refused(again).code == "PoolBeingDeleted"
    world.gone(node)
    world.feed(again)


@pytest.mark.code("JobExists", "JobBeingTerminated", "JobCompleted", "JobBeingDeleted")
def test_job_with_the_id_of_one_that_ends_or_has_ended_is_refused(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("t")
    run = world.run()
    again = inputs.CreateJob(spec=JobSpec(id="J", pool_info="p"))
    assert world.refused(again).code == "JobExists"
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="wait"))
    assert world.refused(again).code == "JobExists"
    world.feed(inputs.TerminateJob(job_id="j"))
    world.said()
    assert world.refused(again).code == "JobBeingTerminated"
    world.exit(run, 137, cancelled=True)
    assert world.refused(again).code == "JobCompleted"
    world.feed(inputs.DeleteJob(job_id="j"))
    world.said()
    world.feed(again)
    world.tasks("t")
    run = world.run()
    world.feed(inputs.DeleteJob(job_id="j"))
    world.said()
    assert world.refused(again).code == "JobBeingDeleted"
    world.exit(run, 137, cancelled=True)
    world.said()


@pytest.mark.code(
    "JobScheduleExists", "JobScheduleBeingTerminated", "JobScheduleCompleted",
    "JobScheduleBeingDeleted",
)  # fmt: skip
def test_schedule_with_the_id_of_one_that_ends_or_has_ended_is_refused(world: World) -> None:
    schedule(world)
    run = world.run()
    spec = JobScheduleSpec(id="S", schedule="1h", job_specification=JobSpec(pool_info="p"))
    again = inputs.CreateJobSchedule(spec=spec)
    assert world.refused(again).code == "JobScheduleExists"
    world.feed(inputs.TerminateJobSchedule(job_schedule_id="s"))
    world.said()
    assert world.refused(again).code == "JobScheduleBeingTerminated"
    world.exit(run, 137, cancelled=True)
    assert world.refused(again).code == "JobScheduleCompleted"
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    world.said()
    world.feed(again)
    world.tasks("t", job="S:job-1")
    run = world.run()
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    world.said()
    assert world.refused(again).code == "JobScheduleBeingDeleted"
    world.exit(run, 137, cancelled=True)
    world.said()


def test_body_of_a_request_is_checked_before_its_pool(world: World) -> None:
    assert world.refused(inputs.ResizePool(pool_id="none")).code == "MissingRequiredProperty"
    removal = inputs.RemoveNodes(pool_id="none", node_ids=())
    assert world.refused(removal).code == "InvalidPropertyValue"
    whole = inputs.ResizePool(pool_id="none", target_dedicated_nodes=1)
    assert world.refused(whole).code == "PoolNotFound"


@pytest.mark.code("JobTerminationAwaitingNodeProcessing")
def test_job_that_ends_says_how_many_nodes_it_waits_for(world: World) -> None:
    world.pool(nodes=2)
    world.job()
    world.tasks("a", "b", "c")
    first, second = world.runs()
    world.feed(inputs.TerminateJob(job_id="j"))
    world.said()
    error = world.job_view().scheduling_error
    assert error.code == "JobTerminationAwaitingNodeProcessing"
    assert error.details == {"NodeCount": "2"}
    world.exit(first, 137, cancelled=True)
    assert world.job_view().scheduling_error.details == {"NodeCount": "1"}
    world.exit(second, 137, cancelled=True)
    assert world.job_view().scheduling_error is None
    world.said()


@pytest.mark.rule(86)
@pytest.mark.code("AutoScalingFormulaTooLong")
def test_formula_that_is_too_long_is_refused(world: World) -> None:
    world.pool(nodes=0)
    request = inputs.EnableAutoScale(pool_id="p", auto_scale_formula="x" * 8193)
    assert world.refused(request).code == "AutoScalingFormulaTooLong"


@pytest.mark.code("EmptyMetadataKey")
def test_metadata_with_an_empty_key_is_refused() -> None:
    with pytest.raises(BatchError) as caught:
        PoolSpec(id="p", metadata={"": "x"})
    assert caught.value.code == "EmptyMetadataKey"
    assert PoolSpec(id="p", metadata={"a=b": "x"}).metadata == {"a=b": "x"}


@pytest.mark.code("RequestEntityTooLarge")
def test_resource_files_too_many_are_refused() -> None:
    file = ResourceFile(http_url="https://h/" + "x" * 2000, file_path="x")
    with pytest.raises(BatchError) as caught:
        TaskSpec(id="t", command_line="x", resource_files=[file] * 5000)
    assert (caught.value.code, caught.value.status) == ("RequestEntityTooLarge", 413)


@pytest.mark.code("CommunicationEnabledPoolReachedMaxVMCount")
def test_pool_whose_nodes_communicate_has_a_hundred_at_most(world: World) -> None:
    world.pool(nodes=101, enable_inter_node_communication=True)
    view = world.pool_view()
    assert (view.allocation_state, view.current_dedicated_nodes) == ("steady", 100)
    (error,) = view.resize_errors
    assert error.code == "CommunicationEnabledPoolReachedMaxVMCount"
