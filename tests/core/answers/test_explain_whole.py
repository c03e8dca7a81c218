"""Why a whole job waits or does not end, and what is the matter with a whole pool."""

from batchlab.core.answers.reasons import Reason
from batchlab.core.messages import inputs, questions
from batchlab.core.model import (
    JobConstraints,
    JobPreparationTask,
    JobReleaseTask,
    StartTask,
    TaskDependencies,
)
from helpers.world import World


def of_job(world: World, job: str = "j") -> list[Reason]:
    return world.ask(questions.ExplainJob(job_id=job))


def of_pool(world: World) -> list[Reason]:
    return world.ask(questions.ExplainPool(pool_id="p"))


def test_explain_job_says_how_many_tasks_each_reason_holds_up(world: World) -> None:
    world.pool(nodes=2, task_slots_per_node=2)
    world.job()
    world.tasks("a", "b", "c", "d", "e", "f")
    world.tasks("wide", required_slots=3)
    world.runs()
    busy, wide, queue = of_job(world)
    assert (busy.code, busy.tasks, busy.example, busy.lasting) == ("Busy", 2, "e", False)
    assert busy.text.startswith("Both nodes are full")
    assert busy.remedy == "wait for a task to end, or add nodes: pool.resize(...)"
    assert (wide.code, wide.tasks, wide.example, wide.lasting) == ("TooManySlots", 1, "wide", True)
    assert (queue.code, queue.tasks, queue.example) == ("Queue", 0, "e")


def test_explain_job_in_which_all_runs_has_no_reason(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    world.run()
    assert of_job(world) == []


def test_explain_job_tells_of_tasks_that_wait_for_others(world: World) -> None:
    world.pool()
    world.job(uses_task_dependencies=True)
    world.tasks("a", "b")
    world.tasks("c", "d", depends_on=TaskDependencies(task_ids=("a", "none")))
    run = world.run()
    found = {reason.code: reason for reason in of_job(world)}
    assert {code: reason.tasks for code, reason in found.items()} == {
        "Dependencies": 2, "Busy": 1, "Queue": 0,
    }  # fmt: skip
    assert found["Busy"].example == "b"
    dependent = found["Dependencies"]
    assert (dependent.code, dependent.tasks, dependent.example) == ("Dependencies", 2, "c")
    assert "2 for 'a' (running), 2 for 'none' (does not exist yet)." in dependent.text
    world.exit(run, 1)
    world.exit(world.run())
    (dependent,) = of_job(world)
    assert "2 for 'a' (failed)" in dependent.text
    assert dependent.lasting
    assert dependent.remedy.startswith("task.reactivate()")


def test_explain_job_tells_of_preparation_under_way(world: World) -> None:
    world.pool(nodes=2)
    world.job(job_preparation_task=JobPreparationTask(command_line="p"))
    world.tasks("a", "b")
    (reason,) = of_job(world)
    assert (reason.code, reason.tasks, reason.lasting) == ("Preparing", 2, False)
    assert "which is running on 2 nodes." in reason.text
    assert reason.remedy == ""
    world.said()


def test_explain_job_with_nothing_to_do_says_why_it_is_there(world: World) -> None:
    world.pool()
    world.job()
    (empty,) = of_job(world)
    assert (empty.code, empty.text, empty.lasting) == ("NoTasks", "The job has no tasks.", True)
    world.tasks("a")
    world.exit(world.run())
    (idle,) = of_job(world)
    assert (idle.code, idle.lasting) == ("JobStaysActive", True)
    assert idle.text == "1 task has completed. The job stays active, as in Azure."
    assert idle.remedy.startswith("job.terminate()")


def test_explain_job_that_its_clock_will_end_is_not_for_ever(world: World) -> None:
    world.pool()
    world.job(constraints=JobConstraints(max_wall_clock_time="1h"))
    (reason,) = of_job(world)
    assert (reason.text, reason.lasting) == (
        "The job has no tasks. It will end 1h after its creation.", False,
    )  # fmt: skip


def test_explain_job_that_ends_says_what_it_waits_for(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task=JobPreparationTask(command_line="p"),
              job_release_task=JobReleaseTask(command_line="r"))  # fmt: skip
    world.tasks("a", "b")
    world.exit(world.run())
    task = world.run()
    world.feed(inputs.TerminateJob(job_id="j"))
    world.said()
    assert [reason.text for reason in of_job(world)] == [
        "The job is terminating: tasks are being stopped on 1 node."
    ]
    world.exit(task)
    assert [(reason.code, reason.text) for reason in of_job(world)] == [
        ("Releasing", "The job is terminating: the job release task is running on 1 node.")
    ]
    world.lost(node)
    world.said()
    later = "The job is terminating: the job release task will run on 1 node when up again"
    assert [(reason.code, reason.text) for reason in of_job(world)] == [
        ("Releasing", f"{later} (unknown).")
    ]


def test_explain_disabled_job_counts_its_tasks(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a", "b", "c")
    world.run()
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="wait"))
    assert [(reason.code, reason.tasks, reason.remedy) for reason in of_job(world)] == [
        ("Disabling", 0, ""), ("JobDisabled", 2, "job.enable()"),
    ]  # fmt: skip


def test_explain_pool_that_is_as_it_should_be_has_no_reason(world: World) -> None:
    world.pool(nodes=2)
    assert of_pool(world) == []


def test_explain_pool_that_resizes_counts_nodes(world: World) -> None:
    world.pool(nodes=1)
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=3))
    world.said()
    (reason,) = of_pool(world)
    assert (reason.code, reason.lasting, reason.remedy) == (
        "Resizing", False, "pool.stop_resize()",
    )  # fmt: skip
    assert "the pool has 1 of 3 dedicated nodes; 2 creating." in reason.text


def test_explain_pool_that_shrinks_says_for_what_it_waits(world: World) -> None:
    world.pool(nodes=2)
    world.job()
    world.tasks("a", "b")
    world.runs()
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=1,
                                 node_deallocation_option="taskcompletion"))  # fmt: skip
    world.said()
    (reason,) = of_pool(world)
    assert reason.text.endswith(
        "the pool has 1 of 1 dedicated nodes; 1 node leaving, 1 of them with 1 running task "
        "(taskcompletion)."
    )


def test_explain_pool_short_of_its_target_names_the_error() -> None:
    world = World(dedicated_core_quota=1)
    world.pool(nodes=3)
    (reason, *_) = of_pool(world)
    assert (reason.code, reason.lasting) == ("AccountCoreQuotaReached", True)
    assert reason.text.startswith(
        "The pool has 1 of 3 dedicated nodes. Its resize ended with Account"
    )
    assert "quotas" in reason.remedy


def test_explain_pool_without_a_target_says_so(world: World) -> None:
    world.pool(nodes=0)
    (reason,) = of_pool(world)
    assert (reason.code, reason.text) == ("NoNodes", "The pool has no nodes, and its target is 0.")
    assert (reason.lasting, reason.remedy) == (True, "pool.resize(...)")


def test_explain_pool_tells_of_nodes_out_of_service(world: World) -> None:
    first, second, third = world.pool(nodes=3)
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=first,
                                            node_disable_scheduling_option="requeue"))  # fmt: skip
    world.lost(second)
    world.lost(third)
    world.said()
    world.said()
    coming, disabled = of_pool(world)
    assert (coming.code, coming.text) == ("Coming", "2 of 3 nodes are not up yet (unknown).")
    assert (disabled.code, disabled.lasting) == ("SchedulingDisabled", True)
    assert disabled.text == f"Node {first} is taking no tasks: scheduling is disabled."
    assert disabled.remedy == "node.enable_scheduling()"


def test_explain_pool_with_a_failed_start_task_has_its_exit_code(world: World) -> None:
    (node,) = world.pool(start_task=StartTask(command_line="s", wait_for_success=True))
    world.exit(world.run(), 7)
    (reason,) = of_pool(world)
    assert (reason.code, reason.lasting) == ("StartTaskFailed", True)
    assert reason.text == (
        f"Node {node} is out of service: the start task failed with exit code 7."
    )
    assert reason.remedy.startswith("node.reboot()")


def test_explain_pool_that_is_full_says_how_many_nodes_would_do(world: World) -> None:
    world.pool(nodes=2, task_slots_per_node=2)
    world.job()
    world.tasks(*"abcdefghi")
    world.runs()
    (reason,) = of_pool(world)
    assert (reason.code, reason.tasks, reason.lasting) == ("Busy", 5, False)
    assert reason.text == "All task slots of the nodes that take tasks are in use: 4 on 2 nodes."
    assert reason.remedy.endswith("3 more could take all waiting tasks")
