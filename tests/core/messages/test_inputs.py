"""Inputs are written down in the journal, and read again as what they were."""

import typing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.model import (
    AutoPoolSpecification,
    JobConstraints,
    JobScheduleSpec,
    JobSpec,
    PoolInfo,
    PoolSpec,
    Schedule,
    StartTask,
    TaskConstraints,
    TaskContainerExecutionInfo,
    TaskSpec,
)
from batchlab.core.model.base import checked
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import FailureInfo, NodeUsage, PassedOver
from batchlab.errors import InvalidRequest

POOL, JOB, TASK = {"pool_id": "p"}, {"job_id": "j"}, {"job_id": "j", "task_id": "a"}
NODE = {"pool_id": "p", "node_id": "n"}
APPLICATION = {"application_id": "blender"}
SCHEDULE = {"job_schedule_id": "s"}
BOOT = {"node_id": "n", "boot": 3}
INPUTS: list[inputs.Input] = [
    inputs.CreatePool(spec=PoolSpec(id="p", start_task="s")),
    inputs.UpdatePool(**POOL, start_task=StartTask(command_line="s")),
    inputs.ReplacePoolProperties(**POOL, metadata={"a": "b"}),
    inputs.ResizePool(
        **POOL, target_dedicated_nodes=3, resize_timeout=timedelta.max,
        node_deallocation_option="terminate",
    ),
    inputs.StopPoolResize(**POOL),
    inputs.EnableAutoScale(**POOL, auto_scale_formula="x = 1;"),
    inputs.DisableAutoScale(**POOL),
    inputs.DeletePool(**POOL),
    inputs.RemoveNodes(**POOL, node_ids=("n", "m"), resize_timeout=timedelta(minutes=5)),
    inputs.RebootNode(**NODE, node_reboot_option="retaineddata"),
    inputs.ReimageNode(**NODE),
    inputs.DeallocateNode(**NODE, node_deallocate_option="terminate"),
    inputs.StartDeallocatedNode(**NODE),
    inputs.PreemptNode(**NODE),
    inputs.MeasurePool(**POOL),
    inputs.DisableNodeScheduling(**NODE, node_disable_scheduling_option="taskcompletion"),
    inputs.EnableNodeScheduling(**NODE),
    inputs.CreateNodeUser(
        **NODE, name="ada", is_admin=True, expiry_time=datetime(2030, 1, 1, tzinfo=UTC),
        password="secret", ssh_public_key="key",
    ),
    inputs.ReplaceNodeUser(**NODE, user_name="ada", ssh_public_key="key"),
    inputs.DeleteNodeUser(**NODE, user_name="ada"),
    inputs.CreateJob(spec=JobSpec(id="j", pool_info="p", job_preparation_task="x")),
    inputs.UpdateJob(
        **JOB, priority=1, constraints=JobConstraints(), pool_info=PoolInfo(pool_id="q"),
        on_all_tasks_complete="noaction",
    ),
    inputs.DisableJob(**JOB, disable_tasks="wait"),
    inputs.EnableJob(**JOB),
    inputs.TerminateJob(**JOB, reason="enough <b>"),
    inputs.DeleteJob(**JOB),
    inputs.CreateTasks(**JOB, specs=tuple(TaskSpec(id=i, command_line="x") for i in "ab")),
    inputs.UpdateTask(**TASK, constraints=TaskConstraints(max_task_retry_count=1)),
    inputs.TerminateTask(**TASK),
    inputs.ReactivateTask(**TASK),
    inputs.DeleteTask(**TASK),
    inputs.CreateJobSchedule(
        spec=JobScheduleSpec(
            id="s",
            schedule=Schedule(do_not_run_until=datetime(2026, 1, 1), start_window="5m"),
            job_specification=JobSpec(pool_info=AutoPoolSpecification(
                pool=PoolSpec(target_dedicated_nodes=1), pool_lifetime_option="job")),
        )
    ),
    inputs.UpdateJobSchedule(**SCHEDULE, metadata={"a": "b"}),
    inputs.DisableJobSchedule(**SCHEDULE),
    inputs.EnableJobSchedule(**SCHEDULE),
    inputs.TerminateJobSchedule(**SCHEDULE),
    inputs.DeleteJobSchedule(**SCHEDULE),
    inputs.CreateApplication(**APPLICATION, display_name="Ä"),
    inputs.UpdateApplication(**APPLICATION, allow_updates=False, default_version=""),
    inputs.DeleteApplication(**APPLICATION),
    inputs.CreateApplicationPackage(
        **APPLICATION, version="1.0", location="memory://x", digest="d", content_length=2**40
    ),
    inputs.DeleteApplicationPackage(**APPLICATION, version="1.0"),
    inputs.CreateCertificate(thumbprint="a" * 40, certificate_format="pfx", public_data="AA=="),
    inputs.DeleteCertificate(thumbprint="a" * 40),
    inputs.CancelCertificateDeletion(thumbprint="a" * 40),
    facts.NodeAllocated(**BOOT, ip_address="10.0.0.4"),
    facts.NodeStarted(**BOOT),
    facts.NodeLost(**BOOT, reason="killed"),
    facts.NodeStopped(node_id="n"),
    facts.NodeReleased(**BOOT, files_kept=False),
    facts.NodeStartFailed(**BOOT, code="AllocationFailed", message="none left"),
    facts.NodeStartFailed(**BOOT, trying=True),
    facts.MachinesPassedOver(machines=(PassedOver(machine="m", reason="old", remedy="update"),)),
    facts.RunCoordinated(run_id=RunId("j", "a", "n", 7)),
    facts.RunContained(
        run_id=RunId("j", "a", "n", 7),
        container=TaskContainerExecutionInfo(container_id="c", state="running"),
    ),
    facts.RunStarted(run_id=RunId("j", "t", "n", 1)),
    facts.TakenBack(taken=(RunId("j", "t", "n", 1),), started=(RunId("j", "u", "n", 2),)),
    facts.DepthMeasured(node_id="n", depth=3, patience_s=1.5),
    facts.NodesMeasured(usages={"n": NodeUsage(cpu_percent=12.5, memory_megabytes=3.0)}),
    facts.RunExited(
        run_id=RunId("j", "a", "n", 7), exit_code=-9, cancelled=True,
        failure=FailureInfo(category="UserError", code="X", message="m", details={"a": "b"}),
    ),
    inputs.KeepProperties(
        key=("pool", "p"), created=datetime(2026, 1, 1, tzinfo=UTC), properties='{"a": [1]}'
    ),
    facts.LabClosing(),
    facts.LabResumed(),
    facts.DeadlineReached(),
]  # fmt: skip
ANY_INPUT: Any = typing.Union[inputs.REQUESTS + facts.REPORTS]  # noqa: UP007


@pytest.mark.parametrize("value", INPUTS, ids=lambda value: type(value).__name__)
def test_input_survives_json(value: inputs.Input) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=ANY_INPUT) == value


def test_every_input_is_tested() -> None:
    assert {type(value) for value in INPUTS} == {*inputs.REQUESTS, *facts.REPORTS}


def test_checked_reads_the_properties_of_a_request() -> None:
    given = {"pool_id": "p", "target_dedicated_nodes": 3, "resize_timeout": "6m"}
    read = checked(inputs.ResizePool, given, "resize")
    assert read["resize_timeout"] == timedelta(minutes=6)
    with pytest.raises(InvalidRequest, match=r"resize\.node_dealocation_option .* did you mean"):
        checked(inputs.ResizePool, {**given, "node_dealocation_option": "requeue"}, "resize")


NO_TEXT = "a\udcff"  # the name of a file, as Python has it: its second byte is no character


@pytest.mark.parametrize(
    "report",
    [
        facts.RunExited(
            run_id=RunId("j", "a", "n", 7),
            failure=FailureInfo(
                category="UserError", code="x", message=NO_TEXT, details={"FilePath": NO_TEXT}
            ),
        ),
        facts.NodeStarted(**BOOT, no_containers=NO_TEXT),
        facts.NodeStartFailed(**BOOT, message=NO_TEXT),
        facts.NodeLost(**BOOT, reason=NO_TEXT),
        facts.MachinesPassedOver(machines=(PassedOver(machine=NO_TEXT, reason=NO_TEXT),)),
    ],
)
def test_report_about_a_name_that_is_no_text_can_be_written(report: facts.Report) -> None:
    written = msgspec.json.encode(report)
    assert rb"a\\udcff" in written
    assert msgspec.json.decode(written, type=type(report)) == report
