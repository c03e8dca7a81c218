"""What happened to tasks, and to start, preparation and release tasks, that failed."""

from __future__ import annotations

import pytest

from batchlab.core.answers.explain_ended import what_happened
from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import NodeTaskChanged, TaskChanged
from batchlab.core.model import JobPreparationTask, JobReleaseTask, StartTask, TaskConstraints
from batchlab.core.model.values import FailureInfo, wall_clock_exceeded
from helpers.world import World


def failed(world: World, code: int | None = 3, failure: FailureInfo | None = None) -> str:
    """The sentence about task a, which has run for two minutes and failed."""
    world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    world.later(120)
    world.exit(run, code, failure=failure)
    world.said()
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    assert reason.lasting
    assert "task.reactivate()" in reason.remedy
    return f"{reason.code}: {reason.text}"


def test_failed_task_has_its_exit_code_place_and_time(world: World) -> None:
    text = failed(world)
    assert text.startswith("FailureExitCode: The task exited with code 3, on ")
    assert " of pool 'p', at " in text
    assert text.endswith(" after 2 min.")


def test_timed_out_task_names_its_limit_and_is_no_ended_one(world: World) -> None:
    text = failed(world, None, wall_clock_exceeded(120))
    assert text.startswith("TimedOut: The task exceeded its max_wall_clock_time")
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    assert reason.remedy.startswith("give it more time")


def test_task_whose_command_never_ran_says_why(world: World) -> None:
    missing = FailureInfo(category="UserError", code="CommandProgramNotFound",
                          message="The specified command program is not found",
                          details={"Message": "No such file: 'rendr'"})  # fmt: skip
    text = failed(world, None, missing)
    assert "CommandProgramNotFound: The specified command program is not found: No such" in text
    assert "file: 'rendr', on " in text


def test_terminated_tasks_say_whether_they_had_started(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a", "b")
    run = world.run()
    world.feed(inputs.TerminateTask(job_id="j", task_id="b"))
    world.feed(inputs.TerminateTask(job_id="j", task_id="a"))
    world.said()
    world.exit(run, None, cancelled=True)
    world.said()
    for task, words in (("a", " after 0 s."), ("b", ", before it had started on a node.")):
        (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id=task))
        assert reason.code == "TaskEnded"
        assert reason.text.startswith("The task was ended on request (TaskEnded), ")
        assert reason.text.endswith(words)


def test_retries_are_counted(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a", constraints=TaskConstraints(max_task_retry_count=2))
    for _ in range(3):
        world.exit(world.run(), 1)
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    assert reason.text.endswith(" It had run 3 times, and no retries are left.")


def test_task_of_an_ended_job_cannot_be_reactivated(world: World) -> None:
    failed(world)
    world.feed(inputs.TerminateJob(job_id="j"))
    world.said()
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    assert reason.remedy.endswith("create it again in an active job")


def test_failed_node_tasks_are_explained_by_node_and_by_job(world: World) -> None:
    nodes = world.pool(nodes=2)
    limits = TaskConstraints(max_task_retry_count=0)
    world.job(
        job_preparation_task=JobPreparationTask(command_line="p", constraints=limits),
        job_release_task=JobReleaseTask(command_line="r"),
    )
    world.tasks("a")
    world.exit(world.run(), 127)
    world.exit(world.run(), 127)
    world.said()
    assert len(nodes) == 2
    for node in nodes:
        (reason,) = world.ask(questions.ExplainNode(pool_id="p", node_id=node))
        assert reason.text.startswith(
            "Job 'j': the job preparation task exited with code 127 (its shell did not find"
        )
        assert "stderr.txt" in reason.remedy
    reasons = world.ask(questions.ExplainJob(job_id="j"))
    assert reasons[-1].code == "FailureExitCode"
    assert reasons[-1].text.endswith(" So it did on 1 other node.")


def test_failed_start_task_is_explained(world: World) -> None:
    (node,) = world.pool(start_task=StartTask(command_line="s", wait_for_success=True))
    world.exit(world.run(), 1)
    (reason,) = world.ask(questions.ExplainNode(pool_id="p", node_id=node))
    assert reason.text.startswith("The start task exited with code 1, on ")
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=node))
    assert world.ask(questions.ExplainNode(pool_id="p", node_id=node)) != []


def test_node_that_is_well_has_no_reason(world: World) -> None:
    (node,) = world.pool()
    question = questions.ExplainNode(pool_id="p", node_id=node)
    assert world.ask(question) == []
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=node))
    assert [reason.code for reason in world.ask(question)] == ["SchedulingDisabled"]


def test_changes_tell_time_outs_from_ends_on_request(world: World) -> None:
    world.pool(start_task=StartTask(command_line="s", wait_for_success=True))
    step = world.core.handle(
        world.now, facts.RunExited(run_id=world.run().run_id, failure=wall_clock_exceeded(5))
    )
    assert [change.reason for change in step.changes if isinstance(change, NodeTaskChanged)] == [
        "TimedOut"
    ]
    world.pool("q")
    world.job(pool="q")
    world.tasks("a")
    step = world.core.handle(
        world.now, facts.RunExited(run_id=world.run().run_id, failure=wall_clock_exceeded(5))
    )
    assert [change.reason for change in step.changes if isinstance(change, TaskChanged)] == [
        "TimedOut"
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exited with code 1"),
        (126, "may not execute)"),
        (137, "killed by signal SIGKILL; the usual cause is that the machine ran out of memory)"),
        (-11, "exited with code -11 (killed by signal SIGSEGV)"),
        (255, "exited with code 255"),
    ],
)
def test_exit_codes_have_their_meaning(code: int, words: str) -> None:
    failure = FailureInfo(category="UserError", code="FailureExitCode")
    assert what_happened(code, failure).endswith(words)
